"""What a namespace may have at most, and the queues of Kueue where the cluster has it.

A ResourceQuota is told as a limit of its namespace, a LocalQueue as a queue with what its ClusterQueue has by
right (the nominal quota; what a cohort lends is not promised). Which version of Kueue is served is asked of
the server. What the agent may not list is unknown, and said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hesuan.agent import survey
from hesuan.agent.schedulers.kubernetes.quantity import amount
from hesuan.agent.schedulers.kubernetes.server import Denied, Server

KUEUE = "kueue.x-k8s.io"
_MOST_WORDS = 90
"""Of one queue or namespace: a message's table takes a hundred."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Quota:
    """One ResourceQuota as the server keeps it."""

    namespace: str
    name: str
    is_scoped: bool
    """It is for some pods only; which, is not looked into."""
    hard: Mapping[str, str]
    used: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LocalQueue:
    """A LocalQueue with the ClusterQueue behind it, where that may be read."""

    namespace: str
    name: str
    behind: str
    """The ClusterQueue's name."""
    local: Row
    cluster: Row | None


def quotas(server: Server) -> list[Quota]:
    """Those of every namespace that jobs may be in.

    Raises:
        Denied, Unavailable: see :meth:`Server.items`.
    """
    found = []
    for space in server.settings.every_namespace():
        for row in server.items(f"/api/v1/namespaces/{space}/resourcequotas"):
            spec, status = row.get("spec") or {}, row.get("status") or {}
            found.append(
                Quota(
                    namespace=space,
                    name=_name(row),
                    is_scoped=bool(spec.get("scopes") or spec.get("scopeSelector")),
                    hard=_texts(spec.get("hard")),
                    used=_texts(status.get("used")),
                )
            )
    return sorted(found, key=lambda one: (one.namespace, one.name))


def limits(server: Server) -> tuple[tuple[survey.Limit, ...] | None, list[str]]:
    """What each namespace may have at most; None where nobody lets us see, and notes on that."""
    try:
        found = quotas(server)
    except Denied as denied:
        return None, [f"Limits of namespaces are unknown: the agent {denied.right}."]
    by_space: dict[str, dict[str, str]] = {}
    for one in found:
        said = {f"{one.name}: {key}": value for key, value in one.hard.items()}
        by_space.setdefault(one.namespace, {}).update(said)
    return tuple(survey.Limit(space, "", _bounded(said)) for space, said in by_space.items()), []


def local_queues(server: Server) -> tuple[list[LocalQueue] | None, list[str]]:
    """The LocalQueues of the site's namespaces; None where there is no Kueue, or nobody lets us see."""
    try:
        version = _version(server)
        if not version:
            return None, []
        rows = {
            space: server.items(f"/apis/{KUEUE}/{version}/namespaces/{space}/localqueues")
            for space in server.settings.every_namespace()
        }
    except Denied as denied:
        return None, [f"Kueue's queues are unknown: the agent {denied.right}."]
    clusters: dict[str, Row] = {}
    notes = []
    try:
        clusters = {_name(row): row for row in server.items(f"/apis/{KUEUE}/{version}/clusterqueues")}
    except Denied as denied:
        notes = [f"Quotas of Kueue's queues are unknown: the agent {denied.right}."]
    found = []
    for space, listed in sorted(rows.items()):
        for row in sorted(listed, key=_name):
            behind = str((row.get("spec") or {}).get("clusterQueue", ""))
            found.append(LocalQueue(space, _name(row), behind, row, clusters.get(behind)))
    return found, notes


def described(one: LocalQueue, queue: str) -> survey.Queue:
    """As the hub is told of it; ``queue`` is the one that the site's jobs are given to."""
    nominal = nominal_quotas(one.cluster) if one.cluster else {}
    cores = sum((count for (_, name), count in nominal.items() if name == "cpu"), Decimal(0))
    shown = {f"{name} ({flavor})": _number(count) for (flavor, name), count in sorted(nominal.items())}
    spec = (one.cluster or {}).get("spec") or {}
    cohort = spec.get("cohort") or spec.get("cohortName")
    return survey.Queue(
        name=f"{one.namespace}/{one.name}",
        state=_state([one.local, *([one.cluster] if one.cluster else [])]),
        is_default=one.name == queue,
        longest_s=None,
        nodes=None,
        cores=int(cores) if any(name == "cpu" for _, name in nominal) else None,
        limits={"ClusterQueue": one.behind, **({"cohort": str(cohort)} if cohort else {}), **_bounded(shown)},
    )


