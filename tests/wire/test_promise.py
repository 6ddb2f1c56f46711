"""A receipt that no checkpoint covers yet carries the log's signed promise; overdue, it is evidence."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.wire.receipts import Issuer, Json, as_file, jcs, private_key, sha256

from hesuan.wire import promise
from hesuan.wire.verdict import Result
from hesuan.wire.verify import Verdict, verify_receipt
from hesuan.wire.verify_command import main

RECORDED = datetime(2026, 11, 20, 21, 42, tzinfo=UTC)
DUE = RECORDED + timedelta(hours=24)


def promised(issuer: Issuer | None = None) -> Json:
    """A receipt file with the promise, put together here by the rule and not by the code under test."""
    issuer = issuer or Issuer()
    file = issuer.issue()
    told = {"leaf": file.pop("proof")["leaf"], "due_by": "2026-11-21T21:42:00.000000Z"}
    told["leaf"].pop("s", None)  # the log gives the number with the place
    signed = private_key(issuer.log).sign(b"hesuan-promise-v1\n" + jcs(told))
    file["promise"] = told | {"signature": base64.b64encode(signed).decode()}
    return file


def verdict(file: Json, now: datetime = RECORDED) -> Verdict:
    return verify_receipt(as_file(file), trust=None, now=now)


def test_a_promise_is_the_leaf_and_its_day_signed_by_the_log() -> None:
    file = promised()
    made = promise.make(file["promise"]["leaf"], recorded_at=RECORDED, private=private_key("log"))
    assert made == file["promise"]


def test_before_its_day_a_promised_receipt_is_neither_sound_nor_tampered() -> None:
    """A promise proves nothing yet: exit 1, whatever else agrees."""
    found = verdict(promised(), DUE)
    assert found.result is Result.UNREADABLE
    assert "NOT VERIFIED YET" in found.summary() and "尚未验证" in found.summary("zh")
    last = found.checks[-1]
    assert last.code.name == "verify.promise_waits" and "2026-11-21T21:42" in last.sentence()
    assert all(check.outcome.value != "broken" for check in found.checks)


def test_after_its_day_it_is_evidence_and_says_so() -> None:
    found = verdict(promised(), DUE + timedelta(hours=26, minutes=5))
    assert found.result is Result.UNREADABLE and found.checks[-1].code.name == "verify.promise_overdue"
    for language, words in (("en", ("26 h 05 min", "evidence")), ("zh", ("26 h 05 min", "证据"))):
        assert all(word in found.checks[-1].sentence(language) for word in words)
    assert "evidence" in found.summary() and "证据" in found.summary("zh")
    with_proof = verify_receipt(as_file(Issuer().issue()), trust=None, now=DUE + timedelta(days=900))
    assert with_proof.result is Result.SOUND, "near miss: a proof has no day"


@pytest.mark.parametrize(
    "change",
    [
        {"due_by": "2027-11-21T21:42:00.000000Z"},
        {"leaf": {"charge_fen": 61}},
        {"leaf": {"c": "centre:another"}},
        {"signature": "AAAA"},
    ],
    ids=["a later day", "another charge", "another centre", "another signature"],
)
def test_a_promise_that_was_touched_is_tampered(change: Json) -> None:
    file = promised()
    for name, value in change.items():
        file["promise"][name] = file["promise"][name] | value if isinstance(value, dict) else value
    assert verdict(file).result is Result.TAMPERED


def test_a_promise_signed_by_nobody_we_know_is_tampered() -> None:
    file = promised()
    file["log_key"] = promised(Issuer(log="another"))["log_key"]
    found = verdict(file)
    assert found.result is Result.TAMPERED
    assert "verify.promise" in {check.code.name for check in found.checks}


@pytest.mark.parametrize("version", [1, 2])
def test_it_names_the_entry_by_what_can_be_looked_for(version: int) -> None:
    """The hash of a leaf that is complete; of one that waits for its number, what its salt makes its own."""
    file = promised(Issuer(version=version))
    leaf = file["promise"]["leaf"]
    looked_for = leaf["h"] if version == 2 else sha256(b"\x00" + jcs(leaf)).hex()
    found = verdict(file)
    assert found.checks[-1].code.name == "verify.promise_waits" and looked_for in found.checks[-1].sentence()


def test_proof_and_promise_together_are_no_receipt_file() -> None:
    """Or the promise would stand there unchecked."""
    file = Issuer().issue() | {"promise": promised()["promise"]}
    assert verdict(file).result is Result.TAMPERED


def test_no_single_byte_can_change_unseen() -> None:
    data = as_file(promised())
    for place in range(0, len(data), 7):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        found = verify_receipt(changed, trust=None, now=RECORDED)
        kept = found.checks[-1].code.name == "verify.promise_waits" and all(
            check.outcome.value != "broken" for check in found.checks
        )
        assert not kept, place


def test_the_command_says_so_and_exits_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(as_file(promised()))
    assert main([str(file), "--lang", "en"]) == 1
    assert "promise" in capsys.readouterr().out
    assert main([str(file), "--json", "--lang", "en"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "unreadable"
