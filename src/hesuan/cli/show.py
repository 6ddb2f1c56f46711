"""Printing for a tired officer: aligned figures, each with its unit and, where it has one, its kind.

Answers go to standard output, everything else (progress, hints, errors) to standard error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from hesuan.cli import language
from hesuan.cli.language import said
from hesuan.money import format_yuan, parse_yuan
from hesuan.units import format_bytes, format_seconds

PIPE_WIDTH = 160
"""Columns when nobody's terminal says otherwise, so that a table in a file is not folded."""


def out() -> Console:
    """Where answers go."""
    return _console(stderr=False)


def err() -> Console:
    """Where hints and progress go."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def print_json(value: Any) -> None:
    """An answer for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> Table:
    """A table of texts; a column is its head and ``left`` or ``right``."""
    shown = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for head, side in columns:
        shown.add_column(
            head, justify="right" if side == "right" else "left", no_wrap=side == "right", overflow="fold"
        )
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    return shown


def put(shown: Table) -> None:
    """Prints a table at its full width, however narrow the terminal: no figure is ever cut short."""
    console = out()
    endless = console.options.update(max_width=10_000)
    console.width = max(console.width, Measurement.get(console, endless, shown).maximum)
    with console.capture() as captured:
        console.print(shown)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n"))


def pairs(rows: Iterable[tuple[str, str, str]]) -> Table:
    """Name, figure and remark in three aligned columns, without heads."""
    shown = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    shown.add_column(no_wrap=True)
    shown.add_column(justify="right", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, figure, remark in rows:
        shown.add_row(Text(name), Text(figure), Text(remark, style="dim"))
    return shown


def yuan(text: str | None) -> str:
    """``"1200.00"`` → ``"¥1,200.00"``; nothing → a dash."""
    if text is None:
        return "–"
    return f"-{format_yuan(parse_yuan(text[1:]))}" if text.startswith("-") else format_yuan(parse_yuan(text))


def fen(amount_fen: int | None) -> str:
    """An amount of a signed document."""
    return "–" if amount_fen is None else format_yuan(amount_fen)


def seconds(duration_ms: int | None) -> str:
    """Milliseconds as people read them."""
    return "–" if duration_ms is None else format_seconds(duration_ms / 1000)


def memory(size_bytes: int | None) -> str:
    """Bytes as people read them."""
    return "–" if size_bytes is None else format_bytes(size_bytes)


kind = language.kind
"""The kind of a figure in the current language."""


def moment(text: str | None) -> str:
    """An RFC 3339 time to the second, in UTC as it came."""
    return "–" if not text else text[:19].replace("T", " ") + "Z"


def sentence(both: dict[str, str]) -> str:
    """The current language's half of a pair of sentences."""
    return said(en=both["en"], zh=both["zh"])


def difference(larger: str, smaller: str) -> str:
    """One amount less another, both as the hub writes them."""
    return format_yuan(parse_yuan(larger) - parse_yuan(smaller))
