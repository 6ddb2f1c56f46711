"""What a cluster is beyond its largest node: nodes, queues, fabric and limits; and, apart, what is free now.

The first half changes when somebody rebuilds something: it is part of the ``inventory`` message, which is
sent when it differs. The second, :class:`Capacity`, changes with every job and has a time of its own; it is
never part of what is compared. What an engine cannot say is ``None`` and is left out: nothing is guessed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hesuan.agent.cards import CardGroup
from hesuan.wire.canonical import Json
from hesuan.wire.messages import format_at

MOST_GROUPS, MOST_NAMES, MOST_QUEUES, MOST_SWITCHES, MOST_LIMITS = 500, 5_000, 500, 2_000, 200
MOST_SIZES = 16
"""Bounds of one message: a cluster above them is told in its totals and its largest parts."""
LONGEST_TEXT = 200
LARGEST_BYTES = 512 << 10

IN_SERVICE, OUT_OF_SERVICE, UNKNOWN = "in_service", "out_of_service", "unknown"


@dataclass(frozen=True, slots=True)
class Node:
    """One node as its scheduler describes it."""

    name: str
    state: str
    cores: int
    memory_bytes: int | None
    cards: tuple[CardGroup, ...] = ()
    reason: str = ""
    """Why it is not in service, in the scheduler's or its operator's words."""
    features: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Queue:
    """A partition of Slurm, a local queue of Kueue."""

    name: str
    state: str
    """``open``: takes and starts work; ``closed``; ``unknown``."""
    is_default: bool
    longest_s: int | None
    """The longest time limit; None where there is none or it is not said: ``limits`` has the word."""
    nodes: int | None
    cores: int | None
    limits: Mapping[str, str] = field(default_factory=dict)
    """The scheduler's own words, such as ``MaxNodes`` → ``4``."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch of a tree, or one block; level 0 has nodes below it, others have more of their kind too."""

    name: str
    level: int
    nodes: str
    """As the scheduler writes a list: ``n[1-16]``."""
    switches: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What an account, or a user in it, may have at most, in the scheduler's words."""

    account: str
    user: str
    limits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fabric:
    """Nodes in blocks, which a scheduler fills one by one: where a scale-up domain matters to it."""

    blocks: tuple[Switch, ...]
    sizes: tuple[int, ...]
    """How many nodes are planned with together, the smallest number first; empty where it is not told."""


@dataclass(frozen=True, slots=True)
class Qos:
    """A quality of service that our jobs can come under, and its limits in the scheduler's words."""

    name: str
    limits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Extent:
    """A cluster's parts. ``None``: the engine has no such thing, or does not say."""

    nodes: tuple[Node, ...] | None = None
    queues: tuple[Queue, ...] | None = None
    topology: tuple[Switch, ...] | Fabric | None = None
    """A tree of switches, or blocks."""
    limits: tuple[Limit, ...] | None = None
    qos: tuple[Qos, ...] | None = None

    def body(self) -> dict[str, Json]:
        """The keys that it adds to an inventory."""
        said: dict[str, Json] = {}
        if self.nodes is not None:
            said["nodes"] = {"total": len(self.nodes), "groups": _groups(self.nodes)}
        if self.queues is not None:
            said["queues"] = [_queue(one) for one in self.queues[:MOST_QUEUES]]
        if self.topology is not None:
            said["topology"] = _topology(self.topology)
        if self.limits is not None:
            said["limits"] = [
                {"account": line(one.account), "user": line(one.user), "limits": _words(one.limits)}
                for one in self.limits[:MOST_LIMITS]
            ]
        if self.qos is not None:
            said["qos"] = [
                {"name": line(one.name), "limits": _words(one.limits)} for one in self.qos[:MOST_LIMITS]
            ]
        return _bounded(said)


@dataclass(frozen=True, slots=True)
class FreeQueue:
    """What of a queue is in use now."""

    name: str
    nodes: int
    nodes_idle: int
    nodes_out: int
    cores: int
    cores_idle: int
    cores_allocated: int


@dataclass(frozen=True, slots=True)
class FreeCards:
    """Cards of one kind on nodes in service; ``allocated`` is None where nobody counts them."""

    chip: str
    count: int
    allocated: int | None


