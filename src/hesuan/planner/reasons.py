"""Reasons: where the peak goes, and why one plan beats another, as plain data in both languages.

A waterfall begins with the time the model's own FLOPs take at the vendor's peak and adds what is lost,
part by part, up to the wall time of a step. Beside each bar stands the MFU that is left after it, so the
bars read both as seconds that are added and as shares of the peak that are lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from hesuan.planner.inputs import Plan
from hesuan.planner.prediction import GIB, Forecast

ORDER = (
    *("launch_s", "tp_s", "cp_s", "ep_s", "pp_s", "dp_s"),
    *("bubble_s", "recompute_s", "optimizer_s", "data_s"),
)
"""Losses after the kernels, in the order they are shown."""

WORDS: Mapping[str, tuple[str, str]] = {
    "peak": ("the model's FLOPs at peak", "模型浮点运算按峰值计"),
    "kernels": ("kernels below peak", "计算核未达峰值"),
    "compute_s": ("kernels", "计算核"),
    "launch_s": ("kernel launches", "内核启动"),
    "tp_s": ("exposed tensor-parallel communication", "未掩盖的张量并行通信"),
    "cp_s": ("exposed context-parallel communication", "未掩盖的上下文并行通信"),
    "ep_s": ("exposed expert-parallel communication", "未掩盖的专家并行通信"),
    "pp_s": ("exposed pipeline communication", "未掩盖的流水通信"),
    "dp_s": ("exposed data-parallel communication", "未掩盖的数据并行通信"),
    "bubble_s": ("pipeline bubble", "流水线气泡"),
    "recompute_s": ("recomputation", "重计算"),
    "optimizer_s": ("optimizer", "优化器"),
    "data_s": ("data and host", "数据与主机"),
    "failures": ("failures, checkpoints and restarts", "故障、检查点与重启"),
}
CAUSES: Mapping[str, tuple[str, str]] = {
    "weights": ("weights", "权重"),
    "grads": ("gradients", "梯度"),
    "optimizer": ("optimizer states", "优化器状态"),
    "activations": ("activations", "激活"),
    "workspace": ("workspace", "工作区"),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One step of the waterfall.

    ``seconds`` are added; ``share`` is their part of the wall time; ``mfu`` is what is left of the peak
    once they are.
    """

    part: str
    en: str
    zh: str
    seconds: float
    share: float
    mfu: float


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a loser differs from a winner; ``seconds`` above zero are lost (else 0)."""

    what: str
    en: str
    zh: str
    seconds: float = 0.0


def waterfall(forecast: Forecast) -> tuple[Bar, ...]:
    """From peak to wall time: peak → kernels → launches → exposed communication → bubble → … → failures.

    The seconds of all bars sum to the step time over goodput; the first bar's MFU is 1 and the last one's is
    the MFU with failures counted.
    """
    ideal_s = forecast.mfu * forecast.step_s
    goodput = forecast.operation.goodput.share
    losses = [("peak", ideal_s), ("kernels", forecast.parts["compute_s"] - ideal_s)]
    losses += [(part, forecast.parts[part]) for part in ORDER]
    losses.append(("failures", forecast.step_s / goodput - forecast.step_s))
    wall_s = sum(seconds for _, seconds in losses)
    bars, spent = [], 0.0
    for part, seconds in losses:
        if seconds == 0.0:
            continue
        spent += seconds
        bars.append(Bar(part, *WORDS[part], seconds, seconds / wall_s, ideal_s / spent))
    return tuple(bars)


def why_not(winner: Forecast, loser: Forecast) -> tuple[Difference, ...]:
    """Why the loser lost: memory first if it does not fit, else the total, then its parts, worst first, then
    sizes."""
    if not loser.fits:
        return (_memory(loser), *_sizes(winner.plan, loser.plan))
    return (_total(winner, loser), *_parts(winner, loser), *_sizes(winner.plan, loser.plan))


def _memory(loser: Forecast) -> Difference:
    needed, limit = loser.memory_bytes / GIB, loser.memory_limit_bytes / GIB
    cause = max(loser.memory, key=lambda name: loser.memory[name])
    held = loser.memory[cause] / GIB
    en, zh = CAUSES[cause]
    return Difference(
        "memory",
        f"needs {needed:.1f} GiB of {limit:.1f} GiB on the fullest card; {held:.1f} GiB are {en}",
        f"最满的卡需要 {needed:.1f} GiB，可用 {limit:.1f} GiB；其中{zh}占 {held:.1f} GiB",
    )


def _total(winner: Forecast, loser: Forecast) -> Difference:
    """Compared by the wall time of a step's tokens, failures included."""
    mine, other = (one.step_s / one.operation.goodput.share for one in (loser, winner))
    more = mine - other
    share = more / other
    if more >= 0:
        return Difference(
            "total", f"{more:.3g} s ({share:.1%}) slower a step", f"每步慢 {more:.3g} 秒（{share:.1%}）", more
        )
    return Difference(
        "total", f"{-more:.3g} s ({-share:.1%}) faster a step", f"每步快 {-more:.3g} 秒（{-share:.1%}）", more
    )


def _parts(winner: Forecast, loser: Forecast) -> list[Difference]:
    """Parts that differ by more than a thousandth of the winner's step; the worst loss first, gains last."""
    found = []
    for part, seconds in loser.parts.items():
        more = seconds - winner.parts[part]
        if abs(more) < 1e-3 * winner.step_s:
            continue
        en, zh = WORDS[part]
        sign = "+" if more > 0 else "−"
        found.append(
            Difference(part, f"{sign}{abs(more):.3g} s {en}", f"{zh} {sign}{abs(more):.3g} 秒", more)
        )
    return sorted(found, key=lambda one: (-one.seconds, one.what))


def _sizes(winner: Plan, loser: Plan) -> list[Difference]:
    """Fields in which the plans themselves differ."""
    found = []
    for field in fields(Plan):
        mine, other = getattr(loser, field.name), getattr(winner, field.name)
        if mine != other:
            name = field.name
            found.append(Difference(name, f"{name} {mine} against {other}", f"{name} {mine}，对方 {other}"))
    return found
