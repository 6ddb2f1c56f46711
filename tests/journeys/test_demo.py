"""``hesuan demo --once`` as a newcomer runs it, on SQLite."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

LIMIT_S = 300


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, apps: Path) -> str:
    command = [sys.executable, "-m", "hesuan.cli", "--lang", "en", "demo", "--once", "--apps", str(apps)]
    command += ["--data", str(tmp_path_factory.mktemp("demo") / "data")]
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
