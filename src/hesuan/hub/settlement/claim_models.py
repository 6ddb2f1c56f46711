"""Claims on what vouchers captured, their lines, steps, batches, payments; floats, credit notes, clawbacks.

Rows are added; of a claim, a line, a batch and a clawback only the state moves (with what the move sets), and
each move is a row of :class:`RedemptionStep`. A line's amount is fixed when its claim is submitted, and never
edited after that: what a credit note changes is an :class:`Adjustment` beside it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes.models import Programme, ProgrammeVersion, Voucher
from hesuan.wire.ids import ID_LENGTH, new_id

REFERENCE_LENGTH = 100
ACTOR_LENGTH = 64


class Batch(models.Model):
    """What a programme pays together, by quarter: open, closed by one person, reviewed by another, paid."""

    class State(models.TextChoices):
        OPEN = "OPEN"
        CLOSED = "CLOSED"
        REVIEWED = "REVIEWED"
        PAID = "PAID"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="batches")
    period = models.CharField(max_length=16)
    """Such as ``2026-Q4``."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "period"], condition=Q(state="OPEN"), name="settlement_one_open_batch"
            )
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.period} {self.state}"


class Claim(models.Model):
    """Somebody asks to be paid what vouchers captured at one centre."""

    class State(models.TextChoices):
        DRAFT = "DRAFT"
        MATCHED = "MATCHED"
        MISMATCH = "MISMATCH"
        VERIFIED = "VERIFIED"
        SAMPLED_AUDIT = "SAMPLED_AUDIT"
        APPROVED = "APPROVED"
        PUBLICISED = "PUBLICISED"
        PAYABLE = "PAYABLE"
        PAID = "PAID"
        RECONCILED = "RECONCILED"
        CLOSED = "CLOSED"
        REJECTED = "REJECTED"
        WITHDRAWN = "WITHDRAWN"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme_version = models.ForeignKey(ProgrammeVersion, on_delete=models.PROTECT, related_name="claims")
    flow = models.CharField(max_length=32)
    claimant = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="claims")
    """Who is paid: the user who paid everything, or the organisation behind the centre."""
    holder = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    """Whose orders they are; contract and invoice are between them and the centre."""
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="claims")
    voucher = models.ForeignKey(Voucher, null=True, on_delete=models.PROTECT, related_name="claims")
    """Of a user's claim, the voucher it draws on; a supplier's lines name theirs."""
    papers = models.JSONField()
    """Contract, invoice, payment, delivery proof: numbers, dates, parties, amounts, document ids."""
    facts = models.JSONField(default=dict)
    """What the claimant states, where nothing was issued beforehand and the claim is the application."""
    digest = models.CharField(max_length=80)
    """Of what was claimed at first: the same id with the same content is the same claim."""
    period = models.CharField(max_length=16, blank=True)
    """The quarter it was submitted in."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    stage = models.PositiveSmallIntegerField(default=0)
    """How many of the document's roles have verified it."""
    publicity_until = models.DateField(null=True)
    """The last day on which it hangs out for objections."""
    batch = models.ForeignKey(Batch, null=True, on_delete=models.PROTECT, related_name="claims")
    created_by = models.CharField(max_length=ACTOR_LENGTH)
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["state"], name="settlement_claim_state")]

    def __str__(self) -> str:
        return f"{self.claimant_id} {self.state}"


