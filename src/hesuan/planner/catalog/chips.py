"""Chips of the catalogue, and which of them a free text means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from hesuan.figures import Figure, Kind
from hesuan.planner.catalog.data import Match, squashed, table, tokens, unknown
from hesuan.planner.inputs import Chip, Precision

FILE = "chips.toml"
_BYTES = {"GB": 1e9, "GiB": float(1 << 30)}
"""Memory is sold in either; the file says which."""
_FALLBACKS = (
    (r"ascend|huawei|atlas|npu", "ascend-910b-376t"),
    (r"tpu", "tpu-v5p"),
    (r"grace|gb\d", "gb200-nvl72"),
    (r"blackwell|b\d00", "b200-sxm"),
    (r"hopper|h\d+", "h100-80gb-sxm"),
    (r"amd|instinct|mi\d", "mi300x"),
    (r"gaudi|habana", "gaudi2"),
    (r"trainium|trn", "trainium2"),
    (r"metax", "metax-c500"),
    (r"cambricon|mlu", "cambricon-mlu590"),
    (r"kunlun|baidu", "kunlunxin-p800"),
    (r"hygon|dcu", "hygon-bw1000"),
    (r"moore|mthreads|mtt", "mthreads-s5000"),
)


def chip_names() -> tuple[str, ...]:
    """Every chip of the catalogue."""
    return tuple(table(FILE)["chips"])


@cache
def chip(name: str) -> Chip:
    """A chip by its name or an alias.

    Raises:
        InputFault: ``planner.unknown_name``.
    """
    found = _aliases().get(squashed(name))
    if found is None:
        raise unknown("chip", name, chip_names())
    return _made(found, table(FILE)["chips"][found])


def extra(name: str, key: str) -> Any:
    """What the catalogue says of a chip beside the figures: ``shape``, ``latency_us``, ``evidence``."""
    return table(FILE)["chips"][name][key]


def figure(name: str, key: str) -> float | None:
    """One figure of a chip in the file's unit, such as ``scale_up`` [GB/s one way]; None: not said."""
    entry = table(FILE)["chips"][name].get(key)
    return None if entry is None else float(entry["is"])


def resolve_chip(text: str) -> Match[Chip]:
    """The chip a free text means; the nearest relative, with a note, where it names none."""
    name = _named(text)
    if name is not None:
        return Match(chip(name), name)
    lower = text.lower()
    for pattern, fallback in _FALLBACKS:
        if re.search(pattern, lower):
            return Match(chip(fallback), fallback, f"chip `{text}` taken for {fallback}", kin_only=True)
    return Match(
        chip("a100-80gb-sxm"), "a100-80gb-sxm", f"chip `{text}` is unknown, taken for an A100", kin_only=True
    )


def _named(text: str) -> str | None:
    """The chip whose longest alias stands in the text, dies and memory sizes told apart."""
    aliases = _aliases()
    if (whole := aliases.get(squashed(text))) is not None:
        return whole
    words = tokens(text)
    wanted = set(words)
    if ("910c" in wanted or "a3" in wanted) and ("die" in wanted or "a3" in wanted):
        return "ascend-910c" if "package" in wanted else "ascend-910c-die"
    for sku in ("313t", "280t"):
        if "910b" in wanted and sku in wanted:
            return f"ascend-910b-{sku}"
    found = [
        (last - first, name)
        for first in range(len(words))
        for last in range(first + 1, min(first + 5, len(words)) + 1)
        if (name := aliases.get("".join(words[first:last]))) is not None
    ]
    return max(found, key=lambda one: one[0])[1] if found else None


@cache
def _aliases() -> Mapping[str, str]:
    known: dict[str, str] = {}
    for name, entry in table(FILE)["chips"].items():
        for one in (name, *entry["aliases"]):
            assert known.setdefault(squashed(one), name) == name, f"chip alias {one} is given twice"
    return known


def _made(name: str, entry: Mapping[str, Any]) -> Chip:
    sources = table(FILE)["sources"]
    figures = {
        key: Figure(float(value["is"]), value["unit"], Kind(value["kind"]), sources[value["source"]])
        for key, value in entry.items()
        if isinstance(value, dict)
    }
    peak = {one: figures[one].value * 1e12 for one in Precision if one in figures}
    best = {one: figures[f"matmul_{one}"].value * 1e12 for one in Precision if f"matmul_{one}" in figures}
    return Chip(
        name=name,
        vendor=entry["vendor"],
        peak_flops=peak,
        matmul_flops=best,
        memory_bytes=figures["memory"].value * _BYTES[figures["memory"].unit],
        memory_bandwidth_bytes_per_s=figures["bandwidth"].value * 1e9,
        dies=entry["dies"],
        per_package=entry.get("per_package", 1),
        fixed_clock=entry.get("fixed_clock", False),
        tdp_w=figures["tdp"].value if "tdp" in figures else 0.0,
        year=entry["year"],
        kin=entry["kin"],
        figures=figures,
    )
