"""A stage per test module: real hub and agent processes on SQLite, or on a new PostgreSQL database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hesuan.cli.demo.stage import Stage, free_port
from hesuan.wire.ids import new_id

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def new_database() -> Iterator[str]:
    """Address of a new, empty database on the server that the tests were given; empty for SQLite."""
    server = os.environ.get("HESUAN_DATABASE_URL", "")
    if not server.startswith("postgres"):
        yield ""
        return
    import psycopg
    from psycopg import sql

    name = f"hesuan_journey_{new_id().lower()}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield server.rsplit("/", 1)[0] + f"/{name}"
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """An empty stage; what a test starts on it ends with the module."""
    with new_database() as database:
        made = Stage(tmp_path_factory.mktemp("stage"), free_port(), database)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def apps() -> Path:
    """The repository's applications."""
    return ROOT / "apps"
