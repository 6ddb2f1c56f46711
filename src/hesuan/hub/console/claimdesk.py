"""Which verbs of redemption a page offers to whom. A courtesy: the services decide."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from hesuan.hub.centres import selectors as centres
from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.entitling import is_claimed_after_use
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.hub.programmes.paying import paying_terms
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.batches import ACTED as BATCH_ACTED
from hesuan.hub.settlement.claim_review import ACTED
from hesuan.hub.settlement.crediting import BOOKABLE
from hesuan.hub.settlement.gate import CARRIED_OUT, EVIDENCE, SUPPLIER_FLOWS, USER_FLOWS, stages, this_round
from hesuan.hub.settlement.models import Batch, Claim
from hesuan.hub.settlement.sampling import ACTED as SAMPLE_ACTED
from hesuan.hub.settlement.setting import sets_rate

State = Claim.State
OFFICE = ("programme_officer", "reviewer", "approver")
JUDGED = ("verified", "approved", "waived")
REVIEWED = (State.MATCHED, State.MISMATCH, State.VERIFIED, State.PUBLICISED)
BATCH_VERBS = {
    Batch.State.OPEN: ("close_batch", ("programme_officer",)),
    Batch.State.CLOSED: ("review_batch", ("reviewer", "approver")),
    Batch.State.REVIEWED: ("pay_batch", ("approver", "programme_officer")),
}


@dataclass(frozen=True, slots=True)
class Chance:
    """Orders of one version at one centre that this person could claim."""

    version: ProgrammeVersion
    centre: Centre
    flow: str
    orders: int
    charge_fen: int
    after_use: bool = False
    """Nothing is issued: the claim is the application, and states what the rules ask."""


def is_claimant(actor: Actor, claim: Claim) -> bool:
    """Whether this person speaks for the one who is to be paid."""
    role = "owner" if claim.flow in USER_FLOWS else "centre_operator"
    return actor.has(role, claim.claimant_id)


def verbs(actor: Actor, claim: Claim) -> list[str]:
    """What this person may try now, in the order of the buttons."""
    found: list[str] = []
    if is_claimant(actor, claim) and claim.state == State.DRAFT:
        found.append("submit")
    return found + _office_verbs(actor, claim)


def waits_for(actor: Actor) -> list[Claim]:
    """The claims that wait for this person, those that wait longest first."""
    found = [
        one
        for one in reads.claims(actor)
        if verbs(actor, one) or may_correct(actor, one) or _audits(actor, one)
    ]
    return sorted(found, key=lambda one: one.created_at)


def _audits(actor: Actor, claim: Claim) -> bool:
    """Whether a claim that was drawn for an audit waits for somebody like this person."""
    office = claim.programme_version.programme.office_id
    judges = _any(actor, ("reviewer", "approver"), office)
    return claim.state == State.SAMPLED_AUDIT and judges and not acted(actor, claim, SAMPLE_ACTED)


def batches_for(actor: Actor) -> list[Batch]:
    """The batches whose next step this person may take."""
    return [one for one in reads.batches(actor) if batch_verb(actor, one)]


def may_correct(actor: Actor, claim: Claim) -> bool:
    """Whether the papers are open to this person."""
    return is_claimant(actor, claim) and claim.state in (State.DRAFT, State.MISMATCH)


def may_credit(actor: Actor, claim: Claim) -> bool:
    """Whether this person may book a credit note."""
    office = claim.programme_version.programme.office_id
    theirs = actor.has("owner", claim.holder_id) or actor.has("centre_operator", claim.centre.organisation_id)
    return claim.state in BOOKABLE and (theirs or _any(actor, ("reviewer", "approver"), office))


def _office_verbs(actor: Actor, claim: Claim) -> list[str]:
    office = claim.programme_version.programme.office_id
    found: list[str] = []
    if claim.state in (State.MATCHED, State.VERIFIED):
        steps = stages(paying_terms(claim.programme_version_id))
        last = claim.stage == len(steps) - 1
        if actor.has(steps[claim.stage].role, office) and not acted(actor, claim, ACTED):
            found.append("approve" if last else "verify")
    if (
        claim.state == State.PUBLICISED
        and is_over(claim)
        and _any(actor, ("programme_officer", "approver"), office)
    ):
        found.append("make_payable")
    alone = claim.batch is None or claim.batch.state == Batch.State.PAID
    payer = _any(actor, ("programme_officer", "approver"), office) and not acted(actor, claim, JUDGED)
    if claim.state == State.PAYABLE and alone and payer:
        found.append("pay")
    return found


def asks_rate(claim: Claim) -> bool:
    """Whether the next verification sets the claim's rate."""
    waits = claim.state in (State.MATCHED, State.VERIFIED)
    return waits and sets_rate(paying_terms(claim.programme_version_id), claim.stage)


def is_over(claim: Claim) -> bool:
    """Whether the public's days of a claim are over."""
    return claim.publicity_until is None or programme_day(timezone.now()) > claim.publicity_until


def acted(actor: Actor, thing: Claim | Batch, triggers: tuple[str, ...]) -> bool:
    """Whether somebody took one of these steps in this round: then another is another person's."""
    return this_round(thing).filter(actor=actor.identity_id, trigger__in=triggers).exists()


def batch_verb(actor: Actor, batch: Batch) -> str:
    """The next step of a batch where this person may take it."""
    verb, roles = BATCH_VERBS.get(Batch.State(batch.state), ("", ()))
    if batch.state != Batch.State.OPEN and acted(actor, batch, BATCH_ACTED):
        return ""
    return verb if _any(actor, roles, batch.programme.office_id) else ""


def evidence(version_id: str) -> tuple[str, ...]:
    """The papers that a claim under a version needs."""
    terms = paying_terms(version_id)
    return terms.evidence or EVIDENCE.get(terms.flow, ())


def chances(actor: Actor) -> list[Chance]:
    """What this person could claim now, by version and centre."""
    found = []
    for version in programmes.versions(actor):
        if version.state == ProgrammeVersion.State.DRAFT:
            continue
        flow = paying_terms(version.id).flow
        after_use = is_claimed_after_use(version.id)
        if flow not in CARRIED_OUT or (after_use and version.state != ProgrammeVersion.State.ACTIVE):
            continue
        for centre in _centres(actor, version, flow):
            rows = reads.claimable(actor, version_id=version.id, centre_id=centre.id)
            if rows:
                charge = sum(one.charge_fen for one in rows)
                found.append(Chance(version, centre, flow, len(rows), charge, after_use))
    return found


def _centres(actor: Actor, version: ProgrammeVersion, flow: str) -> list[Centre]:
    """The centres at which this person may claim: an operator's own, for a user those admitted."""
    if flow in SUPPLIER_FLOWS:
        return [one for one in centres.centres(actor) if actor.has("centre_operator", one.organisation_id)]
    if not actor.has("owner"):
        return []
    admitted = programmes.admissions(actor, version.programme_id)
    return list({one.centre_id: one.centre for one in admitted}.values())


def _any(actor: Actor, roles: tuple[str, ...], organisation_id: str) -> bool:
    return any(actor.has(role, organisation_id) for role in roles)
