"""Calls, applications and everything that happens to them until a voucher is issued.

An application's row says where it stands; how it came there is :class:`ApplicationStep`, one row for every
transition, added and never changed (migration 0005). That two eyes are never the same person's is a
constraint on those rows: in one round nobody acts in two parts.
"""

from __future__ import annotations

from datetime import date

from django.db import models

from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import ID_LENGTH, new_id

PERSON_LENGTH = 64


class Call(models.Model):
    """When applications under one version are taken, and which budget line they draw on."""

    class State(models.TextChoices):
        PLANNED = "planned"
        OPEN = "open"
        CLOSED = "closed"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme_version = models.ForeignKey(
        "programmes.ProgrammeVersion", on_delete=models.PROTECT, related_name="calls"
    )
    title = models.CharField(max_length=200, blank=True)
    budget = models.CharField(max_length=64)
    """Id of one of the document's budgets."""
    opens_on = models.DateField()
    closes_on = models.DateField(null=True)
    """The last day, in the programme's calendar; ``None``: a standing call."""
    opened_by = models.CharField(max_length=PERSON_LENGTH)
    opened_at = models.DateTimeField()
    closed_by = models.CharField(max_length=PERSON_LENGTH, blank=True)
    closed_at = models.DateTimeField(null=True)
    """Closed by somebody before its last day."""
    close_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(closes_on=None) | models.Q(closes_on__gte=models.F("opens_on")),
                name="programmes_call_ends_after_it_begins",
            )
        ]

    def __str__(self) -> str:
        return f"{self.programme_version_id} {self.opens_on} – {self.closes_on or '…'}"

    def state_on(self, day: date) -> str:
        """Planned, open or closed on a day of the programme's calendar: told by its days, not kept."""
        if self.closed_at is not None or (self.closes_on is not None and day > self.closes_on):
            return self.State.CLOSED
        return self.State.PLANNED if day < self.opens_on else self.State.OPEN


class Desk(models.Model):
    """Another office does one of a programme's steps, such as the county's before the city's bureau."""

    programme = models.ForeignKey("programmes.Programme", on_delete=models.PROTECT, related_name="desks")
    step = models.CharField(max_length=64)
    """The step's name in ``issuance.else_steps``."""
    office = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="desks")
    assigned_by = models.CharField(max_length=PERSON_LENGTH)
    assigned_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["programme", "step"], name="programmes_one_desk_for_a_step")
        ]

    def __str__(self) -> str:
        return f"{self.programme_id} {self.step}"


class Application(models.Model):
    """An organisation asks for a voucher; different people carry it to its issue."""

    class State(models.TextChoices):
        DRAFT = "DRAFT"
        SUBMITTED = "SUBMITTED"
        AUTO_APPROVED = "AUTO_APPROVED"
        UNDER_REVIEW = "UNDER_REVIEW"
        RETURNED = "RETURNED"
        REJECTED = "REJECTED"
        APPROVED = "APPROVED"
        PUBLICISED = "PUBLICISED"
        OBJECTED = "OBJECTED"
        ISSUED = "ISSUED"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    programme_version = models.ForeignKey(
        "programmes.ProgrammeVersion", on_delete=models.PROTECT, related_name="applications"
    )
    call = models.ForeignKey(Call, null=True, on_delete=models.PROTECT, related_name="applications")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="applications")
    declared = models.JSONField(default=dict)
    """What the applicant states."""
    facts = models.JSONField()
    """What the applicant stated and the registry knew at submission, by the names predicates use."""
    award = models.JSONField(default=dict)
    """What the approver set for this award alone, such as its rate."""
    planned_fen = models.BigIntegerField()
    """Spending on computing the voucher is to help pay [fen]."""
    decision = models.JSONField()
    """The engine's latest decision with its trace: at submission, at approval, at issue."""
    flags = models.JSONField(default=list)
    """Why people have to look although the rule would pass it: ``{"en": …, "zh": …}`` each."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.SUBMITTED)
    round = models.PositiveSmallIntegerField(default=1)
    """How often it was submitted; of a draft 1."""
    passed = models.PositiveSmallIntegerField(default=0)
    """How many steps of the review it has passed in this round."""
    publicity_until = models.DateTimeField(null=True)
    publicity_left = models.DurationField(null=True)
    """What was left of the publicity when an objection stopped its clock."""
    due_at = models.DateTimeField(null=True)
    """When the clock looks at it again."""
    submitted_by = models.CharField(max_length=PERSON_LENGTH)
    """Its author; who submitted it last."""
    submitted_at = models.DateTimeField()
    """Of a draft: when it was begun."""
    reviewed_by = models.CharField(max_length=PERSON_LENGTH, blank=True)
    """Who took the latest reviewing step of this round."""
    reviewed_at = models.DateTimeField(null=True)
    review_note = models.TextField(blank=True)
    approved_by = models.CharField(max_length=PERSON_LENGTH, blank=True)
    """Who took the latest approving step of this round."""
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
        indexes = [models.Index(fields=["due_at"], name="programmes_application_due")]

    def __str__(self) -> str:
        return f"{self.organisation_id} {self.state}"


class ApplicationStep(models.Model):
    """One transition of an application: from which state to which, by what, by whom, why, when."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveIntegerField()
    """1, 2, 3 … within the application."""
    round = models.PositiveSmallIntegerField()
    from_state = models.CharField(max_length=16, blank=True)
    """Empty: it began to be."""
    to_state = models.CharField(max_length=16)
    trigger = models.CharField(max_length=32)
    """The verb and what it said, such as ``review.pass``, or ``clock``."""
    part = models.CharField(max_length=64, blank=True)
    """In which part: ``author``, a step's name, ``resolver``; empty where eyes do not count."""
    actor = models.CharField(max_length=PERSON_LENGTH)
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "number"], name="programmes_step_number_once"),
            models.UniqueConstraint(
                fields=["application", "round", "actor"],
                condition=~models.Q(part=""),
                name="programmes_nobody_acts_in_two_parts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_state or '∅'} → {self.to_state}"


class Interest(models.Model):
    """Somebody of the office says whether they have an interest in an application, before acting on it."""

    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="interests")
    person = models.CharField(max_length=PERSON_LENGTH)
    conflicted = models.BooleanField()
    reason = models.TextField(blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.person} {self.conflicted}"


class Objection(models.Model):
    """Somebody objects to a publicised application; somebody who has not acted on it decides."""

    class Outcome(models.TextChoices):
        OPEN = "open"
        DISMISSED = "dismissed"
        RETURNED = "returned"
        REJECTED = "rejected"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    application = models.ForeignKey(Application, on_delete=models.PROTECT, related_name="objections")
    raised_by = models.CharField(max_length=PERSON_LENGTH)
    """Known to the office, never to the applicant."""
    reason = models.TextField()
    raised_at = models.DateTimeField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices, default=Outcome.OPEN)
    resolved_by = models.CharField(max_length=PERSON_LENGTH, blank=True)
    resolution = models.TextField(blank=True)
    resolved_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.application_id} {self.outcome}"
