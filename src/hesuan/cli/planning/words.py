"""How plans, workloads and assumed figures are said in one line."""

from __future__ import annotations

from collections.abc import Iterable

from hesuan.cli.language import said
from hesuan.cli.planning import terminal
from hesuan.figures import Figure, Kind
from hesuan.planner.calibration import CalibratedBy
from hesuan.planner.inputs import Cluster, Plan, Recompute, Schedule, Workload

RECOMPUTE_ZH = {Recompute.NONE: "不重计算", Recompute.SELECTIVE: "选择性重计算", Recompute.FULL: "全部重计算"}
SCHEDULES = {
    Schedule.ONE_F_ONE_B: "1F1B",
    Schedule.INTERLEAVED: "interleaved",
    Schedule.ZERO_BUBBLE: "zero-bubble",
    Schedule.DUALPIPE: "DualPipe",
}
SCHEDULES_ZH = {**SCHEDULES, Schedule.INTERLEAVED: "交错", Schedule.ZERO_BUBBLE: "零气泡"}


def plan_text(plan: Plan) -> str:
    """``TP8 PP4×2 DP32 · micro-batch 1 · ZeRO-1 · interleaved``: what is at its least is left out."""
    sizes = [f"TP{plan.tp}", f"PP{plan.pp}" + (f"×{plan.vpp}" if plan.vpp > 1 else ""), f"DP{plan.dp}"]
    sizes += [f"{name}{value}" for name, value in (("EP", plan.ep), ("CP", plan.cp)) if value > 1]
    parts = [" ".join(sizes), said(en=f"micro-batch {plan.micro_batch}", zh=f"微批 {plan.micro_batch}")]
    parts.append(f"ZeRO-{plan.zero}")
    if plan.pp > 1:
        parts.append(said(en=SCHEDULES[plan.schedule], zh=SCHEDULES_ZH[plan.schedule]))
    if plan.recompute is not Recompute.NONE:
        parts.append(said(en=f"recompute {plan.recompute.value}", zh=RECOMPUTE_ZH[plan.recompute]))
    if plan.offload:
        parts.append(said(en="offload", zh="卸载"))
    return " · ".join(parts)


def workload_text(workload: Workload) -> str:
    """Model, cluster and training in one line."""
    training, cluster = workload.training, workload.cluster
    batch = said(en="sequences a step", zh="序列/步")
    return (
        f"{workload.model.name} · {cluster.name}, {cluster.cards:,} × {cluster.chip.name} · "
        f"{training.seq:,} × {training.global_batch:,} {batch} · {training.precision.value}"
    )


def assumed_figures(workload: Workload) -> list[tuple[str, Figure]]:
    """Figures of the workload's chip and cluster that nobody has shown, by name."""
    return assumed_figures_of(workload.cluster)


def assumed_figures_of(cluster: Cluster) -> list[tuple[str, Figure]]:
    """Figures of chip and cluster that nobody has shown, by name."""
    named = [(f"{cluster.chip.name} {name}", figure) for name, figure in cluster.chip.assumed]
    own = [(name, one) for name, one in cluster.figures.items() if name not in cluster.chip.figures]
    return named + [(f"{cluster.name} {name}", one) for name, one in own if one.kind is Kind.ASSUMED]


def calibration_lines(used: CalibratedBy | None, width: int) -> list[str]:
    """Whose runs moved the figures, and why they may hold less here; nothing without a calibration."""
    if used is None:
        return []
    dated = f", {used.dated}" if used.dated else ""
    lines = [
        said(
            en=f"Calibrated by {used.file}: {used.rows} measured runs{dated}",
            zh=f"由 {used.file} 校准：{used.rows} 次实测运行{dated}",
        )
    ]
    for one in used.caveats:
        told = said(
            en=f"Caution: {one.en}. The interval is no narrower than without it.",
            zh=f"注意：{one.zh}。区间不窄于未校准时。",
        )
        lines += terminal.wrap(told, width, "  ")
    return lines


def no_price_line() -> str:
    """How an offer is given a price."""
    return said(
        en="– no price is known and none is guessed; name one [yuan/card-hour]: hgx-h100:1024@14.00",
        zh="– 无价格，不作猜测：可写作 hgx-h100:1024@14.00 [元/卡时]",
    )


def money_text(amount_fen: int | None) -> str:
    """Whole yuan: a forecast to the fen would be a lie."""
    return "–" if amount_fen is None else f"¥{round(amount_fen / 100):,}"


def assumed_lines(figures: Iterable[tuple[str, Figure]], width: int) -> list[str]:
    """Head and one line for each assumed figure: value with unit, name, and why it stands so."""
    rows = [(f"{terminal.number(one.value)} {one.unit}".strip(), name, one.source) for name, one in figures]
    if not rows:
        return []
    head = said(
        en="Only assumed: nobody has shown these, so the interval is wider",
        zh="仅为假定：无人证实，区间已因此放宽",
    )
    room = max(terminal.columns_of(row[0]) for row in rows)
    lines = ["", head]
    for value, name, source in rows:
        told = name if source == name else f"{name}: {source}"
        first, *more = terminal.wrap(told, max(width - room - 4, 40)) or [""]
        lines.append(f"  {terminal.pad(value, room, 'right')}  {first}")
        lines += [" " * (room + 4) + line for line in more]
    return lines
