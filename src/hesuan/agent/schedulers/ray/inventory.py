"""What a Ray cluster has, by its own word: nodes, cores, memory, and what it counts as resources."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from hesuan.agent import survey
from hesuan.agent.cards import CardGroup
from hesuan.agent.detect import Machine
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.ray.server import Server

_OWN = ("CPU", "memory", "object_store_memory")


@dataclass(frozen=True, slots=True)
class Node:
    """One node; ``resources`` by Ray's names, memory in bytes."""

    name: str
    id: str
    is_alive: bool
    resources: Mapping[str, float]


def nodes(server: Server) -> list[Node]:
    """All nodes that the head has known, those that are gone too.

    Raises:
        Unavailable: ``agent.ray_away``.
    """
    rows, _ = server.state("nodes")
    return [
        Node(
            name=str(row.get("node_name") or row.get("node_ip") or "?"),
            id=str(row.get("node_id", "")),
            is_alive=row.get("state") == "ALIVE",
            resources={
                str(name): float(one)
                for name, one in (row.get("resources_total") or {}).items()
                if isinstance(one, int | float)
            },
        )
        for row in rows
    ]


def largest(found: Iterable[Node], name: str) -> float:
    """The most that one node has of a resource."""
    return max((node.resources.get(name, 0) for node in found), default=0)


def machine(server: Server, software: Mapping[str, str]) -> Machine:
    """The cluster as one machine: what one run can have at most, and all cards that are in service.

    Raises:
        Unavailable: ``agent.ray_away``.
    """
    mapped = server.settings.resources
    usable = [node for node in nodes(server) if node.is_alive]
    cards: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for node in usable:
        for name, amount in node.resources.items():
            known = mapped.get(name)
            if known:
                cards[known.card] += int(amount) // known.slices
            elif name not in _OWN and ":" not in name:
                others[name] += int(amount)
    shown = ", ".join(f"{name} ({count})" for name, count in sorted(others.items()))
    version = (server.read("/api/version") or {}).get("ray_version")
    return Machine(
        host=urlsplit(server.settings.address).netloc,
        cores=max(1, math.floor(largest(usable, "CPU"))),
        memory_bytes=int(largest(usable, "memory")) or None,
        cards=tuple(CardGroup(name, count, None) for name, count in sorted(cards.items())),
        software={**({"ray": str(version)} if version else {}), **software},
        notes=(f"Resources that [ray.cards] gives no card's name: {shown}.",) if others else (),
        extent=survey.Extent(nodes=tuple(described(node, mapped) for node in usable)),
    )


def described(node: Node, mapped: Mapping[str, Resource]) -> survey.Node:
    """A node as the hub is told of it; those that are gone, which Ray lists for long, are not."""
    cards: Counter[str] = Counter()
    for name, amount in node.resources.items():
        if known := mapped.get(name):
            cards[known.card] += int(amount) // known.slices
    return survey.Node(
        name=node.name,
        state=survey.IN_SERVICE,
        cores=math.floor(node.resources.get("CPU", 0)),
        memory_bytes=int(node.resources.get("memory", 0)) or None,
        cards=tuple(CardGroup(name, count, None) for name, count in sorted(cards.items()) if count),
    )
