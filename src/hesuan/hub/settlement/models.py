"""Settlements and receipts: what an order cost in the end, who paid which part, and the proof of it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from hesuan.hub.audit.models import Fact
from hesuan.hub.centres.models import Agent
from hesuan.hub.market.models import Order
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.settlement.audit_models import (
    AuditPlan,
    BankLine,
    BankStatement,
    Reconciled,
    ReconcileFinding,
    SampledAudit,
)
from hesuan.hub.settlement.claim_models import (
    Adjustment,
    Batch,
    Claim,
    ClaimLine,
    ClaimMatch,
    Clawback,
    ClawbackPart,
    CreditNote,
    Dispute,
    FloatMovement,
    Payment,
    RedemptionStep,
)
from hesuan.hub.settlement.instruction_models import Instructed, Instruction
from hesuan.wire.ids import ID_LENGTH, new_id

__all__ = [
    "Adjustment",
    "AuditPlan",
    "BankLine",
    "BankStatement",
    "Batch",
    "Claim",
    "ClaimLine",
    "ClaimMatch",
    "Clawback",
    "ClawbackPart",
    "CreditNote",
    "Dispute",
    "Draw",
    "FloatMovement",
    "Instructed",
    "Instruction",
    "Payment",
    "Receipt",
    "ReconcileFinding",
    "Reconciled",
    "RedemptionStep",
    "SampledAudit",
    "Settlement",
]


class Settlement(models.Model):
    """The final amounts of one order [fen]: captured from what was held, the rest released."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="settlement")
    state = models.CharField(max_length=16)
    """The run's final state, by which the charge rule was applied."""
    billed_s = models.BigIntegerField()
    cores = models.PositiveIntegerField()
    share_percent = models.PositiveIntegerField()
    charge_fen = models.BigIntegerField()
    max_charge_fen = models.BigIntegerField()
    voucher_id = models.CharField(max_length=ID_LENGTH, blank=True)
    """The voucher that was used first; all of them, with what each paid, are its :class:`Draw` rows."""
    voucher_held_fen = models.BigIntegerField()
    voucher_captured_fen = models.BigIntegerField()
    copay_held_fen = models.BigIntegerField()
    copay_captured_fen = models.BigIntegerField()
    trace = models.JSONField(default=list)
    """Why the voucher paid what it paid: ``[{"en": …, "zh": …}]``."""
    settled_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(charge_fen__gte=0, charge_fen__lte=F("max_charge_fen")),
                name="settlement_charge_within_quote",
            ),
            models.CheckConstraint(
                condition=Q(charge_fen=F("voucher_captured_fen") + F("copay_captured_fen")),
                name="settlement_parts_make_the_charge",
            ),
            models.CheckConstraint(
                condition=Q(
                    voucher_captured_fen__gte=0,
                    voucher_captured_fen__lte=F("voucher_held_fen"),
                    copay_captured_fen__gte=0,
                    copay_captured_fen__lte=F("copay_held_fen"),
                ),
                name="settlement_capture_within_hold",
            ),
        ]

    def __str__(self) -> str:
        return f"settlement of {self.order_id}"


class Draw(models.Model):
    """What one voucher paid of one settled order [fen]; an order may have several, in the order of use."""

    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="draws")
    place = models.PositiveSmallIntegerField()
    """From 0, in the order of use."""
    voucher = models.ForeignKey(Voucher, on_delete=models.PROTECT, related_name="draws")
    programme_version = models.ForeignKey(ProgrammeVersion, on_delete=models.PROTECT, related_name="+")
    held_fen = models.BigIntegerField()
    captured_fen = models.BigIntegerField()
    shares = models.JSONField(default=list)
    """``[{"payer", "fen"}]``; they sum to ``captured_fen``."""

    class Meta:
        ordering = ["settlement", "place"]
        constraints = [
            models.UniqueConstraint(fields=["settlement", "voucher"], name="settlement_voucher_drawn_once"),
            models.UniqueConstraint(fields=["settlement", "place"], name="settlement_draw_place_once"),
            models.CheckConstraint(
                condition=Q(captured_fen__gte=0, captured_fen__lte=F("held_fen")),
                name="settlement_draw_within_hold",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voucher_id} pays {self.captured_fen} of {self.settlement_id}"


class Receipt(models.Model):
    """The statement of one settled run: a draft until the site's agent signed it and the log holds it."""

    class State(models.TextChoices):
        DRAFT = "DRAFT"
        SIGNED = "SIGNED"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    settlement = models.OneToOneField(Settlement, on_delete=models.PROTECT, related_name="receipt")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="receipts")
    document = models.JSONField()
    digest = models.CharField(max_length=80)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    site_key = models.CharField(max_length=100, blank=True)
    """The public key that the signature was verified with."""
    site_signature = models.CharField(max_length=200, blank=True)
    refused_reason = models.TextField(blank=True)
    """Why the agent would not countersign; the receipt then stays a draft."""
    fact = models.OneToOneField(Fact, on_delete=models.PROTECT, related_name="+", null=True)
    created_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state="DRAFT") | (~Q(site_signature="") & Q(fact__isnull=False)),
                name="settlement_signed_receipt_has_its_proof",
            ),
        ]

    def __str__(self) -> str:
        return self.id
