"""Reads of the centres room.

Who sees what: an admitted centre and what it holds (not its host's name) is public to everybody signed in;
a centre that has only applied, and every centre's agents, are seen by its organisation's members, platform
operators and auditors. To anybody else they do not exist.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from hesuan.errors import NotFound, declare
from hesuan.hub.centres import rules
from hesuan.hub.centres.comparing import Compared, compared
from hesuan.hub.centres.models import Agent, Benchmark, Capacity, Centre, Command, Inventory, Report
from hesuan.hub.centres.once import remembered
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything, visible_to
from hesuan.wire.canonical import Json
from hesuan.wire.messages import DELIVERED, TAKES
from hesuan.wire.receipt import SIGNS

NEWEST_RUNS = 50
"""How many finished runs stand beside the newest benchmark as evidence."""
COMMANDS_AT_ONCE = 100
INNER = frozenset({"host", "nodes", "queues", "topology", "limits", "qos"})
"""What of an inventory only those read who may look inside: how a centre is built within."""

CENTRE_NOT_FOUND = declare(
    "centre.not_found",
    en="There is no centre {centre}, or none that you may see.",
    zh="没有算力中心 {centre}，或您无权查看。",
)
AGENT_NOT_FOUND = declare(
    "centre.agent_not_found",
    en="There is no site agent {agent}, or none that you may see.",
    zh="没有站点代理 {agent}，或您无权查看。",
)


@dataclass(frozen=True, slots=True)
class EvidencePoint:
    """One measured point of an app on one centre's machine."""

    units: int
    wall_ms: int
    source: str
    """``benchmark`` or ``run:<run id>``."""
    at: datetime


def centres(actor: Actor) -> list[Centre]:
    """Every centre the actor may see, by name."""
    return list(_visible(actor).order_by("name", "id"))


def centre(actor: Actor, centre_id: str) -> Centre:
    """One centre.

    Raises:
        NotFound: ``centre.not_found``.
    """
    found = _visible(actor).filter(pk=centre_id).first()
    if found is None:
        raise NotFound(CENTRE_NOT_FOUND, centre=centre_id)
    return found


def inner_centre(actor: Actor, centre_id: str) -> Centre:
    """One centre, for those who may look inside it.

    Raises:
        NotFound: ``centre.not_found``, to everybody else, admitted or not.
    """
    found = _inner(actor).filter(pk=centre_id).first()
    if found is None:
        raise NotFound(CENTRE_NOT_FOUND, centre=centre_id)
    return found


def agents(actor: Actor, centre_id: str) -> list[Agent]:
    """Every agent a centre ever had, newest first.

    Raises:
        NotFound: to who may not look inside.
    """
    return list(inner_centre(actor, centre_id).agents.order_by("-enrolled_at", "-id"))


def site_keys() -> dict[str, str]:
    """Public key of every agent ever enrolled, for everybody; revoked ones too: old receipts name them."""
    return dict(Agent.objects.order_by("id").values_list("id", "public_key"))


def inventory(actor: Actor, centre_id: str, source: str = Inventory.Source.OBSERVED) -> Inventory | None:
    """The newest inventory of a centre; who may not look inside reads it without ``INNER``.

    Raises:
        NotFound: to who may not see the centre.
    """
    seen = centre(actor, centre_id)
    newest = newest_inventory(seen.id, source)
    if newest is not None and not _inner(actor).filter(pk=centre_id).exists():
        newest.body = {key: value for key, value in newest.body.items() if key not in INNER}
    return newest


def capacity(actor: Actor, centre_id: str) -> Capacity | None:
    """What was free when an agent that is not revoked looked last; None where none has said.

    Raises:
        NotFound: to who may not look inside.
    """
    rows = inner_centre(actor, centre_id).capacities.filter(agent__revoked_at__isnull=True)
    return rows.order_by("-at", "agent_id").first()


def inventory_history(actor: Actor, centre_id: str) -> list[Inventory]:
    """Everything ever declared or observed, newest first.

    Raises:
        NotFound: to who may not look inside.
    """
    return list(inner_centre(actor, centre_id).inventories.order_by("-at", "-id"))


COMPARED = frozenset(
    {"cores", "memory_bytes", "cards", "engine", "scripts_allowed"}
    | {"nodes", "queues", "topology", "limits", "qos", "stacks"}
)


def differences(actor: Actor, centre_id: str) -> list[Compared]:
    """Where the newest declared and the newest observed inventory part, property by property.

    Empty also while one of the two is missing: nothing is compared with nothing.

    Raises:
        NotFound: to who may not look inside.
    """
    seen = inner_centre(actor, centre_id)
    declared = newest_inventory(seen.id, Inventory.Source.DECLARED)
    observed = newest_inventory(seen.id, Inventory.Source.OBSERVED)
    if declared is None or observed is None:
        return []
    both = compared(declared.body, observed.body)
    return [one for one in both if one.differs and one.key in COMPARED]


def benchmarks(actor: Actor, centre_id: str) -> list[Benchmark]:
    """What was measured at a centre, newest first: the ground of its predictions.

    Benchmarks are public. Finished runs are somebody's orders, with their sizes and times: only those who may
    look inside see them.

    Raises:
        NotFound: to who may not see the centre.
    """
    rows = centre(actor, centre_id).benchmarks.order_by("-at", "-id")
    if not _inner(actor).filter(pk=centre_id).exists():
        rows = rows.filter(source="benchmark")
    return list(rows[:200])


