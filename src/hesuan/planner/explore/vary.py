"""One figure of a workload changed: the question behind every "what if".

A path names the figure: ``chip.memory_bytes``, ``chip.peak_flops.bf16``, ``chip.matmul_flops.bf16``,
``level.node.bandwidth_bytes_per_s``, ``cluster.pool_bandwidth_bytes_per_s``, ``training.imbalance``.
``chip.rate`` stands for every peak and measured rate at once, ``fabric.scale_up`` and ``fabric.network``
for the bandwidth of every level of that kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from hesuan.figures import Figure, Kind
from hesuan.planner.inputs import Chip, Cluster, Fabric, Precision, Training, Workload

ASSUMED_SPREAD = 0.20
"""Half-width tried for a figure that is only assumed and states no interval of its own."""

IMBALANCE_HIGH = 1.25
"""Expert imbalance is tried up to this factor above what the training states."""
CATALOGUE = {"memory": "chip.memory_bytes", "bandwidth": "chip.memory_bandwidth_bytes_per_s"}
"""Where the catalogue's figures of a chip stand in the inputs."""

Thing = TypeVar("Thing", Chip, Cluster, Training)


@dataclass(frozen=True, slots=True)
class Unsure:
    """A figure that nobody has shown, and the factors that take it to its two ends."""

    path: str
    figure: Figure
    low: float
    high: float


def scaled(workload: Workload, path: str, factor: float) -> Workload:
    """The workload with one figure multiplied.

    Raises:
        KeyError: The workload has no figure of that path.
    """
    room, _, rest = path.partition(".")
    cluster = workload.cluster
    match room:
        case "chip":
            return replace(workload, cluster=replace(cluster, chip=_chip(cluster.chip, rest, factor)))
        case "level":
            return replace(workload, cluster=replace(cluster, fabric=_fabric(cluster.fabric, rest, factor)))
        case "fabric":
            return replace(workload, cluster=replace(cluster, fabric=_kind(cluster.fabric, rest, factor)))
        case "cluster":
            return replace(workload, cluster=_number(cluster, rest, factor))
        case "training":
            return replace(workload, training=_number(workload.training, rest, factor))
    raise KeyError(path)


def _number(thing: Thing, name: str, factor: float) -> Thing:
    value = getattr(thing, name, None)
    if not isinstance(value, int | float):
        raise KeyError(name)
    return replace(thing, **{name: value * factor})  # type: ignore[arg-type]  # the name was checked above


def _chip(chip: Chip, name: str, factor: float) -> Chip:
    if name == "rate":
        return replace(
            chip,
            peak_flops=_all(chip.peak_flops, factor),
            matmul_flops=_all(chip.matmul_flops, factor),
        )
    table, _, precision = name.partition(".")
    if table in ("peak_flops", "matmul_flops"):
        rates: Mapping[Precision, float] = getattr(chip, table)
        changed = {**rates, Precision(precision): rates[Precision(precision)] * factor}
        return replace(chip, **{table: changed})  # type: ignore[arg-type]  # one of two tables of one type
    return _number(chip, name, factor)


def _all(rates: Mapping[Precision, float], factor: float) -> dict[Precision, float]:
    return {precision: rate * factor for precision, rate in rates.items()}


def _fabric(fabric: Fabric, name: str, factor: float) -> Fabric:
    at, _, field = name.partition(".")
    if at not in {level.name for level in fabric.levels}:
        raise KeyError(name)
    levels = tuple(
        replace(level, **{field: getattr(level, field) * factor}) if level.name == at else level
        for level in fabric.levels
    )
    return replace(fabric, levels=levels)


def _kind(fabric: Fabric, kind: str, factor: float) -> Fabric:
    levels = tuple(
        replace(level, bandwidth_bytes_per_s=level.bandwidth_bytes_per_s * factor)
        if level.scale_up == (kind == "scale_up")
        else level
        for level in fabric.levels
    )
    return replace(fabric, levels=levels)


def unsure(workload: Workload) -> tuple[Unsure, ...]:
    """The figures of chip and fabric that are assumed or state an interval, and that a step depends on."""
    cluster = workload.cluster
    found = {}
    for name, figure in {**cluster.figures, **cluster.chip.figures}.items():
        path, ends = _path(workload, name), _ends(figure)
        if path is not None and ends is not None:
            found[path] = Unsure(path, figure, *ends)
    if workload.model.is_moe:
        name, value = "tokens of the busiest expert rank", workload.training.imbalance
        figure = Figure(value=value, unit="×", kind=Kind.ASSUMED, source=name)
        found["training.imbalance"] = Unsure("training.imbalance", figure, 1.0, IMBALANCE_HIGH)
    return tuple(found.values())


def _ends(figure: Figure) -> tuple[float, float] | None:
    """Factors to the ends: the figure's own interval, else the spread of an assumption, else none."""
    if figure.low is not None and figure.high is not None and figure.value > 0:
        return figure.low / figure.value, figure.high / figure.value
    if figure.kind is Kind.ASSUMED:
        return 1.0 - ASSUMED_SPREAD, 1.0 + ASSUMED_SPREAD
    return None


def _path(workload: Workload, name: str) -> str | None:
    """Where a catalogue figure stands in the inputs; None where this step does not depend on it."""
    chip, levels = workload.cluster.chip, workload.cluster.fabric.levels
    if name in CATALOGUE:
        return CATALOGUE[name]
    if name == "scale_up" and any(level.scale_up for level in levels):
        return "fabric.scale_up"
    if name == "nic" and not all(level.scale_up for level in levels):
        return "fabric.network"
    table, precision = ("matmul_flops", name[7:]) if name.startswith("matmul_") else ("peak_flops", name)
    counts = {chip.native(workload.training.precision), chip.native(Precision.BF16)}
    if precision in counts and precision in getattr(chip, table):
        return f"chip.{table}.{precision}"
    return None
