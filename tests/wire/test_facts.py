"""A fact of the platform names nobody: its form, a receipt that opens it, logs that hold both versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.wire import logs
from tests.wire.receipts import Issuer, as_file, receipt

from hesuan.wire.canonical import canonical
from hesuan.wire.folder import Disk
from hesuan.wire.leaves import is_fact, read_leaf
from hesuan.wire.verdict import Result
from hesuan.wire.verify import verify_receipt
from hesuan.wire.verify_log import verify_log

ID, H, W = "01K0FRM0000000000000000000", "sha256:" + "ab" * 32, "f-" + "0f" * 12


def fact(**members: Any) -> dict[str, Any]:
    frame = {"v": 2, "p": "platform", "s": 0, "k": "order.placed", "t": logs.AT}
    return {**frame, "h": H, **members}


FORMS: dict[str, dict[str, Any]] = {
    "an amount": {"max_charge_fen": 150},
    "a correction downwards": {"delta_fen": -5},
    "a yes": {"conflicted": True},
    "nothing": {"valid_until": None},
    "a firm's pseudonym": {"w": W},
    "a centre and what it offers": {"c": f"centre:{ID}", "offering": f"offering:{ID}"},
    "a programme": {"programme": "cn.example.suanliquan.2026"},
    "a key": {"site_key": "ed25519:X4Ylv+yvabDe82yGIBT1pnVGHnlMHaxoauUuVnjlzPE="},
    "a reason": {"reason": "no more than HS-7KQ2"},
}
NOT_FORMS: dict[str, dict[str, Any]] = {
    "an id": {"organisation": ID},
    "an id in a text": {"reason": f"see {ID}, please"},
    "a firm as if it were a centre": {"c": f"firm:{ID}"},
    "an id beside a centre": {"c": f"centre:{ID} {ID}"},
    "an id for a pseudonym": {"w": ID},
    "a pseudonym cut short": {"w": "f-0f"},
    "an id for a log": {"p": ID},
    "a digest cut short": {"h": "sha256:ab"},
    "a kind of one word": {"k": "order"},
    "a list": {"firms": ["one"]},
    "a document": {"quote": {"id": 1}},
    "no number": {"s": None},
    "half a fen": {"a_fen": 0.5},
    "a name in capitals": {"Firm": "x"},
    "a time to the second": {"t": "2026-11-20T21:46:01Z"},
}


@pytest.mark.parametrize("name", FORMS)
def test_what_a_fact_may_say_in_public(name: str) -> None:
    assert is_fact(fact(**FORMS[name]))
    assert read_leaf(canonical(fact(**FORMS[name]))) == fact(**FORMS[name])


@pytest.mark.parametrize("name", NOT_FORMS)
def test_what_no_fact_may_say_in_public(name: str) -> None:
    assert not is_fact(fact(**NOT_FORMS[name]))


@pytest.mark.parametrize("version", [1, 2])
def test_a_receipt_verifies_whichever_version_its_leaf_has(version: int) -> None:
    file = Issuer(version=version).issue()
    assert ("opened" in file) is (version == 2)
    found = verify_receipt(as_file(file), trust=None)
    assert found.result is Result.SOUND and found.charge_fen == 62


@pytest.mark.parametrize("without", ["opened", "s", "h", "c"])
def test_a_receipt_whose_leaf_cannot_be_opened_is_not_sound(without: str) -> None:
    file = Issuer().issue()
    del (file if without == "opened" else file["proof"]["leaf"])[without]
    assert verify_receipt(as_file(file), trust=None).result is Result.TAMPERED


def test_a_record_beside_a_leaf_that_has_none_is_no_receipt_file() -> None:
    """Or it would stand there unchecked."""
    file = Issuer(version=1).issue() | {"opened": Issuer().opened(receipt())}
    assert verify_receipt(as_file(file), trust=None).result is Result.TAMPERED


def mixed(tmp_path: Path, *last: dict[str, Any]) -> Path:
    """A log of before that went on: a receipt of version 1, then an entry and facts of version 2."""
    old = canonical(Issuer(version=1).leaf(receipt()))
    entry = canonical({"v": 2, "p": "platform", "s": 1, "k": "incident", "t": logs.AT, "what": "moved"})
    new = canonical(Issuer().leaf(receipt(), index=2))
    more = [canonical(one) for one in last]
    logs.write(tmp_path, [old, entry, new, *more], 1, 3 + len(more))
    return tmp_path


def test_a_log_of_both_versions_is_sound_and_its_receipts_are_added_up(tmp_path: Path) -> None:
    found = verify_log(Disk(mixed(tmp_path, fact(s=3, c=f"centre:{ID}"))))
    assert found.result is Result.SOUND, found.summary()
    assert found.totals["receipts_fen"] == 2 * 62
    assert found.totals["leaves"]["receipt.issued"] == 2


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (fact(s=3, organisation=ID), "verify_log.leaf_unreadable"),
        (fact(s=4), "totals.gap"),
        (fact(s=3, p="another"), "totals.other_log"),
    ],
    ids=["an id in public", "a gap", "of another log"],
)
def test_a_log_that_breaks_what_a_fact_promises_is_tampered(
    tmp_path: Path, last: dict[str, Any], code: str
) -> None:
    found = verify_log(Disk(mixed(tmp_path, last)))
    assert found.result is Result.TAMPERED
    assert code in {check.code.name for check in found.checks}
