"""Goodput: the share of wall time a training spends on work it keeps, spares and announced work included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hesuan.figures import Figure, Kind
from hesuan.planner.reliability import checkpoint, spares, topology
from hesuan.planner.reliability.rates import HARDWARE, Component, FailureRates

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a site finds, mends and restarts; the defaults are assumed, beside what is published about them."""

    detect_s: float = 300.0
    """MegaScale (arXiv 2402.15627): found and diagnosed in less than 10 min."""
    restart_s: float = 300.0
    """Reschedule, join, load, warm up. MegaScale catches up in less than 15 min, Huawei claims less than
    10."""
    repair_s: float = DAY_S
    """A node is away this long for a hardware failure."""
    planned_work_s: float = HOUR_S
    """A scale-up domain stands still this long for announced work, unless spare cards replace all of it."""
    spare_nodes: int | None = None
    """None: the least number that keeps the wait for repairs under ``waiting_at_most``."""
    waiting_at_most: float = 0.001
    storage: checkpoint.Storage = field(default_factory=checkpoint.Storage)
    interval_s: float | None = None
    """Between checkpoints; None: the best one."""


@dataclass(frozen=True, slots=True)
class CheckpointPlan:
    """Size, time to the store, time the training stands still, lag, and how often [byte, s]."""

    size_bytes: float
    write_s: float
    blocking_s: float
    lag_s: float
    interval_s: float