class ClaimLine(models.Model):
    """What one voucher paid of one order; its kind is the meter's, its amounts the signed receipt's."""

    class State(models.TextChoices):
        CLAIMED = "CLAIMED"
        PAYABLE = "PAYABLE"
        PAID = "PAID"
        REFUSED = "REFUSED"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    settlement = models.ForeignKey(
        "settlement.Settlement", on_delete=models.PROTECT, related_name="claim_lines"
    )
    live = models.BooleanField(default=True)
    """False once the claim was rejected or withdrawn, or the line refused: the order may be claimed anew."""
    voucher = models.ForeignKey(Voucher, null=True, on_delete=models.PROTECT, related_name="claim_lines")
    """``None`` on a draft under a programme that issues nothing: submitting makes the entitlement."""
    kind = models.CharField(max_length=32)
    charge_fen = models.BigIntegerField()
    subsidy_fen = models.BigIntegerField()
    shares = models.JSONField()
    """``[{"payer", "fen"}]``; they sum to ``subsidy_fen``."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.CLAIMED)

    class Meta:
        ordering = ["claim", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["settlement", "voucher"], condition=Q(live=True), name="settlement_draw_claimed_once"
            ),
            models.UniqueConstraint(fields=["claim", "number"], name="settlement_line_number_once"),
            models.CheckConstraint(
                condition=Q(subsidy_fen__gte=0, subsidy_fen__lte=F("charge_fen")),
                name="settlement_line_within_charge",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.claim_id}/{self.number}"

    @property
    def drawn_on(self) -> str:
        """Id of the voucher that pays it; every line of a submitted claim has one."""
        assert self.voucher_id is not None, "a draft draws on nothing yet"
        return self.voucher_id

    @property
    def voucher_code(self) -> str:
        """The voucher's code; empty as long as there is none."""
        return self.voucher.code if self.voucher else ""


class ClaimMatch(models.Model):
    """One comparison of contract, invoice and meter: what differed, with both numbers."""

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="matches")
    matched = models.BooleanField()
    tolerance_fen = models.BigIntegerField(default=0)
    differences = models.JSONField(default=list)
    """``[{"code", "where", "en", "zh"}]``."""
    compared_by = models.CharField(max_length=ACTOR_LENGTH)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.claim_id} {'matched' if self.matched else 'mismatch'}"


class Dispute(models.Model):
    """A meter or a price is disputed: only this line stands still."""

    class Outcome(models.TextChoices):
        UPHELD = "upheld"
        """The line is paid as it stands."""
        REFUSED = "refused"
        """The line is not paid."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    line = models.ForeignKey(ClaimLine, on_delete=models.PROTECT, related_name="disputes")
    reason = models.TextField()
    opened_by = models.CharField(max_length=ACTOR_LENGTH)
    opened_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    finding = models.TextField(blank=True)
    resolved_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["line"], condition=Q(resolved_at__isnull=True), name="settlement_one_open_dispute"
            )
        ]

    def __str__(self) -> str:
        return f"{self.line_id} {self.outcome or 'open'}"


class Payment(models.Model):
    """What one payer paid on one claim, once."""

    id = models.CharField(primary_key=True, max_length=REFERENCE_LENGTH)
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="payments")
    batch = models.ForeignKey(Batch, null=True, on_delete=models.PROTECT, related_name="payments")
    payer = models.CharField(max_length=64)
    amount_fen = models.BigIntegerField()
    from_float_fen = models.BigIntegerField(default=0)
    """Of it, what the supplier had in advance."""
    set_off_fen = models.BigIntegerField(default=0)
    """Of it, what the claimant had to give back and gave by this."""
    reference = models.CharField(max_length=REFERENCE_LENGTH, blank=True)
    """The bank's."""
    paid_by = models.CharField(max_length=ACTOR_LENGTH)
    paid_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    amount_fen__gt=0,
                    from_float_fen__gte=0,
                    set_off_fen__gte=0,
                    amount_fen__gte=F("from_float_fen") + F("set_off_fen"),
                ),
                name="settlement_payment_parts",
            )
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def cash_fen(self) -> int:
        """What leaves the payer's account now [fen]."""
        return self.amount_fen - self.from_float_fen - self.set_off_fen


class FloatMovement(models.Model):
    """Money a supplier got in advance, drew on, got again, gave back."""

    class Kind(models.TextChoices):
        FUND = "fund"
        REPLENISH = "replenish"
        DRAW = "draw"
        REFUND = "refund"

    id = models.CharField(primary_key=True, max_length=REFERENCE_LENGTH)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="floats")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="floats")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    amount_fen = models.BigIntegerField()
    payment = models.ForeignKey(Payment, null=True, on_delete=models.PROTECT, related_name="draws")
    reference = models.CharField(max_length=REFERENCE_LENGTH, blank=True)
    booked_by = models.CharField(max_length=ACTOR_LENGTH)
    booked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="settlement_float_positive")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount_fen}"


