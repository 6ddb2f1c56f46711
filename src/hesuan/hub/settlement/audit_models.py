"""Samples that are looked into again, and payments found again at the bank.

Rows are added; of a plan and of a sample only the second half (who agreed, what came of it) is filled in,
once.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from hesuan.hub.programmes.models import Programme
from hesuan.wire.ids import ID_LENGTH, new_id

REFERENCE_LENGTH = 100
ACTOR_LENGTH = 64


class AuditPlan(models.Model):
    """A programme's decision on its samples: proposed by one approver, in force once another agrees."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="audit_plans")
    part = models.PositiveIntegerField()
    of = models.PositiveIntegerField()
    """``part / of`` of the verified claims are drawn."""
    window_days = models.PositiveIntegerField()
    """How many days a paid claim stays open to an audit."""
    reason = models.TextField()
    proposed_by = models.CharField(max_length=ACTOR_LENGTH)
    proposed_at = models.DateTimeField()
    agreed_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    agreed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(of__gte=1, part__lte=F("of")), name="settlement_plan_share_is_one"
            ),
            models.CheckConstraint(
                condition=Q(agreed_by="") | ~Q(agreed_by=F("proposed_by")), name="settlement_plan_of_two"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.part}/{self.of}"


class SampledAudit(models.Model):
    """One draw of one claim, and what the audit found where it was drawn."""

    class Outcome(models.TextChoices):
        PASSED = "passed"
        FINDINGS = "findings"

    claim = models.ForeignKey("settlement.Claim", on_delete=models.PROTECT, related_name="audits")
    from_state = models.CharField(max_length=16)
    """Where the claim stood, and goes on from."""
    seed = models.CharField(max_length=64)
    """SHA-256 of the leaf of the fact that came before: nobody knew it when the claim was written."""
    number = models.CharField(max_length=20)
    """What it drew, from 0 to 1, cut after 18 digits."""
    share = models.CharField(max_length=24)
    """``1/10``: it is in the sample where its number is below."""
    said_by = models.CharField(max_length=64)
    """``document``, or the plan's id."""
    drawn = models.BooleanField()
    drawn_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    finding = models.TextField(blank=True)
    clawback = models.ForeignKey(
        "settlement.Clawback", null=True, on_delete=models.PROTECT, related_name="audits"
    )
    audited_by = models.CharField(max_length=ACTOR_LENGTH, blank=True)
    audited_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.claim_id} {self.number} of {self.share}"


class BankStatement(models.Model):
    """What a payer's bank says it paid for a programme in a period, as loaded."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="bank_statements")
    payer = models.CharField(max_length=64)
    begins_on = models.DateField()
    ends_on = models.DateField()
    name = models.CharField(max_length=REFERENCE_LENGTH)
    digest = models.CharField(max_length=80)
    """Of the file."""
    loaded_by = models.CharField(max_length=ACTOR_LENGTH)
    loaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.payer} {self.begins_on}/{self.ends_on}"


class BankLine(models.Model):
    """One line of it."""

    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    """Of the line in the file, the heading being the first."""
    day = models.DateField()
    reference = models.CharField(max_length=REFERENCE_LENGTH)
    payment = models.CharField(max_length=REFERENCE_LENGTH, blank=True)
    """Id of the payment, where the bank carries it."""
    payee = models.CharField(max_length=200, blank=True)
    amount_fen = models.BigIntegerField()

    class Meta:
        ordering = ["statement", "number"]
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="settlement_bank_line_paid")
        ]

    def __str__(self) -> str:
        return f"{self.statement_id}/{self.number}"


class Reconciled(models.Model):
    """A payment whose cash was found at the bank, to the fen."""

    payment = models.OneToOneField(
        "settlement.Payment", on_delete=models.PROTECT, related_name="reconciled", primary_key=True
    )
    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="reconciled")

    def __str__(self) -> str:
        return str(self.payment_id)


class ReconcileFinding(models.Model):
    """Where books and bank differ, with both numbers."""

    statement = models.ForeignKey(BankStatement, on_delete=models.PROTECT, related_name="findings")
    code = models.CharField(max_length=64)
    key = models.CharField(max_length=REFERENCE_LENGTH)
    """The reference, or the payment's id."""
    books_fen = models.BigIntegerField()
    bank_fen = models.BigIntegerField()
    en = models.TextField()
    zh = models.TextField()

    def __str__(self) -> str:
        return f"{self.code} {self.key}"
