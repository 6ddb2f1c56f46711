"""The sampled audit (抽查): who is drawn, by which seed and share, and what comes of it.

Every claim draws one number when the last of the document's roles has verified it; below the programme's
share it is looked into by somebody who had no part in it. The seed is the leaf of the very fact of that
verification, whose salt is new each time: the claimant could not know it, the verifier cannot choose it, and
anybody with the public log makes the draw again. What was paid may be drawn once more, quarter by quarter.
"""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256

from django.utils import timezone

from hesuan.errors import Conflict, InputFault, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes.paying import drawn_number, paying_terms
from hesuan.hub.settlement import audit_errors as errors
from hesuan.hub.settlement import audit_selectors as audits
from hesuan.hub.settlement import claim_errors, clawing, gate
from hesuan.hub.settlement.claims import locked
from hesuan.hub.settlement.holds import release_holds
from hesuan.hub.settlement.models import AuditPlan, Claim, SampledAudit
from hesuan.hub.settlement.payables import due
from hesuan.money import format_yuan

State = Claim.State
Outcome = SampledAudit.Outcome
PAID = (State.PAID, State.RECONCILED)
ACTED = (
    "opened",
    "submitted",
    "corrected",
    "matched",
    "waived",
    "rate_set",
    "verified",
    "approved",
    "paid",
    "payable",
)
"""Who took one of these steps does not audit the claim."""
MOST_DAYS = 36_525


def propose_plan(
    *, actor: Actor, plan_id: str, programme_id: str, share: Fraction, window_days: int, reason: str
) -> AuditPlan:
    """An approver proposes how much is sampled and how long paid claims stay open; another one agrees.

    Where the document names a share or a retention too, the larger share and the later day hold.

    Args:
        actor: An approver of the programme's office.
        plan_id: A ULID chosen by the caller; the same id again is the same plan.
        programme_id: The programme.
        share: From 0 to 1.
        window_days: Days after the last payment.
        reason: Why; on record.

    Raises:
        NotFound: ``programme.not_found``.
        Refused: ``claim.role_missing``.
        Conflict: ``audit_plan.id_taken``.
        InputFault: ``claim.reason_missing``, ``claim.amount_wrong``.
    """
    verb = ("Planning the sampled audit", "制定抽查方案")
    gate.need_reason(reason, verb)
    for field, value, high in (("share", share, 1), ("window_days", window_days, MOST_DAYS)):
        if not 0 <= value <= high:
            raise InputFault(
                claim_errors.AMOUNT_WRONG, where=field, field=field, low=0, high=high, value=value
            )
    programme = audits.programme(actor, programme_id)
    gate.need_role(actor, programme.office, ("approver",), verb)
    with ledger.atomic():
        told = (programme.id, share.numerator, share.denominator, window_days)
        found = AuditPlan.objects.filter(pk=plan_id).first()
        if found is not None:
            if (found.programme_id, found.part, found.of, found.window_days) != told:
                raise Conflict(errors.PLAN_TAKEN, plan=plan_id)
            return found
        made = AuditPlan.objects.create(
            id=plan_id,
            programme=programme,
            part=share.numerator,
            of=share.denominator,
            window_days=window_days,
            reason=reason,
            proposed_by=actor.identity_id,
            proposed_at=timezone.now(),
        )
        _record(made, "proposed", actor)
    return made


def agree_plan(*, actor: Actor, plan_id: str) -> AuditPlan:
    """A second approver agrees; the plan holds for what is verified from now on.

    Raises:
        NotFound: ``audit_plan.not_found``.
        Refused: ``claim.role_missing``, ``claim.same_person``.
    """
    verb = ("Agreeing to the audit plan", "同意抽查方案")
    with ledger.atomic():
        seen = audits.plan(actor, plan_id)
        gate.need_role(actor, seen.programme.office, ("approver",), verb)
        plan = AuditPlan.objects.select_for_update(of=("self",)).get(pk=plan_id)
        if plan.agreed_by:
            return plan
        if plan.proposed_by == actor.identity_id:
            raise Refused(
                claim_errors.SAME_PERSON,
                name=actor.name,
                thing=plan.id,
                part="proposed",
                verb=verb[0],
                verb_zh=verb[1],
            )
        plan.agreed_by, plan.agreed_at = actor.identity_id, timezone.now()
        plan.save(update_fields=["agreed_by", "agreed_at"])
        _record(plan, "agreed", actor)
    return plan


