"""What a cluster has, by its own word: nodes, cores, memory, what device plugins count, queues and limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from hesuan.agent import survey
from hesuan.agent.cards import CardGroup
from hesuan.agent.detect import Machine
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.kubernetes import queues
from hesuan.agent.schedulers.kubernetes.quantity import amount
from hesuan.agent.schedulers.kubernetes.server import Denied, Server

NODES, PODS = "/api/v1/nodes", "/api/v1/pods"
_KEEP_AWAY = ("NoSchedule", "NoExecute")
_BY_STATE = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
)
"""Taints that say no more than the node's own state."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node; ``allocatable`` is what pods may have of it."""

    name: str
    is_ready: bool
    is_in_service: bool
    """Whether new pods are placed there, by the operator's will."""
    allocatable: Mapping[str, Decimal]
    taints: tuple[str, ...] = ()
    """Keys of those that keep pods away."""
    is_tolerated: bool = True
    """Whether the site's jobs are placed there in spite of them."""

    @property
    def takes_pods(self) -> bool:
        """Whether a job of this site may be placed there now."""
        return self.is_ready and self.is_in_service and self.is_tolerated


def nodes(server: Server) -> list[Node]:
    """All nodes that the site's selector leaves.

    Raises:
        Unavailable: ``agent.kubernetes_away``.
    """
    selector = ",".join(f"{name}={value}" for name, value in server.settings.node_selector.items())
    rows = server.items(NODES, {"labelSelector": selector} if selector else None)
    return [node(row, server.settings.tolerated) for row in rows]


def node(document: Mapping[str, Any], tolerated: Collection[str] = ()) -> Node:
    """Reads a node; what is missing or of another kind is nothing."""
    meta, spec, status = (document.get(name) or {} for name in ("metadata", "spec", "status"))
    allocatable = status.get("allocatable") or status.get("capacity") or {}
    ready = [one.get("status") for one in status.get("conditions") or () if one.get("type") == "Ready"]
    taints = [str(one.get("key", "?")) for one in spec.get("taints") or () if one.get("effect") in _KEEP_AWAY]
    foreign = sorted({key for key in taints if key not in _BY_STATE})
    return Node(
        name=str(meta.get("name", "?")),
        is_ready=ready == ["True"],
        is_in_service=not spec.get("unschedulable"),
        allocatable={str(name): amount(one) for name, one in allocatable.items()},
        taints=tuple(foreign),
        is_tolerated=all(key in tolerated for key in foreign),
    )


def largest(found: Iterable[Node], name: str) -> Decimal:
    """The most that one node has of a resource."""
    return max((one.allocatable.get(name, Decimal(0)) for one in found), default=Decimal(0))


def machine(server: Server, software: Mapping[str, str]) -> Machine:
    """The cluster as one machine: what one run can have at most, and all cards that are in service.

    Raises:
        Unavailable: ``agent.kubernetes_away``.
    """
    every = nodes(server)
    usable = [one for one in every if one.takes_pods]
    away = sorted(one.name for one in every if one not in usable)
    cards: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for one in usable:
        for name, count in one.allocatable.items():
            known = server.settings.resources.get(name)
            if known:
                cards[known.card] += int(count) // known.slices
            elif "/" in name and count:  # an extended resource has a maker's domain before its name
                others[name] += int(count)
    shown = ", ".join(f"{name} ({count})" for name, count in sorted(others.items()))
    notes = [f"Not in service: {', '.join(away)}."] if away else []
    notes += [f"Resources that [kubernetes.cards] gives no card's name: {shown}."] if others else []
    extent, unseen = _extent(server, every)
    version = (server.read("/version") or {}).get("gitVersion")
    return Machine(
        host=urlsplit(server.address).netloc,
        cores=max(1, math.floor(largest(usable, "cpu"))),
        memory_bytes=int(largest(usable, "memory")) or None,
        cards=tuple(CardGroup(name, count, None) for name, count in sorted(cards.items())),
        software={**({"kubernetes": str(version)} if version else {}), **software},
        notes=(*notes, *unseen),
        extent=extent,
    )


def _extent(server: Server, every: Iterable[Node]) -> tuple[survey.Extent, list[str]]:
    """The cluster's parts, and notes on what the agent's rights do not let it see."""
    limits, notes = queues.limits(server)
    found, unseen = queues.local_queues(server)
    notes += unseen
    try:
        server.read(f"{PODS}?limit=1")
    except Denied as denied:
        notes.append(f"What is free is unknown: the agent {denied.right}.")
    told = None if found is None else tuple(queues.described(one, server.settings.queue) for one in found)
    nodes = tuple(described(one, server.settings.resources) for one in every)
    return survey.Extent(nodes=nodes, queues=told, limits=limits), notes


def described(one: Node, resources: Mapping[str, Resource]) -> survey.Node:
    """A node as the hub is told of it: what device plugins count, by the site's names of it or their own."""
    cards: Counter[str] = Counter()
    for name, count in one.allocatable.items():
        known = resources.get(name)
        if known or "/" in name:
            cards[known.card if known else name] += int(count) // (known.slices if known else 1)
    away = [] if one.is_ready else ["not ready"]
    away += [] if one.is_in_service else ["unschedulable"]
    away += [] if one.is_tolerated else [f"taint {key}" for key in one.taints]
    return survey.Node(
        name=one.name,
        state=survey.OUT_OF_SERVICE if away else survey.IN_SERVICE,
        cores=math.floor(one.allocatable.get("cpu", Decimal(0))),
        memory_bytes=int(one.allocatable.get("memory", Decimal(0))) or None,
        cards=tuple(CardGroup(name, count, None) for name, count in sorted(cards.items()) if count),
        reason=", ".join(away),
    )