@dataclass(frozen=True, slots=True)
class Goodput:
    """What failures leave of a training's wall time, and why."""

    share: float
    """Useful training time ÷ wall time."""
    low: float
    high: float
    """80 % interval, from the failure rates' spread alone."""
    mtbf_s: float
    """Between unexpected interruptions."""
    mtbf_low_s: float
    mtbf_high_s: float
    """80 % interval of it."""
    by_cause_per_day: Mapping[Component, float]
    restart_s: float
    """Lost at each interruption, besides the work since the last complete checkpoint."""
    checkpoint: CheckpointPlan
    kept_share: float
    """What saving, restarting and repeating work leave."""
    planned_share: float
    """Wall time lost to announced work."""
    waiting_share: float
    """Wall time without enough sound nodes."""
    spare_nodes: int
    spare_cards: int
    assumed: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What does not change while the failure rate is varied for the interval."""

    recovery: Recovery
    checkpoint: CheckpointPlan
    planned_loss_s: float
    spare_nodes: int


def goodput(
    rates: FailureRates,
    hardware: topology.Hardware,
    *,
    cards: int,
    parameters: float,
    recovery: Recovery,
) -> Goodput:
    """``share = kept × (1 - planned) × (1 - waiting)``; the checkpoint interval is the best one unless given.

    Args:
        cards: Cards the training runs on, at least 1; spares come on top.
        parameters: All parameters of the model, which set the checkpoint's size.
    """
    assert cards >= 1
    by_cause = topology.interruption_rates(rates, hardware, cards)
    setting = _setting(by_cause, hardware, cards=cards, parameters=parameters, recovery=recovery)
    kept, planned, waiting = _shares(by_cause, setting, factor=1.0)
    mtbf_s = 1 / topology.unplanned_rate(by_cause)
    worse, better = (_product(_shares(by_cause, setting, factor=f)) for f in (rates.spread, 1 / rates.spread))
    return Goodput(
        share=_product((kept, planned, waiting)),
        low=worse,
        high=better,
        mtbf_s=mtbf_s,
        mtbf_low_s=mtbf_s / rates.spread,
        mtbf_high_s=mtbf_s * rates.spread,
        by_cause_per_day={part: rate * DAY_S for part, rate in by_cause.items()},
        restart_s=recovery.detect_s + recovery.restart_s,
        checkpoint=setting.checkpoint,
        kept_share=kept,
        planned_share=planned,
        waiting_share=waiting,
        spare_nodes=setting.spare_nodes,
        spare_cards=setting.spare_nodes * hardware.cards_per_node,
        assumed=(*rates.assumed(), *_assumed(hardware, recovery)),
    )


def plan_checkpoint(
    rate_per_s: float, *, nodes: int, parameters: float, recovery: Recovery
) -> CheckpointPlan:
    """The best interval at this failure rate; an asynchronous save must have ended before the next begins."""
    storage, size = recovery.storage, checkpoint.checkpoint_bytes(parameters)
    write_s, blocking_s = storage.write_s(size, nodes), storage.blocking_s(size, nodes)
    lag_s = storage.lag_s(size, nodes)
    best_s = recovery.interval_s or checkpoint.best_interval_s(rate_per_s, blocking_s)
    return CheckpointPlan(
        size_bytes=size,
        write_s=write_s,
        blocking_s=blocking_s,
        lag_s=lag_s,
        interval_s=max(best_s, lag_s),
    )


def _setting(
    by_cause: Mapping[Component, float],
    hardware: topology.Hardware,
    *,
    cards: int,
    parameters: float,
    recovery: Recovery,
) -> _Setting:
    chosen = recovery.spare_nodes
    if chosen is None:
        chosen = spares.least_spares(
            _repair_rate(by_cause), recovery.repair_s, waiting_at_most=recovery.waiting_at_most
        )
    rate = topology.unplanned_rate(by_cause)
    return _Setting(
        recovery=recovery,
        checkpoint=plan_checkpoint(
            rate, nodes=hardware.nodes(cards), parameters=parameters, recovery=recovery
        ),
        planned_loss_s=_planned_loss_s(hardware, recovery, cards=cards, spare_nodes=chosen),
        spare_nodes=chosen,
    )


def _planned_loss_s(
    hardware: topology.Hardware, recovery: Recovery, *, cards: int, spare_nodes: int
) -> float:
    """A restart where spares replace all that leaves, else the work itself and then a restart [s].

    A supernode is one domain for announced work, so node spares replace it only if they are as many as its
    cards.
    """
    leaves = min(topology.blast_radius_cards(Component.PLANNED, hardware), cards)
    is_replaced = spare_nodes * hardware.cards_per_node >= leaves
    return recovery.restart_s + (0.0 if is_replaced else recovery.planned_work_s)


def _shares(
    by_cause: Mapping[Component, float], setting: _Setting, *, factor: float
) -> tuple[float, float, float]:
    """(kept, planned, waiting) with every failure rate multiplied by ``factor``."""
    recovery, plan = setting.recovery, setting.checkpoint
    kept = checkpoint.useful_share(
        topology.unplanned_rate(by_cause) * factor,
        restart_s=recovery.detect_s + recovery.restart_s + plan.lag_s,
        blocking_s=plan.blocking_s,
        interval_s=plan.interval_s,
    )
    load = by_cause[Component.PLANNED] * setting.planned_loss_s
    waiting = spares.waiting_share(_repair_rate(by_cause) * factor, recovery.repair_s, setting.spare_nodes)
    return kept, load / (1 + load), waiting


def _product(shares: tuple[float, float, float]) -> float:
    kept, planned, waiting = shares
    return kept * (1 - planned) * (1 - waiting)


def _repair_rate(by_cause: Mapping[Component, float]) -> float:
    return sum(by_cause[part] for part in HARDWARE)


def _assumed(hardware: topology.Hardware, recovery: Recovery) -> tuple[Figure, ...]:
    """The fabric's unsure parts and the site's times."""
    parts = hardware.parts
    figures = (parts.optics_per_card, parts.cards_per_switch, parts.tolerated)
    times = {
        "time to find a failure": recovery.detect_s,
        "time to restart": recovery.restart_s,
        "time to repair a node": recovery.repair_s,
    }
    return (
        *(figure for figure in figures if figure.kind is Kind.ASSUMED),
        *(Figure(value=time, unit="s", kind=Kind.ASSUMED, source=name) for name, time in times.items()),
    )
