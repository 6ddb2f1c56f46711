"""Shapes of claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from hesuan.hub.api.shapes import Body, Id, JsonObject, Note, Sentence, Shape, Time, Title, Yuan, YuanIn
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.models import Claim, ClaimLine, Dispute, RedemptionStep, Settlement
from hesuan.hub.settlement.payables import net_shares
from hesuan.hub.settlement.setting import rate_of

Why = Annotated[str, Field(min_length=1, max_length=2000)]
Reference = Annotated[str, Field(max_length=100)]


class NewClaim(Body):
    """Settled orders to claim, with the papers; the voucher where the user paid everything.

    Where nothing is issued beforehand there is no voucher, and `facts` say what the rules ask.
    """

    programme_version: Id
    orders: Annotated[list[Id], Field(min_length=1, max_length=500)]
    papers: JsonObject
    voucher: Annotated[str, Field(max_length=64)] = ""
    facts: JsonObject = Field(default_factory=dict)


class Papers(Body):
    """Contract, invoice, payment, delivery proof, as `docs/model/redemption.md` tells them.

    Facts stay as they are where none are given.
    """

    papers: JsonObject
    facts: JsonObject | None = None


class Reason(Body):
    """Why."""

    reason: Why


class Remark(Body):
    """What was looked at."""

    note: Note = ""


class Verification(Body):
    """What was looked at; where this step sets the claim's rate, the rate, and why that one."""

    note: Note = ""
    rate: Annotated[str, Field(max_length=40)] = ""


class Rematch(Body):
    """How much an amount may differ, and why."""

    tolerance_yuan: YuanIn
    reason: Why


class Payment(Body):
    """The bank's reference."""

    reference: Reference = ""


class NewDispute(Body):
    """A line and what is wrong with it."""

    line: Annotated[int, Field(ge=1)]
    reason: Why


class Resolution(Body):
    """What became of a dispute: `upheld` or `refused`."""

    outcome: Title
    finding: Why


class NegativeLine(Body):
    """What is taken off one line."""

    line: Annotated[int, Field(ge=1)]
    amount_yuan: YuanIn


class NewCreditNote(Body):
    """A red-letter invoice."""

    number: Annotated[str, Field(min_length=1, max_length=100)]
    lines: Annotated[list[NegativeLine], Field(min_length=1, max_length=500)]
    reason: Why


class ShareShape(Shape):
    """What one payer pays."""

    payer: str
    amount_yuan: Yuan


class StepShape(Shape):
    """One transition."""

    from_state: str
    to_state: str
    trigger: str
    role: str
    actor: str
    reason: str
    at: Time


class DifferenceShape(Shape):
    """What does not agree, with both values."""

    code: str
    where: str
    sentence: Sentence


class WaitingShape(Shape):
    """On whom it waits, in the document's word, since when."""

    role: str
    label: str
    since: Time


class DisputeShape(Shape):
    """A line's dispute."""

    id: str
    line: int
    reason: str
    opened_at: Time
    outcome: str
    finding: str
    resolved_at: Time | None


class LineShape(Shape):
    """One order of a claim."""

    number: int
    order: str
    voucher: str
    kind: str
    charge_yuan: Yuan
    subsidy_yuan: Yuan
    net_yuan: Yuan
    shares: list[ShareShape]
    state: str
    disputes: list[DisputeShape]


class ClaimShape(Shape):
    """A claim at a glance."""

    id: str
    programme: str
    programme_version: str
    flow: str
    claimant: str
    holder: str
    centre: str
    period: str
    state: str
    batch: str | None
    publicity_until: str | None
    charge_yuan: Yuan
    subsidy_yuan: Yuan
    net_yuan: Yuan
    disputed_yuan: Yuan
    paid_yuan: Yuan
    waiting_on: WaitingShape | None
    created_at: Time


class RateShape(Shape):
    """The rate of a claim under a ceiling: the highest as long as nobody has set it, then what was set."""

    most: str | None
    rate: str | None
    role: str
    set_by: str
    reason: str


