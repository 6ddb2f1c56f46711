"""Which weights one card holds, and over how many cards its optimizer is split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hesuan.planner.cost.arrays import Array, Plans
from hesuan.planner.inputs import Model


@dataclass(frozen=True, slots=True)
class Held:
    """Weights of one card of a middle stage [element] and the groups that hold copies of them; [plan]."""

    dense: Array
    """Everything but routed experts."""
    expert: Array
    """Routed experts."""
    table: Array
    """Embedding, or head: what the first and the last stage hold beside their layers."""
    dense_ranks: Array
    """Cards with the same dense weights: ``dp cp``."""
    expert_ranks: Array
    """Cards with the same experts: ``tp cp dp / (ep expert_tp)``."""
    dense_split: Array
    """Cards one copy of the optimizer's dense part is split over when ZeRO splits."""
    expert_split: Array


def held(model: Model, plans: Plans, stages: Array) -> Held:
    """``stages``: the share of all layers on the fullest stage, inverted."""
    more = 1.0 + model.mtp_layers / model.layers
    dense = model.attending * model.attention_params + model.dense_mlp_layers * model.dense_mlp_params
    dense += model.moe_layers * model.shared_params + model.ssm_layers * model.ssm_params
    expert = model.moe_layers * model.experts * model.expert_params
    inner = plans.tp.astype(np.float64)
    spread = (plans.ep * plans.expert_tp).astype(np.float64)
    ranks = (plans.dp * plans.cp).astype(np.float64)
    expert_ranks = np.maximum(ranks * inner / spread, 1.0)
    asked = np.where(plans.zero_degree > 0, plans.zero_degree, ranks)
    return Held(
        dense=dense * more / inner / stages,
        expert=expert * more / spread / stages,
        table=model.vocab * float(model.hidden) / inner,
        dense_ranks=ranks,
        expert_ranks=expert_ranks,
        dense_split=np.minimum(asked, ranks),
        expert_split=np.maximum(np.minimum(asked, expert_ranks), 1.0),
    )
