"""Decisions of the metering room on plain values: what a usage report must be, and what it holds."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.errors import Faults, InputFault, declare
from hesuan.hub.runs.rules import FINAL
from hesuan.units import billed_seconds
from hesuan.wire.canonical import MAX_INTEGER, Json

WRONG = declare(
    "usage.malformed",
    en="`{field}` is {value}; it must be {wanted}.",
    zh="“{field}”为 {value}；应为 {wanted}。",
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


def held_core_s(wall_ms: int, cores: int) -> int:
    """Core-seconds held: started seconds of wall time times cores, busy or not."""
    return billed_seconds(wall_ms) * cores


def _is_whole(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_INTEGER


def _fault(body: Mapping[str, Json], name: str, wanted: str) -> InputFault:
    return InputFault(WRONG, where=name, field=name, value=repr(body.get(name))[:60], wanted=wanted)