def roles_in(actor: Actor, organisation_id: str) -> frozenset[str]:
    """The actor's roles in one organisation."""
    return actor.roles.get(organisation_id, frozenset())


# What other rooms ask on behalf of no person.


@remembered
def agent_for(centre_id: str) -> Agent | None:
    """The agent that takes a centre's commands: the one enrolled last and not revoked."""
    return (
        Agent.objects.filter(centre_id=centre_id, revoked_at__isnull=True)
        .order_by("-enrolled_at", "-id")
        .first()
    )


def takes_work(agent: Agent) -> bool:
    """Whether new work may be sent to an agent: it neither drains nor is asked to."""
    return rules.takes_work(agent.drain_asked, agent.drain_told)


def report_of(agent: Agent) -> tuple[Report | None, bool]:
    """What an agent last reported of itself, and whether a newer report was asked for and has not come."""
    last = Report.objects.filter(agent=agent).first()
    asked = Command.objects.filter(agent=agent, kind=Command.Kind.REPORT).order_by("-seq").first()
    return last, asked is not None and (last is None or last.body["command"] != asked.id)


@remembered
def newest_inventory(centre_id: str, source: str = Inventory.Source.OBSERVED) -> Inventory | None:
    """The newest inventory of one source."""
    return Inventory.objects.filter(centre_id=centre_id, source=source).order_by("-at", "-id").first()


def allows_scripts(centre_id: str) -> bool:
    """Whether the centre's agent says it runs scripts; without an inventory it does not."""
    newest = newest_inventory(centre_id)
    return newest is not None and newest.body.get("scripts_allowed") is True


def signs_receipts(centre_id: str) -> int:
    """The newest version of receipts that the centre's agent says it signs; 1 where it is silent."""
    return _version(centre_id, SIGNS)


def takes_orders(centre_id: str) -> int:
    """The newest version of ``run`` commands that the centre's agent says it takes; 1 where it is silent."""
    return _version(centre_id, TAKES)


def takes_deliveries(centre_id: str) -> bool:
    """Whether the centre's agent says that its operator lets applications be delivered there."""
    newest = newest_inventory(centre_id)
    return bool(newest and newest.body.get("software", {}).get(DELIVERED))


def _version(centre_id: str, name: str) -> int:
    newest = newest_inventory(centre_id)
    told = str(newest.body.get("software", {}).get(name, "")) if newest else ""
    return int(told) if told.isdecimal() and len(told) < 4 else 1


def app_digest_at(centre_id: str, app: str) -> str | None:
    """The digest of an app as the centre's agent holds it now; ``None`` when it has none of that name."""
    newest = newest_inventory(centre_id)
    for entry in newest.body.get("apps", []) if newest else []:
        if entry["name"] == app:
            return str(entry["digest"])
    return None


def evidence(centre_id: str, app: str, cores: int, *, app_digest: str | None = None) -> list[EvidencePoint]:
    """Measured points of one app, one digest (the centre's present one unless told) and one core count.

    The newest benchmark, which spans sizes, and the newest ``NEWEST_RUNS`` finished runs; newest first.
    """
    wanted = app_digest or app_digest_at(centre_id, app)
    return _points(centre_id, app, cores, wanted) if wanted is not None else []


@remembered
def _points(centre_id: str, app: str, cores: int, app_digest: str) -> list[EvidencePoint]:
    rows = Benchmark.objects.filter(centre_id=centre_id, app=app, app_digest=app_digest, cores=cores)
    newest = rows.order_by("-at", "-id")
    chosen = [*newest.filter(source="benchmark")[:1], *newest.exclude(source="benchmark")[:NEWEST_RUNS]]
    return [
        EvidencePoint(units=point["units"], wall_ms=point["wall_ms"], source=row.source, at=row.at)
        for row in sorted(chosen, key=lambda row: (row.at, row.id), reverse=True)
        for point in row.points
    ]


@remembered
def measured_cores(centre_id: str, app: str, app_digest: str) -> list[int]:
    """The core counts at which an app of this digest was ever measured at a centre, ascending."""
    rows = Benchmark.objects.filter(centre_id=centre_id, app=app, app_digest=app_digest)
    return sorted(set(rows.values_list("cores", flat=True)))


def commands_after(agent_id: str, seq: int) -> list[Command]:
    """At most ``COMMANDS_AT_ONCE`` commands with a number above ``seq``, oldest first."""
    return list(Command.objects.filter(agent_id=agent_id, seq__gt=seq).order_by("seq")[:COMMANDS_AT_ONCE])


def commands_left(agent_ids: Collection[str]) -> dict[str, int]:
    """Agent id → number of its last command, for those of the agents that are not revoked."""
    rows = Agent.objects.filter(pk__in=agent_ids, revoked_at__isnull=True)
    return dict(rows.values_list("pk", "last_command_seq"))


def benchmark_body(row: Benchmark) -> dict[str, Json]:
    """A benchmark as its message told it."""
    return {
        "app": row.app,
        "app_digest": row.app_digest,
        "cores": row.cores,
        "points": row.points,
        "checked": row.checked,
    }


def _inner(actor: Actor) -> QuerySet[Centre]:
    return Centre.objects.filter(visible_to(actor))


def _visible(actor: Actor) -> QuerySet[Centre]:
    if sees_everything(actor):
        return Centre.objects.all()
    return Centre.objects.filter(visible_to(actor) | Q(state=Centre.State.ADMITTED))
