"""Reads of redemption; tenancy is applied here and nowhere else.

Who sees a claim: the people of the claimant and of the holder, the people of the programme's office, and who
sees everything. A batch is the office's. A clawback is seen by the party it concerns and by the office.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from hesuan.errors import NotFound
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything, visible_to
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.paying import paying_terms
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement.gate import OFFICE_ROLES, SUPPLIER_FLOWS, stages
from hesuan.hub.settlement.models import (
    Batch,
    Claim,
    ClaimLine,
    Clawback,
    Dispute,
    Draw,
    FloatMovement,
    Instruction,
    Receipt,
    RedemptionStep,
    Settlement,
)

State = Claim.State


@dataclass(frozen=True, slots=True)
class Waiting:
    """On whom a claim waits, in the document's own word, and since when."""

    role: str
    label: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ClaimTotals:
    """Of one claim [fen]."""

    charge_fen: int
    subsidy_fen: int
    """As submitted."""
    net_fen: int
    """After credit notes, refused lines left out."""
    disputed_fen: int
    paid_fen: int


def claims(actor: Actor, *, programme_id: str = "", state: str = "") -> list[Claim]:
    """Every claim the actor may see, newest first."""
    found = _claims(actor)
    if programme_id:
        found = found.filter(programme_version__programme_id=programme_id)
    if state:
        found = found.filter(state=state)
    return list(found.order_by("-created_at", "-id"))


def claim(actor: Actor, claim_id: str) -> Claim:
    """One claim.

    Raises:
        NotFound: ``claim.not_found``, for strangers too.
    """
    found = _claims(actor).filter(pk=claim_id).first()
    if found is None:
        raise NotFound(errors.CLAIM_NOT_FOUND, claim=claim_id)
    return found


def lines(actor: Actor, claim_id: str) -> list[ClaimLine]:
    """The lines of a claim, in order.

    Raises:
        NotFound: ``claim.not_found``.
    """
    found = ClaimLine.objects.filter(claim=claim(actor, claim_id))
    return list(
        found.select_related("settlement__order", "voucher")
        .prefetch_related("adjustments", Prefetch("disputes", Dispute.objects.order_by("opened_at")))
        .order_by("number")
    )


def steps(actor: Actor, claim_id: str) -> list[RedemptionStep]:
    """What became of a claim, oldest first.

    Raises:
        NotFound: ``claim.not_found``.
    """
    return list(claim(actor, claim_id).steps.order_by("id"))


def waiting_on(one: Claim) -> Waiting | None:
    """Who has to act next; ``None`` when nobody has to."""
    last = one.steps.order_by("-id").first()
    since = last.at if last else one.created_at
    claimant = "centre_operator" if one.flow in SUPPLIER_FLOWS else "owner"
    match one.state:
        case State.DRAFT | State.MISMATCH:
            return Waiting(claimant, "claimant", since)
        case State.MATCHED | State.VERIFIED:
            stage = stages(paying_terms(one.programme_version_id))[one.stage]
            return Waiting(stage.role, stage.label, since)
        case State.PUBLICISED | State.APPROVED | State.PAYABLE:
            return Waiting("programme_officer", "programme_officer", since)
    return None


def totals(one: Claim) -> ClaimTotals:
    """What a claim comes to."""
    found = list(one.lines.prefetch_related("adjustments", "disputes"))
    net = {
        line.id: line.subsidy_fen + sum(a.after_fen - a.before_fen for a in line.adjustments.all())
        for line in found
        if line.state != ClaimLine.State.REFUSED
    }
    open_ones = [line for line in found if any(d.resolved_at is None for d in line.disputes.all())]
    return ClaimTotals(
        charge_fen=sum(line.charge_fen for line in found),
        subsidy_fen=sum(line.subsidy_fen for line in found),
        net_fen=sum(net.values()),
        disputed_fen=sum(net.get(line.id, 0) for line in open_ones),
        paid_fen=sum(one.payments.values_list("amount_fen", flat=True)),
    )


