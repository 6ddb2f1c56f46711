"""A PostgreSQL server of one's own for one test run: a new cluster on a free loopback port, removed after.

Needs PostgreSQL's server programs (Debian: ``apt-get install postgresql``). PostgreSQL refuses to run as
root; as root the server runs as the ``postgres`` user that Debian's package creates.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = """
listen_addresses = '127.0.0.1'
max_connections = 200
fsync = on
synchronous_commit = on
"""
THROWN_AWAY = """
fsync = off
full_page_writes = off
"""
"""For rows that nobody misses when the machine loses its power: commits cost no wait for the disk."""


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs, the newest version first; ``None`` when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    on_path = shutil.which("initdb")
    if not found and on_path:
        found = [Path(on_path).resolve()]  # a link alone would hide the programs beside it
    return found[-1].parent if found else None


def _version(initdb: Path) -> int:
    name = initdb.parent.parent.name
    return int(name) if name.isdigit() else 0


@contextmanager
def temporary_server(*, thrown_away: bool = False) -> Iterator[str]:
    """Starts a server, yields its address (``postgresql://postgres@127.0.0.1:PORT/…``), stops it after.

    It waits for the disk as a user's server does, unless its rows are to be thrown away.
    """
    binaries = programs()
    assert binaries is not None, "no PostgreSQL programs on this machine"
    home = Path(tempfile.mkdtemp(prefix="hesuan-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(home, "postgres", "postgres")
    port = _free_port()
    data = home / "data"
    _run([binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
    with (data / "postgresql.conf").open("a") as file:
        more = THROWN_AWAY if thrown_away else ""
        file.write(f"{CONFIGURATION}{more}port = {port}\nunix_socket_directories = '{home}'\n")
    try:
        _run([binaries / "pg_ctl", "-D", data, "-l", home / "server.log", "-w", "start"])
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        _run([binaries / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def _run(command: Sequence[object], *, check: bool = True) -> None:
    words = [str(word) for word in command]
    if os.geteuid() == 0:
        words = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", *words]
    done = subprocess.run(words, cwd="/", capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        sys.exit(f"{words[-1]}: {' '.join(words)} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
