"""The pages about the ledger say what the code does: every refusal in order, every invariant in its words."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from tests.hub.ledger import test_texts

from hesuan.hub.ledger.rules import MAX_AMOUNT_FEN, Refusal
from hesuan.hub.settlement.soundness import INVARIANTS

DOCS = Path(__file__).resolve().parents[3] / "docs" / "model"
PAGES = {"en": (DOCS / "ledger.md").read_text(), "zh": (DOCS / "ledger.zh.md").read_text()}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_refusals_stand_in_order_of_precedence(page: str) -> None:
    rows = [name for name in re.findall(r"^\| `([a-z_]+)` \|", page, re.M) if name in set(Refusal)]
    assert rows == [refusal.value for refusal in Refusal]
    assert f"{MAX_AMOUNT_FEN:,}" in page


@pytest.mark.parametrize("language", PAGES)
def test_the_invariants_are_those_that_are_checked(language: str) -> None:
    rows = dict(re.findall(r"^\| (I\d+\w?(?:\.\w+)?) \| (.+) \|$", PAGES[language], re.M))
    said = {one.name: (one.en if language == "en" else one.zh) for one in INVARIANTS}
    assert {name: text.lower() for name, text in rows.items()} == {
        name: text.rstrip(".。").lower() for name, text in said.items()
    }


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_example_is_one_of_the_tests(page: str) -> None:
    example = page.split("```text\nfund")[1].split("```", maxsplit=1)[0].split("----", maxsplit=1)[0]
    told = inspect.getdoc(test_texts.test_capture_below_the_hold_returns_the_rest) or ""
    assert "fund" + example == told.split("----")[0]
