"""The office's verbs on a claim: verify, approve, return, reject, and make payable; no two by one person."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from hesuan.errors import InputFault, Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes.paying import PayingTerms, paying_terms
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import gate, payables, sampling, setting
from hesuan.hub.settlement.claims import give_up, locked
from hesuan.hub.settlement.holds import RATE_SET, release_holds
from hesuan.hub.settlement.models import Claim
from hesuan.wire.canonical import Json

State = Claim.State
ACTED = (
    "opened",
    "submitted",
    "corrected",
    "matched",
    "mismatch",
    "waived",
    RATE_SET,
    "verified",
    "approved",
)
"""Steps after which the same person takes no further one of these."""


def verify(*, actor: Actor, claim_id: str, note: str = "", rate: str = "") -> Claim:
    """The next of the document's roles has looked at the claim and agrees.

    Args:
        actor: Who speaks for that role and took no other step.
        claim_id: The claim.
        note: What was looked at; where a rate is set, why that one.
        rate: At the step that the document lets set it (``rates.set_by``), the claim's rate; else empty.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.same_person``,
            ``claim.wrong_state``, ``claim.rate_outside``; ``claim.nothing_paid`` by the rate that is set.
        InputFault: ``claim.rate_missing``, ``claim.no_rate_here``, ``claim.reason_missing``.
    """
    verb = ("Verifying", "审核")
    with ledger.atomic():
        claim = locked(actor, claim_id)
        terms = paying_terms(claim.programme_version_id)
        steps = gate.stages(terms)
        number = min(claim.stage, len(steps) - 2)
        gate.need_office(actor, claim, (steps[number].role,), verb)
        if _is_verified_by(actor, claim) and setting.is_set_to(claim, rate):
            return claim
        gate.need_state(claim, (State.MATCHED, State.VERIFIED), verb)
        gate.need_another(actor, claim, ACTED, verb)
        if claim.stage >= len(steps) - 1:
            last = f"{State.VERIFIED} ({claim.stage}/{len(steps) - 1})"
            raise Refused(
                errors.WRONG_STATE,
                thing=claim.id,
                state=last,
                needed=State.MATCHED,
                verb=verb[0],
                verb_zh=verb[1],
            )
        if setting.sets_rate(terms, number):
            setting.set_rate(claim, terms, rate, actor=actor, reason=note)
        elif rate.strip():
            role = terms.rate_set_by or "–"
            raise InputFault(errors.RATE_NOT_HERE, where="rate", claim=claim.id, role=role, rate=rate[:40])
        claim.stage += 1
        label = steps[number].label
        told: dict[str, Json] = {"note": note, "stage": claim.stage}
        fact = gate.move(
            claim, State.VERIFIED, trigger="verified", actor=actor, reason=note, role=label, private=told
        )
        if claim.stage == len(steps) - 1:
            sampling.draw_verified(claim, fact)
    return claim


def _is_verified_by(actor: Actor, claim: Claim) -> bool:
    """Whether the last thing somebody did was this one's verification; a draw after it is nobody's."""
    drawn = claim.state == State.SAMPLED_AUDIT
    last = claim.steps.exclude(trigger="drawn").order_by("-id").first() if drawn else None
    if last is not None:
        return last.trigger == "verified" and last.actor == actor.identity_id
    return gate.did_it_last(actor, claim, "verified")


def approve(*, actor: Actor, claim_id: str, note: str = "") -> Claim:
    """The last of the document's roles approves; the claim hangs out for objections, or is payable at once.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: as :func:`verify`; ``flag.stands``.
    """
    verb = ("Approving", "批准")
    with ledger.atomic():
        claim = locked(actor, claim_id)
        terms = paying_terms(claim.programme_version_id)
        steps = gate.stages(terms)
        gate.need_office(actor, claim, (steps[-1].role,), verb)
        if gate.this_round(claim).filter(trigger="approved", actor=actor.identity_id).exists():
            return claim
        gate.need_state(claim, (State.VERIFIED,), verb)
        if claim.stage != len(steps) - 1:
            waiting = steps[claim.stage].label
            raise Refused(
                errors.WRONG_STATE,
                thing=claim.id,
                state=f"{claim.state} {claim.stage}/{len(steps) - 1}",
                needed=waiting,
                verb=verb[0],
                verb_zh=verb[1],
            )
        gate.need_another(actor, claim, ACTED, verb)
        gate.need_unflagged(claim, verb)
        label = steps[-1].label
        gate.move(claim, State.APPROVED, trigger="approved", actor=actor, reason=note, role=label)
        if terms.publicity_days and claim.flow != "prefund_supplier":
            _publicise(claim, terms, actor)
        else:
            payables.make(claim, terms, actor)
    return claim


def _publicise(claim: Claim, terms: PayingTerms, actor: Actor) -> None:
    claim.publicity_until = programme_day(timezone.now()) + timedelta(days=terms.publicity_days)
    until = claim.publicity_until.isoformat()
    gate.move(claim, State.PUBLICISED, trigger="publicised", actor=actor, public={"until": until})


def make_payable(*, actor: Actor, claim_id: str) -> Claim:
    """After its publicity an approved claim becomes payable, line by line; disputed lines wait.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.wrong_state``, ``claim.publicity_runs``, ``flag.stands``.
    """
    verb = ("Making it payable", "转为应付")
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("programme_officer", "approver"), verb)
        if claim.state in (State.PAYABLE, *sampling.PAID, State.CLOSED):
            return claim
        gate.need_state(claim, (State.PUBLICISED,), verb)
        today = programme_day(timezone.now())
        if claim.publicity_until and today <= claim.publicity_until:
            raise Refused(errors.PUBLICITY_RUNS, claim=claim.id, until=claim.publicity_until, today=today)
        gate.need_unflagged(claim, verb)
        payables.make(claim, paying_terms(claim.programme_version_id), actor)
    return claim


def send_back(*, actor: Actor, claim_id: str, reason: str) -> Claim:
    """Returns a claim to its claimant for completion, with the reason.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.wrong_state``.
        InputFault: ``claim.reason_missing``.
    """
    verb = ("Returning", "退回补正")
    gate.need_reason(reason, verb)
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("reviewer", "approver"), verb)
        if claim.state == State.DRAFT:
            return claim
        gate.need_state(claim, (State.MATCHED, State.MISMATCH, State.VERIFIED, State.PUBLICISED), verb)
        release_holds(claim, actor=actor, reason=reason)
        claim.stage, claim.publicity_until = 0, None
        gate.move(claim, State.DRAFT, trigger="returned", actor=actor, reason=reason)
    return claim


def reject(*, actor: Actor, claim_id: str, reason: str) -> Claim:
    """Rejects a claim; what the user's claim held goes back, what orders captured stays claimable.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.wrong_state``.
        InputFault: ``claim.reason_missing``.
    """
    verb = ("Rejecting", "驳回")
    gate.need_reason(reason, verb)
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("reviewer", "approver"), verb)
        if claim.state == State.REJECTED:
            return claim
        gate.need_state(claim, (State.MATCHED, State.MISMATCH, State.VERIFIED, State.PUBLICISED), verb)
        give_up(claim, actor=actor, reason=reason, refused=True)
        gate.move(claim, State.REJECTED, trigger="rejected", actor=actor, reason=reason)
    return claim
