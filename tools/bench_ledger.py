"""``make bench-ledger``: events a second on one hot account, and what the same disk gives others meanwhile.

PostgreSQL: rounds of ``pgbench`` (TPC-B, ``-s 1 -c 8``: eight clients, one hot row) and of the ledger, turn
by turn on one server with fsync; the figure is the ratio within a round, its median over the rounds. SQLite
at ``synchronous=FULL``: the batching writer beside one transaction for each event. All requests spend from
one account, and are decided, remembered, posted and counted as in the hub; half are holds, half captures.
``--strict`` ends with 1 below the bar.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tools import postgres
from tools.bench_planner import machine

if TYPE_CHECKING:
    from hesuan.hub.ledger.rules import Event

BAR = 4
CLIENTS = 8
IN_FLIGHT = 64
"""Requests of one client that wait for their answers together; a hub has one for each person who clicks."""
LEDGER = "bench"

Figures = dict[str, float]


def main(arguments: list[str]) -> int:
    """Prints the machine, its load, each round and the medians beside the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5, help="of each measurement")
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.measure:
        measure(asked.seconds)
        return 0
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{machine()}; load {load}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    ratios = {"PostgreSQL": on_postgresql(asked.rounds, asked.seconds)}
    ratios["SQLite"] = on_sqlite(asked.rounds, asked.seconds)
    for name, ratio in ratios.items():
        print(f"{name:<12} median ratio {ratio:6.1f}   bar {BAR}   {'met' if ratio >= BAR else 'MISSED'}")
    print("load after: " + ", ".join(f"{value:.1f}" for value in os.getloadavg()))
    return int(asked.strict and min(ratios.values()) < BAR)


def on_postgresql(rounds: int, seconds: int) -> float:
    """The median ratio of the batching writer to TPC-B."""
    if postgres.programs() is None:
        sys.exit("No PostgreSQL server programs. Debian: apt-get install postgresql")
    ratios = []
    with postgres.temporary_server() as address:
        tpcb = ["pgbench", "--no-vacuum", "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), address]
        subprocess.run(
            ["pgbench", "--quiet", "-i", "-s", "1", address], check=True, stderr=subprocess.DEVNULL
        )
        for number in range(rounds):
            told = subprocess.run(tpcb, check=True, capture_output=True, text=True).stdout
            found = re.search(r"tps = ([\d.]+)", told)
            assert found, told
            beside = float(found[1])
            figures = measured(address, seconds)
            ratios.append(figures["writer"] / beside)
            ratio = f"writer / TPC-B {ratios[-1]:.1f}"
            print(f"PostgreSQL {number + 1}: TPC-B {beside:,.0f}/s; {tell(figures)}; {ratio}")
    return statistics.median(ratios)


def on_sqlite(rounds: int, seconds: int) -> float:
    """The median ratio of the batching writer to one transaction for each event."""
    ratios = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            figures = measured(f"sqlite:///{folder}/bench.sqlite3", seconds)
        ratios.append(figures["writer"] / figures["each alone"])
        print(f"SQLite FULL {number + 1}: {tell(figures)}; writer / each alone {ratios[-1]:.1f}")
    return statistics.median(ratios)


def tell(figures: Figures) -> str:
    """Events a second of each road."""
    return "; ".join(f"{name} {rate:,.0f}/s" for name, rate in figures.items())


def measured(address: str, seconds: int) -> Figures:
    """Events a second of each road, by a process of its own that has this database."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "HESUAN_DATABASE_URL": address,
            "HESUAN_DATA_DIR": folder,
            "HESUAN_MODE": "development",
        }
        command = [sys.executable, "-m", "tools.bench_ledger", "--measure", "--seconds", str(seconds)]
        told = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    figures: Figures = json.loads(told.splitlines()[-1])
    return figures


def measure(seconds: int) -> None:
    """In the process with the database: prints the figures as JSON."""
    from hesuan.hub.config import server

    server.set_up()
    from django.core.management import call_command

    from hesuan.hub.ledger import checks, services, writer

    call_command("migrate", "ledger", verbosity=0)
    for key in ("bank", "hot", "centre"):
        services.open_account(ledger=LEDGER, key=key, kind="bench", may_overdraw=key == "bank")
    start = str(time.time_ns())
    services.post_or_raise(
        [services.Event(f"{start}fund", "transfer", LEDGER, 10**12, "fund", "bank", "hot")]
    )
    figures = {"each alone": rate(seconds, f"{start}a", single, clients=1)}
    figures[f"each alone, {CLIENTS} clients"] = rate(seconds, f"{start}b", single, clients=CLIENTS)
    running = writer.start()
    assert running.wait_until_open(60)
    figures[f"writer, {CLIENTS} clients, one request each"] = rate(
        seconds, f"{start}c", single, clients=CLIENTS
    )
    figures["writer"] = rate(seconds, f"{start}d", many, clients=CLIENTS)
    writer.stop()
    findings = checks.check()
    assert not findings, findings
    print(json.dumps(figures))


def single(events: Sequence[Event]) -> None:
    """Each request waits for its own answer."""
    from hesuan.hub.ledger import services

    for event in events:
        assert services.post([event])[0].ok


def many(events: Sequence[Event]) -> None:
    """The requests of many people at once, each a journal of its own."""
    from hesuan.hub.ledger import services

    assert all(outcome.ok for (outcome,) in services.post_all([[event] for event in events]))


def rate(seconds: int, name: str, ask: Callable[[Sequence[Event]], None], *, clients: int) -> float:
    """Events a second that clients get answered."""
    from django.db import connections

    from hesuan.hub.ledger.services import Event

    until = time.monotonic() + seconds
    done = [0] * clients

    def client(place: int) -> None:
        number = 0
        try:
            while time.monotonic() < until:
                ids = [f"{name}-{place}-{number + k}" for k in range(IN_FLIGHT if ask is many else 1)]
                number += len(ids)
                ask([Event(f"h{one}", "hold", LEDGER, 7, "hold", "hot", "centre") for one in ids])
                ask([Event(f"c{one}", "capture", LEDGER, 5, "capture", pending_id=f"h{one}") for one in ids])
                done[place] += 2 * len(ids)
        finally:
            connections.close_all()

    begin = time.monotonic()
    threads = [threading.Thread(target=client, args=(place,)) for place in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.monotonic() - begin)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
