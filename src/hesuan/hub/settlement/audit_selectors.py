"""Reads of sampled audits and bank statements; the office's alone, but a claim's draws its parties' too."""

from __future__ import annotations

from hesuan.errors import NotFound
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.errors import PROGRAMME_NOT_FOUND
from hesuan.hub.programmes.models import Programme
from hesuan.hub.settlement import audit_errors as errors
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.models import AuditPlan, BankStatement, SampledAudit


def programme(actor: Actor, programme_id: str) -> Programme:
    """A programme of the actor's office.

    Raises:
        NotFound: ``programme.not_found``, for strangers to its office too, however public it is.
    """
    found = programmes.programme(actor, programme_id)
    if not _is_theirs(actor, found.office_id):
        raise NotFound(PROGRAMME_NOT_FOUND, programme=programme_id)
    return found


def plans(actor: Actor, programme_id: str) -> list[AuditPlan]:
    """A programme's audit plans, newest first.

    Raises:
        NotFound: ``programme.not_found``, for strangers to its office too.
    """
    return list(
        AuditPlan.objects.filter(programme=programme(actor, programme_id)).order_by("-proposed_at", "-id")
    )


def plan(actor: Actor, plan_id: str) -> AuditPlan:
    """One plan.

    Raises:
        NotFound: ``audit_plan.not_found``, for strangers to its office too.
    """
    found = AuditPlan.objects.select_related("programme__office").filter(pk=plan_id).first()
    if found is None or not _is_theirs(actor, found.programme.office_id):
        raise NotFound(errors.PLAN_NOT_FOUND, plan=plan_id)
    return found


def audits(actor: Actor, claim_id: str) -> list[SampledAudit]:
    """The draws of a claim, oldest first.

    Raises:
        NotFound: ``claim.not_found``.
    """
    return list(reads.claim(actor, claim_id).audits.order_by("id"))


def bank_statements(actor: Actor, programme_id: str) -> list[BankStatement]:
    """What was loaded for a programme, newest first; to strangers to its office it is empty."""
    rows = BankStatement.objects.filter(programme_id=programme_id)
    if not sees_everything(actor):
        rows = rows.filter(programme__office_id__in=reads.offices(actor))
    return list(rows.order_by("-loaded_at", "-id"))


def bank_statement(actor: Actor, statement_id: str) -> BankStatement:
    """One statement.

    Raises:
        NotFound: ``bank_statement.not_found``.
    """
    found = BankStatement.objects.select_related("programme").filter(pk=statement_id).first()
    if found is None or not _is_theirs(actor, found.programme.office_id):
        raise NotFound(errors.STATEMENT_NOT_FOUND, statement=statement_id)
    return found


def _is_theirs(actor: Actor, office_id: str) -> bool:
    return sees_everything(actor) or office_id in reads.offices(actor)
