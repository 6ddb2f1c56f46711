"""Files for runs: what somebody said he would send, how much of it is here, and which runs need it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import ID_LENGTH, new_id

SHA256_LENGTH = 64
LONGEST_NAME = 150


class File(models.Model):
    """One file of an organisation. Its row stays when its content is removed: an order may name it."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="files")
    name = models.CharField(max_length=LONGEST_NAME)
    """As the person called it; a label, never a path."""
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=SHA256_LENGTH)
    """As the sender said it; complete only when the content agrees."""
    received_bytes = models.BigIntegerField(default=0)
    """How much of it is on disk, from its beginning."""
    created_by = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(size_bytes__gt=0, received_bytes__gte=0, received_bytes__lte=F("size_bytes")),
                name="files_file_received_within_size",
            ),
            models.CheckConstraint(
                condition=Q(completed_at__isnull=True) | Q(received_bytes=F("size_bytes")),
                name="files_file_complete_when_whole",
            ),
        ]
        indexes = [models.Index(fields=["organisation", "sha256"], name="files_file_content")]

    def __str__(self) -> str:
        return self.name


class Use(models.Model):
    """A run needs a file until it has ended."""

    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="uses")
    run = models.CharField(max_length=ID_LENGTH)
    """Id of a run; that room stands above this one."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "file"], name="files_use_once")]

    def __str__(self) -> str:
        return f"{self.run} needs {self.file_id}"
