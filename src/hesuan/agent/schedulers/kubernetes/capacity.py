"""What of a cluster is free now, and whether work of a few sizes would begin at once.

Free is what pods may have of a node less what pods there ask for, whoever made them: Kubernetes itself places
by that and by nothing else. Work that fits on one node and into the quota of every namespace of the site
begins now; when other work would begin nobody can know, and Kueue decides by more than can be seen here.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hesuan.agent.schedulers import cards
from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.kubernetes import inventory, manifest, queues
from hesuan.agent.schedulers.kubernetes.inventory import PODS, Node
from hesuan.agent.schedulers.kubernetes.quantity import amount
from hesuan.agent.schedulers.kubernetes.server import Denied, Server
from hesuan.agent.survey import Capacity, FreeCards, FreeQueue, Start

SCHEDULER = "default-scheduler"
"""The name that Kubernetes' own scheduler has in every pod."""
TYPICAL_S = 3600
_ON_NODES = {"fieldSelector": "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"}
_BY_THE_NODE = ("DaemonSet", "Node")


@dataclass(slots=True)
class Held:
    """What pods ask for on one node."""

    amounts: Counter[str] = field(default_factory=Counter)
    has_work: bool = False
    """Whether any of it is more than what runs on each node anyway."""


def capacity(server: Server) -> Capacity:
    """What is free now, as far as the agent may see it.

    Raises:
        Unavailable: ``agent.kubernetes_away``.
    """
    now = datetime.now(UTC)
    every = inventory.nodes(server)
    usable = [one for one in every if one.takes_pods]
    try:
        held = _held(server.items(PODS, _ON_NODES))
    except Denied as denied:
        starts = [_start(server, *size, None, denied.right) for size in _sizes(server, every)]
        return Capacity(now, cards=tuple(_free_cards(server, usable, None)), starts=tuple(starts))
    return Capacity(
        at=now,
        queues=(_all_nodes(every, usable, held),),
        cards=tuple(_free_cards(server, usable, held)),
        starts=tuple(_starts(server, every, usable, held, now)),
    )


def asked_by(pod: Mapping[str, Any]) -> Counter[str]:
    """What a pod holds of its node: its containers together, or what one of those that come first asks for,
    whichever is more, and what the pod itself costs."""
    spec = pod.get("spec") or {}
    beside: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for one in spec.get("initContainers") or ():
        most |= _requests(one) + beside
        if one.get("restartPolicy") == "Always":  # it stays beside what follows
            beside.update(_requests(one))
    together = Counter(beside)
    for one in spec.get("containers") or ():
        together.update(_requests(one))
    found = together | most
    found.update({name: amount(count) for name, count in (spec.get("overhead") or {}).items()})
    return found


def _requests(container: Mapping[str, Any]) -> Counter[str]:
    """A limit without a request is one."""
    said = container.get("resources") or {}
    asked = {**(said.get("limits") or {}), **(said.get("requests") or {})}
    return Counter({name: amount(count) for name, count in asked.items()})


def _held(pods: Iterable[Mapping[str, Any]]) -> dict[str, Held]:
    found: defaultdict[str, Held] = defaultdict(Held)
    for pod in pods:
        one = found[str((pod.get("spec") or {}).get("nodeName", ""))]
        one.amounts.update(asked_by(pod))
        one.amounts["pods"] += 1
        owners = (pod.get("metadata") or {}).get("ownerReferences") or ()
        one.has_work = one.has_work or not any(row.get("kind") in _BY_THE_NODE for row in owners)
    return found


def _left(node: Node, held: Mapping[str, Held]) -> Counter[str]:
    left = Counter(node.allocatable)
    if node.name in held:
        left.subtract(held[node.name].amounts)
    return left


def _all_nodes(every: list[Node], usable: list[Node], held: Mapping[str, Held]) -> FreeQueue:
    cores = sum(math.floor(one.allocatable.get("cpu", 0)) for one in every)
    idle = sum(max(0, math.floor(_left(one, held)["cpu"])) for one in usable)
    whole = sum(math.floor(one.allocatable.get("cpu", 0)) for one in usable)
    return FreeQueue(
        name=SCHEDULER,
        nodes=len(every),
        nodes_idle=sum(not (one.name in held and held[one.name].has_work) for one in usable),
        nodes_out=len(every) - len(usable),
        cores=cores,
        cores_idle=idle,
        cores_allocated=whole - idle,
    )


def _free_cards(
    server: Server, usable: Iterable[Node], held: Mapping[str, Held] | None
) -> Iterator[FreeCards]:
    """A part of a card in use is a card that nobody else can have whole."""
    resources = server.settings.resources
    count: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for node in usable:
        for name, whole in node.allocatable.items():
            if name not in resources and "/" not in name:
                continue
            known = resources.get(name)
            chip, slices = (known.card, known.slices) if known else (name, 1)
            count[chip] += int(whole) // slices
            if held and node.name in held:
                used[chip] += min(int(whole) // slices, math.ceil(held[node.name].amounts[name] / slices))
    for chip, all_of_it in sorted(count.items()):
        if all_of_it:
            yield FreeCards(chip, all_of_it, used[chip] if held is not None else None)


def _sizes(server: Server, every: Iterable[Node]) -> list[tuple[str, int]]:
    resources = server.settings.resources
    return cards.sizes([inventory.described(one, resources) for one in every], resources)


def _starts(
    server: Server, every: list[Node], usable: list[Node], held: Mapping[str, Held], now: datetime
) -> Iterator[Start]:
    """Now, where it fits; else unknown, with what is in the way."""
    settings = server.settings
    blind = ""
    try:
        quotas = queues.quotas(server)
    except Denied as denied:
        quotas, blind = [], denied.right
    found, notes = queues.local_queues(server) if settings.queue else ([], [])
    ours = [queues.waiting(one) for one in found or () if one.name == settings.queue]
    kueue = "; ".join(ours) or " ".join(notes) or settings.queue
    for card, count in _sizes(server, every):
        asked = manifest.asked(RunSpec("", (), 1, TYPICAL_S, cards=count, card=card), settings)
        why = blind or _why_not(usable, held, {**asked, "pods": "1"}, len(every))
        over = [said for one in quotas for said in queues.objections(one, asked)]
        reason = why or "; ".join(over) or (kueue if settings.queue else "")
        yield _start(server, card, count, None if reason else now, reason)


def _why_not(usable: Iterable[Node], held: Mapping[str, Held], asked: Mapping[str, str], every: int) -> str:
    """Why no node has room now, as Kubernetes' scheduler puts it; empty: one has."""
    lacks: Counter[str] = Counter()
    for node in usable:
        left = _left(node, held)
        short = [name for name, count in asked.items() if Decimal(left[name]) < amount(count)]
        if not short:
            return ""
        lacks.update(short)
    shown = ", ".join(f"{count} Insufficient {name}" for name, count in sorted(lacks.items()))
    return f"0/{every} nodes are available: {shown or 'none takes pods'}."


def _start(server: Server, card: str, count: int, at: datetime | None, reason: str) -> Start:
    return Start(
        queue=server.settings.queue or SCHEDULER,
        cores=1,
        card=card,
        cards=count,
        time_limit_s=TYPICAL_S,
        expected_at=at,
        reason=reason,
    )
