"""Remembered requests: the same key with the same body gets the same answer."""

from __future__ import annotations

from django.db import models

from hesuan.wire.ids import ID_LENGTH, new_id


class ApiRequest(models.Model):
    """One keyed request of one tenant.

    ``object_id`` is given before the work begins and is the id of what the request makes. A hub that dies
    between work and answer does the same work again under the same id, which changes nothing.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    tenant = models.CharField(max_length=ID_LENGTH)
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    """SHA-256 of method, path and body."""
    object_id = models.CharField(max_length=ID_LENGTH)
    claimed_at = models.DateTimeField()
    """When somebody began, or last began again, to work on it."""
    status = models.PositiveSmallIntegerField(null=True)
    """HTTP status of the answer; ``None`` while in flight."""
    content_type = models.CharField(max_length=100, blank=True)
    response = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="api_request_key_once"),
            models.CheckConstraint(
                condition=models.Q(status__isnull=True, response__isnull=True)
                | models.Q(status__isnull=False, response__isnull=False),
                name="api_request_answered_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant} {self.key}"
