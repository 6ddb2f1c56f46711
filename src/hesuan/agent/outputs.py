"""The files that a run has left, sent to the hub after its end, and never in the way of anything else.

First the list of the whole folder, whose digest must be the one in the usage record; then, of the files that
travel under the site's bound, those the hub still waits for, each from where the hub has come to. So nothing
is noted here but that all is done: an agent that was killed asks the hub. Nothing of it goes through the
spool, and a thread of its own does it: states, usage and signatures do not wait for files.

A site that lets nothing out (``output_mib = 0``) tells how many files there are and how large, and no name.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hesuan.agent.schedulers.rundir import open_output, output_list
from hesuan.agent.spool import KnownRun, Spool
from hesuan.agent.uplink import NO_OUTPUT_THERE, Uplink
from hesuan.errors import Conflict, HesuanError, InputFault, NotFound, Refused, Unavailable, declare
from hesuan.toml_table import Table
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.outputs import (
    LONGEST_LIST_BYTES,
    MOST_FILES,
    PIECE_BYTES,
    Listed,
    list_digest,
    travelling,
)

BOUND_BYTES = 64 << 20
OLD_HUB_PAUSE_S = 3600.0
AWAY_PAUSE_S = 30.0
LATER_FIRST_S, LATER_LONGEST_S = 1.0, 600.0
MOST_OUTPUT_MIB = 1 << 20

NOT_AN_OUTPUT_BOUND = declare(
    "agent.output_bound",
    en="`output_mib` is {value}; it is how much of a run's output files travels [MiB], from 0 to {most}.",
    zh="“output_mib”为 {value}；它是每个运行的输出文件至多上传的量 [MiB]，应为 0 到 {most}。",
)


def read_bound(top: Table) -> int:
    """What a ``site.toml`` says of it above all its tables [byte]; a fault is left with the table."""
    mib = top.integer("output_mib", BOUND_BYTES >> 20)
    if not 0 <= mib <= MOST_OUTPUT_MIB:
        where = top.where("output_mib")
        top.fault(InputFault(NOT_AN_OUTPUT_BOUND, where=where, value=mib, most=MOST_OUTPUT_MIB))
    return mib << 20


@dataclass(slots=True)
class _Due:
    """One run whose files are to be sent: the folder as it was looked at once, and when to ask again."""

    folder: Path
    names: list[tuple[Path, Listed]]
    after_s: float = 0.0
    pause_s: float = LATER_FIRST_S

    @property
    def listed(self) -> list[Listed]:
        return [one for _, one in self.names]


@dataclass(slots=True)
class OutputSender:
    """Sends what ended runs have left. ``folder_of`` is the engine's ``output``."""

    spool: Spool
    uplink: Uplink
    folder_of: Callable[[str], Path]
    tell: Callable[[str], None]
    bound_bytes: int = BOUND_BYTES
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    _due: dict[str, _Due] = field(default_factory=dict)
    _after_s: float = 0.0

    def step(self) -> int:
        """Sends what can be sent now; returns how many runs' files are done with by it."""
        done = 0
        for known in self.spool.unsent_outputs():
            if self.stopping.is_set() or self.clock() < self._after_s:
                break
            try:
                done += self._send(known)
            except (Unavailable, NotFound, Refused, Conflict) as error:
                if str(error.facts.get("problem", "")).startswith(("run.", "message.")):
                    self.tell(f"The files of run {known.run} stay here. {error.sentence('en')}")
                    self._done(known.run)
                else:
                    self._pause(error)
        return done

    def _send(self, known: KnownRun) -> bool:
        """Whether all that may travel of a run's files is there now."""
        due = self._due.get(known.run)
        if due is None:
            due = self._due[known.run] = self._look(known.run)
        if self.clock() < due.after_s:
            return False
        told = self._told(known, due.listed)
        answer = self.uplink.output("output", told)
        if answer.get("state") != "taken":  # the hub has not come to the usage yet
            due.after_s = self.clock() + due.pause_s
            due.pause_s = min(2 * due.pause_s, LATER_LONGEST_S)
            return False
        ours = travelling(due.listed, self.bound_bytes) if told["withheld"] is None else frozenset()
        for awaited in answer["awaited"]:
            number, offset = int(awaited["number"]), int(awaited["offset"])
            if number in ours and not self._send_file(known.run, number, offset, due):
                return False
        self._say(known.run, due.listed, told, ours)
        self._done(known.run)
        return True

    def _look(self, run: str) -> _Due:
        """What is there; nothing, which is not what the usage says, where somebody has taken the folder."""
        try:
            folder = self.folder_of(run)
            return _Due(folder, output_list(folder))
        except (HesuanError, OSError):
            return _Due(Path(run), [])

    def _told(self, known: KnownRun, listed: list[Listed]) -> dict[str, Json]:
        """The body of the list; without the list where none may travel, with the reason."""
        withheld = self._withheld(known, listed)
        files: list[Json] = [{"path": one.path, "bytes": one.bytes, "sha256": one.sha256} for one in listed]
        return {
            "run": known.run,
            "bound_bytes": self.bound_bytes,
            "files_count": len(listed),
            "total_bytes": sum(one.bytes for one in listed),
            "withheld": withheld,
            "files": files if withheld is None else None,
        }

    def _withheld(self, known: KnownRun, listed: list[Listed]) -> str | None:
        if self.bound_bytes == 0:
            return "bound"
        if known.usage is None or known.usage.get("output_digest") != list_digest(listed):
            return "changed"
        length = len(canonical([one.entry() for one in listed]))
        return "too_many" if len(listed) > MOST_FILES or length > LONGEST_LIST_BYTES else None

    def _send_file(self, run: str, number: int, offset: int, due: _Due) -> bool:
        """Sends a file from where the hub stands; whether nothing of it is left to send."""
        below, one = due.names[number]
        while offset < one.bytes:
            if self.stopping.is_set():
                return False
            data = _piece(due.folder, below, offset, one.bytes)
            body: dict[str, Json] = {"run": run, "number": number, "offset": offset}
            answer: dict[str, Any] = self.uplink.output(
                "output_piece", {**body, "data": base64.b64encode(data).decode()}
            )
            if answer.get("left_out"):
                self.tell(f"`{one.path}` of run {run} was not taken: it is no longer as it was listed.")
                return True
            if int(answer["offset"]) <= offset:
                return False  # somebody else sends the same; the hub is asked again
            offset = int(answer["offset"])
        return True

    def _say(self, run: str, listed: list[Listed], told: dict[str, Json], ours: frozenset[int]) -> None:
        """One sentence for the operator where something stays at the site."""
        total = sum(one.bytes for one in listed)
        if told["withheld"] is not None:
            why = {"bound": "`output_mib` is 0", "changed": "they are not those of the usage record"}
            reason = why.get(str(told["withheld"]), f"more than {MOST_FILES} or too long names")
            self.tell(f"The {len(listed)} files of run {run} ({total} bytes) stay here: {reason}.")
        elif len(ours) < len(listed):
            sent = sum(listed[number].bytes for number in ours)
            self.tell(
                f"Of run {run}, {len(ours)} of {len(listed)} files may travel ({sent} of {total} bytes); the"
                f" bound is {self.bound_bytes} bytes (`output_mib`)."
            )

    def _done(self, run: str) -> None:
        with self.spool.transaction() as change:
            change.set_output_told(run)
        self._due.pop(run, None)

    def _pause(self, error: HesuanError) -> None:
        """Asks nothing of the hub for a while: what went wrong concerns all runs."""
        self.tell(error.sentence("en"))
        self._after_s = self.clock() + (OLD_HUB_PAUSE_S if error.code is NO_OUTPUT_THERE else AWAY_PAUSE_S)


def _piece(folder: Path, below: Path, offset: int, size_bytes: int) -> bytes:
    """The next piece of a file; empty where it is no longer there, no plain file any more, or shorter."""
    file = open_output(folder, below)
    if file is None:
        return b""
    with file:
        file.seek(offset)
        return file.read(min(PIECE_BYTES, size_bytes - offset))
