"""Bytes that a hub wrote when facts were leaves of version 1, kept as they were: they verify for ever.

``stored/v1``: a receipt with its proof, the same receipt with its promise, the platform's log of that hub,
and the trust and policy files. Never made again by a test: what wrote them is gone.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hesuan.wire.evidence import read_trust
from hesuan.wire.folder import Disk
from hesuan.wire.quorum import parse_policy
from hesuan.wire.verdict import Result
from hesuan.wire.verify import verify_receipt
from hesuan.wire.verify_command import main
from hesuan.wire.verify_log import verify_log

STORED = Path(__file__).parent / "stored" / "v1"
TRUST = read_trust((STORED / "trust.json").read_bytes())
LEAVES = 25


def test_an_old_receipt_is_sound_under_the_keys_of_its_day() -> None:
    data = (STORED / "receipt.json").read_bytes()
    assert b'"subject":' in data and b'"opened":' not in data, "of version 1"
    found = verify_receipt(data, trust=TRUST)
    assert found.result is Result.SOUND and found.charge_fen == 420


def test_no_byte_of_an_old_receipt_can_change_unseen() -> None:
    data = (STORED / "receipt.json").read_bytes()
    for place in range(0, len(data), 11):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        assert verify_receipt(changed, trust=TRUST).result is not Result.SOUND, place


def test_an_old_promise_is_held_to_its_day() -> None:
    data = (STORED / "promised.json").read_bytes()
    for day, code in ((21, "verify.promise_waits"), (23, "verify.promise_overdue")):
        found = verify_receipt(data, trust=TRUST, now=datetime(2026, 11, day, 18, tzinfo=UTC))
        assert found.result is Result.UNREADABLE and found.checks[-1].code.name == code


def test_an_old_log_is_sound_and_adds_up() -> None:
    policy = parse_policy((STORED / "policy.txt").read_bytes())
    found = verify_log(Disk(STORED / "log"), policy=policy)
    assert found.result is Result.SOUND and found.size == LEAVES
    assert found.totals["receipts_fen"] == 420 and found.totals["leaves"]["receipt.issued"] == 1


@pytest.mark.parametrize("name", ["tile/entries/000.p/25", "tile/0/000.p/25", "checkpoint"])
def test_an_old_log_that_was_touched_is_tampered(tmp_path: Path, name: str) -> None:
    """The control: what is kept is looked at."""
    log = Path(shutil.copytree(STORED / "log", tmp_path / "log"))
    data = (log / name).read_bytes()
    (log / name).write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])
    assert verify_log(Disk(log)).result is Result.TAMPERED


def test_the_command_takes_what_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    trust = ["--trust", str(STORED / "trust.json"), "--lang", "en"]
    assert main([str(STORED / "receipt.json"), *trust]) == 0
    assert main([str(STORED / "log"), *trust]) == 0
    assert capsys.readouterr().out.count("SOUND:") == 2
