"""One thread that posts what many callers ask for, in batches: a commit is dear, and a batch needs one.

Callers that are in no transaction put their journal into a queue and wait; the writer takes what is waiting,
at most :data:`~hesuan.hub.ledger.posting.MOST_EVENTS` events, posts it in one transaction, and answers after
the commit. When several callers came last time it waits for as many again, at most :data:`WAIT_MS`; a lone
caller waits for nobody.

Only the holder of the :mod:`.lease` writes. A process that does not hold it, and a caller inside a
transaction, post for themselves, with the same statements under the same locks: the writer is a quicker road
to the same books, never the only thing that keeps them right.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from hesuan.hub.ledger import posting
from hesuan.hub.ledger.batches import Journal
from hesuan.hub.ledger.lease import Fenced, Lease, this_process
from hesuan.hub.ledger.rules import Outcome

log = logging.getLogger(__name__)

WAIT_MS = 5
RENEW_MS = 3_000
TAKE_AGAIN_MS = 5_000
_TRIES = 3

Answer = list[Outcome]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What one caller asked for at once, and where the answers go: one each, in the journals' order."""

    journals: list[Journal]
    answers: Future[list[Answer]]
    events: int


class NotWriting(Exception):
    """The writer took nothing of what it was asked; post it in another way."""


