"""An application before the policy engine: its facts, what is used already, and the answer."""

from __future__ import annotations

from datetime import datetime

from hesuan.errors import Refused
from hesuan.hub.programmes import counting, engine, errors, onrecord, rules
from hesuan.hub.programmes.models import Application
from hesuan.money import format_yuan
from hesuan.policy.decision import (
    AWARD_LIMIT_MISSING,
    AWARD_RATE_MISSING,
    FACT_MISSING,
    Decision,
    Facts,
    Failure,
    Line,
)
from hesuan.policy.evaluator import decide
from hesuan.wire.canonical import Json


def judge_application(application: Application, at: datetime) -> Decision:
    """What the application's version gives it at a moment; without the programme's lock, a preview."""
    document = engine.within_a_call(engine.programme_of(application.programme_version))
    facts = facts_of(application, at)
    return decide(document, facts, counting.read(document, facts))


def facts_of(application: Application, at: datetime) -> Facts:
    """What the engine is told of an application; whose it is and which award it is, are counters' keys."""
    stated = onrecord.facts_at(application, at)
    document = engine.programme_of(application.programme_version)
    return Facts(
        event="issue",
        on=rules.programme_day(at),
        lines=(Line(engine.planned_kind(document), application.planned_fen),),
        stated={
            **engine.stated({**stated, **of_the_award(application)}),
            "applicant.id": application.organisation_id,
        },
        aid=onrecord.aid_of(application.organisation_id, stated, invoice_fen=application.planned_fen, at=at),
    )


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
