"""What of a Ray cluster is free now, by the head's own count of what each node has given away.

What fits on one node begins now: Ray starts what it can. When other work would begin Ray does not know. The
dashboard writes names of resources in its own way, so they are looked up as it writes them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from hesuan.agent.schedulers import cards
from hesuan.agent.schedulers.ray.inventory import Node, described, nodes
from hesuan.agent.schedulers.ray.server import Server
from hesuan.agent.survey import Capacity, FreeCards, FreeQueue, Start

QUEUE = "ray"
TYPICAL_S = 3600
STALE_S = 60
"""The head counts every few seconds; a count that is older, by the two clocks, is none."""
NO_WORD = "no word"
Used = Mapping[str, float]


def capacity(server: Server) -> Capacity:
    """What is free now; where the head does not say what a node has given away, that stays unknown.

    Raises:
        Unavailable: ``agent.ray_away``.
    """
    now = datetime.now(UTC)
    alive = [one for one in nodes(server) if one.is_alive]
    told = _told(server.read("/api/cluster_status"), now)
    held = {one.id: used for one in alive if (used := _used(one, told.get(one.id))) is not None}
    is_whole = len(held) == len(alive)
    resources = server.settings.resources
    sizes = cards.sizes([described(one, resources) for one in alive], resources)
    return Capacity(
        at=now,
        queues=(_all_nodes(alive, held),) if is_whole else (),
        cards=tuple(_free_cards(server, alive, held if is_whole else None)),
        starts=tuple(_starts(server, alive, held, sizes, now)),
    )


def written(name: str) -> str:
    """A resource's name as the dashboard writes it: ``my_card`` is ``myCard``."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _told(answer: Any, now: datetime) -> dict[str, Mapping[str, Any]]:
    """By node, what the head has counted; nothing where it does not say, or has not counted for a while."""
    status = _inner(_inner(answer, "data"), "clusterStatus")
    at = status.get("time")
    if not isinstance(at, int | float) or abs(now.timestamp() - at) > STALE_S:
        return {}
    rows = _inner(_inner(status, "loadMetricsReport"), "usageByNode")
    return {str(key): one for key, one in rows.items() if isinstance(one, dict)}


def _inner(value: Any, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _used(node: Node, told: Mapping[str, Any] | None) -> Used | None:
    """Of each resource what the node has given away; None where that is not said of each."""
    found = {}
    for name in node.resources:
        match (told or {}).get(written(name)):
            case [int() | float() as used, int() | float()]:
                found[name] = float(used)
            case _:
                if ":" not in name:  # names of Ray's own, such as of a node
                    return None
    return found


def _all_nodes(alive: Iterable[Node], held: Mapping[str, Used]) -> FreeQueue:
    rows = [(math.floor(one.resources.get("CPU", 0)), _left(one, held, "CPU"), one) for one in alive]
    idle = sum(max(0, math.floor(left)) for _, left, _ in rows)
    cores = sum(count for count, *_ in rows)
    return FreeQueue(
        name=QUEUE,
        nodes=len(rows),
        nodes_idle=sum(not any(held[one.id].values()) for *_, one in rows),
        nodes_out=0,
        cores=cores,
        cores_idle=idle,
        cores_allocated=cores - idle,
    )


def _free_cards(
    server: Server, alive: Iterable[Node], held: Mapping[str, Used] | None
) -> Iterator[FreeCards]:
    """A part of a card in use is a card that nobody else can have whole."""
    count: Counter[str] = Counter()
    used: Counter[str] = Counter()
    for node in alive:
        for name, known in server.settings.resources.items():
            if name in node.resources:
                whole = int(node.resources[name]) // known.slices
                count[known.card] += whole
                used[known.card] += min(
                    whole, math.ceil(held[node.id].get(name, 0) / known.slices) if held else 0
                )
    for chip, all_of_it in sorted(count.items()):
        yield FreeCards(chip, all_of_it, None if held is None else used[chip])


def _starts(
    server: Server,
    alive: list[Node],
    held: Mapping[str, Used],
    sizes: Iterable[tuple[str, int]],
    now: datetime,
) -> Iterator[Start]:
    """Now, where one node has room; else unknown, with what is given away, as Ray writes it."""
    by_card = {one.card: (name, one.slices) for name, one in server.settings.resources.items()}
    for card, count in sizes:
        name, slices = by_card.get(card, ("", 1))
        asked = {"CPU": 1, **({name: count * slices} if name else {})}
        fits = any(
            one.id in held and all(_left(one, held, each) >= much for each, much in asked.items())
            for one in alive
        )
        shown = [f"{_sum(held, each)}/{_total(alive, each)} {each}" for each in asked]
        why = f"ResourceUsage: {', '.join(shown)}" if len(held) == len(alive) else NO_WORD
        yield Start(QUEUE, 1, card, count, TYPICAL_S, now if fits else None, "" if fits else why)


def _left(node: Node, held: Mapping[str, Used], name: str) -> float:
    return node.resources.get(name, 0) - held[node.id].get(name, 0)


def _sum(held: Mapping[str, Used], name: str) -> float:
    return sum(one.get(name, 0.0) for one in held.values())


def _total(alive: Iterable[Node], name: str) -> float:
    return float(sum(one.resources.get(name, 0) for one in alive))