def plan_in_force(programme_id: str) -> AuditPlan | None:
    """The plan that was agreed on last."""
    agreed = AuditPlan.objects.filter(programme_id=programme_id).exclude(agreed_by="")
    return agreed.order_by("-agreed_at", "-id").first()


def share_of(claim: Claim) -> tuple[Fraction, str]:
    """How much is sampled, and who said so: ``document`` or the plan's id."""
    said = paying_terms(claim.programme_version_id).sample_share
    plan = plan_in_force(claim.programme_version.programme_id)
    if plan is not None and Fraction(plan.part, plan.of) > said:
        return Fraction(plan.part, plan.of), plan.id
    return said, "document"


def draw_verified(claim: Claim, fact: Fact) -> None:
    """A wholly verified claim draws; one whose audit is still open goes back to it without a draw.

    Args:
        claim: Under lock, ``VERIFIED``.
        fact: Of the verification; its leaf is the seed.
    """
    if claim.audits.filter(drawn=True).exclude(outcome=Outcome.PASSED).exists():
        if not claim.audits.filter(drawn=True, outcome="").exists():
            last = claim.audits.filter(drawn=True).order_by("-id").first()
            assert last is not None
            _open(claim, last.seed, last.number, last.share, last.said_by, drawn=True)
        gate.move(claim, State.SAMPLED_AUDIT, trigger="drawn", actor=SYSTEM)
        return
    _draw(claim, fact)


def draw_paid(*, actor: Actor, programme_id: str, period: str) -> list[SampledAudit]:
    """Every paid claim of a quarter draws once more; those drawn are looked into, and may have to pay back.

    Args:
        actor: A programme officer or approver of the office.
        programme_id: The programme.
        period: Such as ``2026-Q4``; a claim that drew as a paid one does not draw again.

    Returns:
        The draws made now; empty when everything drew before.

    Raises:
        NotFound: ``programme.not_found``.
        Refused: ``claim.role_missing``.
    """
    verb = ("Drawing the sample", "抽取样本")
    programme = audits.programme(actor, programme_id)
    gate.need_role(actor, programme.office, ("programme_officer", "approver"), verb)
    with ledger.atomic():
        rows = (
            Claim.objects.select_for_update(of=("self",))
            .filter(programme_version__programme_id=programme.id, period=period, state__in=PAID)
            .exclude(audits__from_state__in=PAID)
            .select_related("programme_version__programme", "claimant")
            .order_by("id")
        )
        claims = list(rows)
        if not claims:
            return []
        fact = audit.record(
            kind="sample.drawn",
            subject=programme.id,
            actor=actor.identity_id,
            public={"programme": programme.id, "period": period, "claims": len(claims)},
            private={"claims": [one.id for one in claims]},
        )
        return [_draw(claim, fact) for claim in claims]


