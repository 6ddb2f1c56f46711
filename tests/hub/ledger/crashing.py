"""A process that posts under load until it is killed, and says on a side log what it was answered.

The side log is written by the kernel at once (one ``os.write`` a line), so a kill loses no line of it. The
parent kills, asks for everything again that has no answer on the log, and compares. Children are forked from
one process that has no connection open: a hundred kills cost a hundred forks and not a hundred starts.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from django.db import connections

from hesuan.hub.ledger import checks, selectors, services, writer
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.ledger.rules import Event

LEDGER = "crash"
CALLERS = 3

Post = Callable[[Event], bool]


def open_books() -> None:
    """The accounts, and enough money for any test."""
    for key in ("bank", "hot", "centre"):
        services.open_account(ledger=LEDGER, key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", LEDGER, 10**12, "fund", "bank", "hot")])


def event(name: str) -> Event:
    """Every request spends one fen."""
    return Event(name, "transfer", LEDGER, 1, "settle", "hot", "centre")


def posted(one: Event) -> bool:
    """By the road a caller outside transactions goes: the writer if there is one."""
    return services.post([one])[0].ok


def child(log: Path, round_: int, *, by_writer: bool, post: Post = posted) -> int:
    """Forks a process that posts for ever; returns its id."""
    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    try:
        _load(log, round_, by_writer=by_writer, post=post)
    finally:
        os._exit(1)


def _load(log: Path, round_: int, *, by_writer: bool, post: Post) -> None:
    import threading

    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if by_writer:
        assert writer.start(holder=f"round {round_}").wait_until_open(240)

    def caller(place: int) -> None:
        number = 0
        while True:
            name = f"{round_}-{place}-{number}"
            number += 1
            os.write(file, f"sent {name}\n".encode())
            if post(event(name)):
                os.write(file, f"done {name}\n".encode())

    threads = [threading.Thread(target=caller, args=(place,), daemon=True) for place in range(CALLERS)]
    for thread in threads:
        thread.start()
    threads[0].join()


def kill(pid: int) -> None:
    """SIGKILL, and until the process is gone."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def let_it_run(
    log: Path, chance: random.Random, *, shortest_s: float = 0.02, longest_s: float = 0.12
) -> None:
    """Until the child has been answered at least once, and a moment more that nobody can foresee."""
    before, until = log.stat().st_size if log.exists() else 0, time.monotonic() + 300
    while time.monotonic() < until:
        if log.exists() and b"done" in log.read_bytes()[before:]:
            time.sleep(chance.uniform(shortest_s, longest_s))
            return
        time.sleep(0.005)
    raise AssertionError("the child was never answered")


def names(log: Path, word: str) -> set[str]:
    """What the log says was sent, or done."""
    lines = log.read_text().splitlines()
    return {line.split()[1] for line in lines if line.startswith(f"{word} ") and len(line.split()) == 2}


def lost(log: Path) -> set[str]:
    """What was answered and is not on the books."""
    there = set(Transfer.objects.filter(ledger_of()).values_list("id", flat=True))
    return names(log, "done") - there


def ledger_of() -> object:
    """The condition for this test's transfers."""
    from django.db.models import Q

    return Q(debit__ledger=LEDGER)


def settle(log: Path) -> tuple[int, int]:
    """Asks again for all that has no answer, and checks that each request happened once and all is sound.

    Returns:
        How many requests were answered, and how many had happened without their answer.
    """
    done, sent = names(log, "done"), names(log, "sent")
    assert lost(log) == set()
    open_ = sorted(sent - done)
    before = Transfer.objects.filter(id__in=open_).count()
    assert all(answer[0].ok for answer in services.post_all([[event(name)] for name in open_]))
    assert selectors.balance(LEDGER, "centre").posted_fen == len(sent)
    assert Transfer.objects.filter(debit__key="hot").count() == len(sent)
    assert checks.check() == []
    return len(done), before
