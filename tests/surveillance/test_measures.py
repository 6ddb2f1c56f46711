"""Each threshold is told with its unit, where its number is from, and in both languages."""

from __future__ import annotations

import pytest

from hesuan.figures import Kind
from hesuan.surveillance import measures
from hesuan.surveillance.measures import Measure
from hesuan.surveillance.rules import RULES
from hesuan.surveillance.thresholds import DEFAULT, NAMES


def test_every_threshold_is_told_once_with_its_rule_and_the_rules_version() -> None:
    told = measures.measures()
    assert sorted(one.name for one in told) == sorted(NAMES)
    assert set(measures._told()) == set(NAMES)
    assert [one.rule for one in told] == sorted((one.rule for one in told), key=list(RULES).index)
    assert all(one.version == RULES[one.rule].version and one.value == one.default for one in told)


@pytest.mark.parametrize("one", measures.measures(), ids=lambda one: one.name)
def test_a_threshold_names_its_unit_its_source_and_itself_in_both_languages(one: Measure) -> None:
    assert one.unit and one.source and one.en and any("\u4e00" <= letter <= "\u9fff" for letter in one.zh)
    assert one.kind in (Kind.PUBLISHED, Kind.ASSUMED)
    if one.source.startswith(("proposed", "scaled")):
        assert one.kind is Kind.ASSUMED, "a number of our own is not called published"


def test_a_tuned_number_stands_beside_the_default() -> None:
    by_name = {one.name: one for one in measures.measures(DEFAULT.tuned({"a12_least": 4}))}
    assert (by_name["a12_least"].value, by_name["a12_least"].default) == (4, 3)
    assert by_name["a12_days"].value == by_name["a12_days"].default
