"""Which counters a decision reads, so that whoever carries it out locks exactly these.

A limit counts at an event: ``issued``, ``claims`` and ``active`` where an entitlement is issued; ``held`` and
``redeemed`` where it is used; ``both`` at each, with a counter of its own. Where nothing is issued beforehand
(``issuance.event: none``: the aid is paid after use), use is the only event, and every limit counts there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from hesuan.policy.decision import Facts
from hesuan.policy.facts import KEY_FACTS
from hesuan.policy.fields import Open
from hesuan.policy.predicates import FactValue, judge
from hesuan.policy.programme import AWARD_MAX, Budget, Cap, Programme
from hesuan.policy.windows import Window, window_of

Key = tuple[tuple[str, str], ...]

AT_ISSUE = {"issued": "issued", "both": "issued", "claims": "claims", "active": "active"}
AT_REDEMPTION = {"held": "held", "redeemed": "redeemed", "both": "redeemed"}
BY_CLAIM = ("claims", "active")
"""Limits that count claims, each as 1.00, and not amounts."""


@dataclass(frozen=True, slots=True)
class Needed:
    """One counter that a decision reads, and adds to when it is carried out."""

    kind: Literal["cap", "budget"]
    id: str
    key: Key
    """Dimension and value, such as ``(("applicant", "org-7"),)``; empty for the programme's own."""
    window: Window
    counts: str
    """What the counter holds: ``issued``, ``held``, ``redeemed``, ``claims`` or ``active``."""
    limit_fen: int | None
    """``None`` where the rule is open or the award does not state it."""


def needed(programme: Programme, facts: Facts) -> tuple[Needed, ...]:
    """Every counter that binds at this event; a limit whose key is not stated is left to the refusal."""
    return tuple(_needed(programme, facts))


def _needed(programme: Programme, facts: Facts) -> Iterator[Needed]:
    stated = with_day(facts)
    rules: tuple[Cap | Budget, ...] = (*programme.caps, *programme.budgets)
    for rule in rules:
        found = need_of(programme, rule, facts, stated)
        if found is not None and _may_apply(rule, facts, stated):
            yield found


def _may_apply(rule: Cap | Budget, facts: Facts, stated: Mapping[str, FactValue]) -> bool:
    """Whether a rule may hold any line; a condition that cannot be judged yet may."""
    if rule.when is None or isinstance(rule.when, Open):
        return True
    lines = [{**stated, **line.stated, "line.kind": line.kind} for line in facts.lines] or [dict(stated)]
    return any(judge(rule.when, one).truth is not False for one in lines)


def need_of(
    programme: Programme, rule: Cap | Budget, facts: Facts, stated: Mapping[str, FactValue]
) -> Needed | None:
    """The counter of one rule at this event; ``None`` where it does not bind or cannot be told."""
    counts = counted_as(programme, rule.counts, facts.event)
    if counts is None or not isinstance(rule.window, str):
        return None
    key = key_of(rule.key, stated)
    call = stated.get("call.id")
    if key is None or (rule.window == "call" and call is None):
        return None
    start = programme.fiscal_year_start
    if rule.window == "fiscal_year" and not isinstance(start, tuple):
        return None
    return Needed(
        kind="cap" if isinstance(rule, Cap) else "budget",
        id=rule.id,
        key=key,
        window=window_of(
            rule.window,
            facts.counting_day,
            fiscal_year_start=start if isinstance(start, tuple) else (1, 1),
            call=str(call) if rule.window == "call" else "",
        ),
        counts=counts,
        limit_fen=limit_of(programme, rule, stated),
    )


def counted_as(programme: Programme, counts: object, event: str) -> str | None:
    """What a rule counts at an event; ``None`` where it does not bind there."""
    if not isinstance(counts, str):
        return None
    if event == "issue":
        return AT_ISSUE.get(counts)
    found = AT_REDEMPTION.get(counts)
    return AT_ISSUE.get(counts) if found is None and programme.event == "none" else found


def key_of(dimensions: object, stated: Mapping[str, FactValue]) -> Key | None:
    """The values of a key; ``None`` where one is not stated.

    The applicant is whoever asks: counters read without naming it are the asker's own.
    """
    if dimensions is None:
        return ()
    if not isinstance(dimensions, tuple):
        return None
    found = []
    for dimension in dimensions:
        for fact in KEY_FACTS[dimension]:
            value = stated.get(fact, "" if fact == "applicant.id" else None)
            if value is None:
                return None
            found.append((fact.partition(".")[0] if dimension == "pair" else dimension, str(value)))
    return tuple(found)


def missing_key(dimensions: object, stated: Mapping[str, FactValue]) -> str | None:
    """The first fact that a key lacks."""
    names = dimensions if isinstance(dimensions, tuple) else ()
    facts = [fact for name in names for fact in KEY_FACTS[name]]
    return next((one for one in facts if one not in stated and one != "applicant.id"), None)


def limit_of(programme: Programme, rule: Cap | Budget, stated: Mapping[str, FactValue]) -> int | None:
    """The limit in force: the award's where the rule lets a named role set it, else the rule's."""
    if isinstance(rule, Budget):
        return budget_limit(programme, rule)
    if overridden(rule, stated):
        own = stated["award.cap"]
        return own if isinstance(own, int) else None
    limit = stated.get("award.max_subsidy") if rule.limit_fen == AWARD_MAX else rule.limit_fen
    return limit if isinstance(limit, int) else None


def overridden(cap: Cap, stated: Mapping[str, FactValue]) -> bool:
    """Whether a role that the rule names has set another limit in the award."""
    roles = cap.override_by
    return "award.cap" in stated and isinstance(roles, tuple) and stated.get("award.cap_role") in roles


def budget_limit(programme: Programme, budget: Budget) -> int | None:
    """A budget's limit: its own, its share of another's, the less of both."""
    limits = [budget.limit_fen] if budget.limit_fen is not None else []
    if budget.share_of is not None:
        pool = next((one for one in programme.budgets if one.id == budget.share_of.pool), None)
        total = budget_limit(programme, pool) if pool is not None and pool is not budget else None
        ratio = budget.share_of.ratio
        if total is None or not isinstance(ratio, Fraction):
            return None
        limits.append(total * ratio.numerator // ratio.denominator)
    known = [limit for limit in limits if isinstance(limit, int)]
    return min(known) if known and len(known) == len(limits) else None


def with_day(facts: Facts) -> dict[str, FactValue]:
    """The stated facts, the day, and what all lines have in common."""
    stated: dict[str, FactValue] = {**facts.stated, "now": facts.on}
    lines = facts.lines
    if lines and all(line.kind == lines[0].kind for line in lines):
        stated["line.kind"] = lines[0].kind
    if lines and lines[0].stated:
        for name, value in lines[0].stated.items():
            if all(line.stated.get(name) == value for line in lines):
                stated[name] = value
    return stated