def conclude(
    *, actor: Actor, claim_id: str, outcome: str, finding: str, amount_fen: int = 0, clawback_id: str = ""
) -> Claim:
    """What the audit of a drawn claim found.

    Passed: the claim goes on from where it stood. Findings on a claim that is not paid return it to its
    claimant, and it is audited again when it comes back; findings on a paid one demand money back.

    Args:
        actor: A reviewer or approver of the office who had no part in the claim; for a demand an approver.
        claim_id: The claim.
        outcome: ``passed`` or ``findings``.
        finding: What was looked at and found; the claimant reads it.
        amount_fen: What has to come back of a paid claim [fen]; 0 of one that is not paid.
        clawback_id: A ULID for the clawback.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.same_person``,
            ``claim.wrong_state``, ``clawback.too_much``.
        InputFault: ``audit.not_an_outcome``, ``claim.reason_missing``, ``claim.amount_wrong``.
    """
    verb = ("Concluding the audit", "作出抽查结论")
    gate.need_reason(finding, verb)
    if outcome not in Outcome.values:
        known = ", ".join(Outcome.values)
        raise InputFault(errors.NOT_AN_OUTCOME, where="outcome", outcome=outcome[:40], known=known)
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("reviewer", "approver"), verb)
        last = claim.audits.filter(drawn=True).order_by("-id").first()
        if last is not None and (last.audited_by, last.outcome) == (actor.identity_id, outcome):
            return claim
        gate.need_state(claim, (State.SAMPLED_AUDIT,), verb)
        assert last is not None, "a claim is in the audit by a draw"
        gate.need_another(actor, claim, ACTED, verb)
        _need_amount(claim, last, outcome, amount_fen)
        if outcome == Outcome.FINDINGS and last.from_state in PAID:
            gate.need_office(actor, claim, ("approver",), verb)
            last.clawback = clawing.demand(
                actor=actor,
                clawback_id=clawback_id,
                claim_id=claim.id,
                amount_fen=amount_fen,
                reason=finding,
            )
        last.outcome, last.finding = outcome, finding
        last.audited_by, last.audited_at = actor.identity_id, timezone.now()
        last.save()
        _go_on(claim, last, actor)
    return claim


def _go_on(claim: Claim, done: SampledAudit, actor: Actor) -> None:
    trigger = "audit_passed" if done.outcome == Outcome.PASSED else "audit_findings"
    to = State(done.from_state)
    if done.from_state in PAID:
        to = State.PAYABLE if due(claim) else to
    elif done.outcome == Outcome.FINDINGS:
        release_holds(claim, actor=actor, reason=done.finding)
        claim.stage, to = 0, State.DRAFT
    gate.move(claim, to, trigger=trigger, actor=actor, reason=done.finding)


def _need_amount(claim: Claim, last: SampledAudit, outcome: str, amount_fen: int) -> None:
    """Money is named where it has to come back, and nowhere else."""
    demands = outcome == Outcome.FINDINGS and last.from_state in PAID
    if demands == (amount_fen > 0):
        return
    high = sum(clawing.kept(claim).values()) if demands else 0
    raise InputFault(
        claim_errors.AMOUNT_WRONG,
        where="amount",
        field="amount",
        low=format_yuan(1 if demands else 0),
        high=format_yuan(high),
        value=format_yuan(amount_fen),
    )


def _draw(claim: Claim, fact: Fact) -> SampledAudit:
    share, said_by = share_of(claim)
    seed = sha256(bytes(fact.leaf)).hexdigest()
    number = drawn_number(seed, claim.id)
    told = f"0.{int(number * 10**18):018d}"
    drawn = number < share
    made = _open(claim, seed, told, f"{share.numerator}/{share.denominator}", said_by, drawn=drawn)
    if drawn:
        gate.move(
            claim,
            State.SAMPLED_AUDIT,
            trigger="drawn",
            actor=SYSTEM,
            public={"seed": seed, "number": told, "share": made.share, "said_by": said_by},
        )
    return made


def _open(claim: Claim, seed: str, number: str, share: str, said_by: str, *, drawn: bool) -> SampledAudit:
    return SampledAudit.objects.create(
        claim=claim,
        from_state=claim.state,
        seed=seed,
        number=number,
        share=share,
        said_by=said_by,
        drawn=drawn,
        drawn_at=timezone.now(),
    )


def _record(plan: AuditPlan, what: str, actor: Actor) -> None:
    audit.record(
        kind=f"audit_plan.{what}",
        subject=plan.id,
        actor=actor.identity_id,
        public={
            "programme": plan.programme_id,
            "share": f"{plan.part}/{plan.of}",
            "window_days": plan.window_days,
        },
        private={"reason": plan.reason},
    )