def claimable(actor: Actor, *, version_id: str, centre_id: str) -> list[Settlement]:
    """Settled orders that the actor could put into a claim under a version, oldest first.

    For a supplier: what vouchers of the version captured at the centre. For a user: what they paid there
    themselves. Only with a countersigned receipt, and in no living claim.

    Raises:
        NotFound: ``programme.not_found``, for strangers to a draft too.
    """
    terms = paying_terms(programmes.version(actor, version_id).id)
    signed = Receipt.objects.filter(state=Receipt.State.SIGNED).values("settlement_id")
    claimed = ClaimLine.objects.filter(live=True)
    if terms.flow in SUPPLIER_FLOWS:  # of an order that several programmes paid, each is claimed for its part
        claimed = claimed.filter(claim__programme_version_id=version_id)
    found = Settlement.objects.filter(pk__in=signed, order__centre_id=centre_id).exclude(
        pk__in=claimed.values("settlement_id")
    )
    if terms.flow in SUPPLIER_FLOWS:
        drawn = Draw.objects.filter(programme_version_id=version_id, captured_fen__gt=0)
        found = found.filter(
            visible_to(actor, "order__centre__organisation_id"), pk__in=drawn.values("settlement_id")
        )
    else:
        found = found.filter(visible_to(actor, "order__organisation_id"), voucher_id="", charge_fen__gt=0)
    return list(found.select_related("order__quote", "order__organisation").order_by("settled_at", "id"))


def batches(actor: Actor, programme_id: str = "") -> list[Batch]:
    """The batches of the actor's programmes, newest first."""
    found = _batches(actor)
    if programme_id:
        found = found.filter(programme_id=programme_id)
    return list(found.order_by("-opened_at", "-id"))


def batch(actor: Actor, batch_id: str) -> Batch:
    """One batch.

    Raises:
        NotFound: ``batch.not_found``.
    """
    found = _batches(actor).filter(pk=batch_id).first()
    if found is None:
        raise NotFound(errors.BATCH_NOT_FOUND, batch=batch_id)
    return found


def instructions(seen: Batch) -> list[Instruction]:
    """What the payers' banks were told to pay by a batch that the caller was shown."""
    return list(seen.instructions.select_related("party").order_by("party__name", "payer"))


def clawbacks(actor: Actor) -> list[Clawback]:
    """The clawbacks the actor may see, newest first."""
    return list(_clawbacks(actor).order_by("-due_at", "-id"))


def clawback(actor: Actor, clawback_id: str) -> Clawback:
    """One clawback.

    Raises:
        NotFound: ``clawback.not_found``.
    """
    found = _clawbacks(actor).filter(pk=clawback_id).first()
    if found is None:
        raise NotFound(errors.CLAWBACK_NOT_FOUND, clawback=clawback_id)
    return found


def float_movements(actor: Actor, *, programme_id: str, centre_id: str) -> list[FloatMovement]:
    """A supplier's float movement by movement, oldest first; to strangers it is empty."""
    mine = visible_to(actor, "centre__organisation_id") | Q(programme__office_id__in=offices(actor))
    found = FloatMovement.objects.filter(programme_id=programme_id, centre_id=centre_id)
    if not sees_everything(actor):
        found = found.filter(mine)
    return list(found.order_by("booked_at", "id"))


def offices(actor: Actor) -> list[str]:
    """The offices in which the actor works on claims."""
    return [
        one for one in sorted(actor.organisations()) if any(actor.has(role, one) for role in OFFICE_ROLES)
    ]


def _claims(actor: Actor) -> QuerySet[Claim]:
    found = Claim.objects.select_related(
        "programme_version__programme__office", "claimant", "holder", "centre", "voucher", "batch"
    )
    if sees_everything(actor):
        return found
    office = Q(programme_version__programme__office_id__in=offices(actor)) & ~Q(period="")
    return found.filter(visible_to(actor, "claimant_id") | visible_to(actor, "holder_id") | office)


def _batches(actor: Actor) -> QuerySet[Batch]:
    found = Batch.objects.select_related("programme__office")
    return found if sees_everything(actor) else found.filter(programme__office_id__in=offices(actor))


def _clawbacks(actor: Actor) -> QuerySet[Clawback]:
    found = Clawback.objects.select_related(
        "claim__programme_version__programme__office", "claim__claimant", "claim__holder", "party"
    )
    if sees_everything(actor):
        return found
    office = Q(claim__programme_version__programme__office_id__in=offices(actor))
    return found.filter(visible_to(actor, "party_id") | office)
