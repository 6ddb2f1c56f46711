"""``hesuan plan sweep``: many workloads on many clusters, each pair at its own best plan.

What is printed on standard output depends on the grid alone, neither on the number of workers nor on where
they are; how long it took is told on standard error.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Sequence

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning import answers, terminal, words
from hesuan.cli.planning.grid import read_grid
from hesuan.cli.planning.progress import showing
from hesuan.cli.planning.workers import Progress, cores, run_here
from hesuan.errors import InputFault, declare
from hesuan.money import decimal_yuan
from hesuan.planner.explore import Cell, Job

NOT_AN_ENGINE = declare(
    "plan.not_an_engine",
    en="`--on {text}` is not a place to compute; write local or ray://HOST:PORT."
    " Clusters go to `--clusters`.",
    zh="“--on {text}”不是计算位置；请写 local 或 ray://主机:端口。集群请写在 `--clusters`。",
)
NOT_JOBS = declare(
    "plan.not_jobs",
    en="`--jobs {text}`: at least one cell is computed at a time.",
    zh="“--jobs {text}”：同时计算的格数至少为 1。",
)
COLUMN_GAP = 2
CSV_HEAD = (
    *("workload", "cluster", "cards", "tokens_per_s", "tokens_per_yuan", "step_s", "work_s", "money_yuan"),
    *("mfu", "goodput", "memory_bytes", "legal_plans", "plan", "tp", "pp", "vpp", "dp", "ep", "cp"),
    *("micro_batch", "zero", "recompute", "schedule", "offload", "calibration", "reason", "why"),
)

Figure = Callable[[Cell], float | None]
FIGURES: dict[str, tuple[Figure, Callable[[float], str], bool]] = {
    "worth": (lambda cell: cell.tokens_per_yuan, lambda value: terminal.scaled(value, "").strip(), True),
    "speed": (lambda cell: cell.tokens_per_s, lambda value: terminal.scaled(value, "").strip(), True),
    "step": (lambda cell: cell.best.step_s if cell.best else None, terminal.seconds, False),
    "mfu": (lambda cell: cell.best.mfu if cell.best else None, terminal.percent, True),
}
"""Of each ``--by``: the figure, how it is shown, and whether more is better."""


def run(asked: argparse.Namespace) -> Exit:
    """Sweeps and tells; when no pair has a plan at all, that is a refusal."""
    engine = _engine(asked.on, asked.jobs)
    jobs = read_grid(asked.files, asked.clusters, asked.cards, asked.calibration)
    started = time.monotonic()
    with showing(said(en="sweeping", zh="扫描中")) as progress:
        cells = engine(jobs, progress.step)
    took_s = time.monotonic() - started
    if asked.as_json:
        answers.print_json({"cells": cells})
    elif asked.as_csv:
        _print_csv(cells)
    else:
        print("\n".join(text(cells, by=asked.by, plans=asked.plans)))
    print(_counted(cells, took_s), file=sys.stderr)
    return Exit.DONE if any(cell.best for cell in cells) else Exit.REFUSED


def _engine(text: str, jobs: int | None) -> Callable[[Sequence[Job], Progress], list[Cell]]:
    """Where and how many at once.

    Raises:
        InputFault: ``plan.not_an_engine``, ``plan.not_jobs``.
    """
    if jobs is not None and jobs < 1:
        raise InputFault(NOT_JOBS, text=jobs)
    if text == "local":
        return lambda grid, progress: run_here(grid, jobs or cores(), progress)
    host, _, port = text.removeprefix("ray://").rpartition(":")
    if not (text.startswith("ray://") and host and port.isascii() and port.isdigit()):
        raise InputFault(NOT_AN_ENGINE, text=text)
    from hesuan.cli.planning.ray_workers import run_on_ray

    return lambda grid, progress: run_on_ray(grid, text, jobs, progress)


def _counted(cells: Sequence[Cell], took_s: float) -> str:
    found = sum(cell.best is not None for cell in cells)
    rate = terminal.number(len(cells) / took_s) if took_s else "–"
    return said(
        en=f"{len(cells):,} cells, {found:,} with a plan: {terminal.seconds(took_s)}, {rate} cells/s.",
        zh=f"共 {len(cells):,} 格，{found:,} 格有方案：用时 {terminal.seconds(took_s)}，每秒 {rate} 格。",
    )


def text(cells: Sequence[Cell], *, by: str | None, plans: bool) -> list[str]:
    """The whole answer: matrix, the best of each workload, the plans where asked, why cells are empty."""
    width = terminal.terminal_width()
    by = by or ("worth" if all(cell.tokens_per_yuan is not None for cell in cells if cell.best) else "speed")
    workloads = list(dict.fromkeys(cell.workload for cell in cells))
    best = {name: _best([cell for cell in cells if cell.workload == name], by) for name in workloads}
    titles = {
        "worth": said(en="useful tokens per yuan", zh="每元有效词元"),
        "speed": said(en="useful tokens per second", zh="每秒有效词元"),
        "step": said(en="step time", zh="单步耗时"),
        "mfu": "MFU",
    }
    marked = said(en="● best of its workload", zh="● 该任务的最优")
    empty = said(en="– no plan, or no price", zh="– 无方案或无价格")
    lines = [f"{titles[by]} · {marked} · {empty}", ""]
    lines += _matrix(cells, workloads, best, by=by, width=width)
    lines += ["", said(en="Best of each workload", zh="各任务的最优"), ""]
    lines += terminal.table(_plan_heads(), [_plan_row(one, by) for one in best.values() if one], "  ")
    if plans:
        lines += ["", said(en="Every cell", zh="全部各格"), ""]
        lines += terminal.table(_plan_heads(), [_plan_row(cell, by) for cell in cells if cell.best], "  ")
    return lines + _reasons(cells, width)


def _best(cells: Sequence[Cell], by: str) -> Cell | None:
    """The first of the best; None where no cell has the figure."""
    figure, _, more = FIGURES[by]
    able = [(value, cell) for cell in cells if cell.best and (value := figure(cell)) is not None]
    return (max if more else min)(able, key=lambda one: one[0])[1] if able else None


def _matrix(
    cells: Sequence[Cell],
    workloads: Sequence[str],
    best: dict[str, Cell | None],
    *,
    by: str,
    width: int,
) -> list[str]:
    """Offers down, workloads across; as many blocks as the width needs, workloads numbered in all of them."""
    offers = list(dict.fromkeys(cell.offer for cell in cells))
    shown = {(cell.workload, cell.offer): _shown(cell, best[cell.workload], by) for cell in cells}
    lines = [f"  [{at}] {name}" for at, name in enumerate(workloads, start=1)]
    name_width = max(map(terminal.columns_of, offers))
    wide = max(map(terminal.columns_of, (*shown.values(), f"[{len(workloads)}]"))) + COLUMN_GAP
    room = max(1, (width - name_width - 2) // wide)
    for start in range(0, len(workloads), room):
        block = workloads[start : start + room]
        heads = [(said(en="cluster", zh="集群"), "left")]
        heads += [(f"[{at}]", "right") for at in range(start + 1, start + len(block) + 1)]
        rows = [(offer, *(shown[name, offer] for name in block)) for offer in offers]
        lines += ["", *terminal.table(heads, rows, "  ")]
    return lines


def _shown(cell: Cell, best: Cell | None, by: str) -> str:
    figure, show, _ = FIGURES[by]
    value = figure(cell) if cell.best else None
    if value is None:
        return "–"
    return f"● {show(value)}" if cell is best else show(value)


def _plan_heads() -> list[tuple[str, str]]:
    return [
        (said(en="workload", zh="任务"), "left"),
        (said(en="cluster", zh="集群"), "left"),
        (said(en="cards", zh="卡数"), "right"),
        ("", "right"),
        (said(en="its best plan", zh="其最优方案"), "left"),
    ]


def _plan_row(cell: Cell, by: str) -> tuple[str, ...]:
    assert cell.best is not None
    figure = _shown(cell, None, by)
    return cell.workload, cell.offer, f"{cell.cards:,}", figure, words.plan_text(cell.best.plan)


def _reasons(cells: Sequence[Cell], width: int) -> list[str]:
    """Why cells are empty: each workload and sentence once, with the clusters it is said of."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.reason:
            sentence = said(en=cell.reason.en, zh=cell.reason.zh)
            found.setdefault((cell.workload, sentence), []).append(cell.offer)
    lines = []
    for (workload, sentence), offers in found.items():
        lines += terminal.wrap(f"· {workload}: {', '.join(offers)}: {sentence}", width - 2)
    return (
        ["", said(en="Without a plan", zh="没有方案"), "", *(f"  {line}" for line in lines)] if lines else []
    )


def _print_csv(cells: Sequence[Cell]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_HEAD)
    writer.writerows(map(_csv_row, cells))


def _csv_row(cell: Cell) -> list[object]:
    """Unrounded figures; empty where there is none."""
    best, row = cell.best, dict.fromkeys(CSV_HEAD, "")
    found: dict[str, object] = {
        "workload": cell.workload,
        "cluster": cell.offer,
        "cards": cell.cards,
        "legal_plans": cell.legal,
        "calibration": cell.calibration or "",
    }
    if cell.reason:
        found |= {"reason": cell.reason.code, "why": said(en=cell.reason.en, zh=cell.reason.zh)}
    if best:
        plan = answers.plain(best.plan)
        found |= {name: plan[name] for name in CSV_HEAD if name in plan}
        found |= {
            name: getattr(best, name) for name in ("step_s", "work_s", "mfu", "goodput", "memory_bytes")
        }
        found |= {"tokens_per_s": cell.tokens_per_s, "plan": words.plan_text(best.plan)}
        if best.money_fen is not None:
            found |= {
                "tokens_per_yuan": cell.tokens_per_yuan,
                "money_yuan": decimal_yuan(best.money_fen),
            }
    return list({**row, **found}.values())
