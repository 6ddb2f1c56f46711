"""``kill -9`` of the application under load: what was answered is on the books, and once.

A kill leaves the kernel's page cache alone, so this says nothing about power cuts: those are cut in
``tests/power``. ``make soak`` kills a thousand times.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from django.db import connection, transaction
from tests.hub.ledger import crashing

from hesuan.hub.ledger import services
from hesuan.hub.ledger.rules import Event

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = int(os.environ.get("HESUAN_KILLS", "100"))
SEED = 20261121


@pytest.fixture(autouse=True)
def _books(transactional_db: None) -> None:
    crashing.open_books()


def test_whatever_was_answered_before_a_kill_is_on_the_books_once(tmp_path: Path) -> None:
    """Half of the kills hit the batching writer, half callers who post for themselves."""
    log, chance = tmp_path / "log", random.Random(SEED)
    for round_ in range(KILLS):
        pid = crashing.child(log, round_, by_writer=round_ % 2 == 0)
        crashing.let_it_run(log, chance)
        crashing.kill(pid)
    answered, unheard = crashing.settle(log)
    print(f"{KILLS} kills, {answered} answered, {unheard} had happened unanswered, 0 lost; seed {SEED}")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA integrity_check")
            assert cursor.fetchall() == [("ok",)]


def test_a_program_that_answers_before_its_commit_is_found_out(tmp_path: Path) -> None:
    """The negative control: the same kills, the answer given inside the transaction."""
    log = tmp_path / "log"

    def answers_too_soon(one: Event) -> bool:
        with transaction.atomic():
            services.post([one])
            file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(file, f"done {one.id}\n".encode())
            os.kill(os.getpid(), 9)
        return False

    pid = crashing.child(log, 0, by_writer=False, post=answers_too_soon)
    os.waitpid(pid, 0)
    assert len(crashing.lost(log)) == 1
