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
   job's own word; what the job says of itself travels beside, as ``result``. Each time that the scheduler
   ran the job again is an attempt of its own in it, once, however often the scheduler's books repeat it.
7. **Logs stand still.** ``log`` returns bytes from an offset; the same offset returns the same bytes. Once a
   run has ended its log does not grow; how much of it travels is bounded by who asks.
8. **What nobody can know ends by a person's word.** ``declare_lost`` ends an UNKNOWN run, and no other, as
   KILLED by the centre's operator, with a reason, and as having held nothing: its user pays nothing. That is
   an end like any other and never changes again, whatever the books say later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

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
NO_CARD = declare(
    "agent.no_such_card",
    en="The run asks for {cards} × {card}; this site has {known}.",
    zh="该运行需要 {cards} × {card}；本站点有 {known}。",
)
TOO_MANY_CARDS = declare(
    "agent.too_many_cards",
    en="The run asks for {asked} × {card} on one node; the largest node here has {available}.",
    zh="该运行需要在一个节点上使用 {asked} × {card}；本站点最大的节点有 {available}。",
)
TOO_MUCH_MEMORY = declare(
    "agent.too_much_memory",
    en="The run asks for {asked} MiB of memory; the largest node here gives {available} MiB.",
    zh="该运行需要 {asked} MiB 内存；本站点最大的节点可提供 {available} MiB。",
)
INPUT_DIFFERS = declare(
    "agent.input_differs",
    en="Input `{path}` has the SHA-256 {found}; {ordered} was ordered. It was altered on the way or here.",
    zh="输入文件“{path}”的 SHA-256 为 {found}，订单要求 {ordered}。内容在途中或本地被改动。",
)
FOLDER_DIFFERS = declare(
    "agent.folder_differs",
    en="The application's folder here has the digest {found}; the run was ordered with {ordered}."
    " Ask for a new quote.",
    zh="此处应用文件夹的摘要为 {found}，而订购时为 {ordered}。请重新询价。",
)
NOT_LOST = declare(
    "agent.run_not_lost",
    en="Run {run} is {state}, not UNKNOWN: only a run whose end nobody can know is declared lost.",
    zh="运行 {run} 的状态为 {state}，并非 UNKNOWN：只有无人能知其结局的运行才可宣布丢失。",
)
NO_BOOKS = declare(
    "agent.no_books",
    en="The engine {engine} has no books that can be asked for all jobs of a time: nothing can be compared.",
    zh="引擎 {engine} 没有可按时间查询全部作业的账目，无从比对。",
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
class Input:
    """A file that the job reads, at its path below the run's input folder."""

    path: str
    sha256: str
    size_bytes: int

    def document(self) -> dict[str, Json]:
        """As the command says it."""
        return {"path": self.path, "sha256": self.sha256, "size_bytes": self.size_bytes}


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
    organisation: str = ""
    """Whose work it is, by the hub's id; a site that has users of its own maps it to one of them."""
    cards: int = 0
    """Accelerator cards to hold; 0: none."""
    card: str = ""
    """Their name in the planner's catalogue."""
    memory_bytes: int = 0
    """Memory to hold; 0: what the site gives by default."""
    inputs: tuple[Input, ...] = ()
    inputs_at: Path | None = None
    """The folder where they lie under their SHA-256 before the run is made."""

    def document(self) -> dict[str, Json]:
        """What makes two specifications the same; where the folder lies here is no part of it.

        What is not asked for is left out, so that a run from before a member existed is the same run.
        """
        asked: dict[str, Json] = {
            "organisation": self.organisation,
            "cards": self.cards,
            "card": self.card,
            "memory_bytes": self.memory_bytes,
            "inputs": [one.document() for one in self.inputs],
        }
        return {
            "run": self.run,
            "command": list(self.command),
            "cores": self.cores,
            "time_limit_s": self.time_limit_s,
            "folder_digest": self.folder_digest,
            **{name: value for name, value in asked.items() if value},
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
    over: bool = False
    """Nothing is held any more, though how it ended is not on the engine's books yet."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a scheduler ran the job, from its own accounting. Times RFC 3339 UTC."""

    key: str
    """Names it for ever, such as cluster, job and start: the same again is the same attempt."""
    state: str
    """In the scheduler's own word."""
    started_at: str
    ended_at: str
    wall_ms: int
    core_s: int
    """Cores that were set aside × seconds, busy or not; likewise cards, nodes and memory."""
    card_s: int
    node_s: int
    memory_mib_s: int
    energy_j: int | None
    """None where nobody reads it."""
    raw: str
    """The line it was read from, as the scheduler wrote it."""
    raw_digest: str


def each_once(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Attempts by their key, oldest first: whatever came twice, in whatever order, counts once.

    Of two with one key the longer stands: the other was read while the job still ran.
    """
    kept: dict[str, Attempt] = {}
    for one in sorted(attempts, key=lambda row: (row.wall_ms, row.ended_at, row.raw)):
        kept[one.key] = one
    return tuple(sorted(kept.values(), key=lambda row: (row.started_at, row.key)))


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
    accounting: tuple[Attempt, ...] = ()
    """From a scheduler with books of its own: each time it ran the job, oldest first."""

    def body(self) -> dict[str, Json]:
        """The body of the ``usage`` message."""
        body = {**asdict(self), "result": dict(self.result)}
        body["accounting"] = [asdict(attempt) for attempt in self.accounting]
        return body if self.accounting else {key: body[key] for key in body if key != "accounting"}

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Usage:
        """The record that a body was made from."""
        attempts = tuple(Attempt(**attempt) for attempt in body.get("accounting", ()))
        return cls(**{**body, "accounting": attempts})


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

    def output(self, run: str) -> Path:
        """The folder where the job left what it has made. Raises NotFound ``agent.run_unknown``."""

    def declare_lost(self, run: str, reason: str) -> None:
        """Ends an UNKNOWN run by its operator's word, see promise 8.

        Raises:
            NotFound: ``agent.run_unknown``.
            Refused: ``agent.run_not_lost``: it is not UNKNOWN.
            Unavailable: the scheduler does not answer.
        """


@dataclass(frozen=True, slots=True)
class Booked:
    """An attempt as the books have it now, under the run that its job is named by."""

    run: str
    attempt: Mapping[str, Json]
    """In the words of :mod:`hesuan.wire.attempts`."""
    kept: bool = False
    """From the record that this agent keeps beside the run, and not from what the engine shows now."""


class Gap(StrEnum):
    """What books that forget cannot show."""

    FORGETS = "forgets"
    """The engine tells only of what it still has (``detail``: of what that is)."""
    NO_END = "no-end"
    """The run was asked for, and nobody tells any more how it ended."""
    NO_FIGURES = "no-figures"
    """The engine lists the run's job (``detail``) as over, and not what it held."""


@dataclass(frozen=True, slots=True)
class Untold:
    """Something that the books cannot show. It stays unknown: no difference follows from it."""

    gap: Gap
    run: str = ""
    """Empty: of every run."""
    detail: str = ""


@runtime_checkable
class Books(Protocol):
    """Books that can be asked for all jobs of a time, also those of runs that nobody here remembers.

    An engine need not have them; without, it cannot be reconciled.
    """

    def booked(self, since: datetime, until: datetime) -> Iterable[Booked | Untold]:
        """Every attempt that ended from ``since`` on and before ``until``, in any order, and what is untold.

        Each comes once; where an engine forgets, once more as it was kept, which may say otherwise.

        Raises:
            Refused: ``agent.no_books``.
            Unavailable: the books do not answer.
        """
