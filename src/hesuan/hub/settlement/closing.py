"""The end of a claim: reconciled, its time for audits over, nothing open. Nothing of it changes any more."""

from __future__ import annotations

from datetime import date, timedelta

from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes.paying import last_day, paying_terms
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement import audit_errors as errors
from hesuan.hub.settlement import gate, sampling
from hesuan.hub.settlement.claims import locked
from hesuan.hub.settlement.clawing import left_of
from hesuan.hub.settlement.models import Claim, Clawback, Dispute
from hesuan.hub.settlement.payables import due
from hesuan.money import format_yuan

State = Claim.State


def close(*, actor: Actor, claim_id: str, note: str = "") -> Claim:
    """Closes a reconciled claim; no credit note, no clawback and no later version reaches it any more.

    Args:
        actor: A programme officer or approver of the office who did not pay it.
        claim_id: The claim.
        note: What was looked at.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.same_person``,
            ``claim.wrong_state``, ``claim.no_window``, ``claim.window_runs``, ``claim.still_open``.
    """
    verb = ("Closing", "关闭")
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("programme_officer", "approver"), verb)
        if claim.state == State.CLOSED:
            return claim
        gate.need_state(claim, (State.RECONCILED,), verb)
        gate.need_another(actor, claim, ("paid",), verb)
        until, today = open_until(claim), programme_day(timezone.now())
        if until is None:
            raise Refused(errors.NO_WINDOW, claim=claim.id, programme=claim.programme_version.programme_id)
        if today <= until:
            raise Refused(errors.WINDOW_RUNS, claim=claim.id, until=until, today=today)
        _need_nothing_open(claim)
        gate.move(
            claim,
            State.CLOSED,
            trigger="claim_closed",
            actor=actor,
            reason=note,
            public={"until": until.isoformat()},
        )
    return claim


def open_until(claim: Claim) -> date | None:
    """The last day on which a paid claim is open to an audit: the document's, or the plan's if it is later.

    ``None`` where nobody said how long.
    """
    paid_at = claim.payments.order_by("-paid_at").values_list("paid_at", flat=True).first()
    day = programme_day(paid_at or claim.created_at)
    plan = sampling.plan_in_force(claim.programme_version.programme_id)
    said = paying_terms(claim.programme_version_id).retention
    ends = [last_day(said, day)] if said else []
    if plan is not None:
        ends.append(day + timedelta(days=plan.window_days))
    return max(ends, default=None)


def _need_nothing_open(claim: Claim) -> None:
    owed = sum(sum(left_of(one).values()) for one in claim.clawbacks.filter(state=Clawback.State.DUE))
    disputes = Dispute.objects.filter(line__claim=claim, resolved_at=None).count()
    payable = sum(due(claim).values())
    if owed or disputes or payable:
        raise Refused(
            errors.STILL_OPEN,
            claim=claim.id,
            due=format_yuan(owed),
            disputes=disputes,
            payable=format_yuan(payable),
        )
