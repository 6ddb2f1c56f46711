"""``kill -9`` of PostgreSQL itself under load, its postmaster and its backends in turn (T7).

What was answered is on the books, and once, when the server is back; the control lets the server answer
before its log is on the disk. ``make soak`` kills a thousand times.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from tests.hub.ledger import crashing
from tools import postgres

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql, pytest.mark.processes]

KILLS = int(os.environ.get("HESUAN_KILLS", "100"))
SEED = 20261121
SOAKS = "HESUAN_KILLS" in os.environ
BACK_S = 30
"""How long the server may take to answer again [s] (P8): held in a soak, which has the machine to itself."""
PATIENCE_S = 300
"""How long anything is waited for on a machine that is busy with other tests [s]."""
RISKY = "synchronous_commit = off\nwal_writer_delay = 10s\n"


class Server:
    """A PostgreSQL of this test's own, to be killed."""

    def __init__(self, home: Path, more: str = "") -> None:
        found = postgres.programs()
        assert found is not None
        self.binaries, self.home, self.data, self.port = found, home, home / "data", postgres._free_port()
        if os.geteuid() == 0:
            shutil.chown(home, "postgres", "postgres")
        postgres._run(
            [found / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--locale=C.UTF-8"]
        )
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                f"{postgres.CONFIGURATION}port = {self.port}\nunix_socket_directories = '{home}'\n{more}"
            )

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> float:
        """Starts it, again and again while killed backends hold its memory; returns how long it took [s]."""
        begin = time.monotonic()
        while True:
            words = ["pg_ctl", "-D", str(self.data), "-l", str(self.home / "log"), "-w"]
            words += ["-t", str(PATIENCE_S), "start"]
            as_user = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]
            command = [*(as_user if os.geteuid() == 0 else []), str(self.binaries / words[0]), *words[1:]]
            told = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
            if told.returncode == 0:
                return time.monotonic() - begin
            assert time.monotonic() - begin < PATIENCE_S, told.stdout + told.stderr
            time.sleep(0.05)

    def kill(self) -> None:
        """The postmaster: what its backends hold in memory goes with it."""
        os.kill(int((self.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def kill_a_backend(self, chance: random.Random) -> None:
        """One that serves the load: the postmaster then ends all others and recovers by itself."""
        rows = self.wait_until_back()
        if rows:
            with suppress(ProcessLookupError):  # it may have ended by itself since it was asked for
                os.kill(chance.choice(rows)[0], signal.SIGKILL)

    def wait_until_back(self) -> list[tuple[int]]:
        """The processes that serve the load, once the server has recovered from the kill before."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                with psycopg.connect(self.address) as asking:
                    return asking.execute(
                        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
                        " AND pid <> pg_backend_pid()"
                    ).fetchall()
            except psycopg.OperationalError:
                assert time.monotonic() < until, "the server is not back"
                time.sleep(0.05)

    def stop(self) -> None:
        postgres._run(
            [self.binaries / "pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop"], check=False
        )


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="hesuan-killed-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def worker(server: Server, what: str, log: Path, mode: str = "development") -> subprocess.Popen[str]:
    environment = os.environ | {
        "HESUAN_DATABASE_URL": server.address,
        "HESUAN_MODE": mode,
        "PYTHONPATH": os.pathsep.join(path for path in (str(Path.cwd()), *sys.path) if path),
    }
    command = [sys.executable, "-m", "tests.hub.ledger.server_load", what, str(log)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def told(server: Server, what: str, log: Path) -> str:
    ended = worker(server, what, log)
    out, _ = ended.communicate(timeout=300)
    assert ended.returncode == 0, out
    return out


def killed_so_often(
    server: Server, log: Path, kills: int, *, backends: bool = True, mode: str = "development"
) -> float:
    """Returns the longest time until the server was back [s]."""
    chance, longest = random.Random(SEED), 0.0
    load = worker(server, "load", log, mode)
    try:
        for number in range(kills):
            crashing.let_it_run(log, chance)
            if number % 2 and backends:
                server.kill_a_backend(chance)
            else:
                server.kill()
                longest = max(longest, server.start())
        assert load.poll() is None, "the load itself ended"
        server.wait_until_back()
    finally:
        load.kill()
        load.wait()
    return longest


def test_whatever_was_answered_before_the_server_was_killed_is_on_the_books_once(
    home: Path, tmp_path: Path
) -> None:
    server, log = Server(home), tmp_path / "log"
    server.start()
    try:
        told(server, "open", log)
        longest = killed_so_often(server, log, KILLS)
        answered, unheard = told(server, "settle", log).split()
    finally:
        server.stop()
    print(f"{KILLS} kills, {answered} answered, {unheard} unheard, 0 lost, back in {longest:.1f} s at most")
    assert longest < BACK_S or not SOAKS


def test_a_server_that_answers_before_its_log_is_written_is_found_out(home: Path, tmp_path: Path) -> None:
    """The negative control: ``synchronous_commit = off``, which only the test mode lets a server choose."""
    server, log = Server(home, RISKY), tmp_path / "log"
    server.start()
    try:
        told(server, "open", log)
        killed_so_often(server, log, 4, backends=False, mode="test")
        ended = worker(server, "settle", log)
        ended.communicate(timeout=300)
    finally:
        server.stop()
    assert ended.returncode != 0, "answered and not on the books"
