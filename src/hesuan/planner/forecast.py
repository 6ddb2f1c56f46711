"""One plan's forecast: the same ``evaluate`` the search calls, on arrays of length one."""

from __future__ import annotations

import math
from dataclasses import replace

from hesuan.errors import InputFault, Refused, declare
from hesuan.figures import Figure, Kind
from hesuan.planner.calibration import CalibratedBy, Calibration
from hesuan.planner.constants import DEFAULT, Constants, calibrated
from hesuan.planner.cost import Memory, Parts, Plans, evaluate, kept
from hesuan.planner.cost.calibrated import half_width
from hesuan.planner.inputs import Checker, Cluster, Model, Plan, Recompute, Shape, Training, Workload
from hesuan.planner.operation import Operation, busy_shares, operate
from hesuan.planner.prediction import GIB, Forecast

MEMORY_EXCEEDED = declare(
    "plan.memory_exceeded",
    en="The fullest card needs {needed} GiB; a {chip} has {limit} GiB to give. {advice}",
    zh="最满的卡需要 {needed} GiB；{chip} 可用 {limit} GiB。{advice}",
)
TOO_MANY_CARDS = declare(
    "plan.too_many_cards",
    en="The plan takes {cards} cards (tp {tp} x pp {pp} x cp {cp} x dp {dp}); the cluster has {has}. "
    "With dp = {near} it takes no more.",
    zh="该方案需要 {cards} 张卡（tp {tp} × pp {pp} × cp {cp} × dp {dp}）；"
    "集群有 {has} 张。dp = {near} 时不超出。",
)
UNEVEN = (0, 1, 2)
"""Embedding and head may each stand for a layer when layers fall on stages; see :func:`extra_layers`."""
MEMORY_CAUSES = ("weights", "grads", "optimizer", "activations", "workspace")
MEASURED_DOMAIN_CARDS = 72
"""The largest switched domain of which training runs with plan and unit are published (NVL72)."""
PREDICTION_ONLY = "prediction only: no published training measured a switched domain of this size"


def predict(
    model: Model,
    cluster: Cluster,
    training: Training,
    plan: Plan,
    constants: Constants = DEFAULT,
    *,
    calibration: Calibration | None = None,
    strict: bool = True,
) -> Forecast:
    """The forecast of one plan.

    Args:
        calibration: What this cluster's own runs taught, as ``Calibration.load`` reads it.
        strict: Refuse a plan whose sizes do not divide, that takes more cards than there are or that does not
            fit; else it is computed all the same and ``fits`` tells. Published runs are scored so.

    Raises:
        Faults: sizes that do not divide, more cards than there are.
        Refused: ``plan.memory_exceeded``; ``plan.calibration_other_chip`` and
            ``plan.calibration_other_constants``: a calibration that says nothing of this machine.
    """
    constants = calibrated(constants, calibration)
    work = Workload(model, cluster, training)
    if strict:
        check(work, plan)
    parts = evaluate(work, Plans.of([plan]), constants)
    limit = constants.usable_memory * cluster.chip.memory_bytes
    if strict and not parts.feasible[0]:
        raise memory_exceeded(work, plan, float(parts.memory.total[0]), limit)
    return _forecast(work, plan, parts, constants)


def check(work: Workload, plan: Plan) -> None:
    """Raises every fault of a plan that cannot be laid over its workload, with the nearest legal values."""
    model, training, fault = work.model, work.training, Checker("plan")
    if model.attending:
        fault.divides("tp", plan.tp, of="model.heads", whole=model.heads)
    if model.dense_mlp_layers:
        fault.divides("tp", plan.tp, of="model.ffn", whole=model.ffn)
    chunks = plan.pp * plan.vpp
    if all((model.layers + extra) % chunks for extra in extra_layers(model)):
        fault.divides("pp * vpp", chunks, of="model.layers", whole=model.layers)
    if model.is_moe:
        fault.divides("ep", plan.ep, of="model.experts", whole=model.experts)
    inner = plan.tp * plan.cp * plan.dp
    fault.divides("ep * expert_tp", plan.ep * plan.expert_tp, of="tp * cp * dp", whole=inner)
    fault.divides("cp", plan.cp, of="training.seq", whole=training.seq)
    batch = plan.dp * plan.micro_batch
    fault.divides("dp * micro_batch", batch, of="training.global_batch", whole=training.global_batch)
    if plan.cards > work.cluster.cards:
        fault.add(_too_many(work, plan))
    fault.done()


def extra_layers(model: Model) -> tuple[int, ...]:
    """What may be added to the layers so that they fall evenly on stages: embedding, head, modules;
    one more where the first layers are dense and so light (DeepSeek-V3 trained 61 layers on 16 stages).
    """
    modules = 2 + max(model.mtp_layers, 1 if model.dense_layers else 0)
    return (*UNEVEN, modules)


