"""Offerings, their dated prices, quotes and orders.

A quote's ``document`` is frozen: what is charged later follows from it and from metered usage alone. It
therefore repeats what it needs (price, cores, rule, voucher plan) instead of pointing at rows that change.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes.rules import LINE_KIND
from hesuan.wire.ids import ID_LENGTH, new_id

REFERENCE_LENGTH = 64
"""Room for an id that another party chose: an order's or a deposit's."""


class Offering(models.Model):
    """What one centre sells, on stated terms: up to so many cores and so much memory for one run."""

    class State(models.TextChoices):
        PUBLISHED = "PUBLISHED"
        WITHDRAWN = "WITHDRAWN"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="offerings")
    title = models.CharField(max_length=200)
    cores = models.PositiveIntegerField()
    memory_bytes = models.BigIntegerField()
    line_kind = models.CharField(max_length=32, default=LINE_KIND, db_default=LINE_KIND)
    """What a programme's rule takes it for: ``compute``, ``ai_compute`` …; declared by the centre."""
    card = models.CharField(max_length=64, default="", db_default="")
    """Name of its accelerator card in the planner's catalogue; empty: not said."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.PUBLISHED)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(cores__gt=0, memory_bytes__gt=0), name="market_offering_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Price(models.Model):
    """One dated price of one offering, valid from a moment until (and without) another; never zero."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="prices")
    fen_per_core_hour = models.BigIntegerField()
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(fen_per_core_hour__gt=0), name="market_price_positive"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
                name="market_price_interval",
            ),
            models.UniqueConstraint(
                fields=["offering"], condition=Q(valid_to__isnull=True), name="market_price_one_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.fen_per_core_hour} fen per core-hour"


class QuoteRequest(models.Model):
    """A work order for which an organisation asked every offering's quote."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    work = models.JSONField()
    created_by = models.CharField(max_length=REFERENCE_LENGTH)
    created_at = models.DateTimeField()
    """The moment for which prices and vouchers were judged; settlement judges the voucher for it again."""

    def __str__(self) -> str:
        return self.id


class Quote(models.Model):
    """A priced, expiring promise of one offering; rank 1 is shown first."""

    class State(models.TextChoices):
        OPEN = "OPEN"
        ACCEPTED = "ACCEPTED"
        EXPIRED = "EXPIRED"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    request = models.ForeignKey(QuoteRequest, on_delete=models.PROTECT, related_name="quotes")
    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="quotes")
    document = models.JSONField()
    digest = models.CharField(max_length=80)
    rank = models.PositiveIntegerField()
    valid_until = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)

    class Meta:
        ordering = ["request", "rank"]
        indexes = [
            models.Index(fields=["valid_until"], condition=Q(state="OPEN"), name="market_quote_open"),
        ]

    def __str__(self) -> str:
        return self.id


class QuoteRefusal(models.Model):
    """Why one offering could not quote: a stable code, the facts, the sentence in both languages."""

    request = models.ForeignKey(QuoteRequest, on_delete=models.PROTECT, related_name="refusals")
    offering = models.ForeignKey(Offering, on_delete=models.PROTECT, related_name="refusals")
    code = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    sentences = models.JSONField(default=dict)
    """``{"en": …, "zh": …}``."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request", "offering"], name="market_refusal_once"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.offering_id}"


class Order(models.Model):
    """An accepted quote. Its id is chosen by who accepts: the same id again is the same order."""

    class State(models.TextChoices):
        PLACED = "PLACED"
        SETTLED = "SETTLED"

    id = models.CharField(primary_key=True, max_length=REFERENCE_LENGTH)
    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="order")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="orders")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PLACED)
    accepted_by = models.CharField(max_length=REFERENCE_LENGTH)
    accepted_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id


class Deposit(models.Model):
    """Money an organisation paid in; the id is chosen by who books it, so that it is booked once."""

    id = models.CharField(primary_key=True, max_length=REFERENCE_LENGTH)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    amount_fen = models.BigIntegerField()
    booked_by = models.CharField(max_length=REFERENCE_LENGTH)
    booked_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="market_deposit_positive"),
        ]

    def __str__(self) -> str:
        return self.id
