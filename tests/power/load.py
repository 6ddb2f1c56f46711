"""SQLite under load whose power is cut again and again: ``CUTS SEED [PRAGMA]`` in a process of its own.

This process and those it forks write through ``lazy.c``; it cuts and takes back itself, while no child lives.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path


def main(cuts: int, seed: int, synchronous: str) -> None:
    """Prints how many requests were answered, unheard, and how many sectors were lost."""
    from hesuan.hub.config import server

    server.set_up()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection, connections

    options = settings.DATABASES["default"]["OPTIONS"]
    assert "synchronous=FULL" in options["init_command"], "what the hub runs with"
    options["init_command"] = options["init_command"].replace("FULL", synchronous)
    from tests.hub.ledger import crashing
    from tests.power import lazy

    folder, journal = Path(os.environ["LAZY_FOLDER"]), Path(os.environ["LAZY_JOURNAL"])
    for app in ("ledger", "audit"):
        call_command("migrate", app, verbosity=0)
    crashing.open_books()
    connections.close_all()
    log, chance, sectors = folder.parent / "log", random.Random(seed), 0
    for round_ in range(cuts):
        pid = crashing.child(log, round_, by_writer=round_ % 2 == 0)
        crashing.let_it_run(log, chance)
        crashing.kill(pid)
        sectors += lazy.cut(folder, journal, chance)
    answered, unheard = crashing.settle(log)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
    print(answered, unheard, sectors)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
