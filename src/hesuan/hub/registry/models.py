"""Documents, and who besides their owner may open them.

Rows are added and never changed (migration 0002). A document's bytes lie in the data folder under their
SHA-256, outside anything the web server serves by itself.
"""

from __future__ import annotations

from django.db import models

from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import ID_LENGTH, new_id

SHA256_LENGTH = 64


class Document(models.Model):
    """One uploaded file: what it was called, what it was found to be, and the hash it lies under."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="documents")
    file_name = models.CharField(max_length=150)
    """As the person called it; a label, never a path."""
    media_type = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=SHA256_LENGTH, db_index=True)
    uploaded_by = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(size_bytes__gt=0), name="registry_document_not_empty")
        ]

    def __str__(self) -> str:
        return self.file_name


class Opening(models.Model):
    """An organisation lets a programme office look: at what is on record of it, or at one document."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="openings")
    office = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="opened_to")
    document = models.ForeignKey(Document, null=True, on_delete=models.PROTECT, related_name="openings")
    """``None``: facts, relations and aid on record, with the documents that prove them."""
    because = models.CharField(max_length=100)
    """What made it necessary, such as ``application:01J…``."""
    opened_by = models.CharField(max_length=64)
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "office"],
                condition=models.Q(document__isnull=True),
                name="registry_opened_to_an_office_once",
            ),
            models.UniqueConstraint(
                fields=["document", "office"], name="registry_document_opened_to_an_office_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} → {self.office_id}"
