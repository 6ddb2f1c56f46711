"""Payment instructions: what a payer's bank is told to pay one party for one period, once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes.models import Programme
from hesuan.wire.ids import ID_LENGTH, new_id

REFERENCE_LENGTH = 100
ACTOR_LENGTH = 64
OF_BATCH = "batch"
"""The key of the one instruction that a period's batch makes."""


class Instruction(models.Model):
    """One order to a bank: all that one payer owes one party by a batch, or by a claim paid by itself.

    The database lets there be one for each payer, party and period: whoever pays a batch twice, from two
    desks, or again after a crash, is refused the second.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="instructions")
    batch = models.ForeignKey(
        "settlement.Batch", null=True, on_delete=models.PROTECT, related_name="instructions"
    )
    party = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    """Who is paid."""
    payer = models.CharField(max_length=64)
    period = models.CharField(max_length=16)
    """Such as ``2026-Q4``: the batch's, or the quarter in which a claim was paid by itself."""
    key = models.CharField(max_length=REFERENCE_LENGTH)
    """:data:`OF_BATCH`, or which payment of which claim."""
    amount_fen = models.BigIntegerField()
    """What leaves the payer's account now: set-offs and what was paid in advance are not in it."""
    payments = models.PositiveIntegerField()
    """Of how many payments it is made."""
    reference = models.CharField(max_length=REFERENCE_LENGTH, blank=True)
    """The bank's."""
    made_by = models.CharField(max_length=ACTOR_LENGTH)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "party", "payer", "period", "key"],
                name="settlement_instructed_once_a_period",
            ),
            models.CheckConstraint(
                condition=Q(amount_fen__gt=0, payments__gt=0), name="settlement_instruction_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} {self.payer} → {self.party_id}"


class Instructed(models.Model):
    """By which instruction a payment's money goes; once."""

    payment = models.OneToOneField(
        "settlement.Payment", primary_key=True, on_delete=models.PROTECT, related_name="instructed"
    )
    instruction = models.ForeignKey(Instruction, on_delete=models.PROTECT, related_name="parts")

    def __str__(self) -> str:
        return f"{self.payment_id} by {self.instruction_id}"
