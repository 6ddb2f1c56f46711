"""Recall and false flags of every rule on a made-up market."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hesuan.surveillance.flags import Flag
from hesuan.surveillance.rules import RULES
from tools.surveillance.frauds import Case
from tools.surveillance.market import FIRMS, MONTHS

STOPS, OTHERS = ("stop",), ("hold", "flag")


@dataclass(frozen=True)
class Score:
    """One rule (or several) on one market."""

    cases: int
    found: int
    false: tuple[Flag, ...]

    @property
    def false_per_100(self) -> float:
        """False flags per 100 firm-months."""
        return 100 * len(self.false) / (FIRMS * MONTHS)


def named(one: Flag) -> set[tuple[str, str, str]]:
    """How a fraud may name a flag: by its subject, or by subject and window."""
    return {
        (one.rule, one.action.value, one.subject),
        (one.rule, one.action.value, f"{one.subject} {one.window}"),
    }


def score(
    case: Case, flags: Sequence[Flag], rule: str, actions: Collection[str] = (*STOPS, *OTHERS)
) -> Score:
    """What one rule found, with some of its actions."""
    mine = [one for one in flags if one.rule == rule and one.action.value in actions]
    known = {name for one in mine for name in named(one)}
    expected = {
        expect
        for fraud in case.frauds
        for expect in fraud.expects
        if expect[0] == rule and expect[1] in actions
    }
    return Score(len(expected), len(expected & known), tuple(one for one in mine if not _true(case, one)))


def _true(case: Case, one: Flag) -> bool:
    """Whether a fraud expects the flag, or allows its rule for one of its own parties."""
    for fraud in case.frauds:
        if named(one) & set(fraud.expects):
            return True
        about = {part for key in (one.subject, *one.keys) for part in key.split(":")[1:]}
        rules = {expect[0] for expect in fraud.expects} | set(fraud.also)
        named_by_row = one.rule in fraud.also and any(
            party in key for key in about for party in fraud.parties
        )
        if named_by_row or (one.rule in rules and about & set(fraud.parties)):
            return True
    return False


def unnoticed(case: Case, flags: Sequence[Flag], rule: str) -> int:
    """Frauds of which no flag speaks once a rule is off: its negative control."""
    others = [one for one in flags if one.rule != rule]
    told = {part for one in others for key in (one.subject, *one.keys) for part in key.split(":")[1:]}
    frauds = [fraud for fraud in case.frauds if {expect[0] for expect in fraud.expects} == {rule}]
    return sum(1 for fraud in frauds if not told & set(fraud.parties))


def disturbed(case: Case, flags: Sequence[Flag], actions: Collection[str]) -> int:
    """False flags of all rules together, of some actions."""
    return sum(len(score(case, flags, rule, actions).false) for rule in RULES)
