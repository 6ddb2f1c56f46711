"""Numeric cases beside a programme: what the rule gives for stated facts, worked by hand.

A file ``<programme>.cases.yaml`` holds ``interpretations`` that only these cases use, and ``cases``::

    cases:
      - id: henan_6a
        source: "where the figures come from"
        event: issue
        on: 2023-06-01
        lines: [{kind: compute, amount: "3200000.00"}]
        facts: {applicant.kind: university}
        used: {caps: {applicant_year: "0.00"}, budgets: {province_year: "0.00"}}
        expect: {subsidy: "640000.00", shares: {province: "320000.00", city: "320000.00"}}

A line may carry facts of its own (``facts: {resource.provenance: domestic}``) and the day the meter counted
it (``on``). Other public money is a register: ``aid: [{authority: beijing, scope: contract, amount: 1.00}]``.
``used`` counts claims, too, in hundredths: one claim is ``"1.00"``.

Where an open rule may be decided in more than one way, ``readings`` names each other way, and a case says
under which it was worked; without, the document's own interpretations hold::

    readings: [{id: front_load, interpretations: [{field: redemption.drawdown, value: front_load, …}]}]
    cases: [{id: t5c_front_load, reading: front_load, …}]

``status`` says what the file's author expects of the programme: ``runnable`` (every figure is published),
``assumptions`` (what is paid rests on a recorded decision about a rule), ``refused`` (it cannot be
activated), with ``why`` in both languages and, where refused, every ``open`` rule. Units that are metered,
released and taken back have cases of their own: ``charges``, ``releases``, ``reductions``
(:mod:`hesuan.policy.unit_cases`).

An office ships them with its programme, so that a change of the rule or of the engine that changes money is
seen before it is lived.
"""

from __future__ import annotations

from collections.abc import Mapping as Values
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Literal, cast

from hesuan.errors import Faults, InputFault, declare
from hesuan.money import decimal_yuan, parse_yuan
from hesuan.policy.decision import Aid, Counters, Decision, Facts, Line
from hesuan.policy.document import read
from hesuan.policy.evaluator import decide
from hesuan.policy.fields import WRONG_SHAPE, Fields, Interpretation, Open, Reading
from hesuan.policy.nodes import Mapping, Scalar, Sequence
from hesuan.policy.predicates import FactValue, parse_fact
from hesuan.policy.programme import Programme
from hesuan.policy.schema import load, read_interpretation
from hesuan.policy.sections import AID_SCOPES, LINE_KINDS
from hesuan.policy.unit_cases import UnitCase, charge_case, reduction_case, release_case

STATUSES = ("runnable", "assumptions", "refused")
PLAIN = (
    "subsidy",
    "copay",
    "gross",
    "base",
    "tier",
    "refused",
    "field",
    "voucher_left",
    "recover",
    "queued",
    "auto_approved",
)
"""Members of ``expect`` that are one value."""

