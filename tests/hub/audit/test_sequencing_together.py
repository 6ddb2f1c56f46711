"""Sequencers and writers at the same time: no gap, no double, no fact lost that commits late."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from hesuan.hub.audit import checks, selectors, services
from hesuan.hub.audit.models import Checkpoint, Fact, Log

PATIENCE_S = 120.0
A_MOMENT_S = 0.4

pytestmark = pytest.mark.django_db(transaction=True)


def record(subject: str) -> Fact:
    return services.record(kind="test.happened", subject=subject, actor="system")


@contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[threading.Thread]:
    """Runs work on a connection of its own; what it raised is raised again at the end of the block."""
    raised: list[BaseException] = []

    def run() -> None:
        with closing(connection):
            try:
                work()
            except BaseException as error:
                raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


def indexes() -> list[int | None]:
    return list(Fact.objects.order_by("leaf_index").values_list("leaf_index", flat=True))


def test_a_fact_whose_number_is_lower_and_whose_row_is_later_is_found() -> None:
    """The state that a late commit leaves behind, on either database."""
    first, second = record("first"), record("second")
    services.sequence()
    names = ("kind", "subject", "actor", "leaf", "private")
    same = {name: getattr(first, name) for name in names}
    late = Fact.objects.create(seq=first.seq - 1, at=timezone.now(), **same)
    assert late not in Fact.objects.filter(seq__gt=second.seq), "a poller by number would never see it"
    services.sequence()
    late.refresh_from_db()
    assert late.leaf_index == 2
    assert checks.check() == []


@pytest.mark.postgresql  # SQLite lets one writer in at a time: nothing commits out of order there
def test_a_transaction_that_commits_after_a_later_number_loses_nothing() -> None:
    begun, go_on = threading.Event(), threading.Event()
    numbers: dict[str, int] = {}

    def slow() -> None:
        with transaction.atomic():
            numbers["slow"] = record("slow").seq
            begun.set()
            assert go_on.wait(PATIENCE_S)

    with in_thread(slow):
        assert begun.wait(PATIENCE_S)
        numbers["quick"] = record("quick").seq
        assert numbers["slow"] < numbers["quick"]
        services.sequence()
        last_polled = numbers["quick"]
        assert indexes() == [0], "what is not committed is in no checkpoint"
        go_on.set()
    services.sequence()
    assert [fact.subject for fact in Fact.objects.order_by("leaf_index")] == ["quick", "slow"]
    missed = Fact.objects.exclude(seq__gt=last_polled).exclude(seq=last_polled)
    assert [fact.subject for fact in missed] == ["slow"], "negative control: `seq > last` loses this row"
    assert checks.check() == []


def test_many_sequencers_and_writers_together_leave_no_gap_and_no_double(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services, "BATCH", 3)
    writers, each, sequencers = 3, 8, 3
    done = threading.Event()

    def write() -> None:
        for number in range(each):
            with transaction.atomic():
                record(f"S{number}")

    def sequence() -> None:
        while not done.is_set():
            services.sequence()

    with in_thread(sequence), in_thread(sequence), in_thread(sequence):
        assert sequencers == 3
        try:
            with in_thread(write), in_thread(write), in_thread(write):
                pass
        finally:
            done.set()
    services.sequence()
    assert indexes() == list(range(writers * each))
    newest = selectors.latest_checkpoint()
    assert newest is not None and newest.size == writers * each
    assert checks.check() == []


@pytest.mark.parametrize("locked", [True, False], ids=["as built", "without the lock"])
def test_a_second_sequencer_waits_for_the_first(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the row's lock (negative control) the second runs past the first, and PostgreSQL's unique
    index refuses what the first then writes. SQLite admits one writer whatever the code does."""
    for number in range(4):
        record(f"S{number}")
    services.sequence()
    record("new")
    if not locked:
        monkeypatch.setattr(type(Log.objects.all()), "select_for_update", lambda self, **_: self.all())
    has_read, go_on = threading.Event(), threading.Event()
    append = services._append

    def slowly(*args: Any) -> None:
        if not has_read.is_set():
            has_read.set()
            assert go_on.wait(PATIENCE_S)
        append(*args)

    monkeypatch.setattr(services, "_append", slowly)
    overtaken = not locked and connection.vendor != "sqlite"

    def first() -> None:
        if overtaken:
            with pytest.raises(IntegrityError):
                services.sequence()
        else:
            services.sequence()

    with in_thread(first):
        assert has_read.wait(PATIENCE_S)
        with in_thread(services.sequence) as second:
            second.join(PATIENCE_S if overtaken else A_MOMENT_S)
            assert second.is_alive() is not overtaken
            go_on.set()
    assert indexes() == [0, 1, 2, 3, 4]
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [4, 5]
    assert checks.check() == []


WRITERS = 8
OUTBOX_S = float(os.environ.get("HESUAN_OUTBOX_S", "3"))
"""How long they write; ``make soak`` asks for ten minutes."""


@pytest.mark.parametrize("poller", ["as built", "by `seq > last`"])
def test_eight_writers_with_random_rollbacks_lose_nothing(
    poller: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T17. The negative control takes rows by ``seq > last``, as many outboxes do: on PostgreSQL, where
    transactions commit out of order, it must miss some; SQLite lets one writer in at a time."""
    monkeypatch.setattr(services, "BATCH", 7)
    committed: list[str] = []
    polled: set[str] = set()
    done = threading.Event()
    until = time.monotonic() + (OUTBOX_S if poller == "as built" else min(OUTBOX_S, 3))

    def write(number: int) -> Callable[[], None]:
        rng = random.Random(number)

        def run() -> None:
            for place in itertools.count():
                if time.monotonic() > until:
                    return
                subject = f"W{number}.{place}"
                try:
                    with transaction.atomic():
                        record(subject)
                        time.sleep(rng.random() * 0.004)
                        if rng.random() < 0.3:
                            raise _Rollback
                except _Rollback:
                    continue
                committed.append(subject)

        return run

    def sequence() -> None:
        last = 0
        while not done.is_set():
            if poller == "as built":
                services.sequence()
                continue
            rows = Fact.objects.filter(seq__gt=last).order_by("seq").values_list("seq", "subject")
            for seq, subject in rows:
                last = seq
                polled.add(subject)

    with in_thread(sequence):
        try:
            with ExitStack() as stack:
                for number in range(WRITERS):
                    stack.enter_context(in_thread(write(number)))
        finally:
            done.set()
    if poller != "as built":
        if connection.vendor == "postgresql":
            assert set(committed) - polled, "negative control: rows that committed late were never seen"
        return
    services.sequence()
    assert indexes() == list(range(len(committed)))
    assert sorted(Fact.objects.values_list("subject", flat=True)) == sorted(committed)
    assert checks.check() == []
    print(f"{WRITERS} writers for {OUTBOX_S:g} s: {len(committed)} facts, 0 missing, 0 doubled")


class _Rollback(Exception):
    pass
