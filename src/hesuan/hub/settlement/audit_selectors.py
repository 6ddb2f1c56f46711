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
from hesuan.hub.settlement.models import AuditPlan, BankStatement, Claim, Payment, SampledAudit

PAID = (Claim.State.PAID, Claim.State.RECONCILED)


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


def draws(actor: Actor, programme_id: str) -> list[SampledAudit]:
    """Every draw of a programme's claims, newest first.

    Raises:
        NotFound: ``programme.not_found``, for strangers to its office too.
    """
    rows = SampledAudit.objects.filter(claim__programme_version__programme=programme(actor, programme_id))
    return list(rows.select_related("claim__claimant").order_by("-drawn_at", "-id"))


def undrawn_periods(actor: Actor, programme_id: str) -> list[str]:
    """The quarters in which claims were paid that have not drawn as paid ones, newest first.

    Raises:
        NotFound: ``programme.not_found``, for strangers to its office too.
    """
    found = programme(actor, programme_id)
    paid = Claim.objects.filter(programme_version__programme=found, state__in=PAID)
    left = paid.exclude(audits__from_state__in=PAID).exclude(period="")
    return sorted(set(left.values_list("period", flat=True)), reverse=True)


def payers(actor: Actor, programme_id: str) -> list[str]:
    """Who has paid claims of a programme: whose bank statements can be compared with the books.

    Raises:
        NotFound: ``programme.not_found``, for strangers to its office too.
    """
    here = Payment.objects.filter(claim__programme_version__programme=programme(actor, programme_id))
    return sorted(set(here.values_list("payer", flat=True)))


def unreconciled(actor: Actor, programme_id: str) -> list[Payment]:
    """Payments that moved cash and were not found at the bank yet, oldest first.

    Raises:
        NotFound: ``programme.not_found``, for strangers to its office too.
    """
    here = Payment.objects.filter(claim__programme_version__programme=programme(actor, programme_id))
    rows = here.filter(reconciled=None).select_related("claim__claimant").order_by("paid_at", "id")
    return [one for one in rows if one.cash_fen]


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
