"""The operator's guide names all that a hub of before refuses of its agents; and it does refuse, and loses
nothing by it."""

from __future__ import annotations

import re

import pytest
from tests.docs.shown import ROOT

from hesuan.hub.centres.shapes import INVENTORY, Record
from hesuan.hub.gateway.shapes import MESSAGES

FROM_THE_START = {
    "benchmark",
    "countersign",
    "countersign_refused",
    "heartbeat",
    "inventory",
    "log",
    "meter",
    "rebase",
    "run_state",
    "usage",
}
PAGES = {"operating.md": "Renewing", "operating.zh.md": "更新"}


@pytest.mark.parametrize(("page", "heading"), PAGES.items())
def test_every_kind_and_key_that_came_later_stands_in_the_guide(page: str, heading: str) -> None:
    """A new kind of message fails here until the guide says what a hub without it does."""
    text = (ROOT / "docs" / "guide" / page).read_text()
    (section,) = re.findall(rf"^## {heading}.*?(?=^## )", text, re.M | re.S)
    named = set(re.findall(r"`([a-z_]+)`", section))
    log = MESSAGES["log"]
    assert isinstance(log, Record)
    later = (MESSAGES.keys() - FROM_THE_START) | INVENTORY.optional | log.optional
    assert later - named == set()
    assert "capacity" in later and "cut" in later
