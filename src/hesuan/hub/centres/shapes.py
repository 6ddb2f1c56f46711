"""Shapes of what agents send: a small table of what each key must be, checked strictly and all at once.

An agent is a program of ours on somebody else's machine: its words are checked like a stranger's. Unknown
keys are refused (a misspelt one would otherwise be lost silently), every fault is returned with its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hesuan.errors import InputFault, declare, unknown_key
from hesuan.wire.canonical import MAX_INTEGER
from hesuan.wire.ids import is_id
from hesuan.wire.messages import parse_at

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

WRONG_SHAPE = declare(
    "message.wrong_shape",
    en="{found} stands where {wanted} is needed.",
    zh="此处应为 {wanted}，实为 {found}。",
)
KEY_MISSING = declare(
    "message.key_missing",
    en="The key `{key}` is missing.",
    zh="缺少键“{key}”。",
)


class Shape(Protocol):
    """What a value must be."""

    def faults(self, value: object, where: str) -> list[InputFault]:
        """Every fault of a value that stands at ``where``."""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text of a length between two bounds, without control characters."""

    longest: int
    shortest: int = 1

    def faults(self, value: object, where: str) -> list[InputFault]:
        wanted = f"a line of {self.shortest} to {self.longest} characters"
        fits = isinstance(value, str) and self.shortest <= len(value) <= self.longest
        return [] if fits and not _CONTROLS.search(str(value)) else [_wrong(value, wanted, where)]


@dataclass(frozen=True, slots=True)
class Free:
    """Any text up to a length: what a program printed."""

    longest: int

    def faults(self, value: object, where: str) -> list[InputFault]:
        fits = isinstance(value, str) and len(value) <= self.longest
        return [] if fits else [_wrong(value, f"a text of at most {self.longest} characters", where)]


@dataclass(frozen=True, slots=True)
class Ulid:
    """An id."""

    def faults(self, value: object, where: str) -> list[InputFault]:
        return [] if is_id(value) else [_wrong(value, "an id of 26 letters and digits", where)]


