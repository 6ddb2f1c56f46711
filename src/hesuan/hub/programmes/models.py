"""Programmes, their versions, who may supply under them, and vouchers; applications are beside this file.

A version's text is immutable and carries its own digest; an application and its voucher point at one version
for ever, so nothing decided later changes what was promised. Balances are not here: they are the ledger's.
"""

from __future__ import annotations

from django.db import models

from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes.application_models import (
    Application,
    ApplicationStep,
    Call,
    Desk,
    Interest,
    Objection,
)
from hesuan.wire.ids import ID_LENGTH, new_id

__all__ = [
    "Application",
    "ApplicationStep",
    "BudgetYear",
    "Call",
    "Desk",
    "Interest",
    "Objection",
    "Programme",
    "ProgrammeVersion",
    "SupplierAdmission",
    "Voucher",
]

DIGEST_LENGTH = len("sha256:") + 64


class Programme(models.Model):
    """One funded scheme; what it says stands in its versions."""

    id = models.CharField(primary_key=True, max_length=100)
    """The document's own name, such as ``cn.henan.suanliquan.2023``."""
    office = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="programmes")
    """The programme office that keeps it; its officers, reviewers and approvers work on it."""
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.id


class ProgrammeVersion(models.Model):
    """One immutable text of a programme."""

    class State(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    text = models.TextField()
    source_name = models.CharField(max_length=200)
    """The file the text came from; findings name ``file:line`` with it."""
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    """SHA-256 of the text as it stands, interpretations included."""
    title = models.CharField(max_length=300)
    issuer = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    loaded_by = models.CharField(max_length=64)
    loaded_at = models.DateTimeField(auto_now_add=True)
    activated_by = models.CharField(max_length=64, blank=True)
    activated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "version"], name="programmes_version_once"),
            models.UniqueConstraint(
                fields=["programme"],
                condition=models.Q(state="active"),
                name="programmes_one_active_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} v{self.version}"


class BudgetYear(models.Model):
    """How much of the appropriation a budget was given for a window; the money itself is in the ledger."""

    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="budget_years")
    budget = models.CharField(max_length=64)
    window = models.CharField(max_length=16)
    """``2026`` for a calendar year, ``lifetime`` otherwise."""
    funded_fen = models.BigIntegerField()
    steps = models.PositiveIntegerField(default=1)
    """How often the funding was set or changed; numbers the ledger events."""
    closed_at = models.DateTimeField(null=True)
    """When what was left went back to the appropriation."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "budget", "window"], name="programmes_budget_window_once"
            ),
            models.CheckConstraint(
                condition=models.Q(funded_fen__gte=0), name="programmes_funded_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.budget} {self.window}"


class SupplierAdmission(models.Model):
    """The office lets vouchers of a programme be used at a centre."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="admissions")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="admissions")
    admitted_by = models.CharField(max_length=64)
    admitted_at = models.DateTimeField()
    reason = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "centre"], name="programmes_admission_once")
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.centre_id}"


class Voucher(models.Model):
    """A holder's claim on a programme; what is left of it is the balance of its ledger account."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    code = models.CharField(max_length=16, unique=True)
    programme_version = models.ForeignKey(ProgrammeVersion, on_delete=models.PROTECT, related_name="vouchers")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="vouchers")
    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="voucher")
    face_fen = models.BigIntegerField()
    issued_by = models.CharField(max_length=64)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(face_fen__gt=0), name="programmes_face_positive")
        ]

    def __str__(self) -> str:
        return self.code