def nominal_quotas(cluster: Row) -> dict[tuple[str, str], Decimal]:
    """Flavour and resource → what a ClusterQueue has of it by right."""
    found: dict[tuple[str, str], Decimal] = {}
    for group in _rows((cluster.get("spec") or {}).get("resourceGroups")):
        for flavor in _rows(group.get("flavors")):
            for one in _rows(flavor.get("resources")):
                key = str(flavor.get("name", "?")), str(one.get("name", "?"))
                found[key] = amount(one.get("nominalQuota", "0"))
    return found


def waiting(one: LocalQueue) -> str:
    """How full a queue is, in Kueue's own words."""
    status = (one.cluster or {}).get("status") or {}
    used = {
        (str(flavor.get("name", "?")), str(row.get("name", "?"))): amount(row.get("total", "0"))
        for flavor in _rows(status.get("flavorsUsage"))
        for row in _rows(flavor.get("resources"))
    }
    shown = [
        f"{name} ({flavor}) {_number(used[flavor, name])}/{_number(count)}"
        for (flavor, name), count in sorted(nominal_quotas(one.cluster or {}).items())
        if (flavor, name) in used
    ]
    pending = status.get("pendingWorkloads")
    shown += [f"pendingWorkloads {pending}"] if isinstance(pending, int) else []
    return f"{one.namespace}/{one.name}: {', '.join(shown) or one.behind}"


def objections(quota: Quota, asked: Mapping[str, str]) -> Iterator[str]:
    """Why a quota does not let a pod begin now, or may not, in the words of Kubernetes."""
    if quota.is_scoped:
        yield f"quota: {quota.name}, scoped"
        return
    for key, hard in sorted(quota.hard.items()):
        name = key.removeprefix("requests.").removeprefix("limits.")
        wanted = asked.get(name) or ("1" if key in ("pods", "count/pods", "count/jobs.batch") else "")
        if not wanted and name in ("cpu", "memory"):
            yield f"failed quota: {quota.name}: must specify {key}"
        elif wanted and key not in quota.used:
            yield f"quota: {quota.name}, {key} not yet counted"
        elif wanted and amount(wanted) + amount(quota.used[key]) > amount(hard):
            said = f"requested: {key}={wanted}, used: {key}={quota.used[key]}, limited: {key}={hard}"
            yield f"exceeded quota: {quota.name}, {said}"


def _version(server: Server) -> str:
    """Which version of Kueue's kinds the server prefers; empty: it has none."""
    groups = (server.read("/apis") or {}).get("groups")
    for group in _rows(groups):
        if group.get("name") == KUEUE:
            return str((group.get("preferredVersion") or {}).get("version", ""))
    return ""


def _state(rows: Iterable[Row]) -> str:
    """``closed`` where one is held back; ``open`` where all say that they are active."""
    active = []
    for row in rows:
        if ((row.get("spec") or {}).get("stopPolicy") or "None") != "None":
            return "closed"
        said = _rows((row.get("status") or {}).get("conditions"))
        active.append(next((one.get("status") for one in said if one.get("type") == "Active"), None))
    if "False" in active:
        return "closed"
    return "open" if all(one == "True" for one in active) else survey.UNKNOWN


def _name(row: Row) -> str:
    return str((row.get("metadata") or {}).get("name", "?"))


def _rows(value: object) -> list[Row]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(value: object) -> dict[str, str]:
    return {str(key): str(one) for key, one in value.items()} if isinstance(value, dict) else {}


def _bounded(said: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(said.items())[:_MOST_WORDS])


def _number(count: Decimal) -> str:
    return f"{count.normalize():f}"
