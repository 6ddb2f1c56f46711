"""A small programme whose rules a test can change one at a time."""

from __future__ import annotations

from datetime import date

from hesuan.policy.decision import Counters, Decision, Facts, Line
from hesuan.policy.evaluator import decide
from hesuan.policy.predicates import FactValue
from hesuan.policy.programme import Programme
from hesuan.policy.schema import load

BASE = """\
schema: 1
programme: test.rules
version: 1
title: A test
issuer: Nobody
evidence: O
unit: CNY
period: {from: 2025-01-01, to: 2026-12-31}
budgets: [{id: year, window: calendar_year, limit: "1000000.00", counts: issued, on_exhaust: reject}]
funding: [{payer: city, share: 1/1}]
eligible: {all: ["relation.related_party == false"]}
suppliers: {registry: [pool]}
base: {measure: usage_fee, kinds: [compute], tax: incl}
rates: {select: first, tiers: [{id: all, when: {all: []}, rate: 30/100, rate_kind: exact}]}
floors: []
caps: [{id: unit_year, key: [applicant], window: calendar_year, limit: "200000.00", counts: issued}]
stacking: {mode: forbid}
issuance: {event: approval, validity: P12M}
settlement: {flow: deduct_pay_supplier}
rounding: {quantum: "0.01", mode: floor, stages: [subsidy]}
"""

OPEN = Counters(caps={"unit_year": 0}, budgets={"year": 0})


def text_with(*lines: str) -> str:
    """The small programme with whole top-level lines replaced, or added, by key."""
    kept = BASE.splitlines()
    for line in lines:
        key = line.partition(":")[0] + ":"
        at = next((i for i, old in enumerate(kept) if old.startswith(key)), None)
        if at is None:
            kept.append(line)
        else:
            kept[at] = line
    return "\n".join(kept) + "\n"


def rules_with(*lines: str) -> Programme:
    return load(text_with(*lines), source="t.yaml")


def ask(
    programme: Programme,
    amount_fen: int = 10_000_00,
    *,
    counters: Counters = OPEN,
    lines: tuple[Line, ...] = (),
    stated: dict[str, FactValue] | None = None,
    on: date = date(2025, 6, 1),
    registries: frozenset[str] | None = frozenset({"pool"}),
    other_aid_fen: int = 0,
) -> Decision:
    facts = Facts(
        event="issue",
        on=on,
        lines=lines or (Line("compute", amount_fen),),
        stated={"relation.related_party": False, **(stated or {})},
        registries=registries,
        other_aid_fen=other_aid_fen,
    )
    return decide(programme, facts, counters)


def codes(decision: Decision) -> list[str]:
    return [failure.code.name for failure in decision.failures]
