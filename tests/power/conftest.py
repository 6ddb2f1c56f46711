"""The library that loses writes, and servers under it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.ledger.test_server_kills import told
from tests.power import lazy
from tests.power.powered import Powered


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's own user may enter."""
    made = Path(tempfile.mkdtemp(prefix="hesuan-power-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def library(home: Path) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler (Debian: apt-get install gcc libc6-dev)")
    return lazy.build(home)


@pytest.fixture
def powered(library: Path, home: Path) -> Iterator[Powered]:
    """A server whose power can be cut, its books open."""
    server = Powered(home, library)
    server.start()
    try:
        told(server, "open", server.said)
        yield server
    finally:
        server.stop()
