"""HTML for notebooks: escaped, and a waterfall whose bars follow one another."""

from __future__ import annotations

import re

from hesuan.planner import notebook


def test_every_text_is_escaped() -> None:
    html = notebook.card(
        "<b>title</b>",
        notebook.figures([("<i>", "1 & 2", "<script>")]),
        notebook.bars([("<u>", 1.0, "<")]),
        notebook.listing("<p>", ["<q>"]),
    )
    for planted in ("<b>title", "<i>", "<script>", "<u>", "<p>", "<q>"):
        assert planted not in html
    assert "&lt;script&gt;" in html and "1 &amp; 2" in html


def test_bars_start_where_the_one_before_ended() -> None:
    html = notebook.bars([("a", 3.0, "3 s"), ("b", 1.0, "1 s")])
    starts = [float(found) for found in re.findall(r"margin-left:([\d.]+)%", html)]
    widths = [float(found) for found in re.findall(r";width:([\d.]+)%", html)]
    assert starts == [0.0, 75.0] and widths == [75.0, 25.0]


def test_nothing_to_show_breaks_nothing() -> None:
    assert notebook.listing("head", []) == ""
    assert "0.0 %" in notebook.bars([("a", 0.0, "0 s")])