@dataclass(frozen=True, slots=True)
class Time:
    """A UTC time with six decimals, as every message writes it."""

    def faults(self, value: object, where: str) -> list[InputFault]:
        try:
            parse_at(value)
        except InputFault:
            return [_wrong(value, "a UTC time like 2026-11-20T21:46:00.000000Z", where)]
        return []


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer between two bounds; true and false are not integers."""

    least: int = 0
    most: int = MAX_INTEGER

    def faults(self, value: object, where: str) -> list[InputFault]:
        wanted = f"a whole number from {self.least} to {self.most}"
        fits = isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most
        return [] if fits else [_wrong(value, wanted, where)]


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    def faults(self, value: object, where: str) -> list[InputFault]:
        return [] if isinstance(value, bool) else [_wrong(value, "true or false", where)]


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    def faults(self, value: object, where: str) -> list[InputFault]:
        fits = isinstance(value, str) and value in self.words
        return [] if fits else [_wrong(value, f"one of {', '.join(self.words)}", where)]


@dataclass(frozen=True, slots=True)
class Maybe:
    """A shape, or null."""

    shape: Shape

    def faults(self, value: object, where: str) -> list[InputFault]:
        return [] if value is None else self.shape.faults(value, where)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one shape."""

    shape: Shape
    longest: int
    shortest: int = 0

    def faults(self, value: object, where: str) -> list[InputFault]:
        if not isinstance(value, list) or not self.shortest <= len(value) <= self.longest:
            return [_wrong(value, f"a list of {self.shortest} to {self.longest} items", where)]
        return [fault for i, item in enumerate(value) for fault in self.shape.faults(item, f"{where}.{i}")]


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object with free keys and values of one shape."""

    shape: Shape
    longest: int = 100

    def faults(self, value: object, where: str) -> list[InputFault]:
        if not isinstance(value, Mapping) or len(value) > self.longest:
            return [_wrong(value, f"an object of at most {self.longest} keys", where)]
        return [fault for key, item in value.items() for fault in self.shape.faults(item, f"{where}.{key}")]


@dataclass(frozen=True, slots=True)
class Plain:
    """Any JSON value without floats, at most a few levels deep: an app's own words."""

    depth: int = 4

    def faults(self, value: object, where: str) -> list[InputFault]:
        inner = Plain(self.depth - 1)
        match value:
            case None | bool() | str():
                return []
            case int():
                return Whole(-MAX_INTEGER).faults(value, where)
            case list() if self.depth:
                return [fault for i, item in enumerate(value) for fault in inner.faults(item, f"{where}.{i}")]
            case dict() if self.depth:
                return [f for key, item in value.items() for f in inner.faults(item, f"{where}.{key}")]
            case _:
                return [_wrong(value, "text, a whole number, true, false, null, or a shallow object", where)]


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever stands there; somebody else looks at it."""

    def faults(self, value: object, where: str) -> list[InputFault]:
        del value, where
        return []


@dataclass(frozen=True, slots=True)
class Record:
    """An object with exactly these keys; those named optional may be missing."""

    members: Mapping[str, Shape]
    optional: frozenset[str] = frozenset()

    def faults(self, value: object, where: str) -> list[InputFault]:
        if not isinstance(value, Mapping):
            return [_wrong(value, "an object", where)]
        missing = self.members.keys() - self.optional - value.keys()
        found = [InputFault(KEY_MISSING, where=where, key=key) for key in sorted(missing)]
        for key, item in value.items():
            if key in self.members:
                found += self.members[key].faults(item, f"{where}.{key}")
            else:
                found.append(unknown_key(str(key), self.members, where=where))
        return found


def _wrong(value: object, wanted: str, where: str) -> InputFault:
    found = repr(value)
    return InputFault(
        WRONG_SHAPE, where=where, wanted=wanted, found=found if len(found) <= 60 else f"{found[:57]}…"
    )


NAME = Text(100)
DIGEST = Text(80)
CORES = Whole(1, 100_000)
RUN_STATES = (
    "SUBMITTED", "RUNNING", "COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED", "UNKNOWN", "REFUSED",
)  # fmt: skip
LONGEST_REASON = 500
"""Characters of why a site drains; the users of refused runs read it."""

_LINE = Text(200, 0)
_COUNT = Whole(0, 100_000_000)
_CARDS = ListOf(
    Record({"chip": NAME, "count": Whole(1, 1_000_000), "memory_bytes": Maybe(Whole(1))}), longest=1000
)
_NODES = Record(
    {
        "total": _COUNT,
        "groups": ListOf(
            Record(
                {
                    "count": Whole(1, 1_000_000),
                    "names": ListOf(Text(255), longest=5_000),
                    "state": OneOf(("in_service", "out_of_service", "unknown")),
                    "reason": _LINE,
                    "cores": Whole(0, 100_000),
                    "memory_bytes": Maybe(Whole(1)),
                    "cards": _CARDS,
                    "features": ListOf(Text(200), longest=50),
                    "queues": ListOf(Text(200), longest=50),
                }
            ),
            longest=500,
        ),
    }
)
_QUEUES = ListOf(
    Record(
        {
            "name": Text(200),
            "state": OneOf(("open", "closed", "unknown")),
            "is_default": Flag(),
            "longest_s": Maybe(Whole(1)),
            "nodes": Maybe(_COUNT),
            "cores": Maybe(_COUNT),
            "limits": MapOf(_LINE),
        }
    ),
    longest=500,
)
_TOPOLOGY = Record(
    {
        "kind": OneOf(("tree", "block")),
        "block_sizes": ListOf(Whole(1, 1_000_000), longest=16),
        "switches": ListOf(
            Record(
                {
                    "name": Text(200),
                    "level": Whole(0, 100),
                    "nodes": Text(4000, 0),
                    "switches": Text(4000, 0),
                }
            ),
            longest=2_000,
        ),
    },
    optional=frozenset({"block_sizes"}),
)
_QOS = ListOf(Record({"name": Text(200), "limits": MapOf(_LINE)}), longest=200)
_LIMITS = ListOf(Record({"account": _LINE, "user": _LINE, "limits": MapOf(_LINE)}), longest=200)
_STACKS = ListOf(
    Record(
        {
            "chip": NAME,
            "parts": ListOf(
                Record(
                    {
                        "name": NAME,
                        "version": Maybe(NAME),
                        "observed": Maybe(NAME),
                        "read_from": Text(300, 0),
                    }
                ),
                longest=50,
            ),
        }
    ),
    longest=100,
)

INVENTORY = Record(
    {
        "host": Text(255),
        "cores": CORES,
        "memory_bytes": Maybe(Whole(1)),
        "cards": _CARDS,
        "software": MapOf(Text(200, 0)),
        "engine": NAME,
        "isolation": ListOf(Text(1000), longest=50),
        "apps": ListOf(Record({"name": NAME, "digest": DIGEST, "work_unit": NAME}), longest=1000),
        "scripts_allowed": Flag(),
        "nodes": _NODES,
        "queues": _QUEUES,
        "topology": _TOPOLOGY,
        "limits": _LIMITS,
        "qos": _QOS,
        "stacks": _STACKS,
    },
    optional=frozenset({"nodes", "queues", "topology", "limits", "qos", "stacks"}),
)
"""What is optional is left out by an engine that has no such thing, and by agents from before it."""

CAPACITY = Record(
    {
        "at": Time(),
        "queues": ListOf(
            Record(
                {
                    "name": Text(200),
                    "nodes": _COUNT,
                    "nodes_idle": _COUNT,
                    "nodes_out": _COUNT,
                    "cores": _COUNT,
                    "cores_idle": _COUNT,
                    "cores_allocated": _COUNT,
                }
            ),
            longest=500,
        ),
        "cards": ListOf(
            Record({"chip": NAME, "count": _COUNT, "allocated": Maybe(_COUNT)}),
            longest=1000,
        ),
        "starts": ListOf(
            Record(
                {
                    "queue": _LINE,
                    "cores": CORES,
                    "card": _LINE,
                    "cards": _COUNT,
                    "time_limit_s": Whole(1),
                    "expected_at": Maybe(Time()),
                    "reason": _LINE,
                }
            ),
            longest=100,
        ),
    }
)
"""What is free at one moment, and when work of a few sizes is expected to begin; null: nobody says."""
_DRAIN = Maybe(Record({"since": Time(), "reason": Free(LONGEST_REASON)}))
DRAIN_STATE = Record({"hub": _DRAIN, "site": _DRAIN})
REPORT = Record(
    {
        "command": NAME,
        "at": Time(),
        "version": NAME,
        "inventory": DIGEST,
        "waiting_messages": Whole(),
        "open_commands": Whole(),
        "open_runs": Whole(),
        "runs": ListOf(
            Record({"run": Ulid(), "told": OneOf(RUN_STATES), "observed": Maybe(OneOf(RUN_STATES))}),
            longest=1000,
        ),
        "cores": CORES,
        "cores_held": Whole(),
        "drain": DRAIN_STATE,
        "skew_ms": Whole(-MAX_INTEGER),
    }
)
BENCHMARK = Record(
    {
        "app": NAME,
        "app_digest": DIGEST,
        "cores": CORES,
        "points": ListOf(Record({"units": Whole(1), "wall_ms": Whole(1)}), longest=1000, shortest=1),
        "checked": MapOf(Plain()),
    }
)
