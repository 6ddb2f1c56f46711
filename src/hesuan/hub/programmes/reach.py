"""What of a programme the platform itself carries out today.

The engine decides under every rule of the schema. Carrying a decision out also takes accounts and steps: a
counter by contract, a payment to the user, a tranche released by a report. A version that asks for one the
platform does not have is loaded, shown and tried, and cannot be activated; it is never half carried out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from hesuan.hub.programmes.engine import DECLARED, SOLD, issues_nothing, planned_kind, sets_rates
from hesuan.hub.programmes.onrecord import BASE_TOTAL
from hesuan.policy.decision import NOT_EXECUTED
from hesuan.policy.fields import Open
from hesuan.policy.linter import Finding, lint
from hesuan.policy.predicates import All, AnyOf, Condition, Not, Pred, conditions, judge
from hesuan.policy.programme import AWARD_MAX, AWARD_RATE, Budget, Cap, Programme

UNITS = ("CNY",)
WINDOWS = ("calendar_year", "fiscal_year", "quarter", "call", "lifetime")
"""Beside these every ``rolling(…)``."""
KEYS = ("applicant", "group", "contract", "project", "funding_award", "award", "pool", "user_class")
KEYS_OF_USE = ("supplier", "pair", "centre")
"""Known only where a voucher is used."""
EVENTS = ("approval", "contract", "award_letter", "none")
FLOWS = ("deduct_pay_supplier", "reimburse_user", "prefund_supplier")
COUNTS = ("issued", "claims", "active", "held", "redeemed", "both")
COUNTED_AT_USE = ("deduct_pay_supplier", "prefund_supplier", "reimburse_user")
"""Flows in which an order, or the claim, holds the voucher, and with it the limits that count its use."""
AFTER_USE = ("reimburse_user",)
"""Flows for which nothing need be issued beforehand: the user has paid, and claims."""
ON_EXHAUST = ("reject", "partial")

TOLD = (*DECLARED, "award.", "call.id", "line.kind", "now")
"""Beginnings of the facts that applicant, office and platform state when something is issued."""
TOLD_AT_USE = ("centre.id", "resource.", "supplier.id", "supplier.admission_covers_contract_date")
"""Besides, where it is used."""

Lack = tuple[str, str]
"""A field, and what it says."""


def findings(document: Programme) -> tuple[Finding, ...]:
    """The linter's findings, then what is beyond the platform; what is open is the linter's to tell."""
    return (*lint(document), *beyond(document))


def beyond(document: Programme) -> tuple[Finding, ...]:
    """What the platform does not carry out of a document."""
    lacks = (*_amounts(document), *_metered(document), *_facts(document), *_steps(document))
    return tuple(
        Finding(NOT_EXECUTED, True, field, document.cite(field), {"field": field, "value": value})
        for field, value in lacks
    )


def _amounts(document: Programme) -> Iterator[Lack]:
    """Counters that the ledger does not keep."""
    if document.unit not in UNITS:
        yield "unit", document.unit
    for cap in document.caps:
        yield from _counter(document, cap)
    for budget in document.budgets:
        yield from _counter(document, budget)
        yield from _outside(f"{budget.path}.on_exhaust", budget.on_exhaust, ON_EXHAUST)


def _counter(document: Programme, limit: Cap | Budget) -> Iterator[Lack]:
    """A key or a window of which nobody tells the platform; use that neither order nor claim carries."""
    if document.flow not in COUNTED_AT_USE and limit.counts in ("held", "redeemed", "both"):
        yield f"{limit.path}.counts", str(limit.counts)
    used = limit.counts in ("held", "redeemed") or issues_nothing(document)
    known = (*KEYS, *KEYS_OF_USE) if used else KEYS
    if isinstance(limit.key, tuple) and not set(limit.key) <= set(known):
        yield f"{limit.path}.key", ", ".join(limit.key)
    if not str(limit.window).startswith("rolling"):
        yield from _outside(f"{limit.path}.window", limit.window, WINDOWS)
    yield from _outside(f"{limit.path}.counts", limit.counts, COUNTS)


def _metered(document: Programme) -> Iterator[Lack]:
    """Kinds of line of which none is sold here: a voucher would be issued for nothing, and pay nothing."""
    kinds = document.base.kinds if document.base else None
    if isinstance(kinds, tuple) and not set(kinds) & set(SOLD):
        yield "base.kinds", ", ".join(kinds)


def _facts(document: Programme) -> Iterator[Lack]:
    """Conditions on what neither the applicant states nor the office or the platform knows.

    A tier or limit that holds for no kind of line sold here is never reached, and may ask what it likes; so
    may, of what is issued beforehand, one that is not about the kind that is planned.
    """
    at_use = (*TOLD, *TOLD_AT_USE)
    at_issue = (*(at_use if issues_nothing(document) else TOLD), BASE_TOTAL)
    yield from _unknown("eligible", document.eligible, at_issue)
    for rule in document.supplier_rules:
        yield from _unknown("suppliers.require", rule, at_use)
    suppliers = document.terms.suppliers
    if suppliers is not None and suppliers.price_rule not in (None, "none"):
        yield from _outside("suppliers.price_rule", suppliers.price_rule, ())
    limits: tuple[Cap | Budget, ...] = (*document.caps, *document.budgets)
    for one in (*document.tiers, *limits):
        kinds = [kind for kind in SOLD if _may_hold(one.when, kind)]
        told = at_issue if planned_kind(document) in kinds or issues_nothing(document) else at_use
        yield from _unknown(f"{one.path}.when", one.when if kinds else None, told)


def _may_hold(when: object, kind: str) -> bool:
    return _is_rule(when) and judge(when, {"line.kind": kind}).truth is not False


def _unknown(field: str, rule: object, told: tuple[str, ...]) -> Iterator[Lack]:
    asked = conditions(rule) if _is_rule(rule) else []
    names = dict.fromkeys(one.fact for one in asked if not one.fact.startswith(told))
    if names:
        yield field, ", ".join(names)


def _is_rule(value: object) -> TypeGuard[Pred]:
    return isinstance(value, Condition | All | AnyOf | Not)


def _steps(document: Programme) -> Iterator[Lack]:
    """Steps that nobody would take."""
    yield from _outside("issuance.event", document.event, EVENTS)
    yield from _outside("settlement.flow", document.flow, FLOWS)
    if issues_nothing(document):
        yield from _of_an_issue(document)
    elif isinstance(document.set_by, str):  # what is issued has its rate from the approver's award
        yield "rates.set_by", document.set_by
    terms = document.terms
    issuance, settlement = terms.issuance, terms.settlement
    present = {
        "exchange": terms.exchange,
        "settlement.schedule": settlement and settlement.schedule,
    }
    for field, value in present.items():
        if value:
            yield field, field.rpartition(".")[2]
    if issuance is not None and issuance.transferable == "true":
        yield "issuance.transferable", "true"
    if issuance is not None:
        yield from _outside("issuance.selection", issuance.selection, ("fcfs",))
        if isinstance(issuance.publicity_days, Open):
            yield "issuance.publicity_days", "?"


def _of_an_issue(document: Programme) -> Iterator[Lack]:
    """What only an application can bring, where the claim after use is the application.

    Nobody sets a limit for one claim, nor a rate where ``rates.set_by`` names nobody; nothing is released
    piece by piece, and who looks at a claim stands under ``settlement.steps``.
    """
    if document.flow in FLOWS:
        yield from _outside("settlement.flow", document.flow, AFTER_USE)
    for tier in document.tiers:
        unset = tier.rate_kind == "ceiling" and not sets_rates(document)
        if tier.rate == AWARD_RATE or unset:
            yield f"{tier.path}.rate_kind", "ceiling"
    for cap in document.caps:
        if cap.limit_fen == AWARD_MAX:
            yield f"{cap.path}.limit", AWARD_MAX
    issuance = document.terms.issuance
    present = {
        "issuance.tranches": issuance and issuance.tranches,
        "issuance.auto_approve": issuance and issuance.auto_approve,
        "issuance.else_steps": issuance and issuance.else_steps,
    }
    for field, value in present.items():
        if value:
            yield field, field.rpartition(".")[2]


def _outside(field: str, value: object, known: tuple[str, ...]) -> Iterator[Lack]:
    if isinstance(value, str) and value not in known:
        yield field, value
