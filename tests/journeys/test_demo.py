"""``hesuan demo --once`` as a newcomer runs it, on SQLite."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from hesuan.wire import folder, tiles
from hesuan.wire.checkpoint import parse_checkpoint, split_note
from hesuan.wire.folder import Disk

pytestmark = pytest.mark.processes

LIMIT_S = 300


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "data"


@pytest.fixture(scope="module")
def told(data: Path, apps: Path) -> str:
    command = [sys.executable, "-m", "hesuan.cli", "--lang", "en", "demo", "--once", "--apps", str(apps)]
    command += ["--data", str(data)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HESUAN_")}
    environment |= {"COLUMNS": "160"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("verb", ["find", "programme", "quote", "run", "meter", "settle", "audit"])
def test_the_demonstration_tells_each_part(told: str, verb: str) -> None:
    assert re.search(rf"^{verb} ─", told, re.M)


def test_chengdu_is_refused_naming_field_and_line(told: str) -> None:
    assert "Chengdu 2023: activation refused." in told
    assert re.search(r"cn\.chengdu\.suanliquan\.2023\.yaml:\d+.*rates\.tiers\[general\]\.rate", told)


def test_prediction_stands_beside_what_was_measured(told: str) -> None:
    assert re.search(r"wall time +[\d.]+ s \([\d.]+ s – [\d.]+ s\) +[\d.]+ s", told)
    assert "measured" in told and "cannot quote" not in told.split("meter ─")[1]


def test_the_receipt_was_verified_by_a_process_without_the_hub(told: str) -> None:
    audit = told.split("audit ─")[1]
    assert "✓" in audit and "✗" not in audit


def public_leaves(data: Path) -> list[bytes]:
    """Every leaf of every log that the demonstration published, from the files, as a stranger reads them."""
    found: list[bytes] = []
    for checkpoint in data.rglob("log/*/checkpoint"):
        log = Disk(checkpoint.parent)
        note = folder.read_note(log)
        assert note is not None
        for index, width in tiles.bundles_of(parse_checkpoint(split_note(note)[0]).size):
            path = tiles.bundle_path(index, width)
            found += tiles.unpack_bundle(log.read(path) or b"", width, path=path)
    return found


def identified(data: Path) -> set[str]:
    """Ids of the demonstration's organisations and people, from its database."""
    (database,) = (one for one in data.rglob("*.sqlite3") if b"identity_organisation" in one.read_bytes())
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = ("identity_organisation", "identity_identity")
        return {row[0] for table in tables for row in connection.execute(f"SELECT id FROM {table}")}


def test_no_id_of_an_organisation_or_a_person_stands_in_a_leaf_of_the_demonstration(
    told: str, data: Path
) -> None:
    assert told
    leaves, ids = public_leaves(data), identified(data)
    assert len(leaves) > 20 and len(ids) > 3
    assert {json.loads(leaf)["v"] for leaf in leaves} == {2}
    assert [one for one in ids for leaf in leaves if one.encode() in leaf] == []
    forged = [*leaves, json.dumps({"organisation": min(ids)}).encode()]
    assert [one for one in ids for leaf in forged if one.encode() in leaf] == [min(ids)], "the control"


def test_the_seal_refuses_the_network_and_the_hubs_folder(tmp_path: Path) -> None:
    """The negative control of the line above: what the verifier must not do, it cannot do."""
    from hesuan.cli.demo.story import SEALED

    closed = tmp_path / "hub"
    closed.mkdir()
    (closed / "secret").write_text("x")
    for attempt in ("import socket; socket.socket()", f"open({str(closed / 'secret')!r})"):
        program = SEALED.replace('runpy.run_module("hesuan.wire.verify", run_name="__main__")', attempt)
        done = subprocess.run(
            [sys.executable, "-c", program, str(closed)], capture_output=True, text=True, check=False
        )
        assert done.returncode != 0 and "sealed:" in done.stderr
