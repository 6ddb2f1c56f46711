"""A run's attempts: each time that it was run and held something, one record, named for ever.

Where the engine has books of its own the usage carries their lines (``accounting``). Where it has none, as on
one's own machine, the run itself is the one attempt, and the signed usage is its line. Site and hub read
attempts off a usage by this page alone, so that they can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from hesuan.units import billed_seconds
from hesuan.wire.canonical import Json, digest

HELD = ("wall_ms", "core_s", "card_s", "node_s", "memory_mib_s", "energy_j")
"""What an attempt held; all but the first two are null where nobody read them."""
COMPARED = ("state", "started_at", "ended_at", *HELD)
"""What two records of one attempt have to agree in."""


class Evidence(StrEnum):
    """Who saw what an attempt held, strongest first."""

    KERNEL = "kernel"
    ACCOUNTING = "accounting"
    """The scheduler's own books; their line is kept."""
    SELF_REPORTED = "self-reported"


def attempts(usage: Mapping[str, Json]) -> list[dict[str, Json]]:
    """The attempts of a usage body, oldest first; none where nothing was held.

    Each has ``key``, ``state``, ``started_at``, ``ended_at``, what it held (:data:`HELD`), ``raw`` and
    ``raw_digest``. Without a line ``raw`` is empty, and the digest is that of the usage.
    """
    told = usage.get("accounting")
    if isinstance(told, list) and told:
        return [dict(one) for one in told if isinstance(one, dict)]
    wall_ms, cores = int(str(usage["wall_ms"])), int(str(usage["cores"]))
    if not usage.get("started_at") or not wall_ms:
        return []
    unread: dict[str, Json] = dict.fromkeys(("card_s", "node_s", "memory_mib_s", "energy_j"))
    return [
        {
            "key": f"run/{usage['run']}/{usage['attempt']}",
            "state": usage["state"],
            "started_at": usage["started_at"],
            "ended_at": usage["ended_at"],
            "wall_ms": wall_ms,
            "core_s": billed_seconds(wall_ms) * cores,
            **unread,
            "raw": "",
            "raw_digest": digest(dict(usage)),
        }
    ]


def evidence_class(evidence: str, raw: str) -> Evidence:
    """Who saw it: the kernel where the usage says so, the books where there is a line of them.

    What Ray tells comes from the memory of a head that every job may talk to: a line of it is no book's.
    """
    if evidence.startswith("kernel:"):
        return Evidence.KERNEL
    return Evidence.ACCOUNTING if raw and not evidence.startswith("ray:") else Evidence.SELF_REPORTED


def differences(stands: Mapping[str, Json], told: Mapping[str, Json]) -> dict[str, tuple[Json, Json]]:
    """Where two records of one attempt differ: field → what stands, what is told."""
    pairs = {name: (stands.get(name), told.get(name)) for name in COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