def _too_many(work: Workload, plan: Plan) -> InputFault:
    has = work.cluster.cards
    return InputFault(
        TOO_MANY_CARDS,
        where="plan",
        cards=plan.cards,
        tp=plan.tp,
        pp=plan.pp,
        cp=plan.cp,
        dp=plan.dp,
        has=has,
        near=max(1, has * plan.dp // plan.cards),
    )


def memory_exceeded(work: Workload, plan: Plan, needed: float, limit: float) -> Refused:
    """The refusal of a plan that does not fit, with what would help most."""
    if plan.recompute is not Recompute.FULL:
        advice = "recompute = full keeps only each layer's input."
    elif plan.zero == 0 or (plan.zero < 3 and plan.pp == 1):
        advice = f"zero = {plan.zero + 1} shards more over data parallelism."
    else:
        advice = "A larger tp or pp leaves each card fewer weights."
    return Refused(
        MEMORY_EXCEEDED,
        where="plan",
        needed=f"{needed / GIB:.1f}",
        limit=f"{limit / GIB:.1f}",
        chip=work.cluster.chip.name,
        advice=advice,
    )


def _forecast(work: Workload, plan: Plan, parts: Parts, constants: Constants) -> Forecast:
    model, chip, training = work.model, work.cluster.chip, work.training
    step = float(parts.step_s[0])
    shares = {name: float(getattr(parts, name)[0]) for name in Parts.TIMES}
    assumed = assumed_figures(work)
    used = constants.calibration.used_on(work) if constants.calibration else None
    half = _half_width(work, plan, constants, used, len(assumed))
    tokens = training.tokens_per_step / plan.cards / step
    causal = model.flops_per_token(training.seq) * tokens
    full = model.flops_per_token(training.seq, causal=False) * tokens
    best = chip.achievable(training.precision, constants.matmul_share)
    run = _operation(work, plan, step, shares)
    return Forecast(
        workload=work,
        plan=plan,
        step_s=step,
        low_s=step * math.exp(-half),
        high_s=step * math.exp(half),
        parts=shares,
        memory=_memory(parts.memory),
        memory_kept_bytes=float(kept(parts.memory, constants)[0]),
        memory_limit_bytes=constants.usable_memory * chip.memory_bytes,
        mfu=causal / chip.peak(training.precision),
        mfu_full_attention=full / chip.peak(training.precision),
        achievable_share=causal / best,
        operation=run,
        assumed=(*assumed, *run.assumed),
        kind=Kind.CALIBRATED if used and used.is_its_own else constants.kind,
        calibration=used,
    )


def _half_width(
    work: Workload, plan: Plan, constants: Constants, used: CalibratedBy | None, assumed: int
) -> float:
    """Half-width of the 80 % interval [log]: what the fit showed, never narrower than without it under a
    caveat.
    """
    half = constants.interval_moe if work.model.is_moe else constants.interval
    half += constants.interval_per_assumed * assumed
    if constants.calibration is None or used is None:
        return half
    plans = Plans.of([plan])
    plain = evaluate(work, plans, replace(constants, calibration=None))
    own = half_width(work, plans, plain, constants.calibration)
    return max(own, half) if used.caveats else own


def assumed_figures(work: Workload) -> tuple[Figure, ...]:
    """Figures of chip and cluster that nobody has shown."""
    chip = tuple(figure for _, figure in work.cluster.chip.assumed)
    own = tuple(figure for figure in work.cluster.figures.values() if figure.kind is Kind.ASSUMED)
    return tuple(dict.fromkeys((*chip, *own, *_beyond_measured(work.cluster))))


def _beyond_measured(cluster: Cluster) -> tuple[Figure, ...]:
    """One figure where no training row of known unit stands behind so large a switched domain."""
    fabric = cluster.fabric
    domain = min(fabric.scale_up_domain, cluster.cards)
    is_torus = any(level.shape is Shape.TORUS for level in fabric.levels if level.scale_up)
    if is_torus or domain <= MEASURED_DOMAIN_CARDS:
        return ()
    return (Figure(float(domain), "cards in one domain", Kind.ASSUMED, PREDICTION_ONLY),)


def _memory(memory: Memory) -> dict[str, float]:
    return {cause: float(getattr(memory, cause)[0]) for cause in MEMORY_CAUSES}


def _operation(work: Workload, plan: Plan, step: float, parts: dict[str, float]) -> Operation:
    computes, talks = busy_shares(parts)
    return operate(
        work.model,
        work.cluster,
        work.training,
        cards=plan.cards,
        step_s=step,
        compute_share=computes,
        communication_share=talks,
    )
