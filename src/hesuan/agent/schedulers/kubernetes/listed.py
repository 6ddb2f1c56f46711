"""What a cluster still shows of jobs under our label, whoever made them: the books that are reconciled.

A pod that the server lists is read there; one that is gone stands as the record says that was kept of it when
its run ended. What was deleted before anybody wrote it down nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from hesuan.agent import durable
from hesuan.agent.schedulers import jobscript
from hesuan.agent.schedulers.contract import Booked, Gap, Untold
from hesuan.agent.schedulers.engine import asked_at
from hesuan.agent.schedulers.kubernetes import books, manifest
from hesuan.agent.schedulers.kubernetes.books import Pod
from hesuan.agent.schedulers.kubernetes.server import Server
from hesuan.agent.schedulers.kubernetes.settings import Settings
from hesuan.agent.schedulers.rundir import RunDirectory

ASKED, SEEN, RECORD = "manifest.json", "seen.json", "pods.json"
"""In the run's folder: what was asked for; starts that were seen; the pods' last word."""
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Shown:
    """All that is there of one run."""

    run: str
    directory: RunDirectory | None
    jobs: Sequence[Row]
    pods: Sequence[Pod]
    """As the server has them."""
    over: Mapping[str, Pod]
    """Those of them that hold nothing any more, by uid."""
    kept: Mapping[str, Pod]
    """As this agent wrote them down when the run ended, by uid."""

    @property
    def is_under_way(self) -> bool:
        """Whether something of it may still run or begin."""
        return len(self.over) < len(self.pods) or not all(is_finished(job) for job in self.jobs)


def remembered(
    server: Server,
    settings: Settings,
    runs: Mapping[str, RunDirectory],
    *,
    window: tuple[datetime, datetime],
    is_lost: Callable[[Pod], bool],
) -> Iterator[Booked | Untold]:
    """Attempts of every run that is over, as the server shows them and as they were kept; and what is untold.

    A run that is under way is left out: a usage is told at its end.

    Raises:
        Unavailable: ``agent.kubernetes_away``.
    """
    spaces = sorted({settings.namespace, *settings.namespaces.values()} - {""})
    # The Jobs before their pods: none begins after its Job was seen to be finished.
    jobs = _by_run(server, [f"/apis/batch/v1/namespaces/{space}/jobs" for space in spaces])
    pods = _by_run(server, [f"/api/v1/namespaces/{space}/pods" for space in spaces])
    yield Untold(Gap.FORGETS, detail=", ".join(spaces))
    for run in sorted({*jobs, *pods, *runs}):
        one = _shown(run, runs.get(run), jobs.get(run, []), pods.get(run, []), is_lost)
        if one.is_under_way and not one.kept:
            continue
        found = list(_booked(one, settings))
        yield from found or _untold(one, window)


def _by_run(server: Server, paths: Iterable[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for path in paths:
        for row in server.items(path, {"labelSelector": manifest.RUN}):
            labels = (row.get("metadata") or {}).get("labels") or {}
            found.setdefault(str(labels.get(manifest.RUN)), []).append(row)
    return found


def _shown(
    run: str,
    directory: RunDirectory | None,
    jobs: Sequence[Row],
    pods: Sequence[Row],
    is_lost: Callable[[Pod], bool],
) -> _Shown:
    seen = starts(directory) if directory else {}
    record = durable.read_json(directory.path / RECORD) if directory else None
    rows: Any = record["pods"] if record else []
    read = [books.pod(row, seen=seen) for row in pods]
    kept = [books.pod(row, seen=seen) for row in rows]
    over = {one.uid: one for one in read if one.is_over or is_lost(one)}
    return _Shown(run, directory, jobs, read, over, {one.uid: one for one in kept})


def _booked(one: _Shown, settings: Settings) -> Iterator[Booked]:
    """Each pod that counts, by either witness; which of them count is decided of all that either has."""
    twice = one.directory is not None and jobscript.begun_twice(one.directory)
    first = jobscript.taken_by(one.directory) if one.directory is not None else ""
    for pod in books.that_count({**one.kept, **one.over}.values(), begun_twice=twice, taken_by=first):
        for pods, kept in ((one.over, False), (one.kept, True)):
            attempt = books.attempt(pods[pod.uid], settings.resources) if pod.uid in pods else None
            if attempt is not None:
                yield Booked(one.run, asdict(attempt), kept=kept)


def _untold(one: _Shown, window: tuple[datetime, datetime]) -> Iterator[Untold]:
    """What became of a run of which no pod is left: unknown, unless nothing of it can have begun."""
    if one.directory is None:
        for job in one.jobs:
            at, meta = _finished_at(job), job.get("metadata") or {}
            if at is None or window[0] <= at < window[1]:
                yield Untold(Gap.NO_FIGURES, one.run, f"{meta.get('namespace')}/{meta.get('name')}")
        return
    asked = asked_at(one.directory)
    if asked is None or asked >= window[1] or one.directory.final() is not None:
        return
    if jobscript.begun(one.directory) or not (one.jobs or one.directory.cancel_requested()):
        yield Untold(Gap.NO_END, one.run)


def starts(directory: RunDirectory) -> dict[str, str]:
    """Starts that were seen while the run's pods ran, by their uid."""
    return {name: str(at) for name, at in (durable.read_json(directory.path / SEEN) or {}).items()}


def is_finished(found: Row | None) -> bool:
    """Whether no pod of the Job is made any more: it is gone, going, or at its end."""
    if found is None or (found.get("metadata") or {}).get("deletionTimestamp"):
        return True
    return any(_is_end(row) for row in conditions(found))


def conditions(found: Row) -> list[Row]:
    """What the server says of a Job."""
    rows = (found.get("status") or {}).get("conditions")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _finished_at(job: Row) -> datetime | None:
    ends = [row for row in conditions(job) if _is_end(row)]
    return books.parsed(ends[0].get("lastTransitionTime")) if ends else None


def _is_end(row: Row) -> bool:
    return row.get("status") == "True" and row.get("type") in ("Complete", "Failed")
