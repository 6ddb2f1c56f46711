"""What Kubernetes keeps of a pod, and what the pod held.

A container's start and end are the node's own times, in whole seconds. From one to the other the pod held
what it had asked for; the wait for its place and the fetching of its image are before. A pod that ended keeps
them as long as it is there, which a finalizer of ours sees to (see :mod:`.manifest`). Where a node evicted a
pod, it may have wiped the start: then it is the one that was seen while the pod ran; and where a node was
lost, nobody saw the end: then it is the moment when the cluster held the pod for no longer ready.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import Attempt, RunState
from hesuan.agent.schedulers.jobscript import CANCELLED, GRACE_S, TAKEN, TIMED_OUT
from hesuan.agent.schedulers.kubernetes.quantity import amount
from hesuan.wire.canonical import Json, canonical, digest
from hesuan.wire.messages import format_at

_KILLED = 137
"""What ``timeout`` ends with when it had to force the job."""
_SIGNALLED = range(129, 129 + 64)
_SHORT = 300
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod as the server shows it."""

    name: str
    uid: str
    namespace: str
    node: str
    phase: str
    reason: str
    message: str
    created: datetime | None
    end_asked: datetime | None
    """When somebody deleted it."""
    due: datetime | None
    """When it was to be gone after that."""
    left_its_node: bool
    """Whether nothing of it is waited for there: the node has confirmed it, or somebody has forced it."""
    waits_for: str
    """Why its container has not begun."""
    started: datetime | None
    finished: datetime | None
    exit_code: int | None
    word: str
    """Kubernetes' own for how the container ended."""
    unready: datetime | None
    """Since when the cluster holds it for not ready."""
    requests: Mapping[str, str]
    finalizers: tuple[str, ...]
    version: str
    document: Mapping[str, Any]
    """All of it, as it was read."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more, by the word of its node."""
        if self.finished is not None or self.phase in ("Succeeded", "Failed"):
            return True
        return self.left_its_node and not self.began

    @property
    def began(self) -> bool:
        """Whether its container was ever started."""
        return self.started is not None


def pod(document: Mapping[str, Any], *, seen: Mapping[str, str] | None = None) -> Pod:
    """Reads a pod; what is missing or of another kind is empty.

    Args:
        document: As the server has it.
        seen: Starts that were seen earlier, by the pod's uid.
    """
    meta, spec, status = (_table(document, name) for name in ("metadata", "spec", "status"))
    _, running, ended, waiting = _container(status)
    due, grace = _moment(meta, "deletionTimestamp"), meta.get("deletionGracePeriodSeconds")
    grace_s = grace if type(grace) is int else 0
    started = _moment(ended, "startedAt") or _moment(running, "startedAt")
    if started is None or started.year < 2000:  # a container that never began has the year 1 or 1970
        started = parsed((seen or {}).get(_text(meta, "uid"), ""))
    code = ended.get("exitCode")
    return Pod(
        name=_text(meta, "name"),
        uid=_text(meta, "uid"),
        namespace=_text(meta, "namespace"),
        node=_text(spec, "nodeName"),
        phase=_text(status, "phase"),
        reason=_text(status, "reason"),
        message=" ".join((_text(status, "message") or _text(ended, "message")).split()),
        created=_moment(meta, "creationTimestamp"),
        end_asked=due - timedelta(seconds=grace_s) if due else None,
        due=due,
        left_its_node=due is not None and grace_s == 0,
        waits_for=_waits_for(status, waiting),
        started=started,
        finished=_moment(ended, "finishedAt"),
        exit_code=code if type(code) is int else None,
        word=_text(ended, "reason") or _text(status, "reason") or _text(status, "phase"),
        unready=_unready(status),
        requests={name: str(one) for name, one in _requests(spec).items()},
        finalizers=tuple(str(one) for one in meta.get("finalizers") or ()),
        version=_text(meta, "resourceVersion"),
        document=document,
    )


def ended_at(one: Pod) -> datetime | None:
    """When it ceased to hold: by its node's word, or where there is none, by the cluster's."""
    found = one.finished or one.unready or one.end_asked
    return max(found, one.started) if found and one.started else found


def attempt(one: Pod, resources: Mapping[str, Resource]) -> Attempt | None:
    """A pod as an attempt; None where its container never began, or its end is not told."""
    ended = ended_at(one)
    if one.started is None or ended is None:
        return None
    seconds = int((ended - one.started).total_seconds())
    raw = canonical(_kept(one.document)).decode()
    cards = sum(
        int(amount(one.requests.get(name, "0")) * seconds) // known.slices
        for name, known in resources.items()
    )
    return Attempt(
        key=f"kubernetes/{one.uid}",
        state=one.word or "Unknown",
        started_at=format_at(one.started),
        ended_at=format_at(ended),
        wall_ms=seconds * 1000,
        core_s=int(amount(one.requests.get("cpu", "0")) * seconds),
        card_s=cards,
        node_s=seconds,
        memory_mib_s=int(amount(one.requests.get("memory", "0")) * seconds) // _MIB,
        energy_j=None,
        raw=raw,
        raw_digest=digest(raw),
    )


def cores(one: Pod) -> int:
    """Whole cores of what it asked for."""
    return math.ceil(amount(one.requests.get("cpu", "0")))