NO_SUCH_READING = declare(
    "policy.no_such_reading",
    en="`{value}` is not one of this file's readings: {options}.",
    zh="“{value}”不是本文件的解读之一：{options}。",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One request and what is expected of it; a member of ``expect`` that is empty is not compared."""

    id: str
    where: str
    facts: Facts
    counters: Counters
    expect: dict[str, str]
    """``subsidy``, ``gross``, ``copay``, ``base``, ``recover`` as money; ``refused`` as a code, ``field`` as
    a path; ``tier``; ``queued`` as true or false."""
    shares: dict[str, str]
    left: dict[str, str]
    """Cap or budget → what is left of it afterwards."""
    reading: str = ""
    """Under which other decision of open rules it was worked; empty: the document's own."""

    def differences(self, programme: Programme) -> list[str]:
        """Every difference from what was expected."""
        return run_case(programme, self)[1]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of one programme and the interpretations they were worked under."""

    interpretations: tuple[Interpretation, ...]
    cases: tuple[Case, ...]
    units: tuple[UnitCase, ...] = ()
    """Charges, releases and reductions of units."""
    readings: Values[str, tuple[Interpretation, ...]] = field(default_factory=dict)
    status: str = ""
    why: Values[str, str] = field(default_factory=dict)
    """Language → what the status rests on."""
    open: tuple[str, ...] = ()
    """The rules that keep it from being activated, where it is refused."""

    @property
    def all(self) -> tuple[Case | UnitCase, ...]:
        """Every case, of whatever kind."""
        return (*self.cases, *self.units)

    def programme(self, case: Case | UnitCase, text: str, *, source: str) -> Programme:
        """The document as a case reads it."""
        instead = self.readings.get(case.reading, ())
        return load(text, source=source, extra=self.interpretations, instead=instead)


def load_cases(text: str, *, source: str) -> CaseFile:
    """Reads a file of cases.

    Raises:
        Faults: everything that is wrong with it.
    """
    reading = Reading(source)
    fields = Fields(reading, read(text, source=source), "")
    fields.text("programme")
    status = fields.choice("status", STATUSES, required=False)
    found = CaseFile(
        interpretations=fields.entries("interpretations", read_interpretation, required=False),
        readings=dict(fields.entries("readings", _reading, name_key="id", required=False)),
        cases=fields.entries("cases", _case, name_key="id", required=False),
        units=(
            *fields.entries("charges", charge_case, name_key="id", required=False),
            *fields.entries("releases", release_case, name_key="id", required=False),
            *fields.entries("reductions", reduction_case, name_key="id", required=False),
        ),
        status=status if isinstance(status, str) else "",
        why=fields.section("why", _why, required=False) or {},
        open=_texts(fields, "open"),
    )
    fields.finish()
    for case in found.all:
        if case.reading and case.reading not in found.readings:
            options = ", ".join(found.readings) or "–"
            reading.fault(InputFault(NO_SUCH_READING, where=case.where, value=case.reading, options=options))
    if reading.faults:
        raise Faults(reading.faults)
    return found


def run_case(programme: Programme, case: Case) -> tuple[Decision, list[str]]:
    """The decision, and every difference from what was expected, one line each."""
    decision = decide(programme, case.facts, case.counters)
    got = {
        "subsidy": decimal_yuan(decision.subsidy_fen),
        "copay": decimal_yuan(decision.copay_fen),
        "gross": decimal_yuan(int(decision.gross)),
        "base": decimal_yuan(int(decision.base)),
        "refused": ", ".join(failure.code.name for failure in decision.failures),
        "field": ", ".join(failure.field for failure in decision.failures),
        "tier": decision.tier,
        "recover": decimal_yuan(decision.recover_fen),
        "queued": str(decision.queued).lower(),
        "auto_approved": str(decision.auto_approved).lower(),
    }
    if case.counters.voucher_fen is not None:
        got["voucher_left"] = decimal_yuan(case.counters.voucher_fen - decision.subsidy_fen)
    shares = {share.payer: decimal_yuan(share.fen) for share in decision.shares}
    left = {
        name: decimal_yuan(fen) for name, fen in {**decision.cap_left_fen, **decision.budget_left_fen}.items()
    }
    differences = [
        f"{case.where}: {case.id}: {name} is {actual.get(name, 'absent')}, expected {wanted}"
        for expected, actual in ((case.expect, got), (case.shares, shares), (case.left, left))
        for name, wanted in expected.items()
        if actual.get(name) != wanted
    ]
    return decision, differences


def _case(fields: Fields) -> Case:
    reading = fields.reading
    fields.text("source")
    used = fields.section("used", _used, required=False) or ({}, {}, None)
    expect, shares, left = fields.section("expect", _expect) or ({}, {}, {})
    lines = fields.entries("lines", _line)
    event = fields.choice("event", ("issue", "redeem"))
    on = fields.date("on")
    registries = fields.names("registries", required=False)
    other_aid = fields.money("other_aid", required=False)
    aid = fields.entries("aid", _aid, required=False)
    name, other = fields.name("id"), fields.text("reading", required=False)
    facts = Facts(
        event=cast('Literal["issue", "redeem"]', event if isinstance(event, str) else "issue"),
        on=on if isinstance(on, date) else date.min,
        lines=lines,
        stated=_facts(fields),
        registries=frozenset(registries) if isinstance(registries, tuple) else None,
        other_aid_fen=other_aid if isinstance(other_aid, int) else 0,
        aid=aid,
    )
    counters = Counters(caps=used[0], budgets=used[1], voucher_fen=used[2])
    where = reading.where(fields.mark)
    return Case(name, where, facts, counters, expect, shares, left, other if isinstance(other, str) else "")


def _reading(fields: Fields) -> tuple[str, tuple[Interpretation, ...]]:
    return fields.name("id"), fields.entries("interpretations", read_interpretation)


def _why(fields: Fields) -> dict[str, str]:
    en, zh = fields.text("en"), fields.text("zh")
    return {"en": en if isinstance(en, str) else "", "zh": zh if isinstance(zh, str) else ""}


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    """A list of texts."""
    node = fields.take(key, required=False, money=False)
    return (
        tuple(item.text for item in node.items if isinstance(item, Scalar))
        if isinstance(node, Sequence)
        else ()
    )


def _line(fields: Fields) -> Line:
    kind = fields.choice("kind", LINE_KINDS)
    amount, tax = fields.money("amount"), fields.money("tax", required=False)
    on = fields.date("on", required=False)
    return Line(
        kind=kind if isinstance(kind, str) else "",
        amount_fen=amount if isinstance(amount, int) else 0,
        tax_fen=tax if isinstance(tax, int) else 0,
        stated=_facts(fields),
        on=on if isinstance(on, date) else None,
    )


def _aid(fields: Fields) -> Aid:
    authority = fields.text("authority", required=False)
    scope = fields.choice("scope", AID_SCOPES, required=False)
    amount, rate = fields.money("amount"), fields.ratio("rate", required=False)
    programme = fields.text("programme", required=False)
    return Aid(
        authority=authority if isinstance(authority, str) else "",
        scope=scope if isinstance(scope, str) else "",
        amount_fen=amount if isinstance(amount, int) else 0,
        programme=programme if isinstance(programme, str) else "",
        rate=rate if isinstance(rate, Fraction) else None,
    )


def _used(fields: Fields) -> tuple[dict[str, int], dict[str, int], int | None]:
    voucher = fields.money("voucher", required=False)
    return _moneys(fields, "caps"), _moneys(fields, "budgets"), voucher if isinstance(voucher, int) else None


def _expect(fields: Fields) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    plain = {name: value for name in PLAIN if isinstance(value := fields.text(name, required=False), str)}
    shares, left = _moneys(fields, "shares"), _moneys(fields, "left")
    return plain, _decimal(shares), _decimal(left)


def _decimal(amounts: Values[str, int]) -> dict[str, str]:
    return {name: decimal_yuan(fen) for name, fen in amounts.items()}


def _moneys(fields: Fields, key: str) -> dict[str, int]:
    """A mapping of any names to money."""
    found: dict[str, int] = {}
    for name, text, where in _members(fields, key):
        try:
            found[name] = parse_yuan(text, where=where)
        except InputFault as fault:
            fields.reading.fault(fault)
    return found


def _facts(fields: Fields) -> dict[str, FactValue]:
    found: dict[str, FactValue] = {}
    for name, value, where in _members(fields, "facts", lists=True):
        try:
            found[name] = parse_fact(name, value, where=where)
        except InputFault as fault:
            fields.reading.fault(fault)
    return found


def _members(fields: Fields, key: str, *, lists: bool = False) -> list[tuple[str, str | list[str], str]]:
    """Name, text (or texts) and place of every member of a mapping."""
    node = fields.take(key, required=False, money=False)
    if node is None or isinstance(node, Open):
        return []
    reading = fields.reading
    shapes = (Scalar, Sequence) if lists else Scalar
    if not isinstance(node, Mapping) or not all(isinstance(member.value, shapes) for member in node):
        where = reading.where(node.mark)
        reading.fault(InputFault(WRONG_SHAPE, where=where, key=fields.path_of(key), expected="a mapping"))
        return []
    return [
        (
            member.key.text,
            member.value.text
            if isinstance(member.value, Scalar)
            else [item.text for item in cast("Sequence", member.value).items if isinstance(item, Scalar)],
            reading.where(member.value.mark),
        )
        for member in node
    ]
