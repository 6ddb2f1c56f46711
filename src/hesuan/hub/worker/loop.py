"""The worker: drains the agents' inbox, hands facts on, settles what was missed, expires, sequences the log.

One round is :func:`tick`. The embedded hub runs rounds in a thread, :class:`Loop`; in production any number
of processes do. Between rounds the loop sleeps until the gateway's bell rings or a second has passed: the
tables are the truth, the bell only saves waiting, and a lost ring loses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import close_old_connections, connections

from hesuan.hub.audit import selectors as published
from hesuan.hub.audit import services as audit
from hesuan.hub.disclosure import checks as disclosure_checks
from hesuan.hub.disclosure import lag, sealing
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.gateway.bell import ARRIVALS, Bell
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
    done, failed = 0, []
    for name in dict.fromkeys([*published.logs(), *sorted(waiting)]):
        try:
            done += name in waiting and audit.sequence(name) is not None
            done += _show(name)
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
    return done + audit.anchor(name)


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
    ("seals", sealing.seal_due),
    ("log", sequence_log),
)


def tick() -> Round:
    """One round of all steps. A step that fails is logged and named; the others run all the same."""
    handled, failed = 0, []
    for name, step in STEPS:
        try:
            handled += step()
        except Exception:
            log.exception("the worker's step `%s` failed", name)
            failed.append(name)
    return Round(handled, tuple(failed))


class Loop(threading.Thread):
    """The worker as a thread of the embedded hub."""

    def __init__(self, *, bell: Bell = ARRIVALS, every_s: float = EVERY_S) -> None:
        super().__init__(name="hesuan-worker", daemon=True)
        self._bell = bell
        self._every_s = every_s
        self._stopping = threading.Event()

    def run(self) -> None:
        """Rounds until :meth:`stop`; after rounds that failed the pauses grow."""
        pause_s = self._every_s
        try:
            while not self._stopping.is_set():
                close_old_connections()
                pause_s = self._every_s if not tick().failed else min(2 * pause_s, LONGEST_PAUSE_S)
                if not self._stopping.is_set():
                    self._bell.wait(pause_s)
        finally:
            connections.close_all()

    def wake(self) -> None:
        """Asks for a round now."""
        self._bell.ring()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Ends after the round in progress; returns whether it has ended within the time."""
        self._stopping.set()
        self._bell.ring()
        if self.is_alive() and threading.current_thread() is not self:
            self.join(timeout_s)
        return not self.is_alive()