def that_count(pods: Iterable[Pod], *, begun_twice: bool, taken_by: str = "") -> list[Pod]:
    """The pods that began the run, oldest first, without those that found it begun by another.

    The first always counts: a job that says of itself that it found the run taken has taken it. Of a later
    one that was ended before its script could say what it found, the word of the one that had begun will do.

    Args:
        pods: All of the run's.
        begun_twice: Whether a script has said that it found the run begun.
        taken_by: The uid of the pod that began it, by its own word; empty where it is not told.
    """
    dawn = datetime.min.replace(tzinfo=UTC)
    began = sorted((one for one in pods if one.began), key=lambda one: (one.started or dawn, one.name))
    others = {one.uid for one in began} - {taken_by} if taken_by in {one.uid for one in began} else set()

    def came_too_late(one: Pod) -> bool:
        return (begun_twice and one.exit_code == TAKEN) or (one.uid in others and _was_ended(one))

    return began[:1] + [one for one in began[1:] if not came_too_late(one)]


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended, in the contract's words."""

    state: RunState
    exit_status: int | None
    signal: int | None
    reason: str


def end(one: Pod, *, time_limit_s: int, cancel_requested: bool) -> End:
    """Names the end of a pod that is over."""
    code, said = one.exit_code, _said(one)
    signal = code - 128 if code is not None and code in _SIGNALLED else None
    if one.reason == "DeadlineExceeded" or _outlived(one, time_limit_s):
        return End(RunState.TIMEOUT, None, None, f"Ended at its time limit of {time_limit_s} s. {said}")
    if code is None or one.reason:
        return End(RunState.KILLED, None, None, f"{one.reason or 'Nobody saw its end'}: {said}")
    if code and one.word == "OOMKilled":
        return End(RunState.FAILED, None, None, f"It used more memory than it had asked for. {said}")
    if code and (_was_ended(one) or (code == CANCELLED and cancel_requested)):
        return End(RunState.CANCELLED, None, signal, said)
    if signal is not None:
        return End(RunState.KILLED, None, signal, said)
    return End(RunState.FAILED if code else RunState.COMPLETED, code, None, said)


def parsed(text: object) -> datetime | None:
    """A moment of Kubernetes'; None where it is none."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _outlived(one: Pod, time_limit_s: int) -> bool:
    ended = ended_at(one)
    lasted_s = int((ended - one.started).total_seconds()) if ended and one.started else 0
    if one.exit_code == TIMED_OUT:
        return lasted_s >= time_limit_s
    forced = one.exit_code == _KILLED and one.word != "OOMKilled"
    return forced and lasted_s >= time_limit_s + GRACE_S and not _was_ended(one)


def _was_ended(one: Pod) -> bool:
    """Whether somebody had asked for its end before it came."""
    return one.end_asked is not None and one.finished is not None and one.end_asked <= one.finished


def _said(one: Pod) -> str:
    code = "–" if one.exit_code is None else one.exit_code
    message = f" {one.message[:_SHORT]}" if one.message else ""
    return f"Kubernetes: {one.word or one.phase}, exit {code}.{message}"


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _moment(document: Mapping[str, Any], name: str) -> datetime | None:
    return parsed(document.get(name))


def _container(status: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The one container's status, and its state: running, ended, waiting."""
    rows = status.get("containerStatuses")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    state = _table(first, "state")
    return first, _table(state, "running"), _table(state, "terminated"), _table(state, "waiting")


def _conditions(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = status.get("conditions")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _unready(status: Mapping[str, Any]) -> datetime | None:
    found = [row for row in _conditions(status) if row.get("type") == "Ready" and row.get("status") != "True"]
    return _moment(found[0], "lastTransitionTime") if found else None


def _waits_for(status: Mapping[str, Any], waiting: Mapping[str, Any]) -> str:
    if waiting:
        return f"{_text(waiting, 'reason')}: {_text(waiting, 'message')}"[:_SHORT].rstrip(": ")
    for row in _conditions(status):
        if row.get("type") == "PodScheduled" and row.get("status") == "False":
            return f"{_text(row, 'reason')}: {_text(row, 'message')}"[:_SHORT].rstrip(": ")
    return ""


def _requests(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = spec.get("containers")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    return _table(_table(first, "resources"), "requests")


def _kept(document: Mapping[str, Any]) -> dict[str, Json]:
    """What is put on record of a pod, in the server's words: whose, where, what it asked for, how it went."""
    meta, spec, status = (_table(document, name) for name in ("metadata", "spec", "status"))
    container, *_ = _container(status)
    whose = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "labels")
    went = ("phase", "reason", "message", "startTime")
    shown = ("type", "status", "reason", "lastTransitionTime")
    return {
        "metadata": _plain({name: meta.get(name) for name in whose}),
        "spec": _plain({"nodeName": spec.get("nodeName"), "requests": dict(_requests(spec))}),
        "status": _plain(
            {
                **{name: status.get(name) for name in went},
                "conditions": [{name: row.get(name) for name in shown} for row in _conditions(status)],
                "container": {name: container.get(name) for name in ("imageID", "restartCount", "state")},
            }
        ),
    }


def _plain(value: object) -> Any:
    """Without what is empty; texts cut short, for a job may have written them."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items() if one not in (None, "", [], {})}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, bool | int) else str(value)[:_SHORT]
