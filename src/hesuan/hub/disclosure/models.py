"""What the ledger moved of a programme's money, and the entry of the public log that says so.

A trigger of the database writes one row here for each transfer in a programme's ledger, in the transaction
that moves the money (migration 0002). So nothing can be forgotten, whichever room moved it, and nothing is
told that was rolled back. A row is given its entry once.
"""

from __future__ import annotations

from django.db import models


class Disclosed(models.Model):
    """One transfer of a programme, and its entry once it is written."""

    transfer = models.OneToOneField(
        "ledger.Transfer", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    programme = models.CharField(max_length=100)
    """The programme's id, from the name of the ledger."""
    entry = models.OneToOneField("audit.Fact", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        indexes = [
            models.Index(
                fields=["programme", "transfer"],
                condition=models.Q(entry__isnull=True),
                name="disclosure_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.programme} {self.transfer_id}"
