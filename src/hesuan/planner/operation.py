"""A run as it is operated: a step time becomes useful tokens, energy and money.

The step knows nothing of failures, watts or yuan; they multiply at the end::

    useful tokens/s = tokens per step / step time × goodput
    wall time       = tokens / useful tokens per second
    tokens per yuan = tokens / (card-hours × price + kWh × price), spares paid like the others

Without a number of tokens the bill is of ``REFERENCE_TOKENS``, so that offers can still be compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hesuan.figures import Figure
from hesuan.planner.energy import Energy, PowerProfile, card_power_w, energy
from hesuan.planner.inputs import Cluster, Model, Training
from hesuan.planner.price import Money, bill
from hesuan.planner.reliability import Goodput, Recovery, goodput_on

REFERENCE_TOKENS = 1_000_000_000
COMPUTING = ("compute_s", "recompute_s", "optimizer_s")
COMMUNICATING = ("tp_s", "cp_s", "ep_s", "pp_s", "dp_s")
"""Parts of a step in which a card computes, and in which it only communicates; in the rest it waits."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One run from start to end, failures included."""

    goodput: Goodput
    tokens: int
    """Tokens of the run, or ``REFERENCE_TOKENS``."""
    is_whole_run: bool
    """Whether the training names its tokens."""
    useful_tokens_per_s: float
    wall_s: float
    cards_paid: int
    """Cards that train, and spares."""
    energy: Energy | None
    """None where the chip's rated power is unknown."""
    money: Money | None
    """None where no price per card-hour is known: none is guessed."""
    assumed: tuple[Figure, ...]


def operate(
    model: Model,
    cluster: Cluster,
    training: Training,
    *,
    cards: int,
    step_s: float,
    compute_share: float,
    communication_share: float,
    recovery: Recovery | None = None,
    profile: PowerProfile | None = None,
) -> Operation:
    """What a training with this step time costs and yields.

    Args:
        cards: Cards the plan takes; spares come on top.
        step_s: One optimizer step [s].
        compute_share: Share of the step in which a card computes.
        communication_share: Share in which it only communicates; the rest it waits.
    """
    kept = goodput_on(model, cluster, cards=cards, recovery=recovery)
    tokens = math.ceil(training.tokens_total or REFERENCE_TOKENS)
    useful = training.tokens_per_step / step_s * kept.share
    paid = cards + kept.spare_cards
    draw = profile or PowerProfile(pue=cluster.pue)
    used = _energy(
        cluster,
        draw,
        cards=paid,
        wall_s=tokens / useful,
        busy=(compute_share * kept.share, communication_share * kept.share),
    )
    return Operation(
        goodput=kept,
        tokens=tokens,
        is_whole_run=training.tokens_total is not None,
        useful_tokens_per_s=useful,
        wall_s=tokens / useful,
        cards_paid=paid,
        energy=used,
        money=_money(cluster, used, cards=paid, wall_s=tokens / useful, tokens=tokens),
        assumed=(*kept.assumed, *(draw.assumed(cluster.host_w_per_card) if used else ())),
    )


def busy_shares(parts: Mapping[str, float]) -> tuple[float, float]:
    """(computing, communicating) as shares of the step that these parts sum to."""
    step_s = sum(parts.values())
    return sum(parts[name] for name in COMPUTING) / step_s, sum(
        parts[name] for name in COMMUNICATING
    ) / step_s


def total_fen(
    cluster: Cluster, training: Training, *, cards: int, parts: Mapping[str, float], kept: Goodput | None
) -> int | None:
    """The bill of the run in fen, as :func:`operate` makes it; None without a price.

    Args:
        parts: Seconds of one step by part.
        kept: Goodput on these cards; None leaves failures aside, so no spares are held.
    """
    share, spares = (kept.share, kept.spare_cards) if kept else (1.0, 0)
    computes, talks = busy_shares(parts)
    tokens = math.ceil(training.tokens_total or REFERENCE_TOKENS)
    wall_s = tokens / (training.tokens_per_step / sum(parts.values()) * share)
    used = _energy(
        cluster,
        PowerProfile(pue=cluster.pue),
        cards=cards + spares,
        wall_s=wall_s,
        busy=(computes * share, talks * share),
    )
    money = _money(cluster, used, cards=cards + spares, wall_s=wall_s, tokens=tokens)
    return money.total_fen if money else None


def _energy(
    cluster: Cluster, profile: PowerProfile, *, cards: int, wall_s: float, busy: tuple[float, float]
) -> Energy | None:
    """Spares are counted as drawing like the others: an upper bound, since they mostly wait."""
    if cluster.chip.tdp_w <= 0:
        return None
    card_w = card_power_w(
        cluster.chip.tdp_w,
        compute_share=busy[0],
        communication_share=busy[1],
        profile=profile,
        node_w=cluster.host_w_per_card or None,
    )
    return energy(card_w, cards=cards, wall_s=wall_s)


def _money(cluster: Cluster, used: Energy | None, *, cards: int, wall_s: float, tokens: int) -> Money | None:
    if cluster.price_fen_per_card_hour is None:
        return None
    return bill(
        cards=cards,
        wall_s=wall_s,
        tokens=tokens,
        fen_per_card_hour=cluster.price_fen_per_card_hour,
        energy=used,
        fen_per_kwh=cluster.power_price_fen_per_kwh,
    )
