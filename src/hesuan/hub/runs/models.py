"""Runs: one attempt of one order at one centre, its reported states, what it printed, and what it left."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from hesuan.hub.centres.models import Agent
from hesuan.hub.market.models import Order
from hesuan.wire.ids import ID_LENGTH, new_id


class Run(models.Model):
    """One attempt at one centre. Its state follows from the messages of its agent and from nothing else."""

    class State(models.TextChoices):
        CREATED = "CREATED"
        """The command lies ready; the agent has not spoken of it yet."""
        SUBMITTED = "SUBMITTED"
        RUNNING = "RUNNING"
        UNKNOWN = "UNKNOWN"
        """The agent lost sight of it. Not final: nothing is settled until accounting says what happened."""
        COMPLETED = "COMPLETED"
        FAILED = "FAILED"
        KILLED = "KILLED"
        """Ended by a signal that the user did not send."""
        TIMEOUT = "TIMEOUT"
        CANCELLED = "CANCELLED"
        REFUSED = "REFUSED"
        """The agent did not start it; the reason says why."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="run")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=16, choices=State.choices, default=State.CREATED)
    cores = models.PositiveIntegerField()
    time_limit_s = models.PositiveIntegerField()
    exit_status = models.IntegerField(null=True)
    signal = models.IntegerField(null=True)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()
    state_at = models.DateTimeField(null=True)
    """When the present state began, by the site's clock; empty until the agent speaks."""
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    log_bytes = models.PositiveBigIntegerField(null=True)
    """How much of what it printed is stored; empty before the first piece."""
    log_cut_at = models.PositiveBigIntegerField(null=True)
    """Where its log ends for us although it goes on at the site [byte]; empty: it was not cut."""
    log_total_bytes = models.PositiveBigIntegerField(null=True)
    """How long a cut log is at the site, as far as that is known."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(cores__gt=0, time_limit_s__gt=0), name="runs_run_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class RunState(models.Model):
    """One state as reported, whether or not it moved the run; kept for the reader of the order page."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="states")
    state = models.CharField(max_length=16, choices=Run.State.choices)
    at = models.DateTimeField()
    reason = models.TextField(blank=True)
    received_at = models.DateTimeField()
    moved = models.BooleanField()
    """Whether the run took this state on: late and repeated reports do not."""

    class Meta:
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "state", "at"], name="runs_state_once"),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.state}"


class RunLog(models.Model):
    """A piece of what the run printed, at its place [bytes from the start]."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="log_pieces")
    offset = models.PositiveBigIntegerField()
    text = models.TextField()

    class Meta:
        ordering = ["offset"]
        constraints = [models.UniqueConstraint(fields=["run", "offset"], name="runs_log_once")]

    def __str__(self) -> str:
        return f"{self.run_id} at {self.offset}"


class RunOutput(models.Model):
    """What a site says that a run has left in its output folder, all of it; told once."""

    class Withheld(models.TextChoices):
        BOUND = "bound"
        """The site lets no file out."""
        CHANGED = "changed"
        """The folder is no longer what the usage record's digest says."""
        TOO_MANY = "too_many"
        """The list is longer than may be told."""

    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="output")
    files_count = models.PositiveBigIntegerField()
    total_bytes = models.PositiveBigIntegerField()
    site_bound_bytes = models.PositiveBigIntegerField()
    """How much the site lets out of a run."""
    hub_bound_bytes = models.PositiveBigIntegerField()
    """How much the hub took of a run when this was told."""
    withheld = models.CharField(max_length=16, choices=Withheld.choices, blank=True)
    """Why the site has told no list; empty where it has."""
    told_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"output of {self.run_id}"


class RunOutputFile(models.Model):
    """One name of the list, and how much of the file is here."""

    class LeftOut(models.TextChoices):
        SITE = "site"
        """Beyond what the site lets out."""
        HUB = "hub"
        """Beyond what the hub takes."""
        KIND = "kind"
        """No plain file."""
        NAME = "name"
        """Its name cannot be told safely."""
        CHANGED = "changed"
        """What came, or lies at the site now, is not what the list says."""

    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="output_files")
    number = models.PositiveIntegerField()
    """Its place in the list, from 0; its bytes lie under it."""
    path = models.TextField()
    size_bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    """Or ``link`` or ``special``."""
    left_out = models.CharField(max_length=16, choices=LeftOut.choices, blank=True)
    received_bytes = models.PositiveBigIntegerField(default=0)
    completed_at = models.DateTimeField(null=True)
    """When the whole file was here and had the SHA-256 that the list says."""

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="runs_output_file_once"),
            models.CheckConstraint(
                condition=Q(received_bytes__lte=models.F("size_bytes")), name="runs_output_file_not_over"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id} {self.path}"