class ClaimFull(ClaimShape):
    """A claim with everything."""

    papers: JsonObject
    facts: JsonObject
    lines: list[LineShape]
    matched: bool | None
    tolerance_yuan: Yuan
    differences: list[DifferenceShape]
    rate: RateShape | None
    steps: list[StepShape]


class ClaimableShape(Shape):
    """A settled order that may be claimed."""

    id: str
    order: str
    organisation: str
    charge_yuan: Yuan
    captured_yuan: Yuan
    settled_at: Time


def claim_shape(row: Claim) -> ClaimShape:
    """A claim at a glance."""
    return ClaimShape(**_glance(row))


def claim_full(row: Claim, lines: Sequence[ClaimLine], steps: Sequence[RedemptionStep]) -> ClaimFull:
    """A claim with everything."""
    match = row.matches.order_by("-id").first()
    return ClaimFull(
        **_glance(row),
        papers=row.papers,
        facts=row.facts,
        lines=[_line(one) for one in lines],
        matched=match.matched if match else None,
        tolerance_yuan=match.tolerance_fen if match else 0,
        differences=[
            DifferenceShape(
                code=one["code"], where=one["where"], sentence=Sentence(en=one["en"], zh=one["zh"])
            )
            for one in (match.differences if match else [])
        ],
        rate=_rate(row),
        steps=[step_shape(one) for one in steps],
    )


def _rate(row: Claim) -> RateShape | None:
    found = rate_of(row)
    if found is None:
        return None
    return RateShape(
        most=str(found.most) if found.most is not None else None,
        rate=str(found.rate) if found.rate is not None else None,
        role=found.role,
        set_by=found.set_by,
        reason=found.reason,
    )


def _glance(row: Claim) -> JsonObject:
    totals, waiting = reads.totals(row), reads.waiting_on(row)
    return {
        "id": row.id,
        "programme": row.programme_version.programme_id,
        "programme_version": row.programme_version_id,
        "flow": row.flow,
        "claimant": row.claimant_id,
        "holder": row.holder_id,
        "centre": row.centre_id,
        "period": row.period,
        "state": row.state,
        "batch": row.batch_id,
        "publicity_until": row.publicity_until.isoformat() if row.publicity_until else None,
        "charge_yuan": totals.charge_fen,
        "subsidy_yuan": totals.subsidy_fen,
        "net_yuan": totals.net_fen,
        "disputed_yuan": totals.disputed_fen,
        "paid_yuan": totals.paid_fen,
        "waiting_on": WaitingShape(role=waiting.role, label=waiting.label, since=waiting.since)
        if waiting
        else None,
        "created_at": row.created_at,
    }


def step_shape(row: RedemptionStep) -> StepShape:
    """One transition."""
    return StepShape(
        from_state=row.from_state,
        to_state=row.to_state,
        trigger=row.trigger,
        role=row.role,
        actor=row.actor,
        reason=row.reason,
        at=row.at,
    )


def dispute_shape(row: Dispute) -> DisputeShape:
    """A line's dispute."""
    return DisputeShape(
        id=row.id,
        line=row.line.number,
        reason=row.reason,
        opened_at=row.opened_at,
        outcome=row.outcome,
        finding=row.finding,
        resolved_at=row.resolved_at,
    )


def _line(row: ClaimLine) -> LineShape:
    return LineShape(
        number=row.number,
        order=row.settlement.order_id,
        voucher=row.voucher_code,
        kind=row.kind,
        charge_yuan=row.charge_fen,
        subsidy_yuan=row.subsidy_fen,
        net_yuan=sum(net_shares(row).values()),
        shares=[ShareShape(payer=one["payer"], amount_yuan=one["fen"]) for one in row.shares],
        state=row.state,
        disputes=[dispute_shape(one) for one in row.disputes.all()],
    )


def claimable_shape(row: Settlement) -> ClaimableShape:
    """A settled order that may be claimed."""
    return ClaimableShape(
        id=row.id,
        order=row.order_id,
        organisation=row.order.organisation_id,
        charge_yuan=row.charge_fen,
        captured_yuan=row.voucher_captured_fen,
        settled_at=row.settled_at,
    )
