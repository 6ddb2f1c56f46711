"""The contract of every engine, in prose first.

An engine starts *runs* at this site and knows what became of them. Its promises:

1. **At most one job a run, ever.** ``submit`` may be called any number of times with the same run: after a
   lost answer, after a restart of the agent, twice at once. One job comes of it. Another specification under
   the same run is a ``Conflict`` and changes nothing. How an engine keeps this promise is its own affair (a
   directory created exclusively, a unique name the scheduler itself refuses twice, a comment it looks up).
2. **Three answers to submit.** It returns: the job is there, or will be. It raises ``Refused``: no job is
   there and none will ever be. It raises ``Unavailable``: nobody knows yet; call again with the same run.
3. **Unknown stays unknown.** ``poll`` says what the scheduler says. Just submitted and not yet visible is
   SUBMITTED, not gone. Gone without an account of how it ended is UNKNOWN with a reason, never COMPLETED. An
   UNKNOWN run may become known later; a final state never changes again.
4. **Ends have names.** COMPLETED: status 0. FAILED: any other status of its own. KILLED: a signal that
   neither the user nor the limit sent. TIMEOUT: the time limit. CANCELLED: the user.
5. **Cancel is a request.** It may come at any time and any number of times; after the end it changes
   nothing; before the start it means that nothing starts.
6. **One usage a run.** ``usage`` is None until the state is final and the engine's own accounting is
   complete, then the same record on every call. It comes from the scheduler or the kernel, never from the
   job's own word; what the job says of itself travels beside, as ``result``.
7. **Logs are bounded.** ``log`` returns bytes from an offset; the same offset returns the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from hesuan.errors import declare
from hesuan.wire.canonical import Json

RUN_CONFLICT = declare(
    "agent.run_conflict",
    en="Run {run} is here already with another specification ({known}, now {given}). Nothing was changed.",
    zh="运行 {run} 已存在，且内容不同（原为 {known}，现为 {given}）。未作任何更改。",
)
RUN_UNKNOWN = declare(
    "agent.run_unknown",
    en="Run {run} was never submitted at this site.",
    zh="本站点从未提交过运行 {run}。",
)
TOO_MANY_CORES = declare(
    "agent.too_many_cores",
    en="The run asks for {asked} cores; this site has {available}. Ask for at most {available}.",
    zh="该运行需要 {asked} 核，本站点只有 {available} 核。请至多申请 {available} 核。",
)
FOLDER_DIFFERS = declare(
    "agent.folder_differs",
    en="The application's folder here has the digest {found}; the run was ordered with {ordered}."
    " Ask for a new quote.",
    zh="此处应用文件夹的摘要为 {found}，而订购时为 {ordered}。请重新询价。",
)


class RunState(StrEnum):
    """Where a run stands; the words that travel on the wire."""

    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    TIMEOUT = "TIMEOUT"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self not in (RunState.SUBMITTED, RunState.RUNNING, RunState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What to start. With a ``folder``, the words ``{app} {output} {python}`` of the command are filled in
    by the engine, and the folder's content must have the digest ``folder_digest``."""

    run: str
    command: tuple[str, ...]
    cores: int
    time_limit_s: int
    folder: Path | None = None
    folder_digest: str = ""

    def document(self) -> dict[str, Json]:
        """What makes two specifications the same; where the folder lies here is no part of it."""
        return {
            "run": self.run,
            "command": list(self.command),
            "cores": self.cores,
            "time_limit_s": self.time_limit_s,
            "folder_digest": self.folder_digest,
        }


@dataclass(frozen=True, slots=True)
class Observation:
    """What the engine says of a run now. ``at`` is when that state began, RFC 3339 UTC."""

    run: str
    state: RunState
    at: str
    reason: str = ""
    exit_status: int | None = None
    signal: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """One run's usage record, in the words of the wire. Times RFC 3339 UTC; ``wall_ms`` from a monotonic
    clock, so it need not equal the difference of the two times to the millisecond."""

    run: str
    state: str
    exit_status: int | None
    signal: int | None
    started_at: str
    ended_at: str
    wall_ms: int
    cpu_ms: int
    cores: int
    peak_memory_bytes: int
    evidence: str
    output_digest: str
    result: Mapping[str, Json] = field(default_factory=dict)
    attempt: int = 1

    def body(self) -> dict[str, Json]:
        """The body of the ``usage`` message."""
        return {**asdict(self), "result": dict(self.result)}


class Scheduler(Protocol):
    """What every engine does; the promises stand at the top of this module."""

    name: str
    isolation: tuple[str, ...]

    def submit(self, spec: RunSpec) -> None:
        """Starts the run once; see promises 1 and 2. Raises Refused, Conflict, Unavailable."""

    def poll(self, run: str) -> Observation:
        """What is known of the run. Raises NotFound ``agent.run_unknown``, Unavailable."""

    def cancel(self, run: str) -> None:
        """Asks for the run's end. Raises NotFound ``agent.run_unknown``, Unavailable."""

    def usage(self, run: str) -> Usage | None:
        """The run's usage record, or None before it is complete. Raises NotFound, Unavailable."""

    def log(self, run: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes of the run's output from ``offset``. Raises NotFound, Unavailable."""
