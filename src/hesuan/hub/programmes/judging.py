"""An application before the policy engine: its facts, what is used already, and the answer."""

from __future__ import annotations

from datetime import datetime

from hesuan.errors import Refused
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, engine, errors, onrecord, rules
from hesuan.hub.programmes.models import Application, BudgetYear
from hesuan.money import format_yuan
from hesuan.policy.decision import (
    AWARD_LIMIT_MISSING,
    AWARD_RATE_MISSING,
    FACT_MISSING,
    Counters,
    Decision,
    Facts,
    Failure,
    Line,
)
from hesuan.policy.evaluator import decide
from hesuan.policy.programme import Programme as Document
from hesuan.wire.canonical import Json


def judge_application(application: Application, at: datetime) -> Decision:
    """What the application's version gives it at a moment; without the programme's lock, a preview."""
    document = engine.within_a_call(engine.programme_of(application.programme_version))
    stated = onrecord.facts_at(application, at)
    aid = onrecord.aid_of(application.organisation_id, stated, invoice_fen=application.planned_fen, at=at)
    facts = Facts(
        event="issue",
        on=rules.programme_day(at),
        lines=(Line(engine.LINE_KIND, application.planned_fen),),
        stated=engine.stated({**stated, **of_the_award(application)}),
        aid=aid,
    )
    return decide(document, facts, counters(document, application.organisation_id, at))


def of_the_award(application: Application) -> dict[str, Json]:
    """What the hub and the approver know of this application alone."""
    known: dict[str, Json] = {"award.id": application.id}
    if application.call_id:
        known["call.id"] = application.call_id
    return {**known, **application.award}


def awaits_award(decision: Decision) -> bool:
    """Whether nothing stands in the way but what the approver has still to set, such as the award's rate."""
    return not decision.granted and all(_is_of_the_award(one) for one in decision.failures)


def _is_of_the_award(failure: Failure) -> bool:
    if failure.code in (AWARD_RATE_MISSING, AWARD_LIMIT_MISSING):
        return True
    return failure.code is FACT_MISSING and str(failure.facts["fact"]).startswith("award.")


def refuse_ungranted(application: Application, decision: Decision) -> None:
    """Raises: Refused: ``application.not_eligible`` with every reason; ``application.nothing_granted``."""
    if not decision.granted:
        raise Refused(errors.NOT_ELIGIBLE, **errors.numbered(decision.failures))
    if decision.subsidy_fen == 0:
        raise Refused(
            errors.NOTHING_GRANTED,
            planned=format_yuan(application.planned_fen),
            subsidy=format_yuan(decision.subsidy_fen),
        )


def counters(document: Document, organisation_id: str, at: datetime) -> Counters:
    """What is used of every cap and budget in the windows a moment falls into, read from the ledger."""
    day = rules.programme_day(at)
    money, caps = accounts.ledger_of(document.id), accounts.caps_ledger_of(document.id)
    used_caps, used_budgets = {}, {}
    for cap in document.caps:
        assert isinstance(cap.window, str), "the linter saw to it"
        key = accounts.cap_account(cap.id, organisation_id, rules.window_of(cap.window, day))
        used_caps[cap.id] = balances.balance(caps, key).debits_posted if balances.exists(caps, key) else 0
    for budget in document.budgets:
        assert isinstance(budget.window, str), "the linter saw to it"
        window = rules.window_of(budget.window, day)
        row = BudgetYear.objects.filter(programme_id=document.id, budget=budget.id, window=window).first()
        left = balances.balance(money, accounts.BUDGET).available_fen if row and not row.closed_at else 0
        used_budgets[budget.id] = row.funded_fen - left if row else 0
    return Counters(caps=used_caps, budgets=used_budgets)
