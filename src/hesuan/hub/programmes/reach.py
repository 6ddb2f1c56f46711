"""What of a programme the platform itself carries out today.

The engine decides under every rule of the schema. Carrying a decision out also takes accounts and steps: a
counter by contract, a payment to the user, a tranche released by a report. A version that asks for one the
platform does not have is loaded, shown and tried, and cannot be activated; it is never half carried out.
"""

from __future__ import annotations

from collections.abc import Iterator

from hesuan.policy.decision import NOT_EXECUTED
from hesuan.policy.fields import Open
from hesuan.policy.linter import Finding, lint
from hesuan.policy.programme import Programme

UNITS = ("CNY",)
WINDOWS = ("calendar_year", "lifetime")
EVENTS = ("approval", "contract", "award_letter")
FLOWS = ("deduct_pay_supplier", "reimburse_user", "prefund_supplier")
COUNTS = ("issued",)
ON_EXHAUST = ("reject", "partial")

Lack = tuple[str, str]
"""A field, and what it says."""


def findings(document: Programme) -> tuple[Finding, ...]:
    """The linter's findings, then what is beyond the platform; what is open is the linter's to tell."""
    beyond = [
        Finding(NOT_EXECUTED, True, field, document.cite(field), {"field": field, "value": value})
        for field, value in (*_amounts(document), *_steps(document))
    ]
    return (*lint(document), *beyond)


def _amounts(document: Programme) -> Iterator[Lack]:
    """Counters that the ledger does not keep."""
    if document.unit not in UNITS:
        yield "unit", document.unit
    for cap in document.caps:
        if isinstance(cap.key, tuple) and cap.key != ("applicant",):
            yield f"{cap.path}.key", ", ".join(cap.key)
        yield from _outside(f"{cap.path}.window", cap.window, WINDOWS)
        yield from _outside(f"{cap.path}.counts", cap.counts, COUNTS)
        if isinstance(cap.limit_fen, str):
            yield f"{cap.path}.limit", cap.limit_fen
        if cap.when is not None or cap.tiers is not None or cap.override_by is not None:
            yield cap.path, cap.id
    for budget in document.budgets:
        yield from _outside(f"{budget.path}.window", budget.window, WINDOWS)
        yield from _outside(f"{budget.path}.counts", budget.counts, COUNTS)
        yield from _outside(f"{budget.path}.on_exhaust", budget.on_exhaust, ON_EXHAUST)
        if budget.key is not None or budget.share_of is not None or budget.when is not None:
            yield budget.path, budget.id


def _steps(document: Programme) -> Iterator[Lack]:
    """Steps that nobody would take."""
    yield from _outside("issuance.event", document.event, EVENTS)
    yield from _outside("settlement.flow", document.flow, FLOWS)
    terms = document.terms
    issuance, settlement = terms.issuance, terms.settlement
    present = {
        "exchange": terms.exchange,
        "expiry": terms.expiry if terms.expiry and terms.expiry.mode != "lapse" else None,
        "issuance.tranches": issuance and issuance.tranches,
        "settlement.schedule": settlement and settlement.schedule,
    }
    for field, value in present.items():
        if value:
            yield field, field.rpartition(".")[2]
    if issuance is not None:
        yield from _outside("issuance.selection", issuance.selection, ("fcfs",))
        if isinstance(issuance.publicity_days, Open):
            yield "issuance.publicity_days", "?"


def _outside(field: str, value: object, known: tuple[str, ...]) -> Iterator[Lack]:
    if isinstance(value, str) and value not in known:
        yield field, value
