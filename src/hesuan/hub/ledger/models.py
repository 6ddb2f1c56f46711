"""Accounts and what froze them, attempts, transfers: the only tables that hold money.

An account is two-sided and credit-normal: what it may still spend is ``credits posted − debits posted −
debits pending``. Its four counters are a cache of the transfers, kept under a lock and recomputed by
:mod:`hesuan.hub.ledger.checks`. Transfers and attempts are added and never changed; triggers (migration
0002) refuse what the code should not have tried.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from hesuan.hub.ledger.rules import CODES, KINDS, RESOLVING, Refusal

ID_LENGTH = 100
"""Ids of events are chosen by the caller: a ULID, or a name derived from one such as ``capture:<order>``."""


class Account(models.Model):
    """One two-sided counter in one ledger."""

    ledger = models.CharField(max_length=100)
    key = models.CharField(max_length=100)
    kind = models.CharField(max_length=32)
    may_overdraw = models.BooleanField(default=False)
    """For the outside world (appropriation, bank): the account that money comes from."""
    debits_posted = models.BigIntegerField(default=0)
    credits_posted = models.BigIntegerField(default=0)
    debits_pending = models.BigIntegerField(default=0)
    credits_pending = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)
    frozen = models.BooleanField(default=False, db_default=False)
    """Whether nothing new is taken from it: changed by a row of :class:`Freezing`, and not otherwise."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["ledger", "key"], name="ledger_account_once"),
            models.CheckConstraint(
                condition=Q(debits_posted__gte=0)
                & Q(credits_posted__gte=0)
                & Q(debits_pending__gte=0)
                & Q(credits_pending__gte=0),
                name="ledger_account_counters_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(may_overdraw=True)
                | Q(credits_posted__gte=F("debits_posted") + F("debits_pending")),
                name="ledger_account_not_overdrawn",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ledger} {self.key}"


class Freezing(models.Model):
    """One act on an account, counted from 1: by odd numbers it was frozen, by even ones thawed."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="freezings", db_index=False)
    number = models.IntegerField()
    frozen = models.BooleanField()
    after_seq = models.BigIntegerField()
    """The last transfer or hold out of the account until then, by its number; 0 where there was none."""
    actor = models.CharField(max_length=64)
    reason = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "number"], name="ledger_freezing_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="ledger_freezing_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.number} {self.frozen}"


class Attempt(models.Model):
    """The first outcome of an event id, accepted or refused; it is the outcome for ever."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH)
    digest = models.CharField(max_length=71)
    """Of the whole journal the event came in: the same id in another journal is another request."""
    result = models.CharField(max_length=64, choices=[("ok", "ok"), *((code, code) for code in Refusal)])
    facts = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(result__in=["ok", *(code.value for code in Refusal)]),
                name="ledger_attempt_result_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.result}"


class Transfer(models.Model):
    """One movement of one positive amount from one account (debit) to another (credit)."""

    seq = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=ID_LENGTH, unique=True)
    kind = models.CharField(max_length=8, choices=[(kind, kind) for kind in KINDS])
    pending = models.ForeignKey(
        "self",
        to_field="id",
        null=True,
        on_delete=models.PROTECT,
        related_name="resolutions",
        db_index=False,
        db_constraint=False,
    )
    """The hold that a capture or release resolves; that it is there, as both accounts are, the guard of
    migration 0005 asks once for all rows of a statement, where a foreign key asks row by row."""
    debit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="debits", db_constraint=False)
    credit = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credits", db_constraint=False)
    amount_fen = models.BigIntegerField()
    """Moved (transfer, capture), set aside (hold) or given back (release) [fen]."""
    code = models.CharField(max_length=8, choices=[(code, code) for code in CODES])
    journal = models.CharField(max_length=ID_LENGTH, db_index=True)
    """Id of the first event of the group that was posted together."""
    at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pending"], condition=Q(pending__isnull=False), name="ledger_hold_resolved_once"
            ),
            models.CheckConstraint(condition=Q(amount_fen__gt=0), name="ledger_transfer_amount_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="ledger_transfer_two_accounts"),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="ledger_transfer_kind_known"),
            models.CheckConstraint(condition=Q(code__in=CODES), name="ledger_transfer_code_known"),
            models.CheckConstraint(
                condition=Q(kind__in=RESOLVING, pending__isnull=False)
                | (~Q(kind__in=RESOLVING) & Q(pending__isnull=True)),
                name="ledger_transfer_pending_when_resolving",
            ),
            models.CheckConstraint(
                condition=Q(kind="hold") | Q(expires_at__isnull=True),
                name="ledger_transfer_only_holds_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.kind} {self.amount_fen}"


class Lease(models.Model):
    """Which process may write batches, and how often that changed; see :mod:`hesuan.hub.ledger.lease`."""

    name = models.CharField(primary_key=True, max_length=32)
    epoch = models.BigIntegerField()
    holder = models.CharField(max_length=200)
    renewed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.epoch} {self.holder}"
