"""The parts of a step and of a card's memory: their words in both languages and their colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hesuan.cli.language import said
from hesuan.cli.planning.terminal import percent
from hesuan.planner.prediction import Forecast
from hesuan.planner.reasons import waterfall


@dataclass(frozen=True, slots=True)
class Part:
    """One share of a whole: a step's seconds, a card's bytes."""

    name: str
    value: float
    role: str
    """Colour, by :data:`hesuan.cli.planning.scene.LIGHT`."""


STEP = {
    "compute": ("compute", "计算", "compute"),
    "recompute": ("recomputation", "重计算", "recompute"),
    "tp": ("exposed communication, TP", "未掩盖通信：张量并行", "tp"),
    "cp": ("exposed communication, CP", "未掩盖通信：上下文并行", "cp"),
    "ep": ("exposed communication, EP", "未掩盖通信：专家并行", "ep"),
    "pp": ("exposed communication, PP", "未掩盖通信：流水线并行", "pp"),
    "dp": ("exposed communication, DP", "未掩盖通信：数据并行", "dp"),
    "bubble": ("pipeline bubble", "流水线气泡", "bubble"),
    "optimizer": ("optimizer", "优化器", "optimizer"),
    "data": ("data", "读取数据", "data"),
    "launch": ("launch", "内核启动", "other"),
    "offload": ("offload", "卸载", "other"),
}
"""Part of a step without its ``_s``: English, Chinese, colour. In the order they are told."""
PEAK = {"peak": "compute", "kernels": "recompute", "failures": "bad"}
"""Colours of what :func:`hesuan.planner.reasons.waterfall` tells besides the parts of a step."""
MEMORY = {
    "weights": ("weights", "权重", "compute"),
    "grads": ("gradients", "梯度", "tp"),
    "gradients": ("gradients", "梯度", "tp"),
    "optimizer": ("optimizer states", "优化器状态", "optimizer"),
    "activations": ("activations", "激活值", "dp"),
    "workspace": ("workspace and libraries", "工作区与库", "bubble"),
    "cache": ("key-value cache", "KV 缓存", "ep"),
}
"""Cause of memory without its ``_bytes``: English, Chinese, colour."""


def step_parts(seconds: Mapping[str, float]) -> list[Part]:
    """Parts of a step that take any time, in the order of :data:`STEP`; an unknown one keeps its own name."""
    return _parts(seconds, STEP, "_s")


def lost_from_peak(forecast: Forecast) -> tuple[list[Part], list[str]]:
    """Peak to wall time, and beside each part the MFU that is left after it."""
    bars = waterfall(forecast)
    parts = [Part(said(en=bar.en, zh=bar.zh), bar.seconds, _role(bar.part)) for bar in bars]
    return parts, [percent(bar.mfu) for bar in bars]


def _role(part: str) -> str:
    if part in PEAK:
        return PEAK[part]
    return STEP.get(part.removesuffix("_s"), ("", "", "other"))[2]


def memory_parts(sizes: Mapping[str, float]) -> list[Part]:
    """Causes of a card's memory [byte], likewise."""
    return _parts(sizes, MEMORY, "_bytes")


def total(parts: Sequence[Part]) -> float:
    """The whole."""
    return sum(part.value for part in parts)


def _parts(values: Mapping[str, float], words: Mapping[str, tuple[str, str, str]], unit: str) -> list[Part]:
    short = {name.removesuffix(unit): float(value) for name, value in values.items()}
    order = [*(name for name in words if name in short), *(name for name in short if name not in words)]
    found = []
    for name in order:
        en, zh, role = words.get(name, (name, name, "other"))
        if short[name] > 0:
            found.append(Part(said(en=en, zh=zh), short[name], role))
    return found
