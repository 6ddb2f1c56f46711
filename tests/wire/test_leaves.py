"""A leaf has one spelling: whatever else a JSON reader lets pass is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.wire import logs

from hesuan.wire.canonical import canonical
from hesuan.wire.folder import Disk
from hesuan.wire.leaves import read_leaf
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

FACT = '{"at":"2026-11-20T21:46:00Z","kind":"x",%s"subject":"S","v":1}'
"""Without a point: the reader of before took its quick way then."""
HIGH, BEYOND = "￰", "\U0001f600"
"""In UTF-16, which RFC 8785 sorts by, the second comes first; by code point the first does."""

SPELLINGS = {
    "NaN": FACT % '"n":NaN,',
    "an infinity": FACT % '"n":-Infinity,',
    "a number of thirty digits": FACT % f'"n":{"9" * 30},',
    "the first number that is not exact": FACT % f'"n":{2**53},',
    "the same below": FACT % f'"n":{-(2**53)},',
    "such a number in a list": FACT % f'"n":[{2**53}],',
    "such a number deeper": FACT % f'"n":{{"m":{{"n":{2**53}}}}},',
    "a fraction": FACT % '"n":0.5,',
    "an exponent": FACT % '"n":1E400,',
    "true for 1": (FACT % "").replace('"v":1', '"v":true'),
    "keys by code point": (FACT % "").replace('"v":1}', f'"v":1,"{HIGH}":1,"{BEYOND}":1}}'),
    "the same within": FACT % f'"n":{{"{HIGH}":1,"{BEYOND}":1}},',
    "an escaped letter": FACT % '"n":"\\u0061",',
    "half a surrogate": FACT % '"n":"\\ud800",',
    "a key twice": FACT % '"n":1,"n":1,',
    "minus nothing": FACT % '"n":-0,',
    "a blank": FACT % '"n": 1,',
}


@pytest.mark.parametrize("what", SPELLINGS)
def test_another_spelling_is_no_leaf(what: str) -> None:
    assert read_leaf(SPELLINGS[what].encode()) is None


@pytest.mark.parametrize(
    "more",
    [{"n": 2**53 - 1}, {"n": -(2**53) + 1}, {"n": [1, {"m": None}]}, {HIGH: 1, BEYOND: 1}, {"n": "算"}],
)
def test_the_one_spelling_is_read(more: dict[str, object]) -> None:
    leaf = {"v": 1, "kind": "x.y", "subject": "S", "at": "2026-11-20T21:46:00Z", **more}
    assert read_leaf(canonical(leaf)) == leaf


@pytest.mark.parametrize("charge", [-1, "420", None, True])
def test_a_receipt_that_lowers_the_sum_is_found(charge: object, tmp_path: Path) -> None:
    def receipt(charge_fen: object) -> bytes:
        told = {"v": 1, "kind": "receipt.issued", "subject": "R", "at": "2026-11-20T21:46:00Z"}
        return canonical({**told, "charge_fen": charge_fen})

    logs.write(tmp_path / "sound", [receipt(420), receipt(0)])
    verdict = verify_log(Disk(tmp_path / "sound"))
    assert verdict.result is Result.SOUND and verdict.totals["receipts_fen"] == 420
    logs.write(tmp_path / "lowered", [receipt(420), receipt(charge)])
    verdict = verify_log(Disk(tmp_path / "lowered"))
    assert verdict.result is Result.TAMPERED and verdict.totals["receipts_fen"] == 420
    assert "totals.no_amount" in {one.code.name for one in verdict.checks}
