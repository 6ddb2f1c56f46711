"""Programmes, their versions, who may supply under them, and vouchers; applications are beside this file.

A version's text is immutable and carries its own digest; an application and its voucher point at one version
for ever, so nothing decided later changes what was promised. Balances are not here: they are the ledger's.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db import models
from django.db.models.functions import Coalesce

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
    "AdmissionEnd",
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

ENDS_AT = Coalesce("extended_until", "expires_at")
"""In a query over vouchers what :attr:`Voucher.ends_at` is of one row."""


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
    """``2026``, ``FY2026``, ``2026Q3`` or ``lifetime``."""
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
    """The office lets vouchers of a programme be used at a centre, for a service item or for every one."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="admissions")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="admissions")
    batch = models.CharField(max_length=64, default="", db_default="")
    """Of the office's published list, such as ``2025-2``; empty: it publishes none."""
    service_item = models.CharField(max_length=32, default="", db_default="")
    """The kind of line; empty: every one."""
    valid_from = models.DateField(null=True)
    """The first day; empty: from the moment it was entered."""
    valid_until = models.DateField(null=True)
    """The last day; empty: until it is ended."""
    admitted_by = models.CharField(max_length=64)
    admitted_at = models.DateTimeField()
    reason = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "centre", "batch", "service_item"], name="programmes_admission_once"
            )
        ]

    @property
    def ended_on(self) -> date | None:
        """The last day, where the office ended it."""
        ending = getattr(self, "ending", None)
        return ending.last_day if ending else None

    def __str__(self) -> str:
        return f"{self.programme_id} {self.centre_id}"


class AdmissionEnd(models.Model):
    """An admission's end: the last day on which an order may still be agreed."""

    admission = models.OneToOneField(
        SupplierAdmission, on_delete=models.PROTECT, primary_key=True, related_name="ending"
    )
    last_day = models.DateField()
    reason = models.TextField()
    ended_by = models.CharField(max_length=64)
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.admission_id} {self.last_day}"


class Voucher(models.Model):
    """A holder's claim on a programme; what is left of it is the balance of its ledger account.

    Everything but its state is written once; the state is the newest of its steps.
    """

    class State(models.TextChoices):
        ISSUED = "ISSUED"
        """Given, and nothing of it released yet."""
        ACTIVE = "ACTIVE"
        REDUCED = "REDUCED"
        """Active, after a checkpoint took back some of what lay unused."""
        SUSPENDED = "SUSPENDED"
        EXHAUSTED = "EXHAUSTED"
        EXPIRED = "EXPIRED"
        SURRENDERED = "SURRENDERED"
        REVOKED = "REVOKED"
        CLOSED = "CLOSED"
        """Over, no hold open, the rest given back."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    code = models.CharField(max_length=16, unique=True)
    programme_version = models.ForeignKey(ProgrammeVersion, on_delete=models.PROTECT, related_name="vouchers")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="vouchers")
    application = models.OneToOneField(Application, on_delete=models.PROTECT, related_name="voucher")
    face_fen = models.BigIntegerField()
    issued_by = models.CharField(max_length=64)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    """As issued, and never changed; when it ends now says :attr:`ends_at`."""
    extended_until = models.DateTimeField(null=True)
    """When it ends since its last extension; only ever moved on (:mod:`.extending`)."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.ISSUED)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(face_fen__gt=0), name="programmes_face_positive")
        ]

    @property
    def ends_at(self) -> datetime | None:
        """The first moment at which it is good no more, extensions included; ``None``: it does not end."""
        return self.extended_until or self.expires_at

    def __str__(self) -> str:
        return self.code


class VoucherStep(models.Model):
    """One transition of a voucher; rows are added and never changed."""

    voucher = models.ForeignKey(Voucher, on_delete=models.PROTECT, related_name="steps")
    from_state = models.CharField(max_length=16, blank=True)
    """Empty before its issue."""
    to_state = models.CharField(max_length=16)
    trigger = models.CharField(max_length=16)
    """What made it: ``issue``, ``release``, ``reduce``, ``exempt``, ``suspend`` …"""
    detail = models.CharField(max_length=100, blank=True)
    """Which tranche, checkpoint or event; with the trigger it happens once."""
    actor = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    amount_fen = models.BigIntegerField(default=0)
    """What was moved by it [fen]."""
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["voucher", "trigger", "detail"],
                condition=~models.Q(detail=""),
                name="programmes_step_once",
            ),
            models.CheckConstraint(
                condition=models.Q(amount_fen__gte=0), name="programmes_step_amount_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voucher_id} {self.from_state} → {self.to_state}"


class Count(models.Model):
    """One amount counted against a cap or a budget; rows are added and never changed.

    The counter itself is a ledger account. The rows say what it was counted for and on which day: what leaves
    a rolling window, and what is to be given back when a voucher ends, follow from them.
    """

    id = models.CharField(primary_key=True, max_length=100)
    """The ledger event that counted it."""
    programme = models.ForeignKey(Programme, on_delete=models.PROTECT, related_name="counts")
    voucher = models.ForeignKey(Voucher, on_delete=models.PROTECT, related_name="counts")
    rule = models.CharField(max_length=64)
    """Id of the cap or the budget."""
    counts = models.CharField(max_length=16)
    """``issued``, ``claims``, ``active``, ``held`` or ``redeemed``."""
    account = models.CharField(max_length=100)
    day = models.DateField()
    """The day it counts on; what is given back counts on the day of what it takes back."""
    amount_fen = models.BigIntegerField()
    """Negative where it is given back [fen]."""
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["programme", "account", "day"], name="programmes_count_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.amount_fen}"


class Suspension(models.Model):
    """A voucher frozen for a reason, until somebody else has heard its holder and decided."""

    class Outcome(models.TextChoices):
        REINSTATED = "reinstated"
        REVOKED = "revoked"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    voucher = models.ForeignKey(Voucher, on_delete=models.PROTECT, related_name="suspensions")
    reason = models.TextField()
    opened_by = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    answer_until = models.DateTimeField()
    """Until then the holder is heard; nothing is revoked before it, unless the holder has spoken."""
    statement = models.TextField(blank=True)
    stated_by = models.CharField(max_length=64, blank=True)
    stated_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    decided_by = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True)
    decision = models.TextField(blank=True)
    """Why it was decided so."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["voucher"], condition=models.Q(outcome=""), name="programmes_one_open_suspension"
            ),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("opened_by")),
                name="programmes_suspension_decided_by_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voucher_id} {self.outcome or 'open'}"
