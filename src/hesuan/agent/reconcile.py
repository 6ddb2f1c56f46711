"""``hesuan agent reconcile``: the centre's own books against what the hub has on record, attempt by attempt.

The books are asked for a time, not for our runs: a job under a run's name that nobody here remembers is found
too. Both sides are read a day wider than was asked, so that an attempt whose end differs is compared with
itself and does not stand alone on either side. Nothing is mended: what differs is a finding, with what each
side says.

Some engines forget. Then two witnesses keep the books: what the engine still shows, and the record that the
agent kept beside each run. Each is held against the hub by itself; what neither can show is said, and is no
finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from hesuan.agent.schedulers.contract import NO_BOOKS, Booked, Books, Scheduler, Untold
from hesuan.errors import Refused
from hesuan.wire.attempts import COMPARED, HELD, differences
from hesuan.wire.canonical import Json
from hesuan.wire.ids import is_id
from hesuan.wire.messages import format_at

MARGIN = timedelta(days=1)
Record = Mapping[str, Json]
"""One attempt in the words of :mod:`hesuan.wire.attempts`, with its ``run``; in the books whether it was
``kept`` by the agent."""


class Kind(StrEnum):
    """What does not agree."""

    NOT_AT_THE_HUB = "not-at-the-hub"
    NOT_IN_THE_BOOKS = "not-in-the-books"
    DIFFERS = "differs"
    COUNTED_TWICE = "counted-twice"


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: what each side says of an attempt, where they differ; empty where it knows of none."""

    kind: Kind
    key: str
    run: str
    books: Record = field(default_factory=dict)
    hub: Record = field(default_factory=dict)
    kept: bool = False
    """Whether the books' side is the agent's own record of it."""


@dataclass(frozen=True, slots=True)
class Total:
    """What the attempts of one side come to."""

    attempts: int
    wall_ms: int
    core_s: int
    card_s: int


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome over a window; it agrees when nothing was found."""

    since: str
    until: str
    books: Total
    hub: Total
    findings: tuple[Found, ...]
    kept_only: int = 0
    """Attempts that the engine shows no more: the agent's own record of them stands."""
    untold: tuple[Untold, ...] = ()
    """What the books cannot show."""


class RecordsOfTheHub(Protocol):
    """Where the hub's records come from."""

    def records(self, since: datetime, until: datetime) -> Sequence[Record]:
        """Every attempt of this centre that ended in the window, as the hub has it."""


def of_site(scheduler: Scheduler, hub: RecordsOfTheHub, *, since: datetime, until: datetime) -> Compared:
    """Reads both sides and compares the attempts that ended from ``since`` on and before ``until``.

    Raises:
        Refused: ``agent.no_books``; the hub does not know this agent.
        Unavailable: the hub or the scheduler does not answer.
    """
    if not isinstance(scheduler, Books):
        raise Refused(NO_BOOKS, engine=scheduler.name)
    wide = since - MARGIN, until + MARGIN
    told = list(scheduler.booked(*wide))
    booked = [{**one.attempt, "run": one.run, "kept": one.kept} for one in told if isinstance(one, Booked)]
    outcome = compare(booked, hub.records(*wide), since=since, until=until)
    untold = (one for one in told if isinstance(one, Untold))
    return replace(outcome, untold=tuple(one for one in untold if not one.run or is_id(one.run)))


def compare(books: Iterable[Record], hub: Iterable[Record], *, since: datetime, until: datetime) -> Compared:
    """Compares two lists of attempts; trials and benchmarks, which are nobody's run, are left out."""
    ours = [one for one in books if is_id(one["run"])]
    theirs = list(hub)
    window = format_at(since), format_at(until)
    within = {str(one["key"]) for one in (*ours, *theirs) if window[0] <= str(one["ended_at"]) < window[1]}
    ours, beside = _witnesses([one for one in ours if one["key"] in within])
    theirs = [one for one in theirs if one["key"] in within]
    found = [
        *_one_by_one(_by_key(ours), _by_key(theirs)),
        *_kept_otherwise(beside, _by_key(theirs)),
        *_twice(ours, theirs),
    ]
    kept_only = sum(bool(one.get("kept")) for one in ours)
    return Compared(*window, _total(ours), _total(theirs), tuple(found), kept_only)


