"""The schema's page: every key the reader asks for, every choice it takes, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.policy.rules import rules_with
from tests.policy.test_schema import WHOLE

from hesuan.policy import articles, sections
from hesuan.policy.facts import KEY_FACTS
from hesuan.policy.fields import Fields
from hesuan.policy.nodes import Node
from hesuan.policy.schema import UNITS

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES = [REFERENCE / "programme-schema.md", REFERENCE / "programme-schema.zh.md"]
CHOICES = (
    *UNITS,
    *KEY_FACTS,
    *sections.WINDOWS,
    *sections.COUNTS,
    *sections.BUDGET_COUNTS,
    *sections.ON_EXHAUST,
    *sections.MODES,
    *sections.AID_SCOPES,
    *articles.FLOWS,
    *articles.EVENTS,
    *articles.SELECTIONS,
)


def keys_asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Every key that reading the whole example asks for; keys the document chooses are left out."""
    asked: set[str] = set()
    take = Fields.take

    def noting(self: Fields, key: str, *, required: bool, money: bool) -> Node | object | None:
        if not self.path.endswith(("ratio_by_tier", "state_factors", "rates")) or self.path == "rates":
            asked.add(key)
        return take(self, key, required=required, money=money)

    monkeypatch.setattr(Fields, "take", noting)
    rules_with(*WHOLE)
    return asked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_and_every_choice_stands_on_the_page(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = set(re.findall(r"[\w.≤()-]+", " ".join(re.findall(r"`([^`]+)`", page.read_text()))))
    asked = keys_asked(monkeypatch)
    assert len(asked) > 90, "the example is whole"
    assert sorted(asked - told) == []
    assert sorted(set(CHOICES) - told) == []


def test_the_two_pages_name_the_same_things() -> None:
    named = [set(re.findall(r"`([^`]+)`", page.read_text())) for page in PAGES]
    assert named[0] == named[1]
