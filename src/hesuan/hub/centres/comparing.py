"""Declared beside observed, part by part: what whoever reviews an admission looks at first.

Two long lists that differ somewhere tell nobody where. So what has names is compared name by name: each kind
of node, each queue, each switch, each account, each quality of service, each part of a software stack. A key
that only one side has is shown and is no difference: nothing is compared with nothing. Within a key that
both have, a part that one side lacks is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hesuan.wire.canonical import Json

KEYS = (
    *("host", "cores", "memory_bytes", "cards", "nodes", "queues", "topology", "limits", "qos", "stacks"),
    *("engine", "software", "apps", "scripts_allowed", "isolation"),
)
"""Of an inventory, in the order in which people read it."""

Parts = dict[str, dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Compared:
    """One property, or one named part of it, as either side says it; None: that side says nothing of it."""

    key: str
    part: str
    declared: Json
    observed: Json
    differs: bool


def compared(declared: Mapping[str, Json], observed: Mapping[str, Json]) -> list[Compared]:
    """All that either body names, in the order of ``KEYS``; parts in the order of their names.

    Args:
        declared: The body of an inventory by a person; empty: there is none.
        observed: The body of an inventory by an agent; empty: there is none.
    """
    found = []
    for key in KEYS:
        if key not in declared and key not in observed:
            continue
        both = key in declared and key in observed
        if key not in _PARTS:
            said, seen = declared.get(key), observed.get(key)
            found.append(Compared(key, "", said, seen, both and said != seen))
            continue
        take, weighed = _PARTS[key]
        ours, theirs = (take(body[key]) if key in body else {} for body in (declared, observed))
        for part in sorted(ours.keys() | theirs.keys()):
            said, seen = ours.get(part), theirs.get(part)
            differs = _of(said, weighed) != _of(seen, weighed)
            found.append(Compared(key, part, said, seen, (both and differs) or _within(key, said, seen)))
    return found


def _of(value: Mapping[str, Json] | None, names: tuple[str, ...]) -> list[Json] | None:
    return None if value is None else [value.get(name) for name in names]


def _within(key: str, said: Mapping[str, Any] | None, seen: Mapping[str, Any] | None) -> bool:
    """A stack whose version in the site's file is another than the one that was read on the machine."""
    rows = [row for row in (said, seen) if row is not None and key == "stacks"]
    return any(row["version"] and row["observed"] and row["version"] != row["observed"] for row in rows)


def _nodes(value: Any) -> Parts:
    """Kinds of nodes, by what they have: names, states and reasons are not compared."""
    kinds: dict[str, dict[str, Any]] = {}
    for group in value["groups"]:
        cards = sorted((card["chip"], card["count"]) for card in group["cards"])
        told = f"{group['cores']:06}/{group['memory_bytes']}/" + ",".join(f"{n}×{chip}" for chip, n in cards)
        alike = kinds.get(told, {"count": 0, "out_of_service": 0})
        out = group["count"] if group["state"] == "out_of_service" else 0
        kinds[told] = {
            "cores": group["cores"],
            "memory_bytes": group["memory_bytes"],
            "cards": [{"chip": chip, "count": count} for chip, count in cards],
            "count": alike["count"] + group["count"],
            "out_of_service": alike["out_of_service"] + out,
        }
    return kinds


def _queues(value: Any) -> Parts:
    return {one["name"]: one for one in value}


def _switches(value: Any) -> Parts:
    """Switches, or blocks; of blocks also their sizes, as one part more."""
    parts = {one["name"]: {**one, "kind": value.get("kind", "tree")} for one in value["switches"]}
    if sizes := value.get("block_sizes"):
        parts["BlockSizes"] = {"kind": "sizes", "nodes": ", ".join(str(size) for size in sizes)}
    return parts


def _qos(value: Any) -> Parts:
    return {one["name"]: one for one in value}


def _limits(value: Any) -> Parts:
    return {" / ".join(filter(None, (one["account"], one["user"]))): one for one in value}


def _stacks(value: Any) -> Parts:
    """The version that counts is the one that was read, else the one that was said."""
    return {
        f"{stack['chip']}: {part['name']}": {**part, "effective": part["observed"] or part["version"]}
        for stack in value
        for part in stack["parts"]
    }


_PARTS: dict[str, tuple[Callable[[Any], Parts], tuple[str, ...]]] = {
    "nodes": (_nodes, ("count",)),
    "queues": (_queues, ("state", "is_default", "longest_s", "nodes", "cores")),
    "topology": (_switches, ("kind", "level", "nodes", "switches")),
    "limits": (_limits, ("limits",)),
    "qos": (_qos, ("limits",)),
    "stacks": (_stacks, ("effective",)),
}
"""Key → how it falls into parts, and which of a part's members are compared."""
