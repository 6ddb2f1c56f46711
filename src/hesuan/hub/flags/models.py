"""Flags, what each concerns, what became of it; thresholds that a programme tuned; rounds of surveillance.

Rows are added and never changed; of a flag only ``state`` moves, and each move is a :class:`FlagStep`.
"""

from __future__ import annotations

from django.db import models

from hesuan.wire.ids import ID_LENGTH, new_id

KEY_LENGTH = 160
ACTOR_LENGTH = 64


class Flag(models.Model):
    """One verdict of one rule, raised once."""

    class State(models.TextChoices):
        OPEN = "OPEN"
        DISMISSED = "DISMISSED"
        CONFIRMED = "CONFIRMED"

    class Action(models.TextChoices):
        STOP = "stop"
        HOLD = "hold"
        FLAG = "flag"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    rule = models.CharField(max_length=8)
    version = models.CharField(max_length=16)
    subject = models.CharField(max_length=KEY_LENGTH)
    window = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=8, choices=Action.choices)
    refs = models.JSONField()
    """The rows it was judged by."""
    numbers = models.JSONField()
    """Both sides of the comparison, the threshold among them."""
    digest = models.CharField(max_length=80)
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    raised_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "version", "subject", "window"], name="flags_flag_raised_once"
            )
        ]
        indexes = [models.Index(fields=["state", "-raised_at"], name="flags_flag_queue")]

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}"


class FlagKey(models.Model):
    """Something that a flag concerns, such as ``claim:01J…``, ``firm:01J…`` or ``programme:<id>``."""

    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="keys")
    key = models.CharField(max_length=KEY_LENGTH, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["flag", "key"], name="flags_key_once")]

    def __str__(self) -> str:
        return self.key


class FlagStep(models.Model):
    """A person's answer to a flag, with the reason and, where it was confirmed, what is done."""

    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="steps")
    to_state = models.CharField(max_length=16, choices=Flag.State.choices)
    measure = models.CharField(max_length=32, blank=True)
    actor = models.CharField(max_length=ACTOR_LENGTH)
    reason = models.TextField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.flag_id} {self.to_state}"


class Tuning(models.Model):
    """A programme's own threshold from a moment on, and why; the newest of a name counts."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.CharField(max_length=100, db_index=True)
    name = models.CharField(max_length=64)
    value = models.BigIntegerField()
    reason = models.TextField()
    actor = models.CharField(max_length=ACTOR_LENGTH)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.programme} {self.name}={self.value}"


class Round(models.Model):
    """One run of every rule over everything: until when, and what it found."""

    until = models.DateTimeField(db_index=True)
    flags = models.PositiveIntegerField()
    """Found, new or not."""
    raised = models.PositiveIntegerField()
    """New."""
    digest = models.CharField(max_length=80)
    """Of all flags found, in order: the same facts give the same."""

    def __str__(self) -> str:
        return f"{self.until:%Y-%m-%d %H:%M} {self.raised}"


class CallCount(models.Model):
    """How many submissions and cancellations one account sent in one second, those refused among them.

    Not history: what is older than surveillance looks back for is forgotten.
    """

    account = models.CharField(max_length=ACTOR_LENGTH)
    at = models.DateTimeField()
    """The second."""
    count = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "at"], name="flags_calls_once_a_second")]
        indexes = [models.Index(fields=["at"], name="flags_calls_by_time")]

    def __str__(self) -> str:
        return f"{self.account} {self.count}"
