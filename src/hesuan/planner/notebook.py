"""HTML for notebooks: small pure helpers that a result's ``_repr_html_`` is made of.

Every text is escaped. Text has the page's colour and bars one translucent fill, so that a light notebook and
a dark one are both readable. Results say figures with their unit, kind and source.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_CELL = "padding:2px 10px;text-align:left;vertical-align:top"
_NUMBER = "padding:2px 10px;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap"
_BAR = "display:inline-block;height:0.7em;background:#3b78c2;opacity:.8"
_HEAD = "font-weight:600;margin:6px 0 2px"


def card(title: str, *parts: str) -> str:
    """One result: a title and the HTML of its parts, one below the other."""
    return f'<div class="hesuan"><div style="{_HEAD}">{escape(title)}</div>{"".join(parts)}</div>'


def figures(rows: Iterable[tuple[str, str, str]]) -> str:
    """Name, figure with its unit, and a remark (interval, kind, source), one row each."""
    lines = [
        f'<tr><td style="{_CELL}">{escape(name)}</td><td style="{_NUMBER}">{escape(figure)}</td>'
        f'<td style="{_CELL};opacity:.7">{escape(remark)}</td></tr>'
        for name, figure, remark in rows
    ]
    return f"<table>{''.join(lines)}</table>"


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """A waterfall: (name, value ≥ 0, value with unit); each bar starts where the one before ended."""
    total = sum(value for _, value, _ in rows) or 1.0
    lines, done = [], 0.0
    for name, value, figure in rows:
        left, width = 100 * done / total, 100 * value / total
        bar = f'<span style="{_BAR};margin-left:{left:.2f}%;width:{width:.2f}%"></span>'
        lines.append(
            f'<tr><td style="{_CELL}">{escape(name)}</td><td style="{_NUMBER}">{escape(figure)}</td>'
            f'<td style="{_NUMBER}">{width:.1f} %</td><td style="width:24em;text-align:left">{bar}</td></tr>'
        )
        done += value
    return f"<table>{''.join(lines)}</table>"


def listing(head: str, lines: Iterable[str]) -> str:
    """A head and a list, or nothing where the list is empty."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<div style="{_HEAD}">{escape(head)}</div><ul>{items}</ul>' if items else ""


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of texts under their heads."""
    head = "".join(f'<th style="{_CELL}">{escape(one)}</th>' for one in heads)
    lines = [
        "<tr>" + "".join(f'<td style="{_CELL}">{escape(one)}</td>' for one in row) + "</tr>" for row in rows
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def layout(sizes: object) -> str:
    """``tp 8 · pp 4 · dp 32`` of a plan or a pool: parallel sizes above 1, then a plan's other choices."""
    names = ("tp", "pp", "vpp", "dp", "ep", "cp")
    parts = [f"{name} {size}" for name in names if (size := getattr(sizes, name, 1)) > 1]
    for name in ("micro_batch", "zero", "recompute"):
        value = getattr(sizes, name, None)
        if value is not None:
            parts.append(f"{name.replace('_', '-')} {value}")
    return " · ".join(parts) or "1 card"
