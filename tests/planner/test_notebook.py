"""HTML for notebooks: escaped, and a waterfall whose bars follow one another."""

from __future__ import annotations

import re

import pytest

from hesuan.planner import Plan, Training, Workload, cluster, compare, model, notebook, search
from hesuan.planner.serving import Phase, Pool, Serving, compare_serving, search_serving


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


def test_a_layout_names_what_is_above_its_least() -> None:
    assert notebook.layout(Pool(tp=8, instances=2)) == "tp 8" and notebook.layout(Pool()) == "1 card"
    assert notebook.layout(Plan(tp=2, dp=4)).startswith("tp 2 · dp 4 · micro-batch 1 · zero 1")


def results() -> dict[str, object]:
    dense, node = model("llama-3-8b"), cluster("hgx-h100", 8)
    training = Training(seq=2048, global_batch=8)
    demand = Serving(phase=Phase.AGGREGATED, isl=256, osl=64, concurrency=1)
    return {
        "plans on the frontier": search(Workload(model=dense, cluster=node, training=training)),
        "its best plan": compare(dense, training, [node]),
        "layouts tried": search_serving(dense, node, demand),
        "its best layout": compare_serving(dense, demand, [node]),
    }


@pytest.mark.parametrize("head", list(results()))
def test_a_search_and_a_comparison_show_themselves(head: str) -> None:
    html = results()[head]._repr_html_()  # type: ignore[attr-defined]
    assert head in html and html.count("<tr>") > 1 and html.count("<table>") == html.count("</table>")
