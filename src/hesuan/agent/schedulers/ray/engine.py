"""Ray in the words of every engine: one submission a run, named by it, on the head's Jobs REST API.

Ray refuses an id twice, so a second ask finds the first. It has neither time limits nor users, and forgets
all jobs when its head is started anew without a store outside: such a job is gone, and UNKNOWN. A job that
waits is not ended by Ray until its turn comes; here it is over as soon as the user cancels it, for the script
looks for that before it begins anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime

from hesuan.agent import durable
from hesuan.agent.schedulers import cards, rundir
from hesuan.agent.schedulers.contract import (
    TOO_MANY_CARDS,
    TOO_MANY_CORES,
    TOO_MUCH_MEMORY,
    Booked,
    Gap,
    RunSpec,
    RunState,
    Untold,
)
from hesuan.agent.schedulers.engine import Account, Seen, asked_at
from hesuan.agent.schedulers.ray import books, inventory, script
from hesuan.agent.schedulers.ray.books import Beside, Held, Job
from hesuan.agent.schedulers.ray.server import AWAY, Server
from hesuan.agent.schedulers.ray.settings import Settings
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.errors import Refused, Unavailable
from hesuan.wire.messages import format_at

NAME = "hesuan-"
EVIDENCE = "ray:state"
EVIDENCE_PARTIAL = "ray:state-partial"
"""Of what tasks and actors held beside the driver, Ray could not tell all."""
SUPERVISOR, NAMESPACE = "_ray_internal_job_actor_", "SUPERVISOR_ACTOR_RAY_NAMESPACE"
NEVER_BEGAN = "Cancelled while it waited in Ray; nothing of it was begun."
_AT_ONCE = 100


class RayEngine:
    """One Ray cluster."""

    name: str = "ray"
    isolation: tuple[str, ...] = (
        "Every job is the user's whom Ray runs as: it sees what that user sees, other jobs' folders too, and"
        " may ask and change Ray itself.",
        "Cores, cards and memory are counted by Ray and not enforced: a job can use more than it holds.",
        "A detached actor, or a process in a session of its own, outlives the job that began it.",
    )
    visible_within_s: float = 30.0

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.server = Server(settings)
        self._began: dict[str, int] = {}
        self._over_s: dict[str, float] = {}

    def check(self, spec: RunSpec) -> None:
        """A node that is large enough is needed, be it away just now: Ray itself would let the run wait."""
        nodes = inventory.nodes(self.server)
        cores = math.floor(inventory.largest(nodes, "CPU"))
        if spec.cores > cores:
            raise Refused(TOO_MANY_CORES, asked=spec.cores, available=cores)
        memory = inventory.largest(nodes, "memory")
        if spec.memory_bytes > memory:
            shown = math.ceil(spec.memory_bytes / 2**20), int(memory) >> 20
            raise Refused(TOO_MUCH_MEMORY, asked=shown[0], available=shown[1])
        if spec.cards:
            name, one = cards.wanted(spec, self.settings.resources)
            available = int(inventory.largest(nodes, name)) // one.slices
            if spec.cards > available:
                raise Refused(TOO_MANY_CARDS, asked=spec.cards, card=spec.card, available=available)

    def ask(self, spec: RunSpec, directory: RunDirectory) -> str:
        """A submission under the run's name."""
        text = script.text(spec, directory, python=self.settings.python)
        durable.write(directory.path / "job.sh", text.encode(), mode=0o700)
        return self.server.submit(
            {
                "submission_id": NAME + spec.run,
                "entrypoint": script.entrypoint(directory),
                "entrypoint_num_cpus": spec.cores,
                "metadata": {"hesuan_run": spec.run},
                **({"entrypoint_memory": spec.memory_bytes} if spec.memory_bytes else {}),
                **self._cards(spec),
            }
        )

    def look(self, directory: RunDirectory, job: str, *, fresh: bool) -> Seen | None:
        """The submission as it is now: each is one small question, and always asked anew."""
        one = self._job(directory)
        if one is None or (books.is_second(one) and script.begun_twice(directory)):
            return None
        if one.status == books.WAITING:
            over = directory.cancel_requested()
            return Seen(one.id, RunState.SUBMITTED, books.at(one.asked_ms), one.message[:300], over=over)
        if one.status == books.RUNNING:
            return Seen(one.id, RunState.RUNNING, books.at(self._since_ms(one)))
        if one.is_over:
            return Seen(one.id, RunState.RUNNING, books.at(one.ended_ms), over=True)
        return Seen(one.id, RunState.UNKNOWN, books.at(0), f"Ray says of it `{one.status[:100]}`.")

    def end(self, directory: RunDirectory, job: str) -> None:
        """Stops it; where Ray had nothing to stop, it is over, or the stop is to be asked again."""
        if self.server.stop(job):
            return
        one = self._job(directory)
        if one is not None and not one.is_over:
            raise Unavailable(AWAY, address=self.settings.address, problem=f"{job} is {one.status}")

    def account(self, directory: RunDirectory, job: str) -> Account | None:
        """What the head tells of the driver and of what it started, once all of that has its end."""
        one = self._job(directory)
        if one is None:
            return None
        cancelled = directory.cancel_requested()
        if one.status == books.WAITING and cancelled:
            return Account(RunState.CANCELLED, None, None, NEVER_BEGAN, (), 0, 0, 0, EVIDENCE)
        if not one.is_over:
            return None
        limit_s = int(directory.spec()["time_limit_s"])
        if not one.node:
            end = books.end(one, lasted_ms=0, time_limit_s=limit_s, cancel_requested=cancelled)
            return Account(end.state, end.exit_status, end.signal, end.reason, (), 0, 0, 0, EVIDENCE)
        held = self._supervisor(one)
        now_s = time.monotonic()
        beside = self._beside(one, now_s - self._over_s.setdefault(one.id, now_s))
        if held is None or not held.until_ms or beside is None:
            return None
        end = books.end(one, lasted_ms=held.lasted_ms, time_limit_s=limit_s, cancel_requested=cancelled)
        resources = self.settings.resources
        attempt = books.attempt(one, held, beside, session=self._session(), resources=resources)
        self._began.pop(one.id, None)
        self._over_s.pop(one.id, None)
        return Account(
            state=end.state,
            exit_status=end.exit_status,
            signal=end.signal,
            reason=end.reason,
            attempts=(attempt,),
            cores=books.cores(held),
            cpu_ms=0,
            peak_memory_bytes=0,
            evidence=EVIDENCE if beside.is_whole else EVIDENCE_PARTIAL,
        )

    def log(self, directory: RunDirectory, job: str, offset: int, limit: int) -> bytes:
        """What the script wrote into the run's folder; where it never began, what Ray says of that."""
        if directory.log.exists() or not job or directory.final() is None:
            return rundir.read_log(directory, offset, limit)
        answer = self.server.read(f"/api/jobs/{job}/logs") or {}
        return str(answer.get("logs", "")).encode()[offset : offset + limit]

    def remembered(
        self, since: datetime, until: datetime, runs: Mapping[str, RunDirectory]
    ) -> Iterator[Booked | Untold]:
        """The head's list of jobs, and of each of ours that ended in the time what it held.

        A job that is under way is left out: a usage is told at its end.
        """
        session = self._session()
        yield Untold(Gap.FORGETS, detail=session)
        there = {one.id.removeprefix(NAME): one for one in self._jobs() if one.id.startswith(NAME)}
        for run, one in there.items():
            if run in runs and books.is_second(one) and script.begun_twice(runs[run]):
                continue
            if one.is_over and one.node and format_at(since) <= books.at(one.ended_ms) < format_at(until):
                yield from self._remembered(run, one, session, runs.get(run))
        for run, directory in runs.items():
            asked = asked_at(directory)
            if asked is None or asked >= until or directory.final() is not None:
                continue
            if run not in there or (books.is_second(there[run]) and script.begun_twice(directory)):
                yield Untold(Gap.NO_END, run)

    def _remembered(
        self, run: str, one: Job, session: str, directory: RunDirectory | None
    ) -> Iterator[Booked | Untold]:
        """What the head tells of one job. Where it has forgotten some of what a run held whose record was
        kept, the record stands: it was written when the head knew more."""
        final = directory.final() if directory else None
        is_kept = final is not None and bool(final[0].accounting)
        held, beside = self._supervisor(one), self._beside(one, max(0.0, time.time() - one.ended_ms / 1000))
        if beside is None or (is_kept and not beside.is_whole):
            return
        if held is not None and held.until_ms:
            resources = self.settings.resources
            attempt = books.attempt(one, held, beside, session=session, resources=resources)
            yield Booked(run, asdict(attempt))
        elif not is_kept:
            yield Untold(Gap.NO_FIGURES, run, one.id)

    def _jobs(self) -> list[Job]:
        rows = self.server.read("/api/jobs/")
        if not isinstance(rows, list):
            raise Unavailable(AWAY, address=self.settings.address, problem=f"/api/jobs/: {str(rows)[:200]}")
        return [books.job(row) for row in rows if isinstance(row, dict)]

    def _session(self) -> str:
        """Ray's name for the life of this head."""
        return str((self.server.read("/api/version") or {}).get("session_name", "ray"))

    def _job(self, directory: RunDirectory) -> Job | None:
        found = self.server.job(NAME + directory.run)
        return books.job(found) if found is not None else None

    def _supervisor(self, one: Job) -> Held | None:
        """The actor that Ray set beside the driver; its life is when the job held what it was given."""
        rows, _ = self.server.state("actors", "name", SUPERVISOR + one.id)
        found = [str(row["actor_id"]) for row in rows if row.get("ray_namespace") == NAMESPACE]
        held = self._actors(found)
        return min(held, key=lambda actor: actor.since_ms, default=None)

    def _since_ms(self, one: Job) -> int:
        """When a job that runs began to hold; asked once."""
        if one.id not in self._began:
            held = self._supervisor(one)
            if held is None:
                return 0
            self._began[one.id] = held.since_ms
        return self._began[one.id]

    def _beside(self, one: Job, over_s: float) -> Beside | None:
        """What the driver's tasks and actors held; None while Ray may still hear of them.

        Args:
            one: A job that is over.
            over_s: How long it has been over.
        """
        if not one.driver:
            return Beside()
        if over_s < self.settings.settled_s:
            return None
        rows, all_rows = self.server.state("tasks", "job_id", one.driver)
        tasks, all_ended = books.tasks(rows)
        rows, all_actors = self.server.state("actors", "job_id", one.driver)
        known = [str(row["actor_id"]) for row in rows]
        actors = self._actors(known)
        dead = [actor for actor in actors if actor.until_ms]
        all_ended = all_ended and len(dead) == len(actors)
        if not all_ended and over_s < self.settings.given_up_s:
            return None
        once = all(str(row.get("num_restarts", "0")) == "0" for row in rows)
        return Beside(tuple(tasks), tuple(dead), all_rows and all_actors and all_ended and once)

    def _actors(self, ids: list[str]) -> list[Held]:
        """Actors that were ever alive, with their times. The dashboard keeps an answer for minutes, unless
        the question is a new one."""
        found = []
        for first in range(0, len(ids), _AT_ONCE):
            asked = {"ids": ",".join(ids[first : first + _AT_ONCE]), "asked": str(time.time_ns())}
            answer = self.server.read("/logical/actors", asked)
            actors = ((answer or {}).get("data") or {}).get("actors") or {}
            found += [books.actor(one) for one in actors.values()]
        return [one for one in found if one is not None]

    def _cards(self, spec: RunSpec) -> dict[str, object]:
        if not spec.cards:
            return {}
        name, one = cards.wanted(spec, self.settings.resources)
        count = spec.cards * one.slices
        return {"entrypoint_num_gpus": count} if name == "GPU" else {"entrypoint_resources": {name: count}}
