"""Programmes, their versions, who may supply under them, applications and vouchers.

A version's text is immutable and carries its own digest; an application and its voucher point at one version
for ever, so nothing decided later changes what was promised. Balances are not here: they are the ledger's.
"""

from __future__ import annotations

from django.db import models

from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import ID_LENGTH, new_id

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


class Application(models.Model):
    """An organisation asks for a voucher; three different people carry it to its issue."""

    class State(models.TextChoices):
        SUBMITTED = "SUBMITTED"
        REVIEWED = "REVIEWED"
        APPROVED = "APPROVED"
        REJECTED = "REJECTED"
        ISSUED = "ISSUED"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme_version = models.ForeignKey(
        ProgrammeVersion, on_delete=models.PROTECT, related_name="applications"
    )
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="applications")
    facts = models.JSONField()
    """What the applicant declared and the registry knows, by the names predicates use."""
    planned_fen = models.BigIntegerField()
    """Spending on computing the voucher is to help pay [fen]."""
    decision = models.JSONField()
    """The engine's latest decision with its trace: at submission, then at issue."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.SUBMITTED)
    submitted_by = models.CharField(max_length=64)
    submitted_at = models.DateTimeField()
    reviewed_by = models.CharField(max_length=64, blank=True)
    reviewed_at = models.DateTimeField(null=True)
    review_note = models.TextField(blank=True)
    approved_by = models.CharField(max_length=64, blank=True)
    approved_at = models.DateTimeField(null=True)
    approval_note = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(planned_fen__gt=0), name="programmes_planned_positive"),
            models.CheckConstraint(
                condition=~models.Q(reviewed_by=models.F("submitted_by")),
                name="programmes_reviewer_is_not_submitter",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by="")
                | ~(
                    models.Q(approved_by=models.F("submitted_by"))
                    | models.Q(approved_by=models.F("reviewed_by"))
                ),
                name="programmes_approver_is_a_third_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.state}"


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
