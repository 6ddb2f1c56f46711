"""Centres, their site agents, what the machines say of themselves, and the commands left for them.

Inventory, benchmarks and commands are histories: rows are added and never changed. An enrolment code is kept
as its SHA-256 alone; the code itself is shown once to the person who asked for it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import ID_LENGTH, new_id


class Centre(models.Model):
    """An organisation's site of compute; it may sell once the platform has admitted it."""

    class State(models.TextChoices):
        APPLIED = "applied"
        ADMITTED = "admitted"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="centres")
    name = models.CharField(max_length=200)
    city = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=State.choices, default=State.APPLIED)
    created_at = models.DateTimeField(auto_now_add=True)
    admitted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="centres_centre_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Agent(models.Model):
    """A site agent: one process at a centre, known by its public key."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="agents")
    name = models.CharField(max_length=100)
    public_key = models.CharField(max_length=100, unique=True)
    """``ed25519:`` and the key in base64; no two agents share one, ever."""
    enrolled_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True)
    last_seq = models.BigIntegerField(default=0)
    """Sequence number of the last message stored; the next one is this plus 1."""
    last_command_seq = models.BigIntegerField(default=0)
    acknowledged_seq = models.BigIntegerField(default=0)
    """The agent holds every command up to this one in its own spool."""
    revoked_at = models.DateTimeField(null=True)
    drain_asked = models.JSONField(null=True)
    """``{"since", "reason"}`` while the centre's operator wants no new work here; null otherwise."""
    drain_told = models.JSONField(null=True)
    """What the agent last said of it: ``{"hub", "site"}``, each as above or null; null before its first."""
    drain_seq = models.BigIntegerField(null=True)
    """Number of the message that said so."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(acknowledged_seq__gte=0, acknowledged_seq__lte=models.F("last_command_seq")),
                name="centres_agent_acknowledges_what_was_sent",
            )
        ]

    def __str__(self) -> str:
        return self.name


class EnrolmentCode(models.Model):
    """Leave to enrol one agent, once, within fifteen minutes."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    centre = models.ForeignKey(Centre, on_delete=models.CASCADE, related_name="enrolment_codes")
    sha256 = models.CharField(max_length=64, unique=True)
    issued_by = models.CharField(max_length=64)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    agent = models.OneToOneField(Agent, null=True, on_delete=models.PROTECT, related_name="enrolment_code")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_at__isnull=True, agent__isnull=True)
                | Q(used_at__isnull=False, agent__isnull=False),
                name="centres_code_used_by_an_agent",
            )
        ]

    def __str__(self) -> str:
        return self.id


class Inventory(models.Model):
    """What a centre is said to hold: declared by a person, or observed by its agent."""

    class Source(models.TextChoices):
        DECLARED = "declared"
        OBSERVED = "observed"

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    """Of an observed one: the id of the message that brought it."""
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="inventories")
    agent = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT, related_name="inventories")
    source = models.CharField(max_length=16, choices=Source.choices)
    body = models.JSONField()
    digest = models.CharField(max_length=80)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["centre", "source", "-at"], name="centres_inventory_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(source="declared", agent__isnull=True)
                | Q(source="observed", agent__isnull=False),
                name="centres_inventory_observed_by_an_agent",
            )
        ]

    def __str__(self) -> str:
        return f"{self.centre_id} {self.source} {self.at:%Y-%m-%d %H:%M}"


class Capacity(models.Model):
    """What was free at a centre when its agent looked last; only the newest is kept, for nothing follows
    from an older one."""

    agent = models.OneToOneField(Agent, primary_key=True, on_delete=models.PROTECT, related_name="capacity")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="capacities")
    body = models.JSONField()
    at = models.DateTimeField()
    """When the agent looked, by its own clock."""

    def __str__(self) -> str:
        return f"{self.centre_id} {self.at:%Y-%m-%d %H:%M}"


class Report(models.Model):
    """What an agent answered when it was asked for a report last; only the newest is kept."""

    agent = models.OneToOneField(Agent, primary_key=True, on_delete=models.PROTECT, related_name="report")
    seq = models.BigIntegerField()
    """Number of the message: of two answers the later one stands, whichever comes first."""
    body = models.JSONField()
    at = models.DateTimeField()
    """When the agent wrote it, by its own clock."""

    def __str__(self) -> str:
        return f"{self.agent_id} {self.at:%Y-%m-%d %H:%M}"


class Benchmark(models.Model):
    """Measured points of one app on one centre's machine: a benchmark's, or one finished run's."""

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, default=new_id, editable=False)
    """The id of the message that brought it, or of the run."""
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="benchmarks")
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, related_name="benchmarks")
    app = models.CharField(max_length=100)
    app_digest = models.CharField(max_length=80)
    cores = models.PositiveIntegerField()
    points = models.JSONField()
    """``[{"units": int, "wall_ms": int}, …]``."""
    checked = models.JSONField(default=dict)
    """What the app says of its own correctness, such as ``{"recall_ppm": 998000}``."""
    source = models.CharField(max_length=40)
    """``benchmark`` or ``run:<run id>``."""
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["centre", "app", "app_digest", "cores", "-at"], name="centres_benchmark_newest"
            )
        ]
        constraints = [models.CheckConstraint(condition=Q(cores__gte=1), name="centres_benchmark_cores")]

    def __str__(self) -> str:
        return f"{self.app} {self.source}"


class Command(models.Model):
    """One command for one agent, numbered per agent in the order of commits; kept for ever."""

    class Kind(models.TextChoices):
        BENCHMARK = "benchmark"
        RUN = "run"
        CANCEL = "cancel"
        COUNTERSIGN = "countersign"
        DRAIN = "drain"
        RESUME = "resume"
        REPORT = "report"

    id = models.CharField(primary_key=True, max_length=64, editable=False)
    """Chosen by the caller: the same id is the same command."""
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="commands")
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    body = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "seq"], name="centres_command_seq_once"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="centres_command_seq_from_one"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
