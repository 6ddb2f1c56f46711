"""The worker: drains the agents' inbox, hands facts on, settles what was missed, expires, sequences the log.

One round is :func:`tick`. The embedded hub runs rounds in threads, :class:`Loop`; in production any number
of processes do. Between rounds a loop sleeps until the gateway's bell rings or a second has passed: the
tables are the truth, the bell only saves waiting, and a lost ring loses nothing.

The log has a thread of its own, and the anchors another (:data:`APART`): a checkpoint follows within ten
seconds, however long the books, a surveillance run or somebody's anchoring command take.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db import close_old_connections, connections

from hesuan.hub.audit import selectors as published
from hesuan.hub.audit import services as audit
from hesuan.hub.disclosure import batching, lag, sealing
from hesuan.hub.disclosure import checks as disclosure_checks
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.gateway.bell import ARRIVALS, Bell
from hesuan.hub.identity import limits
from hesuan.hub.ledger import clock
from hesuan.hub.ledger import services as ledger
from hesuan.hub.market import services as market
from hesuan.hub.programmes import services as programmes
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement import soundness
from hesuan.hub.settlement.services import settle
from hesuan.hub.surveillance import services as surveillance
from hesuan.hub.worker import facts, inbox

log = logging.getLogger(__name__)

EVERY_S = 1.0
LONGEST_PAUSE_S = 5.0
"""After rounds that failed: a new fact is under a checkpoint within ten seconds all the same."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: how many messages, facts and orders, and which steps failed."""

    handled: int
    failed: tuple[str, ...]


def settle_missed() -> int:
    """Settles every order that could be settled and is not, whatever became of its facts."""
    done = 0
    for order_id in settlement.due():
        try:
            done += settle(order_id) is not None
        except Exception:
            log.exception("order %s could not be settled", order_id)
    return done


CHECK_EVERY_S = 300
_checked_at: list[float] = []


def check_books() -> int:
    """Every five minutes: whether all books agree; what is found goes to the log of the process, named."""
    now = time.monotonic()
    if _checked_at and now - _checked_at[0] < CHECK_EVERY_S:
        return 0
    _checked_at[:] = [now]
    for finding in (*soundness.check(), *disclosure_checks.check(), *lag.check()):
        log.error("the books do not add up: %s %s %s", finding.invariant, finding.en, finding.rows[:5])
    return 0


def sequence_log() -> int:
    """Gives new facts their leaf index under a signed checkpoint, asks the witnesses, publishes the files.

    One log after the other, each by itself: a log that cannot be signed, or whose folder cannot be written,
    holds up no other.

    Raises:
        LogsFailed: when all were served, if any of them failed; the round names this step.
    """
    waiting = published.unsequenced()

    def serve(name: str) -> int:
        return int(name in waiting and audit.sequence(name) is not None) + _show(name)

    return _each(dict.fromkeys([*published.logs(), *sorted(waiting)]), serve)


def anchor_logs() -> int:
    """Hands each log's newest checkpoint to the anchoring command, once a day.

    Raises:
        LogsFailed: when all were served, if any of them failed.
    """
    return _each(published.logs(), audit.anchor)


def _each(names: Iterable[str], serve: Callable[[str], int]) -> int:
    done, failed = 0, []
    for name in names:
        try:
            done += serve(name)
        except Exception:
            log.exception("log %s could not be brought up to date", name)
            failed.append(name)
    if failed:
        raise LogsFailed(", ".join(failed))
    return done


class LogsFailed(Exception):
    """Some logs were not brought up to date; their own faults are in the program's log."""


def _show(name: str) -> int:
    """Publishes before any witness is asked, and again with what they signed."""
    done = audit.publish(name)
    if signed := audit.ask(name):
        done += signed + audit.publish(name)
    return done


STEPS: tuple[tuple[str, Callable[[], int]], ...] = (
    ("inbox", inbox.drain),
    ("facts", facts.hand_on),
    ("settlement", settle_missed),
    ("applications", programmes.advance_due),
    ("quotes", lambda: market.expire_quotes(clock.now())),
    ("holds", lambda: len(ledger.expire_holds())),
    ("surveillance", surveillance.run_due),
    (
        "vouchers",
        lambda: programmes.expire_vouchers(clock.now()) + programmes.end_drawn() + programmes.keep_dates(),
    ),
    ("books", check_books),
    ("lag", lag.record_breaches),
    ("disclosure", disclosure.disclose),
    ("batches", batching.tell_batches),
    ("seals", sealing.seal_due),
    ("log", sequence_log),
    ("doors", limits.drop_past),
    ("anchors", anchor_logs),
)
WORK, LOGS, ANCHORS = "work", "logs", "anchors"
APART = {"lag": LOGS, "disclosure": LOGS, "batches": LOGS, "seals": LOGS, "log": LOGS, "anchors": ANCHORS}
"""Steps that a thread other than the work's runs: what makes checkpoints waits for nothing else."""


def tick(thread: str = "") -> Round:
    """One round of all steps, or of one thread's. A step that fails is logged and named; the others run."""
    handled, failed = 0, []
    for name, step in STEPS:
        if thread not in ("", APART.get(name, WORK)):
            continue
        try:
            handled += step()
        except Exception:
            log.exception("the worker's step `%s` failed", name)
            failed.append(name)
    return Round(handled, tuple(failed))


class Loop(threading.Thread):
    """The worker as a thread of the embedded hub; ``thread``: whose steps it runs, all of them without."""

    def __init__(self, thread: str = "", *, bell: Bell = ARRIVALS, every_s: float = EVERY_S) -> None:
        super().__init__(name=f"hesuan-worker-{thread}".rstrip("-"), daemon=True)
        self._thread = thread
        self._bell = bell
        self._every_s = every_s
        self._stopping = threading.Event()

    def run(self) -> None:
        """Rounds until :meth:`stop`; after rounds that failed the pauses grow."""
        pause_s = self._every_s
        try:
            while not self._stopping.is_set():
                close_old_connections()
                failed = tick(self._thread).failed
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S) if failed else self._every_s
                if not self._stopping.is_set():
                    self._bell.wait(pause_s)
        finally:
            connections.close_all()

    def wake(self) -> None:
        """Asks for a round now."""
        self._bell.ring()

    def leave(self) -> None:
        """Asks it to end after the round in progress, and does not wait."""
        self._stopping.set()
        self._bell.ring()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Ends after the round in progress; returns whether it has ended within the time."""
        self.leave()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout_s)
        return not self.is_alive()


def loops() -> list[Loop]:
    """One loop a thread; only the one that drains the inbox listens for arrivals."""
    return [Loop(WORK), *(Loop(name, bell=Bell()) for name in (LOGS, ANCHORS))]


def stop_all(running: Iterable[Loop], timeout_s: float) -> bool:
    """Ends them after their rounds in progress, within one time for all; returns whether all have ended."""
    waited = list(running)
    end = time.monotonic() + timeout_s
    for one in waited:
        one.leave()
    ended = [one.stop(max(0.0, end - time.monotonic())) for one in waited]
    return all(ended)
