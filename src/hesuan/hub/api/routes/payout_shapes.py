"""Shapes of batches, clawbacks, floats and statements."""

from __future__ import annotations

from hesuan.hub.api.routes.claim_shapes import Reference, ShareShape, StepShape, Why, step_shape
from hesuan.hub.api.shapes import Body, Id, Shape, Time, Yuan, YuanIn
from hesuan.hub.settlement.batches import payers_of
from hesuan.hub.settlement.claim_selectors import instructions
from hesuan.hub.settlement.clawing import left_of
from hesuan.hub.settlement.models import Batch, Clawback, FloatMovement, Instruction


class NewClawback(Body):
    """How much has to come back of a claim, and why."""

    claim: Id
    amount_yuan: YuanIn
    reason: Why


class NewFloat(Body):
    """Money for a supplier in advance."""

    programme_version: Id
    centre: Id
    amount_yuan: YuanIn
    reference: Reference = ""


class FloatRefund(Body):
    """All that is unused comes back."""

    programme_version: Id
    centre: Id
    reference: Reference = ""


class InstructionShape(Shape):
    """One order to a payer's bank: of a batch there is one for each payer and party."""

    id: str
    payer: str
    party: str
    period: str
    amount_yuan: Yuan
    payments: int
    reference: str
    made_at: Time


class BatchShape(Shape):
    """What is paid together."""

    id: str
    programme: str
    period: str
    state: str
    claims: list[str]
    shares: list[ShareShape]
    total_yuan: Yuan
    instructions: list[InstructionShape]
    opened_at: Time
    steps: list[StepShape]


class ClawbackShape(Shape):
    """What has to come back."""

    id: str
    claim: str
    party: str
    reason: str
    amount_yuan: Yuan
    left_yuan: Yuan
    state: str
    write_off_proposed: bool
    due_at: Time


class FloatShape(Shape):
    """One movement of a float."""

    id: str
    kind: str
    amount_yuan: Yuan
    reference: str
    booked_at: Time


class FloatStatementShape(Shape):
    """A supplier's float in a year."""

    opening_yuan: Yuan
    funded_yuan: Yuan
    drawn_yuan: Yuan
    refunded_yuan: Yuan
    closing_yuan: Yuan
    movements: list[FloatShape]


class QuarterShape(Shape):
    """One quarter of a centre."""

    period: str
    captured_yuan: Yuan
    reduced_yuan: Yuan
    raised_yuan: Yuan
    paid_yuan: Yuan
    demanded_yuan: Yuan
    returned_yuan: Yuan
    owed_yuan: Yuan


class StatementShape(Shape):
    """What a programme owes and paid a centre."""

    programme: str
    centre: str
    owed_yuan: Yuan
    quarters: list[QuarterShape]


def batch_shape(row: Batch) -> BatchShape:
    """What is paid together."""
    shares = payers_of(row)
    return BatchShape(
        id=row.id,
        programme=row.programme_id,
        period=row.period,
        state=row.state,
        claims=sorted(row.claims.values_list("id", flat=True)),
        shares=[ShareShape(payer=payer, amount_yuan=fen) for payer, fen in shares.items()],
        total_yuan=sum(shares.values()),
        instructions=[_instruction(one) for one in instructions(row)],
        opened_at=row.opened_at,
        steps=[step_shape(one) for one in row.steps.order_by("id")],
    )


def _instruction(row: Instruction) -> InstructionShape:
    return InstructionShape(
        id=row.id,
        payer=row.payer,
        party=row.party.name,
        period=row.period,
        amount_yuan=row.amount_fen,
        payments=row.payments,
        reference=row.reference,
        made_at=row.made_at,
    )


def clawback_shape(row: Clawback) -> ClawbackShape:
    """What has to come back."""
    return ClawbackShape(
        id=row.id,
        claim=row.claim_id,
        party=row.party_id,
        reason=row.reason,
        amount_yuan=row.amount_fen,
        left_yuan=sum(left_of(row).values()),
        state=row.state,
        write_off_proposed=bool(row.proposed_write_off_by),
        due_at=row.due_at,
    )


def float_shape(row: FloatMovement) -> FloatShape:
    """One movement of a float."""
    return FloatShape(
        id=row.id,
        kind=row.kind,
        amount_yuan=row.amount_fen,
        reference=row.reference,
        booked_at=row.booked_at,
    )
