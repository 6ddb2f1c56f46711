"""Decisions of the centres room on plain values: codes, roles, names."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

from hesuan.errors import Faults, InputFault
from hesuan.hub.centres import shapes
from hesuan.wire.canonical import Json

CODE_ALPHABET = "34679ACDEFGHJKMNPQRTVWXY"
"""Without 0 O 1 I L 2 Z 5 S 8 B U: nothing that somebody copying by hand takes for something else."""
CODE_GROUPS = 4
CODE_GROUP_LENGTH = 5
CODE_LIFETIME = timedelta(minutes=15)


def new_code() -> str:
    """``"XXXXX-XXXXX-XXXXX-XXXXX"`` of 24 letters and digits: 91 random bits, so a plain SHA-256 hides it."""
    groups = (
        "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_GROUP_LENGTH)) for _ in range(CODE_GROUPS)
    )
    return "-".join(groups)


def normal_code(text: str) -> str:
    """The code as issued, whatever case, blanks and dashes a person typed."""
    letters = "".join(letter for letter in text.upper() if letter.isalnum())
    starts = range(0, len(letters), CODE_GROUP_LENGTH)
    return "-".join(letters[start : start + CODE_GROUP_LENGTH] for start in starts)


def code_sha256(text: str) -> str:
    """What is kept of a code."""
    return hashlib.sha256(normal_code(text).encode()).hexdigest()


def same_hash(left: str, right: str) -> bool:
    """Compares two hashes in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def is_expired(expires_at: datetime, now: datetime) -> bool:
    """A code is good up to and not including its last moment."""
    return now >= expires_at


def may_operate(roles: frozenset[str], *, by_platform: bool) -> bool:
    """Whether these roles in a centre's organisation let somebody issue codes and revoke agents."""
    return by_platform or "centre_operator" in roles


def may_register(roles: frozenset[str], *, by_platform: bool) -> bool:
    """Whether somebody with these roles in an organisation may apply for a centre of it."""
    return by_platform or bool(roles & {"owner", "centre_operator"})


def takes_work(asked: Mapping[str, Json] | None, told: Mapping[str, Json] | None) -> bool:
    """Whether new work may be sent to an agent.

    Not while the operator wants none, and not until the agent has said that it takes some again: what is
    wished counts at once, what is observed counts too.

    Args:
        asked: What the operator asked at the hub, None: nothing.
        told: What the agent last said, the body of ``drain_state``; None before its first.
    """
    return asked is None and not any((told or {}).values())


def first_benchmark_id(agent_id: str, app: str, app_digest: str) -> str:
    """Id of the command that has a new app measured by an agent; the same three give the same id."""
    name = hashlib.sha256(f"{app}\n{app_digest}".encode()).hexdigest()[:24]
    return f"benchmark:{agent_id}:{name}"


def check_inventory(body: Mapping[str, Json]) -> None:
    """Raises Faults: every fault of an inventory's shape."""
    _raise(shapes.INVENTORY.faults(body, "body"))


def check_capacity(body: Mapping[str, Json]) -> None:
    """Raises Faults: every fault of a capacity's shape."""
    _raise(shapes.CAPACITY.faults(body, "body"))


def check_benchmark(body: Mapping[str, Json]) -> None:
    """Raises Faults: every fault of a benchmark's shape."""
    _raise(shapes.BENCHMARK.faults(body, "body"))


def check_report(body: Mapping[str, Json]) -> None:
    """Raises Faults: every fault of a report's shape."""
    _raise(shapes.REPORT.faults(body, "body"))


def check_drain_state(body: Mapping[str, Json]) -> None:
    """Raises Faults: every fault of what an agent says of draining."""
    _raise(shapes.DRAIN_STATE.faults(body, "body"))


def _raise(faults: list[InputFault]) -> None:
    if faults:
        raise Faults(faults)
