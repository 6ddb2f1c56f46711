"""Files for runs: what somebody said he would send, how much of it is here, and which runs need it; and the
packaged applications that are made of such files."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from hesuan.hub.identity.models import Organisation
from hesuan.wire.apps import LONGEST_NAME as LONGEST_APP_NAME
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


class App(models.Model):
    """A packaged application that was published here: which files it is made of, under its content's digest.

    Its row stays when it is withdrawn: an order may name its digest.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="apps")
    """Whose files it is made of: the platform's."""
    name = models.CharField(max_length=LONGEST_APP_NAME)
    version = models.CharField(max_length=LONGEST_NAME)
    work_unit = models.CharField(max_length=LONGEST_NAME)
    digest = models.CharField(max_length=80)
    files = models.JSONField()
    """``[{"path", "size_bytes", "sha256"}, …]``, sorted."""
    size_bytes = models.BigIntegerField()
    published_by = models.CharField(max_length=64)
    published_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["digest"], condition=Q(withdrawn_at__isnull=True), name="files_app_published_once"
            ),
        ]
        indexes = [models.Index(fields=["digest", "-published_at"], name="files_app_content")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Part(models.Model):
    """A file that a published application is made of."""

    app = models.ForeignKey(App, on_delete=models.PROTECT, related_name="parts")
    file = models.ForeignKey(File, on_delete=models.PROTECT, related_name="parts")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "file"], name="files_part_once")]

    def __str__(self) -> str:
        return f"{self.app_id} has {self.file_id}"