class Writer(threading.Thread):
    """The batching writer of one process."""

    def __init__(self, *, holder: str = "") -> None:
        super().__init__(name="hesuan-ledger-writer", daemon=True)
        self._lease = Lease(holder or this_process())
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._left: _Waiting | None = None
        self._door = threading.Lock()
        self._open = threading.Event()
        self._stopping = threading.Event()
        self._last = 1

    @property
    def epoch(self) -> int:
        """The epoch of the lease; 0 while this process does not hold it."""
        return self._lease.epoch

    def wait_until_open(self, timeout_s: int) -> bool:
        """Whether the lease was taken within the time."""
        return self._open.wait(timeout_s)

    def submit(self, journals: list[Journal]) -> Future[list[Answer]]:
        """Queues journals, at most a batch of them; their future holds the outcomes after the commit.

        Raises:
            NotWriting: this process holds no lease.
        """
        answers: Future[list[Answer]] = Future()
        with self._door:
            if not self._open.is_set():
                raise NotWriting
            self._queue.put(_Waiting(journals, answers, sum(len(journal.events) for journal in journals)))
        return answers

    def run(self) -> None:
        """Holds the lease and writes until :meth:`stop`; without the lease, tries to take it."""
        try:
            while not self._stopping.is_set():
                try:
                    if self._lease.take():
                        self._write()
                    else:
                        self._stopping.wait(TAKE_AGAIN_MS / 1000)
                except (Fenced, DatabaseError, InterfaceError) as error:
                    log.warning("the ledger's writer lost its lease: %s", error)
                    self._stopping.wait(TAKE_AGAIN_MS / 1000)
        finally:
            connection.close()

    def stop(self, timeout_s: int = 10) -> bool:
        """Answers what is queued, gives the lease back and ends; returns whether it has ended."""
        self._stopping.set()
        self._queue.put(None)
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout_s)
        return not self.is_alive()

    def _write(self) -> None:
        """Batches until told to stop or until the lease is lost; nobody is left waiting at the end."""
        self._patience()
        self._open.set()
        try:
            while not (self._stopping.is_set() and self._queue.empty()):
                if batch := self._collect():
                    self._post(batch)
                else:
                    with transaction.atomic():
                        self._lease.renew()
        finally:
            self._close()

    def _close(self) -> None:
        with self._door:
            self._open.clear()
        self._left, left = None, self._left
        for one in [left, *self._drained()]:
            if one is not None:
                one.answers.set_exception(NotWriting())
        try:
            self._lease.give_back()
        except DatabaseError:
            connection.close()

    def _drained(self) -> list[_Waiting | None]:
        found = []
        while not self._queue.empty():
            found.append(self._queue.get_nowait())
        return found

    def _patience(self) -> None:
        """A holder that is stopped inside a batch must not keep its row locks for ever."""
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET idle_in_transaction_session_timeout = '10s'")

    def _collect(self) -> list[_Waiting]:
        """What is waiting, empty when nothing came within :data:`RENEW_MS`."""
        batch: list[_Waiting] = []
        size = 0
        until = 0
        while True:
            item = self._next(until if batch else _after(RENEW_MS), patient=len(batch) < self._last)
            if item is None:
                break
            if batch and size + item.events > posting.MOST_EVENTS:
                self._left = item
                break
            if not batch:
                until = _after(WAIT_MS)
            batch.append(item)
            size += item.events
        self._last = max(len(batch), 1)
        return batch

    def _next(self, until: int, *, patient: bool) -> _Waiting | None:
        if self._left is not None:
            self._left, item = None, self._left
            return item
        try:
            if patient:
                return self._queue.get(timeout=max(until - time.monotonic_ns(), 0) / 1_000_000_000)
            return self._queue.get_nowait()
        except Empty:
            return None

    def _post(self, batch: list[_Waiting]) -> None:
        """One transaction, then the answers. What no database takes spoils its own caller's answer only."""
        try:
            answers = iter(self._committed([journal for one in batch for journal in one.journals]))
        except (Fenced, OperationalError, InterfaceError):
            for one in batch:
                one.answers.set_exception(NotWriting())
            raise
        except Exception as error:
            if len(batch) == 1:
                self._post_one_by_one(batch[0], error)
                return
            self._post_each_alone(batch)
            return
        for one in batch:
            one.answers.set_result(list(islice(answers, len(one.journals))))

    def _post_each_alone(self, batch: list[_Waiting]) -> None:
        for place, one in enumerate(batch):
            try:
                self._post([one])
            except (Fenced, OperationalError, InterfaceError):
                for other in batch[place + 1 :]:
                    other.answers.set_exception(NotWriting())
                raise

    def _post_one_by_one(self, one: _Waiting, error: Exception) -> None:
        """After a batch of one caller failed: what can be posted of it is, and the caller hears the error."""
        if len(one.journals) > 1:
            for journal in one.journals:
                try:
                    self._committed([journal])
                except (Fenced, OperationalError, InterfaceError):
                    one.answers.set_exception(NotWriting())
                    raise
                except Exception as spoilt:
                    error = spoilt
        one.answers.set_exception(error)

    def _committed(self, journals: list[Journal]) -> list[Answer]:
        """Posts under the lease.

        A connection that broke may have broken after the commit; the same ids again have the same outcomes,
        so the batch is simply posted again, under a new epoch.
        """
        for last in range(_TRIES - 1, -1, -1):
            try:
                return posting.post_batch(journals, first=self._lease.renew)
            except (OperationalError, InterfaceError):
                connection.close()
                if not last or not self._lease.take():
                    raise
                self._patience()
        raise AssertionError("unreachable")


def _after(milliseconds: int) -> int:
    """That far from now on the monotonic clock [ns]."""
    return time.monotonic_ns() + milliseconds * 1_000_000


_HERE: list[Writer] = []
"""The writer of this process, if it has one."""


def start(*, holder: str = "") -> Writer:
    """Starts this process's writer; from now on ``services.post`` outside transactions goes by it."""
    writer = Writer(holder=holder)
    writer.start()
    _HERE[:] = [writer]
    return writer


def stop(timeout_s: int = 10) -> None:
    """Ends this process's writer; callers post for themselves again."""
    while _HERE:
        _HERE.pop().stop(timeout_s)


def answers(journals: Sequence[Journal]) -> list[Answer] | None:
    """The outcomes of journals by way of this process's writer; ``None`` where it does not write.

    A journal that the writer gave back unposted, or whose answer was lost with the connection, is posted
    again by the caller: the first outcome of an id is its outcome, whoever asks again.
    """
    if not _HERE or threading.current_thread() is _HERE[0]:
        return None
    try:
        waiting = [_HERE[0].submit(batch) for batch in posting.batches(journals)]
        return [outcomes for answers in waiting for outcomes in answers.result()]
    except (NotWriting, IndexError):
        return None