def _witnesses(books: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """The books, where each attempt stands once: as the engine shows it, else as it was kept; and beside them
    what was kept of the same attempts and says otherwise."""
    shown = [one for one in books if not one.get("kept")]
    standing = _by_key(shown)
    beside: list[Record] = []
    for one in books:
        known = [standing.setdefault(str(one["key"]), one), *beside]
        if one.get("kept") and not any(_said(one) == _said(other) for other in known):
            beside.append(one)
    alone = [one for one in standing.values() if one.get("kept")]
    return [*shown, *alone], beside


def _said(one: Record) -> dict[str, Json]:
    return {**_figures(one), "key": one["key"], "run": one["run"]}


def _kept_otherwise(beside: Iterable[Record], theirs: Mapping[str, Record]) -> Iterable[Found]:
    """Where the agent's own record is the one that differs. What the hub has not is found without it."""
    for one in beside:
        its = theirs.get(str(one["key"]))
        if its is not None and (found := _differing(one, its)):
            yield found


def _differing(mine: Record, its: Record) -> Found | None:
    pairs = differences(mine, its)
    if mine["run"] != its["run"]:
        pairs["run"] = (mine["run"], its["run"])
    if not pairs:
        return None
    books, hub = ({name: pair[side] for name, pair in pairs.items()} for side in (0, 1))
    return Found(Kind.DIFFERS, str(its["key"]), str(its["run"]), books, hub, kept=bool(mine.get("kept")))


def _one_by_one(ours: Mapping[str, Record], theirs: Mapping[str, Record]) -> Iterable[Found]:
    for key in sorted({*ours, *theirs}):
        mine, its = ours.get(key), theirs.get(key)
        if its is None:
            assert mine is not None
            run, kept = str(mine["run"]), bool(mine.get("kept"))
            yield Found(Kind.NOT_AT_THE_HUB, key, run, books=_figures(mine), kept=kept)
        elif mine is None:
            yield Found(Kind.NOT_IN_THE_BOOKS, key, str(its["run"]), hub=_figures(its))
        elif found := _differing(mine, its):
            yield found


def _twice(ours: Sequence[Record], theirs: Sequence[Record]) -> Iterable[Found]:
    """One time that stands for two: under two runs, or as two attempts of a run at the same time."""
    for one in theirs:
        if one.get("claimed_twice"):
            yield Found(Kind.COUNTED_TWICE, str(one["key"]), str(one["run"]), hub=_figures(one))
    for first, second in _overlapping(ours):
        yield replace(_overlap(second), books={**_figures(second), "beside": first["key"]})
    for first, second in _overlapping(theirs):
        yield replace(_overlap(second), hub={**_figures(second), "beside": first["key"]})


def _overlap(second: Record) -> Found:
    kept = bool(second.get("kept"))
    return Found(Kind.COUNTED_TWICE, str(second["key"]), str(second["run"]), kept=kept)


def _overlapping(records: Iterable[Record]) -> Iterable[tuple[Record, Record]]:
    """Attempts of one run that began before an earlier one had ended; the same key twice among them."""
    last: dict[str, Record] = {}
    for one in sorted(records, key=lambda row: (str(row["run"]), str(row["started_at"]), str(row["key"]))):
        before = last.get(str(one["run"]))
        if before is not None and str(one["started_at"]) < str(before["ended_at"]):
            yield before, one
        if before is None or str(one["ended_at"]) > str(before["ended_at"]):
            last[str(one["run"])] = one


def _by_key(records: Iterable[Record]) -> dict[str, Record]:
    return {str(one["key"]): one for one in records}


def _figures(one: Record) -> dict[str, Json]:
    return {name: one.get(name) for name in COMPARED}


def _total(records: Sequence[Record]) -> Total:
    sums = {name: sum(int(str(one.get(name) or 0)) for one in records) for name in HELD}
    return Total(len(records), sums["wall_ms"], sums["core_s"], sums["card_s"])
