"""Disputes: the meter or the price of one line is questioned; that line stands still and the others go on."""

from __future__ import annotations

from django.utils import timezone

from hesuan.errors import InputFault, NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import gate, holds, payables
from hesuan.hub.settlement.claims import locked
from hesuan.hub.settlement.models import Claim, ClaimLine, Dispute

State = Claim.State
LIVE = (
    State.MATCHED,
    State.MISMATCH,
    State.VERIFIED,
    State.SAMPLED_AUDIT,
    State.APPROVED,
    State.PUBLICISED,
    State.PAYABLE,
)
LINE_GONE = declare(
    "dispute.line_not_open",
    en="Line {line} of claim {claim} is {state}; only a line that is not yet payable is disputed."
    " What was paid is demanded back by a clawback.",
    zh="兑付申请 {claim} 第 {line} 行的状态为 {state}；只能对尚未转为应付的行提出争议，已支付的须走追缴。",
)
NOT_AN_OUTCOME = declare(
    "dispute.not_an_outcome",
    en="`{outcome}` is no outcome of a dispute: {known}.",
    zh="“{outcome}”不是争议的处理结果：{known}。",
)


def dispute(*, actor: Actor, claim_id: str, line: int, reason: str, dispute_id: str) -> Dispute:
    """Disputes one line: by the claimant's or the holder's owner or operator, or by the office.

    Raises:
        NotFound: ``claim.not_found``, ``claim.line_not_found``.
        Refused: ``claim.role_missing``, ``claim.wrong_state``, ``dispute.line_not_open``.
        InputFault: ``claim.reason_missing``.
    """
    verb = ("Disputing a line", "提出争议")
    gate.need_reason(reason, verb)
    with ledger.atomic():
        claim = locked(actor, claim_id)
        _need_part(actor, claim, verb)
        found = Dispute.objects.filter(pk=dispute_id, line__claim=claim).first()
        if found is not None:
            return found
        gate.need_state(claim, LIVE, verb)
        row = _line(claim, line)
        open_one = row.disputes.filter(resolved_at=None).first()
        if open_one is not None:
            return open_one
        made = Dispute.objects.create(
            id=dispute_id, line=row, reason=reason, opened_by=actor.identity_id, opened_at=timezone.now()
        )
        _record("dispute.opened", claim, row, actor, reason)
    return made


def resolve(*, actor: Actor, claim_id: str, line: int, outcome: str, finding: str) -> Dispute:
    """Resolves a line's dispute, by an approver who did not open it.

    ``upheld``: the line goes on, and is payable at once where the claim is. ``refused``: it is not paid; what
    was held or captured for it goes back to be claimed anew.

    Raises:
        NotFound: ``claim.not_found``, ``claim.line_not_found``, ``dispute.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.same_person``.
        InputFault: ``dispute.not_an_outcome``, ``claim.reason_missing``.
    """
    verb = ("Resolving a dispute", "处理争议")
    gate.need_reason(finding, verb)
    if outcome not in Dispute.Outcome.values:
        known = ", ".join(Dispute.Outcome.values)
        raise InputFault(NOT_AN_OUTCOME, where="outcome", outcome=outcome[:40], known=known)
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("approver",), verb)
        row = claim.lines.filter(number=line).first()
        if row is None:
            raise NotFound(errors.LINE_NOT_FOUND, claim=claim.id, line=line)
        found = row.disputes.order_by("-opened_at").first()
        if found is None:
            raise NotFound(errors.DISPUTE_NOT_FOUND, dispute=f"{claim.id}/{line}")
        if found.resolved_at is not None:
            return found
        if found.opened_by == actor.identity_id:
            raise Refused(
                errors.SAME_PERSON,
                name=actor.name,
                thing=found.id,
                part="dispute",
                verb=verb[0],
                verb_zh=verb[1],
            )
        found.outcome, found.finding = outcome, finding
        found.resolved_by, found.resolved_at = actor.identity_id, timezone.now()
        found.save()
        _record(f"dispute.{outcome}", claim, row, actor, finding)
        _carry_out(claim, row.id, outcome)
    return found


def _carry_out(claim: Claim, line_id: str, outcome: str) -> None:
    line = next(one for one in payables.with_adjustments(claim) if one.id == line_id)
    if outcome == Dispute.Outcome.UPHELD:
        if (
            claim.state in (State.PAYABLE, State.PAID, State.RECONCILED)
            and line.state == ClaimLine.State.CLAIMED
        ):
            payables.line_payable(claim, line)
        return
    if claim.flow in gate.USER_FLOWS:
        holds.drop(line)
    line.state, line.live = ClaimLine.State.REFUSED, False
    line.save(update_fields=["state", "live"])


def _line(claim: Claim, number: int) -> ClaimLine:
    row = claim.lines.filter(number=number).first()
    if row is None:
        raise NotFound(errors.LINE_NOT_FOUND, claim=claim.id, line=number)
    if row.state != ClaimLine.State.CLAIMED:
        raise Refused(LINE_GONE, line=number, claim=claim.id, state=row.state)
    return row


def _need_part(actor: Actor, claim: Claim, verb: gate.Verb) -> None:
    """Somebody who answers for one of the parties, or the office."""
    offices = claim.programme_version.programme.office
    if actor.has("owner", claim.holder_id) or actor.has("centre_operator", claim.claimant_id):
        return
    if claim.flow in gate.USER_FLOWS and actor.has("centre_operator", claim.centre.organisation_id):
        return
    gate.need_role(actor, offices, gate.OFFICE_ROLES, verb)


def _record(kind: str, claim: Claim, line: ClaimLine, actor: Actor, reason: str) -> None:
    audit.record(
        kind=kind,
        subject=claim.id,
        actor=actor.identity_id,
        public={"line": line.number},
        private={"reason": reason},
    )
