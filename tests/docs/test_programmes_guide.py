"""The guide to programmes: its example is a programme, and its table is the code's table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hesuan.policy.linter import lint
from hesuan.policy.predicates import FACTS, OPERATORS
from hesuan.policy.schema import load

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"
PAGES = [GUIDE / "programmes.md", GUIDE / "programmes.zh.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_example_is_a_programme_without_a_finding_but_what_its_budget_refuses_whole(page: Path) -> None:
    match = re.search(r"```yaml\n(.*?)```", page.read_text(), re.S)
    assert match is not None
    programme = load(match[1], source=page.name)
    assert [one.code.name for one in lint(programme)] == ["policy.split_at_exhaustion"]
    assert list(programme.interpreted) == ["base.tax"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fact_stands_in_the_table_with_its_operators(page: Path) -> None:
    rows = re.findall(r"^\| \S+ \| (`.*) \| (`.*) \|$", page.read_text(), re.M)
    told = {
        fact: tuple(re.findall(r"`(.+?)`", operators))
        for operators, facts in rows
        for fact in re.findall(r"`(.+?)`", facts)
    }
    assert told == {fact: OPERATORS[kind] for fact, kind in FACTS.items()}
