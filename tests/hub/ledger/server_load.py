"""A process of its own on a database that others kill: ``load LOG`` posts for ever, ``settle LOG`` counts.

Each caller has one request under way. When the database goes away in the middle nobody knows what became of
it, so the same request, with the same id, is asked again until it is answered.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

RETRY_S = 0.05


def main(what: str, log: Path) -> None:
    """Opens the books if they are not open, then does what it is told."""
    from hesuan.hub.config import server

    server.set_up()
    from tests.hub.ledger import crashing

    if what == "open":
        from django.core.management import call_command

        for app in ("ledger", "audit"):
            call_command("migrate", app, verbosity=0)
        crashing.open_books()
    elif what == "load":
        _load(log)
    else:
        print(*crashing.settle(log))


def _load(log: Path) -> None:
    from hesuan.hub.ledger import writer

    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    writer.start(holder="killed").wait_until_open(240)
    threads = [threading.Thread(target=_caller, args=(file, place)) for place in range(3)]
    for thread in threads:
        thread.start()
    threads[0].join()


def _caller(file: int, place: int) -> None:
    from tests.hub.ledger import crashing

    number = 0
    while True:
        name = f"{place}-{number}"
        os.write(file, f"sent {name}\n".encode())
        while not _answered(crashing.event(name)):
            time.sleep(RETRY_S)
        os.write(file, f"done {name}\n".encode())
        number += 1


def _answered(event: object) -> bool:
    from django.db import InterfaceError, OperationalError, connection
    from tests.hub.ledger import crashing

    try:
        return crashing.posted(event)  # type: ignore[arg-type]
    except (OperationalError, InterfaceError):
        connection.close()
        return False


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
