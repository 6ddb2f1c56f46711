"""What the worker remembers of its own: facts whose handler failed. A message keeps its own fault."""

from __future__ import annotations

from django.db import models

from hesuan.hub.audit.models import Fact


class Setback(models.Model):
    """A handler raised on this fact; it is tried again when due, and meanwhile blocks nothing."""

    fact = models.OneToOneField(Fact, on_delete=models.CASCADE, primary_key=True, related_name="setback")
    attempts = models.PositiveIntegerField()
    fault = models.TextField()
    due_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.fact_id} {self.fault}"
