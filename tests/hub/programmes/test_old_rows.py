"""Rows written before steps and counts keep everything when the database is brought up to date."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).parents[3]


@pytest.fixture
def address(tmp_path: Path, db: None) -> Iterator[str]:
    """A database of its own, of the kind that the tests run on."""
    if connection.vendor == "sqlite":
        yield f"sqlite:///{tmp_path / 'old.sqlite3'}"
        return
    import psycopg

    told = settings.DATABASES["default"]
    server = {"host": told["HOST"], "port": told["PORT"], "user": told["USER"], "password": told["PASSWORD"]}
    name = f"old_{os.getpid()}"
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as link:
        link.execute(f'CREATE DATABASE "{name}"')
    user = f"{told['USER']}:{told['PASSWORD']}" if told["PASSWORD"] else told["USER"]
    yield f"postgresql://{user}@{told['HOST']}:{told['PORT']}/{name}"
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as link:
        link.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def brought_up(address: str, *words: str, module: str = "tests.hub.programmes.old_rows") -> dict[str, Any]:
    """What the script tells."""
    environment = {
        **os.environ,
        "HESUAN_DATABASE_URL": address,
        "HESUAN_MODE": "test",
        "DJANGO_SETTINGS_MODULE": "hesuan.hub.config.settings",
    }
    done = subprocess.run(
        [sys.executable, "-m", module, *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_old_vouchers_get_their_steps_counts_and_triggers(address: str) -> None:
    found = brought_up(address)
    assert found["vouchers"] == [["W", "ACTIVE", 1_000]]
    assert found["voucher_steps"] == [
        ["", "ISSUED", "issue", "", "i", 1_000],
        ["ISSUED", "ACTIVE", "release", "issuance", "i", 1_000],
    ]
    day = "2026-04-01"  # the programme's own day, not UTC's
    assert found["counts"] == [["count:A1:year", "year", "issued", "cap:year:F:2026", 1_000, day]]
    assert found["applications"] == [["A1", "ISSUED", 2], ["A2", "UNDER_REVIEW", 1]]
    assert found["calls"] == [["year", "b"]]
    assert [trigger for key, trigger in found["steps_of_2"] if key == "A2"] == [
        "draft",
        "submit",
        "review.pass",
    ]
    assert found["refused"] == {"face": True, "step": True, "count": True, "nothing": False}


def test_an_empty_database_gets_nothing(address: str) -> None:
    """Negative control: what the test above finds was made of old rows."""
    found = brought_up(address, "empty")
    assert not any(found[name] for name in ("vouchers", "voucher_steps", "counts", "applications", "calls"))
