"""Decisions of the metering room on plain values: what a usage report must be, and what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from hesuan.errors import Faults, InputFault, declare
from hesuan.hub.runs.rules import FINAL
from hesuan.units import billed_seconds
from hesuan.wire.canonical import MAX_INTEGER, Json, digest

WRONG = declare(
    "usage.malformed",
    en="`{field}` is {value}; it must be {wanted}.",
    zh="“{field}”为 {value}；应为 {wanted}。",
)

ATTEMPTS_DIFFER = declare(
    "usage.attempts_differ",
    en="The attempts of run {run} last {sum_ms} ms together, and its usage says {wall_ms} ms.",
    zh="运行 {run} 的各次执行合计 {sum_ms} 毫秒，而其用量为 {wall_ms} 毫秒。",
)
ATTEMPT_TWICE = declare(
    "usage.attempt_twice",
    en="Attempt {key} stands {times} times in the usage of run {run}; each attempt is told once.",
    zh="执行 {key} 在运行 {run} 的用量中出现 {times} 次；每次执行只报一次。",
)
LINE_DIFFERS = declare(
    "usage.line_differs",
    en="The line of attempt {key} of run {run} has the digest {found}; the usage says {told}.",
    zh="运行 {run} 的执行 {key} 所附账目行的摘要为 {found}，而用量中写的是 {told}。",
)

_WHOLE = ("attempt", "wall_ms", "cpu_ms", "cores", "peak_memory_bytes")


def check(body: Mapping[str, Json]) -> None:
    """Checks a usage body; what it says of itself (``result``) is taken as it is.

    Raises:
        Faults: every ``usage.malformed``, with its place.
    """
    faults = [_fault(body, name, "0, 1, 2, …") for name in _WHOLE if not _is_whole(body.get(name))]
    if body.get("state") not in FINAL:
        faults.append(_fault(body, "state", ", ".join(sorted(FINAL))))
    for name in ("exit_status", "signal"):
        if body.get(name) is not None and type(body.get(name)) is not int:
            faults.append(_fault(body, name, "0, 1, 2, … / null"))
    if not isinstance(body.get("evidence"), str):
        faults.append(_fault(body, "evidence", "text"))
    if not isinstance(body.get("result"), Mapping):
        faults.append(_fault(body, "result", "{…}"))
    if faults:
        raise Faults(faults)
    _check_attempts(body)


def _check_attempts(body: Mapping[str, Json]) -> None:
    """What a scheduler's own books say of each time it ran the job adds up, and names each time once."""
    attempts = body.get("accounting")
    if not isinstance(attempts, list):
        return
    rows = [one for one in attempts if isinstance(one, Mapping)]
    times = Counter(str(one.get("key")) for one in rows)
    faults = [
        InputFault(ATTEMPT_TWICE, where="accounting", key=key, times=count, run=body.get("run"))
        for key, count in times.items()
        if count > 1
    ]
    faults += [fault for one in rows if (fault := _line_fault(one, body.get("run"))) is not None]
    sum_ms = sum(int(str(one.get("wall_ms"))) for one in rows)
    if sum_ms != body["wall_ms"]:
        facts = {"run": body.get("run"), "sum_ms": sum_ms, "wall_ms": body["wall_ms"]}
        faults.append(InputFault(ATTEMPTS_DIFFER, where="accounting", **facts))
    if faults:
        raise Faults(faults)


def _line_fault(attempt: Mapping[str, Json], run: Json) -> InputFault | None:
    """The scheduler's line is evidence: its digest has to be that of this line."""
    found, told = digest(attempt.get("raw")), attempt.get("raw_digest")
    if found == told:
        return None
    facts = {"run": run, "key": attempt.get("key"), "found": found, "told": told}
    return InputFault(LINE_DIFFERS, where="accounting", **facts)


def held_core_s(wall_ms: int, cores: int) -> int:
    """Core-seconds held: started seconds of wall time times cores, busy or not."""
    return billed_seconds(wall_ms) * cores


def _is_whole(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _fault(body: Mapping[str, Json], name: str, wanted: str) -> InputFault:
    return InputFault(WRONG, where=name, field=name, value=repr(body.get(name))[:60], wanted=wanted)
