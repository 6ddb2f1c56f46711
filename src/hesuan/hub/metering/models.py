"""Usage records: what the centre's own accounting observed of one run, once, never overwritten."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from hesuan.hub.runs.models import Run
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
