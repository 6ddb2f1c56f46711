"""What a scheduler outside is asked, in the words that every one of them has.

An engine is the thin part that differs between Slurm, Kubernetes, Ray and the fake: five questions and no
memory. That a run is submitted once, that its end is told once and never changes, that a vanished job stays
UNKNOWN, is kept around it by ``outside.OutsideScheduler``, once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from hesuan.agent import durable
from hesuan.agent.schedulers.contract import Attempt, Booked, RunSpec, RunState, Untold
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.wire.messages import parse_at


@dataclass(frozen=True, slots=True)
class Seen:
    """A run's job as the engine shows it now: SUBMITTED or RUNNING, since ``at``, RFC 3339 UTC.

    ``over``: it holds nothing any more; how it ended is asked of the engine's books.
    """

    job: str
    state: RunState
    at: str
    reason: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """How a job ended and what it held, complete, from the engine's own books.

    ``attempts`` may come in any order and more than once. CANCELLED says that somebody cancelled it; whether
    that was the user, the adapter knows.
    """

    state: RunState
    exit_status: int | None
    signal: int | None
    reason: str
    attempts: tuple[Attempt, ...]
    cores: int
    """Cores that the scheduler set aside, which may be more than were asked for."""
    cpu_ms: int
    peak_memory_bytes: int
    evidence: str


class Engine(Protocol):
    """One scheduler outside.

    Every method raises ``Unavailable`` when the scheduler does not answer: nothing follows from that.
    """

    name: str
    isolation: tuple[str, ...]
    visible_within_s: float
    """A job that was taken can be seen after this long: what may be relied on after a lost answer."""

    def check(self, spec: RunSpec) -> None:
        """Raises Refused for what this site can never run, before anything is written or asked."""

    def ask(self, spec: RunSpec, directory: RunDirectory) -> str:
        """Asks for the job, named so that ``look`` finds it by its run; returns the scheduler's id of it.

        Raises:
            TimeoutError: the answer is lost; the job may be there or not.
            Refused: the scheduler will not take it: no job is there.
        """

    def look(self, directory: RunDirectory, job: str, *, fresh: bool) -> Seen | None:
        """The run's job, in the queue or in the books; None where the scheduler shows none.

        Args:
            directory: The run's, which was asked for.
            job: The scheduler's id where it is known, else empty: then it is found by the run alone.
            fresh: Whether an answer from a moment ago, that many runs share, is not good enough.
        """

    def end(self, directory: RunDirectory, job: str) -> None:
        """Asks for the job's end; one that is over already is left as it is."""

    def account(self, directory: RunDirectory, job: str) -> Account | None:
        """How it ended and what it held; None as long as the books are not complete."""

    def log(self, directory: RunDirectory, job: str, offset: int, limit: int) -> bytes:
        """At most ``limit`` bytes of the job's output from ``offset``."""


@runtime_checkable
class Remembering(Protocol):
    """An engine that forgets: its books are what it still shows, and what was kept beside each run."""

    def remembered(
        self, since: datetime, until: datetime, runs: Mapping[str, RunDirectory]
    ) -> Iterable[Booked | Untold]:
        """What it shows of jobs under a run's name, whoever asked for them, and what it no longer can.

        Args:
            since: Of jobs that were over before, nothing need be told.
            until: Of jobs that were over then or later, nothing need be told.
            runs: What this agent knows of, by run.

        Raises:
            Unavailable: the engine does not answer.
        """


def asked_at(directory: RunDirectory) -> datetime | None:
    """When the scheduler outside was last asked for the run; None: never."""
    asked = durable.read_json(directory.path / "asked.json")
    return parse_at(str(asked["at"])) if asked else None
