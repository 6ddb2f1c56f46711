"""Accelerator cards, as their makers' own tools list them. A tool that is not there says nothing; what a tool
does not say stays unknown.

Each parser takes the tool's text and returns one entry a card; ``memory_bytes`` is None where the tool gives
none. The samples in the tests have the tools' real layout.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

MIB = 1 << 20
TOOL_TIMEOUT_S = 15


@dataclass(frozen=True, slots=True)
class Card:
    """One accelerator card. ``chip`` is the maker's name for it, as the tool writes it."""

    chip: str
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class CardGroup:
    """Cards of one kind."""

    chip: str
    count: int
    memory_bytes: int | None


def group(cards: list[Card]) -> tuple[CardGroup, ...]:
    """Counts cards by chip and memory, in the order they were first seen."""
    return tuple(CardGroup(card.chip, count, card.memory_bytes) for card, count in Counter(cards).items())


def nvidia(text: str) -> list[Card]:
    """``nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits``: ``NVIDIA H200, 143771``."""
    cards = []
    for line in text.splitlines():
        name, comma, memory = line.rpartition(",")
        if comma and name.strip():
            cards.append(Card(name.strip(), _mib(memory)))
    return cards


_NPU_FIRST = re.compile(r"\|\s*(\d+)\s+(\S+)\s*\|\s*(OK|Warning|Alarm|Critical|UNKNOWN|NA|N/A)\s*\|.*\|")
_NPU_SECOND = re.compile(r"\|\s*\d+(?:\s+\d+)?\s*\|\s*[0-9A-Fa-f]{4}:\S+\s*\|(.*)\|")
_USED_OF_TOTAL = re.compile(r"(\d+)\s*/\s*(\d+)")


def ascend(text: str) -> list[Card]:
    """``npu-smi info``: two rows a chip, the first with the NPU's number and name, the second with memory.

    A 910C is one NPU of two chips, listed twice under one number: one card, its memory the sum of both.
    """
    found: dict[str, tuple[str, list[int | None]]] = {}
    number = ""
    for line in text.splitlines():
        if first := _NPU_FIRST.match(line):
            number = first[1]
            found.setdefault(number, (_ascend_name(first[2]), []))
        elif number and (second := _NPU_SECOND.match(line)):
            pairs = _USED_OF_TOTAL.findall(second[1])
            total = int(pairs[-1][1]) if pairs else 0  # the last pair is HBM, the one before is DDR
            found[number][1].append(total * MIB or None)
            number = ""
    return [Card(name, _sum(sizes)) for name, sizes in found.values()]


def _ascend_name(name: str) -> str:
    return name if name.startswith("Ascend") else f"Ascend {name}"


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


_HYGON_ROW = re.compile(r"\s*(\d+)\s+(?:-?[\d.]+C|N/A)\s+.*%")
_HYGON_MEMORY = re.compile(r"[HD]CU\s*\[(\d+)\]\s*:\s*vram Total Memory \(MiB\):\s*(\d+)", re.IGNORECASE)
_HYGON_SERIES = re.compile(r"[HD]CU\s*\[(\d+)\]\s*:\s*Card Series:\s*(\S.*)", re.IGNORECASE)


def hygon(text: str) -> list[Card]:
    """``hy-smi`` with ``--showproductname`` and ``--showmeminfo vram`` appended.

    The plain table only counts; name and memory come from the other two, where the driver has them. The
    card's prefix is HCU in newer and DCU in older drivers.
    """
    numbers = {match[1] for line in text.splitlines() if (match := _HYGON_ROW.match(line))}
    memory = {number: int(size) * MIB for number, size in _HYGON_MEMORY.findall(text)}
    series = {number: name.strip() for number, name in _HYGON_SERIES.findall(text)}
    every = sorted(numbers | memory.keys() | series.keys(), key=int)
    return [Card(f"Hygon {series.get(number, 'DCU')}", memory.get(number)) for number in every]


_CAMBRICON_FIRST = re.compile(r"\|\s*\d+\s+\S+\s+(MLU\S+)\s+\S+\s*\|")
_CAMBRICON_SECOND = re.compile(r"\|[^|]*%[^|]*\|\s*\d+\s*MiB\s*/\s*(\d+)\s*MiB")


def cambricon(text: str) -> list[Card]:
    """``cnmon``: two rows a card, the first with its name, the second with ``used MiB/ total MiB``."""
    cards: list[Card] = []
    for line in text.splitlines():
        if first := _CAMBRICON_FIRST.match(line):
            cards.append(Card(f"Cambricon {first[1]}", None))
        elif cards and cards[-1].memory_bytes is None and (second := _CAMBRICON_SECOND.match(line)):
            cards[-1] = Card(cards[-1].chip, int(second[1]) * MIB)
    return cards


def _mib(text: str) -> int | None:
    text = text.strip().removesuffix("MiB").strip()
    return int(text) * MIB if text.isdigit() else None


@dataclass(frozen=True, slots=True)
class Tool:
    """A maker's tool, the calls whose texts are read together, and how."""

    name: str
    calls: tuple[tuple[str, ...], ...]
    parse: Callable[[str], list[Card]]


TOOLS = (
    Tool("nvidia-smi", (("--query-gpu=name,memory.total", "--format=csv,noheader,nounits"),), nvidia),
    Tool("npu-smi", (("info",),), ascend),
    Tool("hy-smi", ((), ("--showproductname",), ("--showmeminfo", "vram")), hygon),
    Tool("cnmon", ((),), cambricon),
)


def found() -> tuple[tuple[CardGroup, ...], tuple[str, ...]]:
    """The cards of this machine, and a note for each tool that is there but did not answer."""
    cards: list[Card] = []
    notes: list[str] = []
    for tool in TOOLS:
        path = shutil.which(tool.name)
        if path is None:
            continue
        texts = [_call(path, words) for words in tool.calls]
        if texts[0] is None:
            notes.append(f"{tool.name} is installed and gave no answer; its cards are unknown.")
            continue
        listed = tool.parse("\n".join(text for text in texts if text))
        if not listed:
            notes.append(f"{tool.name} answered, and listed no card.")
        cards.extend(listed)
    return group(cards), tuple(notes)


def _call(path: str, words: tuple[str, ...]) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - the maker's tool, found on PATH, with our own words
            [path, *words], capture_output=True, timeout=TOOL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
