"""Two writers (T13): one is stopped in the midst of its work, another takes over, the first goes on.

Real processes on either database: each posts by its batching writer, records facts, signs and publishes the
log. The first is stopped (SIGSTOP) for longer than its lease lasts; the second takes the lease; then the
first goes on where it stood (SIGCONT), and both work. The first must write no batch more, no leaf has two
indexes and no index two leaves, and every request happened once. ``HESUAN_PAUSES`` times over; ``make soak``
asks for a hundred.

On SQLite a process that is stopped inside a transaction keeps the file's one lock, and nobody writes until it
goes on or is ended; there it is stopped between two. PostgreSQL ends such a session after ten seconds.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from tests.hub.ledger import crashing

from hesuan.hub.audit import checks as log_checks
from hesuan.hub.audit import publishing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Checkpoint, Fact
from hesuan.hub.ledger import lease, writer
from hesuan.hub.ledger.lease import Lease
from hesuan.hub.ledger.models import Lease as Row
from hesuan.hub.ledger.rules import Event
from hesuan.wire.folder import Disk
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db(transaction=True)

PAUSES = int(os.environ.get("HESUAN_PAUSES", "3"))
SEED = 20261122
STALE_S = 10
"""For fifteen seconds of the product's: a busy machine may keep the holder from its word for seconds."""


@pytest.fixture(autouse=True)
def _books(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "STALE_S", STALE_S)
    monkeypatch.setattr(writer, "RENEW_MS", 300)
    monkeypatch.setattr(writer, "TAKE_AGAIN_MS", 1000)
    crashing.open_books()


class Side:
    """A process's own side log: one ``os.write`` a line, so that it says in which order things happened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, line: str) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{line}\n".encode())
        os.close(file)

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def wait_for(self, word: str, *, more_than: int = 0, timeout_s: int = 240) -> None:
        until = time.monotonic() + timeout_s
        while self.lines().count(word) <= more_than:
            assert time.monotonic() < until, f"no {word} in {self.path.name}: {self.lines()[-3:]}"
            time.sleep(0.02)


def begin(log: Path, side: Side, number: int) -> int:
    """A process that works until it is ended; returns its id."""

    def work(one: Event) -> bool:
        if not _TELLING:
            _tell(side)
            threading.Thread(target=_keep_the_log, args=(number,), daemon=True).start()
        time.sleep(0.005)
        done = crashing.posted(one)
        side.say("done")
        return done

    return crashing.child(log, number, by_writer=True, post=work)


_TELLING: list[Side] = []


def _tell(side: Side) -> None:
    """In the process: says when the writer committed a batch, and when it learned that it has no lease."""
    _TELLING.append(side)
    renew = Lease.renew

    def told(self: Lease) -> None:
        renew(self)
        transaction.on_commit(lambda: side.say("batch"))

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            side.say("lost")

    Lease.renew = told  # type: ignore[method-assign]
    logging.getLogger(writer.__name__).addHandler(Handler())


def _keep_the_log(number: int) -> None:
    place = 0
    while True:
        audit.record(kind="test.happened", subject=f"{number}-{place}", actor="system")
        audit.sequence()
        audit.publish()
        place += 1
        time.sleep(0.01)


def stop(pid: int, *, between: bool) -> int:
    """Stops a process in the midst, or between two transactions. How often it was stopped for that."""
    for times in range(1, 1_000):
        os.kill(pid, signal.SIGSTOP)
        os.waitpid(pid, os.WUNTRACED)
        if not between or _between_transactions():
            return times
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.003)
    raise AssertionError("never between two transactions")


def _between_transactions() -> bool:
    """Whether nobody else is in a transaction; PostgreSQL may end first what it was doing for them still."""
    if connection.vendor == "sqlite":
        return _others_can_write()
    time.sleep(0.05)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND xact_start IS NOT NULL"
        )
        return bool(cursor.fetchone() == (0,))


def _others_can_write() -> bool:
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        other.rollback()
        return True


def paused(folder: Path, log: Path, trial: int, chance: random.Random, *, between: bool) -> tuple[Side, int]:
    """One trial: A works, is stopped, B takes over, A goes on; both are ended.

    Returns:
        A's side log, and how many of its lines were written before it was stopped.
    """
    sides = [Side(folder / f"{trial}{name}") for name in "AB"]
    pids = [begin(log, sides[0], 2 * trial)]
    try:
        sides[0].wait_for("batch", more_than=5)
        time.sleep(chance.uniform(0, 0.1))
        stop(pids[0], between=between)
        before, epoch = len(sides[0].lines()), Row.objects.get().epoch
        connections.close_all()
        pids.append(begin(log, sides[1], 2 * trial + 1))
        sides[1].wait_for("batch", more_than=5)
        assert Row.objects.get().epoch == epoch + 1, "B holds the lease"
        os.kill(pids[0], signal.SIGCONT)
        sides[0].wait_for("done", more_than=sides[0].lines().count("done") + 20)
        sides[1].wait_for("done", more_than=sides[1].lines().count("done") + 20)
        time.sleep(1.5)
        assert Row.objects.get().epoch == epoch + 1, "and A, which tries again, does not get it"
    finally:
        for pid in pids:
            crashing.kill(pid)
    return sides[0], before


def test_a_writer_that_was_stopped_while_another_took_over_writes_no_batch_more(tmp_path: Path) -> None:
    log, chance = tmp_path / "log", random.Random(SEED)
    for trial in range(PAUSES):
        side, before = paused(tmp_path, log, trial, chance, between=connection.vendor == "sqlite")
        after = side.lines()[before:]
        assert "lost" in after, "A learned that it has no lease"
        assert "batch" not in after[after.index("lost") :]
        # One line may be told late: of a commit before the stop.
        assert after.count("batch") <= 1, after
    answered, unheard = crashing.settle(log)
    facts = _one_history()
    print(
        f"{PAUSES} pauses, {answered} answered, {unheard} had happened unanswered, {facts} leaves; 0 doubled"
    )


def _one_history() -> int:
    """Indexes 0, 1, 2, … once each, every checkpoint on one tree, and the folder an outsider's sound log."""
    audit.sequence()
    audit.publish()
    indexes = list(Fact.objects.order_by("leaf_index").values_list("leaf_index", flat=True))
    assert indexes == list(range(len(indexes))) and len(indexes) > PAUSES
    assert set(Counter(Fact.objects.values_list("subject", flat=True)).values()) == {1}
    assert log_checks.check() == [] and Checkpoint.objects.count() > PAUSES
    assert verify_log(Disk(publishing.folder())).result is Result.SOUND
    return len(indexes)


def test_without_the_epoch_both_would_write_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: A goes on as if the lease were its own still.

    Stopped between two transactions: inside of one PostgreSQL ends its session, and a writer whose session
    ended asks for the lease anew, which B holds.
    """

    def unfenced(self: Lease) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE ledger_lease SET renewed_at = {lease._clock()} WHERE name = %s", [lease.NAME]
            )

    monkeypatch.setattr(Lease, "renew", unfenced)
    side, before = paused(tmp_path, tmp_path / "log", 0, random.Random(SEED), between=True)
    assert side.lines()[before:].count("batch") > 1
