"""The inbox: every message of a site agent, stored once by (agent, number), handled by the worker."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from hesuan.hub.centres.models import Agent
from hesuan.wire.ids import ID_LENGTH, new_id


class InboxMessage(models.Model):
    """One signed message as it came, and what became of it."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="messages")
    """Who signed it. A handler must check that what the message speaks of belongs to this agent."""
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    at = models.DateTimeField()
    """When the agent says it wrote it."""
    body = models.JSONField()
    """As sent, except that U+0000, which PostgreSQL cannot hold, is written U+FFFD."""
    raw = models.BinaryField()
    """Canonical bytes of the sealed message: the evidence, byte for byte, with its signature."""
    digest = models.CharField(max_length=80)
    """Of the message without its signature."""
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    """How often a handler tried and failed."""
    fault = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "seq"], name="gateway_message_once"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="gateway_message_seq_from_one"),
        ]
        indexes = [
            models.Index(
                fields=["agent", "seq"],
                condition=Q(handled_at__isnull=True),
                name="gateway_message_unhandled",
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.seq} {self.kind}"


class Contradiction(models.Model):
    """Two messages of one agent under one number: the first stands, this one was refused and is kept."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="contradictions")
    seq = models.BigIntegerField()
    digest = models.CharField(max_length=80)
    raw = models.BinaryField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "seq", "digest"], name="gateway_contradiction_once")
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.seq}"