@dataclass(frozen=True, slots=True)
class Start:
    """When the scheduler expects that work of this size would begin; None: it does not say, and why."""

    queue: str
    cores: int
    card: str
    cards: int
    time_limit_s: int
    expected_at: datetime | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is free at one moment."""

    at: datetime
    queues: tuple[FreeQueue, ...] = ()
    cards: tuple[FreeCards, ...] = ()
    starts: tuple[Start, ...] = ()

    def body(self) -> dict[str, Json]:
        """The body of the ``capacity`` message."""
        return {
            "at": format_at(self.at),
            "queues": [
                {
                    "name": line(one.name),
                    "nodes": one.nodes,
                    "nodes_idle": one.nodes_idle,
                    "nodes_out": one.nodes_out,
                    "cores": one.cores,
                    "cores_idle": one.cores_idle,
                    "cores_allocated": one.cores_allocated,
                }
                for one in self.queues[:MOST_QUEUES]
            ],
            "cards": [
                {"chip": line(one.chip, 100), "count": one.count, "allocated": one.allocated}
                for one in self.cards
            ],
            "starts": [
                {
                    "queue": line(one.queue),
                    "cores": one.cores,
                    "card": line(one.card),
                    "cards": one.cards,
                    "time_limit_s": one.time_limit_s,
                    "expected_at": format_at(one.expected_at) if one.expected_at else None,
                    "reason": line(one.reason),
                }
                for one in self.starts
            ],
        }


def line(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text as one line without control characters, cut to a length."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:longest]


def cards_body(cards: Iterable[CardGroup]) -> list[Json]:
    """Cards as every message lists them."""
    return [
        {"chip": line(card.chip, 100), "count": card.count, "memory_bytes": card.memory_bytes}
        for card in cards
    ]


def _bounded(said: dict[str, Json]) -> dict[str, Json]:
    """What fits into one message: the hub takes at most 1 MiB, and what it refuses stops all behind it."""
    for key in ("topology", "limits", "qos", "queues", "nodes"):
        if len(json.dumps(said)) > LARGEST_BYTES:
            said.pop(key, None)
    return said


def _groups(nodes: Iterable[Node]) -> list[Json]:
    """Nodes that are alike in everything but their names, the largest groups first."""
    alike: dict[Node, list[str]] = {}
    for node in nodes:
        key = Node("", node.state, node.cores, node.memory_bytes, node.cards, node.reason, node.features,
                   node.queues)  # fmt: skip
        alike.setdefault(key, []).append(node.name)
    ordered = sorted(alike.items(), key=lambda item: (-len(item[1]), sorted(item[1])))
    left, groups = MOST_NAMES, list[Json]()
    for node, names in ordered[:MOST_GROUPS]:
        told = sorted(names)[:left]
        left -= len(told)
        groups.append(
            {
                "count": len(names),
                "names": [line(name) for name in told],
                "state": node.state,
                "reason": line(node.reason),
                "cores": node.cores,
                "memory_bytes": node.memory_bytes,
                "cards": cards_body(node.cards),
                "features": [line(one) for one in node.features[:50]],
                "queues": [line(one) for one in node.queues[:50]],
            }
        )
    return groups


def _queue(one: Queue) -> dict[str, Json]:
    return {
        "name": line(one.name),
        "state": one.state,
        "is_default": one.is_default,
        "longest_s": one.longest_s,
        "nodes": one.nodes,
        "cores": one.cores,
        "limits": _words(one.limits),
    }


def _topology(told: tuple[Switch, ...] | Fabric) -> dict[str, Json]:
    if isinstance(told, Fabric):
        blocks: list[Json] = [_switch(one) for one in told.blocks[:MOST_SWITCHES]]
        sizes: list[Json] = list(told.sizes[:MOST_SIZES])
        return {"kind": "block", "switches": blocks, "block_sizes": sizes}
    return {"kind": "tree", "switches": [_switch(one) for one in told[:MOST_SWITCHES]]}


def _switch(one: Switch) -> dict[str, Json]:
    return {
        "name": line(one.name),
        "level": one.level,
        "nodes": line(one.nodes, 4000),
        "switches": line(one.switches, 4000),
    }


def _words(limits: Mapping[str, str]) -> dict[str, Json]:
    return {name: line(value) for name, value in sorted(limits.items())}
