"""The power is cut under load: what was answered is on the books, and once (T9).

A kill leaves the kernel's cache alone; here whatever was written and not synced is lost, sector by sector, as
``lazy.c`` and ``lazy.py`` say. The controls are databases that do not wait for the disk: they must lose. It
needs a C compiler; ``HESUAN_CUTS`` says how often.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hub.ledger import crashing
from tests.hub.ledger.test_server_kills import told, worker
from tests.power.powered import SEED, Powered, sqlite

CUTS = int(os.environ.get("HESUAN_CUTS", "100"))
CUTS_OF_A_SERVER = int(os.environ.get("HESUAN_CUTS", "25"))
"""A server takes three seconds to come back and be asked again; a hundred are `make soak`'s."""


def on_postgresql(test: Callable[..., None]) -> Callable[..., None]:
    """Runs in the pass on PostgreSQL; its server is its own."""
    for mark in (pytest.mark.database, pytest.mark.postgresql, pytest.mark.processes):
        test = mark(test)
    return test


def on_sqlite(library: Path, home: Path, cuts: int, synchronous: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.power.load", str(cuts), str(SEED), synchronous]
    environment = sqlite(library, home)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)


@pytest.mark.processes
def test_what_was_answered_outlives_the_power_on_sqlite(library: Path, home: Path) -> None:
    ended = on_sqlite(library, home, CUTS, "FULL")
    assert ended.returncode == 0, ended.stderr
    answered, unheard, sectors = map(int, ended.stdout.split())
    print(f"{CUTS} cuts, {answered} answered, {unheard} unheard, 0 lost, {sectors} sectors gone; seed {SEED}")
    assert answered >= CUTS and sectors > 0, "something must have been lost, or nothing was tried"


@pytest.mark.processes
def test_sqlite_that_does_not_wait_for_the_disk_is_found_out(library: Path, home: Path) -> None:
    """The negative control: ``synchronous=NORMAL`` answers before its log is on the disk."""
    ended = on_sqlite(library, home, 5, "NORMAL")
    assert ended.returncode != 0 and "lost(log) == set()" in ended.stderr, ended.stderr


def cut_and_settle(server: Powered, cuts: int) -> tuple[str, int]:
    """Returns how many requests were answered and unheard, and how many sectors were lost.

    Raises:
        AssertionError: the server does not come back, or something answered is not on the books.
    """
    log, chance, sectors = server.said, random.Random(SEED), 0
    load = worker(server, "load", log)
    try:
        for _ in range(cuts):
            crashing.let_it_run(log, chance)
            sectors += server.cut(chance)
            server.start()
    finally:
        load.kill()
        load.wait()
    return told(server, "settle", log).strip(), sectors


@on_postgresql
def test_what_was_answered_outlives_the_power_on_postgresql(powered: Powered) -> None:
    settled, sectors = cut_and_settle(powered, CUTS_OF_A_SERVER)
    print(
        f"{CUTS_OF_A_SERVER} cuts; answered, unheard: {settled}; 0 lost, {sectors} sectors gone; seed {SEED}"
    )
    assert sectors > 0, "something must have been lost, or nothing was tried"


@on_postgresql
def test_postgresql_that_does_not_wait_for_the_disk_is_found_out(
    powered: Powered, capfd: pytest.CaptureFixture[str]
) -> None:
    """The negative control: ``fsync = off`` once the books are open."""
    powered.set("fsync = off")
    with pytest.raises(AssertionError):
        cut_and_settle(powered, 1)
    assert "lost(log) == set()" in capfd.readouterr().err