class CreditNote(models.Model):
    """A red-letter invoice: negative lines on a claim."""

    id = models.CharField(primary_key=True, max_length=REFERENCE_LENGTH)
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="credit_notes")
    number = models.CharField(max_length=REFERENCE_LENGTH)
    lines = models.JSONField()
    """``[{"line", "fen"}]``: what is taken off, positive."""
    reason = models.TextField()
    booked_by = models.CharField(max_length=ACTOR_LENGTH)
    booked_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.number


class Adjustment(models.Model):
    """A line that comes out otherwise after a credit note; beside the line, never in it."""

    class Effect(models.TextChoices):
        REDUCED = "reduced"
        """Not yet paid: the difference went back to the voucher."""
        CLAWBACK = "clawback"
        """Paid: the difference has to come back."""
        RAISED = "raised"
        """The difference is payable."""

    note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, related_name="adjustments")
    line = models.ForeignKey(ClaimLine, on_delete=models.PROTECT, related_name="adjustments")
    before_fen = models.BigIntegerField()
    after_fen = models.BigIntegerField()
    shares = models.JSONField()
    """``[{"payer", "fen"}]`` of the difference; negative where money comes back."""
    effect = models.CharField(max_length=16, choices=Effect.choices)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["note", "line"], name="settlement_adjusted_once_by_a_note"),
            models.CheckConstraint(condition=Q(after_fen__gte=0), name="settlement_adjusted_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} {self.effect}"


class Clawback(models.Model):
    """Money paid that has to come back."""

    class State(models.TextChoices):
        DUE = "DUE"
        RECOVERED = "RECOVERED"
        OFFSET = "OFFSET"
        WRITTEN_OFF = "WRITTEN_OFF"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="clawbacks")
    party = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="clawbacks")
    reason = models.TextField()
    amount_fen = models.BigIntegerField()
    shares = models.JSONField()
    """``[{"payer", "fen"}]``: to whom it has to come back."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.DUE)
    proposed_write_off_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    """Who proposed to write it off; somebody else must agree."""
    note = models.ForeignKey(CreditNote, null=True, on_delete=models.PROTECT, related_name="clawbacks")
    """The credit note it follows from, which has given limits back already; ``None``: it was demanded."""
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="settlement_clawback_positive")
        ]

    def __str__(self) -> str:
        return f"{self.party_id} {self.state}"


class ClawbackPart(models.Model):
    """A part of a clawback that came back, was set off, or was written off, for one payer."""

    clawback = models.ForeignKey(Clawback, on_delete=models.PROTECT, related_name="parts")
    how = models.CharField(max_length=16, choices=Clawback.State.choices)
    payer = models.CharField(max_length=64)
    amount_fen = models.BigIntegerField()
    reference = models.CharField(max_length=REFERENCE_LENGTH, blank=True)
    booked_by = models.CharField(max_length=ACTOR_LENGTH)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="settlement_clawback_part_positive")
        ]

    def __str__(self) -> str:
        return f"{self.clawback_id} {self.how}"


class RedemptionStep(models.Model):
    """One step of a claim, a batch or a clawback: from which state to which, by whom, why."""

    claim = models.ForeignKey(Claim, null=True, on_delete=models.PROTECT, related_name="steps")
    batch = models.ForeignKey(Batch, null=True, on_delete=models.PROTECT, related_name="steps")
    clawback = models.ForeignKey(Clawback, null=True, on_delete=models.PROTECT, related_name="steps")
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16)
    trigger = models.CharField(max_length=32)
    role = models.CharField(max_length=64, blank=True)
    """The document's role that was spoken for."""
    actor = models.CharField(max_length=ACTOR_LENGTH)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(claim__isnull=False, batch__isnull=True, clawback__isnull=True)
                | Q(claim__isnull=True, batch__isnull=False, clawback__isnull=True)
                | Q(claim__isnull=True, batch__isnull=True, clawback__isnull=False),
                name="settlement_step_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"
