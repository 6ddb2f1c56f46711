"""What Ray's head tells of a job, and what the job held.

A job's ``start_time`` is when it was *asked for*: it waited from then on, perhaps for hours. What it held, it
held from the birth to the death of the actor that Ray sets beside each driver (``JobSupervisor``), which
takes the job's resources; that actor's times are the head's own. Tasks and actors that the driver starts hold
more beside it, each for its own time. All of it lives in the memory of a head that every job may talk to: it
is weaker evidence than a scheduler's books.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import Attempt, RunState
from hesuan.agent.schedulers.jobscript import TAKEN, TIMED_OUT
from hesuan.agent.schedulers.ray.script import CANCELLED
from hesuan.wire.canonical import digest
from hesuan.wire.messages import format_at

WAITING, RUNNING = "PENDING", "RUNNING"
OVER = ("SUCCEEDED", "FAILED", "STOPPED")
_SHORT = 300
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Job:
    """One submission as ``/api/jobs/`` shows it; times in milliseconds since 1970, 0: none."""

    id: str
    status: str
    message: str
    asked_ms: int
    ended_ms: int
    node: str
    """Where the driver ran; empty: it never began."""
    exit_code: int | None
    error_type: str
    driver: str
    """Ray's number of the last driver that the job connected to the cluster; empty: none did."""

    @property
    def is_over(self) -> bool:
        """Whether nothing follows."""
        return self.status in OVER


@dataclass(frozen=True, slots=True)
class Held:
    """What was held from one moment to another, in milliseconds since 1970; ``until_ms`` 0: it still is."""

    key: str
    resources: Mapping[str, float]
    since_ms: int
    until_ms: int

    @property
    def lasted_ms(self) -> int:
        """How long, never less than nothing: two machines' clocks may have told it."""
        return max(0, self.until_ms - self.since_ms)


@dataclass(frozen=True, slots=True)
class Beside:
    """What tasks and actors of the driver held beside it."""

    tasks: tuple[Held, ...] = ()
    actors: tuple[Held, ...] = ()
    is_whole: bool = True
    """Whether Ray could tell of all of them, each with its end."""

    @property
    def parts(self) -> tuple[Held, ...]:
        """All of them."""
        return (*self.tasks, *self.actors)


def job(document: Mapping[str, Any]) -> Job:
    """Reads a job; what is missing or of another kind is empty."""
    code = document.get("driver_exit_code")
    return Job(
        id=_text(document, "submission_id"),
        status=_text(document, "status"),
        message=_text(document, "message"),
        asked_ms=_ms(document.get("start_time")),
        ended_ms=_ms(document.get("end_time")),
        node=_text(document, "driver_node_id"),
        exit_code=code if type(code) is int else None,
        error_type=_text(document, "error_type"),
        driver=_text(document, "job_id"),
    )


def actor(document: Mapping[str, Any]) -> Held | None:
    """An actor of ``/logical/actors``; None where it was never alive."""
    since_ms = _ms(document.get("startTime"))
    is_dead = document.get("state") == "DEAD"
    if not since_ms:
        return None
    until_ms = _ms(document.get("endTime")) if is_dead else 0
    return Held(_text(document, "actorId"), _amounts(document.get("requiredResources")), since_ms, until_ms)


def tasks(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Held], bool]:
    """Tasks of the state API, and whether each has its end. Actors' calls hold nothing beside the actor."""
    found, all_ended = [], True
    for row in rows:
        since_ms, until_ms = _ms(row.get("start_time_ms")), _ms(row.get("end_time_ms"))
        if row.get("type") != "NORMAL_TASK" or not since_ms:
            continue
        if not until_ms:
            all_ended = False
            continue
        key = f"{_text(row, 'task_id')}/{row.get('attempt_number')}"
        found.append(Held(key, _amounts(row.get("required_resources")), since_ms, until_ms))
    return found, all_ended


def attempt(
    one: Job, held: Held, beside: Beside, *, session: str, resources: Mapping[str, Resource]
) -> Attempt:
    """The one time that Ray ran a job: it runs none twice."""
    parts = (held, *beside.parts)
    raw = _line(one, held, beside)
    return Attempt(
        key=f"{session}/{one.id}/{held.since_ms}",
        state=one.status,
        started_at=at(held.since_ms),
        ended_at=at(held.until_ms),
        wall_ms=held.lasted_ms,
        core_s=_total(parts, "CPU") // 1000,
        card_s=sum(_total(parts, name) // (1000 * known.slices) for name, known in resources.items()),
        node_s=held.lasted_ms // 1000,
        memory_mib_s=_total(parts, "memory") // (1000 * _MIB),
        energy_j=None,
        raw=raw,
        raw_digest=digest(raw),
    )


def _line(one: Job, held: Held, beside: Beside) -> str:
    """Ray keeps no line of a job; this is what it told of it, in its own words and times."""
    told = {
        "submission_id": one.id,
        "status": one.status,
        "start_time": one.asked_ms,
        "end_time": one.ended_ms,
        "driver_exit_code": one.exit_code,
        "error_type": one.error_type,
        "driver_node_id": one.node,
        "actor": {
            "actorId": held.key,
            "startTime": held.since_ms,
            "endTime": held.until_ms,
            "requiredResources": dict(sorted(held.resources.items())),
        },
        "beside": {
            "job_id": one.driver,
            "actors": len(beside.actors),
            "tasks": len(beside.tasks),
            "core_ms": _total(beside.parts, "CPU"),
            "whole": beside.is_whole,
        },
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


def _total(parts: Iterable[Held], name: str) -> int:
    """Amount × milliseconds, rounded down once; Ray counts in ten-thousandths."""
    return sum(round(part.resources.get(name, 0) * 10_000) * part.lasted_ms for part in parts) // 10_000


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended, in the contract's words."""

    state: RunState
    exit_status: int | None
    signal: int | None
    reason: str


def end(one: Job, *, lasted_ms: int, time_limit_s: int, cancel_requested: bool) -> End:
    """Names the end of a job that is over."""
    said = f"Ray: {one.status}, exit {'–' if one.exit_code is None else one.exit_code}."
    code = one.exit_code
    if one.status == "SUCCEEDED":
        return End(RunState.COMPLETED, 0, None, said)
    if one.status == "STOPPED" or (code == CANCELLED and cancel_requested):
        return End(RunState.CANCELLED, None, None, said)
    if code is None:
        what = "Ray never began it" if not one.node else "Ray lost hold of it"
        problem = f"{one.error_type} {one.message}".strip().splitlines() or ["no word"]
        return End(RunState.KILLED, None, None, f"{what}: {problem[0][:_SHORT]} {said}")
    if code == TIMED_OUT and lasted_ms >= time_limit_s * 1000:
        return End(RunState.TIMEOUT, None, None, f"Ended at its time limit of {time_limit_s} s. {said}")
    if code < 0:
        return End(RunState.KILLED, None, -code, said)
    return End(RunState.FAILED, code, None, said)


def is_second(one: Job) -> bool:
    """Whether the job ended because it may have found its run begun by another."""
    return one.exit_code == TAKEN


def cores(held: Held) -> int:
    """Whole cores of what a driver held."""
    return math.ceil(held.resources.get("CPU", 0))


def at(ms: int) -> str:
    """A moment of Ray's, RFC 3339 UTC; now where there is none."""
    return format_at(datetime.fromtimestamp(ms / 1000, UTC) if ms else datetime.now(UTC))


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _ms(value: object) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0


def _amounts(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): float(one) for name, one in value.items() if isinstance(one, int | float)}
