"""Facts: rows of an append-only log, later leaves of a Merkle tree; the tree; its signed checkpoints.

A fact is written in the same transaction as what it speaks of; ``leaf_index`` is given afterwards by one
sequencer that looks for rows without one (never ``id > last``, which loses rows that commit late).
Triggers refuse changes of what was recorded, and deletions (migration 0002).
"""

from __future__ import annotations

from django.db import models

from hesuan.wire.ids import ID_LENGTH, new_id


class Fact(models.Model):
    """One recorded fact: the public leaf, and privately the salted record that its digest commits to."""

    seq = models.BigAutoField(primary_key=True)
    id = models.CharField(max_length=ID_LENGTH, unique=True, default=new_id, editable=False)
    log = models.CharField(max_length=100, default="platform")
    kind = models.CharField(max_length=64)
    subject = models.CharField(max_length=100)
    actor = models.CharField(max_length=64)
    at = models.DateTimeField()
    leaf = models.BinaryField()
    """Canonical JSON of the public leaf; of a version 2 entry, all of it but ``s`` and ``ref``."""
    refers = models.CharField(max_length=100, null=True)
    """Subject of the fact in the same log that a version 2 entry resolves."""
    entry = models.BinaryField(null=True)
    """The leaf as hashed, when it differs from ``leaf``: a version 2 entry, once it has its number."""
    private = models.JSONField(null=True)
    """``{"salt": hex, "record": {...}}``; the leaf holds its digest."""
    leaf_index = models.BigIntegerField(null=True)
    handed_on_at = models.DateTimeField(null=True)
    """When the worker gave it to every handler of its kind."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["log", "leaf_index"], name="audit_fact_leaf_once")]
        indexes = [
            models.Index(fields=["subject"], name="audit_fact_subject"),
            models.Index(
                fields=["seq"], condition=models.Q(handed_on_at__isnull=True), name="audit_fact_not_handed_on"
            ),
            models.Index(
                fields=["seq"], condition=models.Q(leaf_index__isnull=True), name="audit_fact_unsequenced"
            ),
        ]

    @property
    def logged(self) -> bytes:
        """The bytes that stand in the log."""
        return bytes(self.leaf if self.entry is None else self.entry)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Log(models.Model):
    """One log; its row is the lock that only one sequencer holds at a time."""

    name = models.CharField(primary_key=True, max_length=100)

    def __str__(self) -> str:
        return self.name


class Node(models.Model):
    """The hash of a complete subtree: ``2**level`` leaves from leaf ``index * 2**level`` on."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="nodes")
    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["log", "level", "index"], name="audit_node_once")]

    def __str__(self) -> str:
        return f"{self.log_id} {self.level}/{self.index}"


class Checkpoint(models.Model):
    """The log's size and root at one moment, signed (C2SP tlog-checkpoint)."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT, related_name="checkpoints")
    size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    """The signed note, exactly as published."""
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["log", "size"], name="audit_checkpoint_size_once"),
            models.CheckConstraint(condition=models.Q(size__gt=0), name="audit_checkpoint_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.log_id} {self.size}"


class Cosignature(models.Model):
    """One witness's signature line on a checkpoint, checked before it was kept."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="cosignatures")
    witness = models.CharField(max_length=200)
    line = models.TextField()
    """The line as it stands in the published note, line end included."""
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["checkpoint", "witness"], name="audit_cosignature_of")]

    def __str__(self) -> str:
        return f"{self.witness} {self.checkpoint_id}"


class Publication(models.Model):
    """A checkpoint stood in the published folder: a folder that has less by now is not the one it was."""

    checkpoint = models.OneToOneField(Checkpoint, on_delete=models.PROTECT, related_name="publication")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.checkpoint_id)


class Anchor(models.Model):
    """One day's hand-over of a checkpoint's hash to the operator's anchoring command, and what came of it."""

    log = models.CharField(max_length=100, null=True)
    """Name of the checkpoint's log; rows of before have none."""
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="anchors")
    day = models.DateField()
    digest = models.CharField(max_length=64)
    """SHA-256 of the signed note, in hexadecimal."""
    succeeded = models.BooleanField()
    said = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["log", "day"], condition=models.Q(succeeded=True), name="audit_anchor_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.digest[:8]}"
