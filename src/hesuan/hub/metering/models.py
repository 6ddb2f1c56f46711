"""Usage records: what the centre's own accounting observed of one run, once, never overwritten."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from hesuan.hub.centres.models import Agent, Centre
from hesuan.hub.runs.models import Run
from hesuan.wire.attempts import Evidence
from hesuan.wire.ids import ID_LENGTH, new_id


class UsageRecord(models.Model):
    """The observed use of one run. ``raw`` is the whole signed body; the columns repeat it for reading."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="usage")
    attempt = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=Run.State.choices)
    exit_status = models.IntegerField(null=True)
    signal = models.IntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """Both empty where nothing was started."""
    wall_ms = models.BigIntegerField()
    cpu_ms = models.BigIntegerField()
    cores = models.PositiveIntegerField()
    held_core_s = models.BigIntegerField()
    """Started seconds of wall time × cores held, busy or not."""
    peak_memory_bytes = models.BigIntegerField()
    evidence = models.CharField(max_length=100)
    result = models.JSONField(default=dict)
    """What the program says of itself; shown as such, never charged by."""
    output_digest = models.CharField(max_length=80, blank=True)
    raw = models.JSONField()
    digest = models.CharField(max_length=80)
    """Digest of ``raw``: the same body again is the same record."""
    message_id = models.CharField(max_length=64, blank=True)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(wall_ms__gte=0, cpu_ms__gte=0, held_core_s__gte=0, peak_memory_bytes__gte=0),
                name="metering_usage_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"usage of {self.run_id}"


class Attempt(models.Model):
    """One time that a run was run, from the centre's books; rows are added and never changed."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="attempts")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=200)
    """The scheduler's own name of it: cluster, job, start. No other run of the centre has it."""
    state = models.CharField(max_length=100)
    """In the scheduler's own word."""
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    wall_ms = models.BigIntegerField()
    core_s = models.BigIntegerField()
    """Cores set aside × seconds, busy or not; likewise cards, nodes and memory. Null: nobody read it."""
    card_s = models.BigIntegerField(null=True)
    node_s = models.BigIntegerField(null=True)
    memory_mib_s = models.BigIntegerField(null=True)
    energy_j = models.BigIntegerField(null=True)
    evidence = models.CharField(max_length=100)
    evidence_class = models.CharField(max_length=16, choices=[(one.value, one.value) for one in Evidence])
    raw = models.TextField(blank=True)
    """The line it was read from; empty where the signed usage is the line."""
    raw_digest = models.CharField(max_length=80)
    message_id = models.CharField(max_length=64, blank=True)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["centre", "key"], name="metering_attempt_once"),
            models.CheckConstraint(
                condition=Q(wall_ms__gte=0, core_s__gte=0)
                & (Q(card_s__isnull=True) | Q(card_s__gte=0))
                & (Q(node_s__isnull=True) | Q(node_s__gte=0))
                & (Q(memory_mib_s__isnull=True) | Q(memory_mib_s__gte=0))
                & (Q(energy_j__isnull=True) | Q(energy_j__gte=0)),
                name="metering_attempt_not_negative",
            ),
        ]
        indexes = [models.Index(fields=["centre", "ended_at"], name="metering_attempt_window")]

    def __str__(self) -> str:
        return f"{self.key} of {self.run_id}"


class MeterReading(models.Model):
    """One word of a run's cumulative counter, or of its beginning anew; rows are added and never changed."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="readings")
    seq = models.PositiveIntegerField()
    """The meter's own number, from 1; an agent that takes over counts on."""
    counter_ms = models.BigIntegerField()
    before_ms = models.BigIntegerField(null=True)
    """Of a re-base: where the counter stood at last."""
    reason = models.TextField(blank=True)
    """Of a re-base."""
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    """Who signed it."""
    at = models.DateTimeField()
    """By the site's clock; nothing is decided by it."""
    message_id = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=80)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "seq"], name="metering_reading_once"),
            models.CheckConstraint(
                condition=Q(seq__gte=1, counter_ms__gte=0)
                & (Q(before_ms__isnull=True) | Q(before_ms__gte=0)),
                name="metering_reading_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.seq}: {self.counter_ms} ms"


class Finding(models.Model):
    """Two records of one run that do not agree: kept beside the first, for a person to look at."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="findings")
    kind = models.CharField(max_length=64)
    digest = models.CharField(max_length=80)
    facts = models.JSONField(default=dict)
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "kind", "digest"], name="metering_finding_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.run_id}"
