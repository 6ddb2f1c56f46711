"""Tables of a report in Markdown, aligned so that they read as well in a terminal; in either language.

The planner does not know a reader's language: who prints a report passes its ``said``, which picks one of two
texts, and none means English.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Protocol


class Said(Protocol):
    """Picks one of two texts."""

    def __call__(self, *, en: str, zh: str) -> str:
        """The text in the reader's language."""


def english(*, en: str, zh: str) -> str:  # noqa: ARG001
    """The English text."""
    return en


def percent(value: float, *, signed: bool = False) -> str:
    """A share in per cent with one decimal; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    return f"{value * 100:+.1f} %" if signed else f"{value * 100:.1f} %"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, first column left, others right."""
    body = [list(head), *[list(row) for row in rows]]
    widths = [max(_columns(row[i]) for row in body) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        spaces = [" " * (width - _columns(cell)) for cell, width in zip(cells, widths, strict=True)]
        first, *others = zip(cells, spaces, strict=True)
        return f"| {' | '.join([''.join(first), *[space + cell for cell, space in others]])} |"

    rule = "|".join(("-" * (w + 2)) if i == 0 else ("-" * (w + 1) + ":") for i, w in enumerate(widths))
    return "\n".join([line(body[0]), f"|{rule}|", *[line(row) for row in body[1:]]])


def _columns(text: str) -> int:
    """Terminal columns: Chinese takes two a character."""
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)
