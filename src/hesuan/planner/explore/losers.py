"""Why the losers lost: every combination that was listed ends in exactly one line of the account."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hesuan.planner.cost import Parts, Plans
from hesuan.planner.explore import rules
from hesuan.planner.explore.candidates import Measured
from hesuan.planner.explore.result import Lost
from hesuan.planner.explore.space import Space

PART_WORDS: Mapping[str, tuple[str, str]] = {
    "compute_s": ("slower kernels (smaller or unlike products)", "计算核更慢（乘积更小或形状更差）"),
    "recompute_s": ("more recomputation", "重计算更多"),
    "launch_s": ("more kernel launches", "内核启动更多"),
    "tp_s": ("more exposed tensor-parallel communication", "未掩盖的张量并行通信更多"),
    "cp_s": ("more exposed context-parallel communication", "未掩盖的上下文并行通信更多"),
    "ep_s": ("more exposed expert-parallel communication", "未掩盖的专家并行通信更多"),
    "pp_s": ("more exposed pipeline communication", "未掩盖的流水通信更多"),
    "bubble_s": ("a larger pipeline bubble", "流水线气泡更大"),
    "dp_s": ("more exposed data-parallel communication", "未掩盖的数据并行通信更多"),
    "optimizer_s": ("a longer optimizer step", "优化器耗时更长"),
    "data_s": ("more time for data and host", "数据与主机耗时更多"),
}


def losers(
    space: Space,
    plans: Plans,
    slack: npt.NDArray[np.float64],
    measured: Measured,
    beyond: int,
) -> tuple[Lost, ...]:
    """The account, in the order of the search: rules, memory, bound, limits, slower parts."""
    lines = [
        Lost(name, space.refused[name], rules.ALL[name].en, rules.ALL[name].zh)
        for name in rules.ALL
        if name in space.refused
    ]
    lines += _memory(plans, slack)
    cut = int((slack >= 0).sum()) - len(measured.rows)
    if cut:
        lines.append(
            Lost("bound", cut, "even its bound is slower than what was found", "其时间下界已慢于已有方案")
        )
    if beyond:
        lines.append(
            Lost(
                "beyond_limits", beyond, "misses the deadline or costs more than the purse", "超过期限或预算"
            )
        )
    return (*lines, *_slower(plans, measured))


def _memory(plans: Plans, slack: npt.NDArray[np.float64]) -> tuple[Lost, ...]:
    over = np.flatnonzero(slack < 0)
    if not len(over):
        return ()
    nearest = int(over[np.argmax(slack[over])])
    missing = lack_text(-float(slack[nearest]))
    return (
        Lost(
            "memory_exceeded",
            len(over),
            f"needs more memory than the card has; the nearest lacks {missing}",
            f"所需显存超出单卡容量；最接近的一个缺 {missing}",
            plans.plan(nearest),
        ),
    )


def lack_text(missing_bytes: float) -> str:
    """Missing memory, never told as 0.00 GiB, which would read as none."""
    if missing_bytes < 0.1 * 2**30:
        return f"{max(missing_bytes / 2**20, 0.1):.1f} MiB"
    return f"{missing_bytes / 2**30:.2f} GiB"


def _slower(plans: Plans, measured: Measured) -> tuple[Lost, ...]:
    """Timed losers by the part in which each loses most to the fastest plan, as shares of the card-time.

    Plans on fewer cards are compared by card-seconds, so that using less is not itself a loss.
    """
    if len(measured.rows) < 2:
        return ()
    cards = plans.cards[measured.rows].astype(np.float64)
    first = np.flatnonzero(measured.step_s == measured.step_s.min())
    winner = int(first[np.argmin(measured.rows[first])])
    worst = _worst_part(measured.parts, cards, winner)
    lines = []
    for at in np.argsort(-np.bincount(worst, minlength=len(Parts.TIMES)), kind="stable"):
        mine = np.flatnonzero((worst == at) & (np.arange(len(worst)) != winner))
        if len(mine):
            ties = mine[measured.step_s[mine] == measured.step_s[mine].min()]
            fastest = int(ties[np.argmin(measured.rows[ties])])
            name = Parts.TIMES[at]
            en, zh = PART_WORDS[name]
            lines.append(
                Lost(f"slower_{name[:-2]}", len(mine), en, zh, plans.plan(int(measured.rows[fastest])))
            )
    return tuple(lines)


def _worst_part(
    parts: npt.NDArray[np.float64], cards: npt.NDArray[np.float64], winner: int
) -> npt.NDArray[np.intp]:
    """For every row the part whose card-seconds exceed the winner's most; the first of a tie."""
    worst = np.zeros(len(cards), dtype=np.intp)
    most = np.full(len(cards), -np.inf)
    for at, seconds in enumerate(parts):
        more = seconds * cards - seconds[winner] * cards[winner]
        larger = more > most
        worst[larger] = at
        np.maximum(most, more, out=most)
    return worst
