"""A stage per test module: real hub and agent processes on SQLite, or on a PostgreSQL database of their own.

Each begins with a copy of one database that ``hesuan hub migrate`` made new, once for all: ninety migrations
take a dozen seconds. The demonstration's journey begins with nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hesuan.cli.demo.stage import Stage, free_port
from hesuan.wire.ids import new_id

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def new_database(template: str = "template1") -> Iterator[str]:
    """Address of a new database on the server that the tests were given, a copy of one; empty for SQLite."""
    server = os.environ.get("HESUAN_DATABASE_URL", "")
    if not server.startswith("postgres"):
        yield ""
        return
    import psycopg
    from psycopg import sql

    name = f"hesuan_journey_{new_id().lower()}"
    made, copied = sql.Identifier(name), sql.Identifier(template)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, copied))
        try:
            yield server.rsplit("/", 1)[0] + f"/{name}"
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(made))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of a migrated PostgreSQL database that nobody opens again; empty for SQLite."""
    with new_database() as database:
        if database:
            Stage(tmp_path_factory.mktemp("template"), 0, database).run("hub", "migrate")
        yield database.rsplit("/", 1)[-1]


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, template: str
) -> Iterator[Stage]:
    """A stage whose database is migrated and empty; what a test starts on it ends with the module."""
    with a_stage(request, tmp_path_factory.mktemp("stage"), template) as made:
        yield made


@contextmanager
def a_stage(request: pytest.FixtureRequest, folder: Path, template: str) -> Iterator[Stage]:
    """A stage whose database is migrated and empty."""
    with new_database(template or "template1") as database:
        made = Stage(folder, free_port(), database)
        if not database:
            made.hub_dir.mkdir()
            shutil.copy(request.getfixturevalue("migrated"), made.hub_dir)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def apps() -> Path:
    """The repository's applications."""
    return ROOT / "apps"
