"""Databases that write through ``lazy.c``."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import psycopg
import pytest
from tests.hub.ledger.test_server_kills import PATIENCE_S, Server
from tests.power import lazy

SEED = 20261121


def sqlite(library: Path, home: Path) -> dict[str, str]:
    """What a process needs to post to a new SQLite below a folder, through ``lazy.c``."""
    data = home / "data"
    data.mkdir()
    ours = {
        "HESUAN_MODE": "development",  # as the hub runs: with FULL
        "HESUAN_DATA_DIR": str(data),
        "HESUAN_DATABASE_URL": "",
        "PYTHONPATH": os.pathsep.join(one for one in (str(Path.cwd()), *sys.path) if one),
    }
    return {**os.environ, **ours, **lazy.environment(library, data, home / "undo")}


class Powered(Server):
    """A PostgreSQL whose power can be cut."""

    def __init__(self, home: Path, library: Path) -> None:
        super().__init__(home)
        self._journal = home / "undo"
        self.said = home / "said"
        self._journal.touch()
        self._journal.chmod(0o666)
        self._shim = lazy.environment(library, self.data, self._journal)

    def start(self) -> float:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._shim.items():
                patch.setenv(name, value)
            return super().start()

    def set(self, line: str) -> None:
        """Another line of configuration, in force from now on."""
        name, _, value = line.partition(" = ")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{line}\n")
        os.kill(self._postmaster(), signal.SIGHUP)
        until = time.monotonic() + PATIENCE_S
        while self._asked(f"SHOW {name}") != value:
            assert time.monotonic() < until, f"{line} is not in force"
            time.sleep(0.05)

    def cut(self, chance: random.Random) -> int:
        """All of its processes at one moment, and then what they had not synced."""
        postmaster = self._postmaster()
        os.kill(postmaster, signal.SIGSTOP)  # so that it starts nobody in the place of who dies
        dying = [*children(postmaster), postmaster]
        for pid in dying:
            os.kill(pid, signal.SIGKILL)
        while any(map(lives, dying)):
            time.sleep(0.001)
        return lazy.cut(self.data, self._journal, chance)

    def come_back(self) -> None:
        """Until it answers; it ends itself where its log cannot be written, and is then started anew."""
        until = time.monotonic() + PATIENCE_S
        while self._asked("SELECT 1") is None:
            assert time.monotonic() < until, "the server is not back"
            if not self._is_up():
                self.start()
            time.sleep(0.1)

    def _asked(self, question: str) -> object:
        """The answer, or ``None`` where there is no server to answer."""
        try:
            with psycopg.connect(self.address, connect_timeout=5) as asking:
                row = asking.execute(question).fetchone()
        except psycopg.OperationalError:
            return None
        return None if row is None else row[0]

    def _postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def _is_up(self) -> bool:
        try:
            return lives(self._postmaster())
        except (OSError, ValueError, IndexError):
            return False


def children(parent: int) -> list[int]:
    """Processes of a parent."""
    listed = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(word) for word in listed.read_text().split()] if listed.exists() else []


def lives(pid: int) -> bool:
    """Whether a process still runs; one that nobody has buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False
