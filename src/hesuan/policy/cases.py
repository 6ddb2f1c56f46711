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

from hesuan.errors import Faults, InputFault, declare
from hesuan.money import decimal_yuan
from hesuan.policy.decision import Counters, Decision, Facts
from hesuan.policy.document import read
from hesuan.policy.evaluator import decide
from hesuan.policy.fields import Fields, Interpretation, Reading
from hesuan.policy.nodes import Scalar, Sequence
from hesuan.policy.programme import Programme
from hesuan.policy.requests import moneys, request, used
from hesuan.policy.schema import load, read_interpretation
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
    before = fields.section("used", used, required=False) or ({}, {}, None)
    expect, shares, left = fields.section("expect", _expect) or ({}, {}, {})
    name, other = fields.name("id"), fields.text("reading", required=False)
    # Where a member is a fault, the file as a whole is; the case is then never looked at.
    facts = request(fields) or Facts(event="issue", on=date.min, lines=())
    counters = Counters(caps=before[0], budgets=before[1], voucher_fen=before[2])
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


def _expect(fields: Fields) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    plain = {name: value for name in PLAIN if isinstance(value := fields.text(name, required=False), str)}
    shares, left = moneys(fields, "shares"), moneys(fields, "left")
    return plain, _decimal(shares), _decimal(left)


def _decimal(amounts: Values[str, int]) -> dict[str, str]:
    return {name: decimal_yuan(fen) for name, fen in amounts.items()}
