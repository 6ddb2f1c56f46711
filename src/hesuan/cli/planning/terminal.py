"""Text for a tired engineer: aligned columns, bars, and numbers that fit a line; standard library alone.

Chinese characters are two columns wide on a terminal, so widths are counted in columns, never in characters.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence

from hesuan.cli.language import said

PIPE_WIDTH = 110
"""Columns when nobody's terminal says otherwise."""
EIGHTHS = " ▏▎▍▌▋▊▉"
PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))

Row = Sequence[str]


def terminal_width() -> int:
    """Columns of the terminal, or :data:`PIPE_WIDTH`."""
    return shutil.get_terminal_size((PIPE_WIDTH, 40)).columns if sys.stdout.isatty() else PIPE_WIDTH


def columns_of(text: str) -> int:
    """How many terminal columns a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    combining = sum(unicodedata.combining(char) != 0 for char in text)
    return len(text) + wide - combining


def pad(text: str, width: int, side: str = "left") -> str:
    """A text filled up with spaces to a width in columns; ``side`` is where the text stands."""
    space = " " * max(0, width - columns_of(text))
    return space + text if side == "right" else text + space


def table(heads: Sequence[tuple[str, str]], rows: Sequence[Row], indent: str = "") -> list[str]:
    """Lines of a table; a column is its head and ``left`` or ``right``. Without heads no head line."""
    named = any(head for head, _ in heads)
    shown = [[head for head, _ in heads], *rows] if named else list(rows)
    widths = [max((columns_of(row[at]) for row in shown), default=0) for at in range(len(heads))]
    lines = [
        indent
        + "  ".join(pad(cell, width, side) for cell, width, (_, side) in zip(row, widths, heads, strict=True))
        for row in shown
    ]
    if named:
        lines.insert(1, indent + "  ".join("─" * width for width in widths))
    return [line.rstrip() for line in lines]


def bar(start: float, length: float, width: int) -> str:
    """A horizontal bar from ``start`` over ``length`` (shares of the whole, 0…1) in ``width`` columns.

    The right end is drawn to an eighth of a column; a length above zero is always seen.
    """
    if not _blocks():
        left, right = round(start * width), round((start + length) * width)
        return " " * left + "#" * max(right - left, 1 if length > 0 else 0)
    left = round(start * width)
    eighths = max(round(length * width * 8), 1 if length > 0 else 0)
    whole, rest = divmod(eighths, 8)
    return " " * left + "█" * whole + (EIGHTHS[rest] if rest else "")


def _blocks() -> bool:
    """Whether standard output can carry block characters."""
    try:
        "█▏─".encode(sys.stdout.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Breaks a text into lines of at most ``width`` columns, at spaces or between wide characters."""
    lines, line = [], indent
    for word in text.split(" "):
        joined = f"{line} {word}" if line.strip() else indent + word
        if columns_of(joined) > width and line.strip():
            lines.append(line)
            joined = indent + word
        line = joined
        while columns_of(line) > width and len(line) > len(indent) + 8:
            cut = _fits(line, width)
            lines.append(line[:cut])
            line = indent + line[cut:]
    return [*lines, line] if line.strip() else lines


def _fits(text: str, width: int) -> int:
    """How many characters of a text fit into a width; at least one."""
    taken = 0
    for at, char in enumerate(text):
        taken += columns_of(char)
        if taken > width:
            return max(at, 1)
    return len(text)


def number(value: float, digits: int = 3) -> str:
    """Significant digits without an exponent: ``12345.6`` → ``12,346``, ``0.01234`` → ``0.0123``."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    places = digits - 1
    while size < 1 and places < 12:
        size *= 10
        places += 1
    while size >= 10:
        size /= 10
        places -= 1
    return f"{value:.{max(places, 0)}f}"


def seconds(value_s: float) -> str:
    """``0.00123`` → ``1.23 ms``; ``7.5`` → ``7.50 s``; ``300`` → ``300 s``."""
    if value_s == 0:
        return "0 s"
    if abs(value_s) < 1e-3:
        return f"{number(value_s * 1e6)} µs"
    return f"{number(value_s * 1e3)} ms" if abs(value_s) < 1 else f"{number(value_s)} s"


def gib(size_bytes: float) -> str:
    """Bytes as GiB with one decimal: what a card's memory is argued in."""
    return f"{size_bytes / 2**30:.1f} GiB"


def percent(share: float, places: int = 1) -> str:
    """``0.4123`` → ``41.2 %``."""
    return f"{100 * share:.{places}f} %"


def days(value_s: float) -> str:
    """A long time in the unit that people plan in: hours below three days, else days."""
    hours = value_s / 3600
    if hours < 1:
        return f"{number(value_s / 60)} min"
    if hours < 72:
        return said(en=f"{number(hours)} h", zh=f"{number(hours)} 小时")
    return said(en=f"{number(hours / 24)} days", zh=f"{number(hours / 24)} 天")


def scaled(value: float, unit: str) -> str:
    """With a decimal prefix: ``9.89e14, FLOP/s`` → ``989 TFLOP/s``."""
    for size, prefix in PREFIXES:
        if abs(value) >= size:
            return f"{number(value / size)} {prefix}{unit}"
    return f"{number(value)} {unit}"
