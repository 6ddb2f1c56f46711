"""The disk is full, or answers with an error, under load: nothing is answered, nothing is wrong after (T10).

``lazy.c`` refuses the writes, and in the second case the syncs, of everything below the database's folder.
Over HTTP an order is then answered with an error that says so, and when the disk works again the same order
under the same key is placed, once.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hub.ledger import crashing
from tests.hub.ledger.test_server_kills import told, worker
from tests.power.powered import SEED, Powered, sqlite
from tests.power.test_power_cuts import on_postgresql

FAILURES = int(os.environ.get("HESUAN_CUTS", "16")) // 4
UNDER_WAY_S = 1.0
"""What had been written before the disk failed may still be answered."""
FAILING = pytest.mark.parametrize("how", ["full", "broken"])


def fail_so_often(journal: Path, log: Path, how: str, back: Callable[[], None]) -> None:
    """Lets the disk fail under a load that goes on asking; ``back`` is called when it works again."""
    fault, chance = journal.with_name(f"{journal.name}.{how}"), random.Random(SEED)
    for _ in range(FAILURES):
        crashing.let_it_run(log, chance)
        fault.touch()
        time.sleep(UNDER_WAY_S)
        before = crashing.names(log, "done")
        time.sleep(chance.uniform(0.1, 0.5))
        assert crashing.names(log, "done") == before, "answered, and the disk took nothing"
        fault.unlink()
        back()
    crashing.let_it_run(log, chance)


@FAILING
@pytest.mark.processes
def test_a_disk_that_fails_answers_nothing_on_sqlite(library: Path, home: Path, how: str) -> None:
    log, environment = home / "said", sqlite(library, home)

    def command(what: str) -> list[str]:
        return [sys.executable, "-m", "tests.hub.ledger.server_load", what, str(log)]

    subprocess.run(command("open"), env=environment, check=True)
    load = subprocess.Popen(command("load"), env=environment)
    try:
        fail_so_often(home / "undo", log, how, lambda: None)
        assert load.poll() is None, "the load itself ended"
    finally:
        load.kill()
        load.wait()
    settled = subprocess.run(command("settle"), env=environment, capture_output=True, text=True, check=False)
    assert settled.returncode == 0, settled.stderr


@pytest.mark.processes
def test_an_order_that_the_disk_refuses_is_refused_whole_and_placed_afterwards(
    library: Path, home: Path
) -> None:
    command = [sys.executable, "-m", "tests.power.ordering"]
    environment = sqlite(library, home)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == [[503, "api.database_away"]] * 4


@FAILING
@on_postgresql
def test_a_disk_that_fails_answers_nothing_on_postgresql(powered: Powered, how: str) -> None:
    load = worker(powered, "load", powered.said)
    try:
        fail_so_often(powered.home / "undo", powered.said, how, powered.come_back)
    finally:
        load.kill()
        load.wait()
    assert told(powered, "settle", powered.said)
