"""The leaf of a batch: number, sum and place of its payments are recomputed by whoever reads the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.wire import logs

from hesuan.wire import batches
from hesuan.wire.canonical import canonical
from hesuan.wire.folder import Disk
from hesuan.wire.log_verdict import LogVerdict
from hesuan.wire.totals import Totals
from hesuan.wire.verdict import Result
from hesuan.wire.verify_command import main
from hesuan.wire.verify_log import verify_log

COUNT = 40
PAID = (50, 60, 70, 80)


def paid() -> list[bytes]:
    """Four claims settled (leaves 40–43); 44, 45 and 48 pay them by a batch, 47 pays one by itself; 46 is a
    float's and 49 an incident."""
    made = logs.leaves(COUNT)

    def add(kind: str, **members: Any) -> None:
        made.append(logs.entry(len(made), kind, **members))

    for number, fen in enumerate(PAID):
        add("settle", c="centre:01", a=fen, payer="city", m=f"C{number}")
    add("pay", a=50, payer="city", m="C0")
    add("pay", a=60, payer="city", m="C1")
    add("pay", a=5, c="centre:01", what="float")
    add("pay", a=70, payer="city", m="C2")
    add("pay", a=80, payer="city", m="C3")
    add("incident", what="a power cut")
    return made


SOUND: dict[str, Any] = {
    "what": "batch", "m": "2026-Q4", "b": "VOUCHER", "n": 3, "a": 190, "first": 44, "last": 48,
    "of": [44, 45, 48, 48],
}  # fmt: skip
HERE = len(paid())


def with_leaves(folder: Path, *told: dict[str, Any]) -> LogVerdict:
    leaves = paid()
    for members in told:
        leaves.append(logs.entry(len(leaves), "settle", **members))
    logs.write(folder, leaves)
    return verify_log(Disk(folder))


def codes(verdict: LogVerdict) -> set[str]:
    return {check.code.name for check in verdict.checks}


def test_a_batch_is_recomputed_and_told_and_is_in_no_sum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = with_leaves(tmp_path / "without").totals
    verdict = with_leaves(tmp_path / "log", SOUND)
    assert verdict.result is Result.SOUND, [one.sentence() for one in verdict.checks]
    told = {"batches": 1, "paid_in_batches": 3, "paid_in_batches_fen": 190}
    assert {name: verdict.totals[name] for name in told} == told
    assert {**verdict.totals, **told, "leaves": 0} == {**without, **told, "leaves": 0}
    assert main([str(tmp_path / "log"), "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    assert "Batches: 1 leaves, 3 payments, ¥1.90; by themselves or not told yet: 1, ¥0.70." in shown
    assert main([str(tmp_path / "log"), "--lang", "zh"]) == 0
    assert "批次：1 条，支付 3 笔，¥1.90" in capsys.readouterr().out


NEAR: dict[str, tuple[dict[str, Any], str]] = {
    "one payment more": ({"n": 4}, "batches.differs"),
    "one payment fewer": ({"n": 2}, "batches.differs"),
    "a fen more": ({"a": 191}, "batches.differs"),
    "a fen less": ({"a": 189}, "batches.differs"),
    "a payment of no batch counted in": ({"of": [44, 48]}, "batches.differs"),
    "a payment left out": ({"of": [44, 44, 48, 48]}, "batches.differs"),
    "from a leaf that pays nothing": ({"first": 43, "of": [43, 45, 48, 48]}, "batches.range"),
    "to a float": ({"last": 46, "of": [44, 46]}, "batches.range"),
    "beyond itself": ({"last": HERE, "of": [44, 45, 48, HERE]}, "batches.range"),
    "far beyond": ({"last": 10**9, "of": [44, 45, 48, 10**9]}, "batches.range"),
    "runs in disorder": ({"of": [48, 48, 44, 45]}, "batches.range"),
    "runs one in the other": ({"of": [44, 48, 45, 48]}, "batches.range"),
    "half a run": ({"of": [44, 45, 48]}, "batches.range"),
    "no run": ({"of": []}, "batches.range"),
    "other ends than its runs": ({"first": 45}, "batches.range"),
    "an end too late": ({"last": 47}, "batches.range"),
}


@pytest.mark.parametrize("what", NEAR)
def test_an_operator_who_signs_another_number_sum_or_place_is_found(what: str, tmp_path: Path) -> None:
    change, code = NEAR[what]
    verdict = with_leaves(tmp_path, SOUND | change)
    assert verdict.result is Result.TAMPERED and code in codes(verdict)


@pytest.mark.parametrize("missing", ["n", "a", "first", "last"])
def test_a_batch_says_all_of_it(missing: str, tmp_path: Path) -> None:
    told = {name: value for name, value in SOUND.items() if name != missing}
    assert with_leaves(tmp_path, told).result is Result.TAMPERED


def test_without_the_recomputation_any_number_would_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches.Batches, "settle", lambda *_: None)
    assert with_leaves(tmp_path, SOUND | {"n": 4, "a": 10**9}).result is Result.SOUND


def test_no_payment_is_in_two_batches(tmp_path: Path) -> None:
    rest = {**SOUND, "n": 1, "a": 70, "first": 47, "last": 47, "m": "2027-Q1"}
    del rest["of"]
    sound = with_leaves(tmp_path / "sound", SOUND, rest)
    assert sound.result is Result.SOUND and sound.totals["paid_in_batches_fen"] == 260
    again = {**rest, "a": 80, "first": 48, "last": 48}
    verdict = with_leaves(tmp_path / "twice", SOUND, again)
    assert verdict.result is Result.TAMPERED and "batches.paid_twice" in codes(verdict)


def test_without_of_all_payments_from_first_to_last_are_meant(tmp_path: Path) -> None:
    every = {**SOUND, "n": 4, "a": 260}
    del every["of"]
    assert with_leaves(tmp_path / "all", every).result is Result.SOUND
    assert "batches.differs" in codes(with_leaves(tmp_path / "some", {**every, "n": 3, "a": 190}))


def test_a_payment_cannot_name_a_batch_instead_of_what_was_settled(tmp_path: Path) -> None:
    """The leaf of a batch moves nothing: what it covers was settled by leaves of its own."""
    leaves = [*paid(), logs.entry(HERE, "settle", **SOUND), logs.entry(HERE + 1, "pay", a=190, ref=HERE)]
    logs.write(tmp_path, leaves)
    assert "totals.no_such_ref" in codes(verify_log(Disk(tmp_path)))


def test_settle_leaves_of_before_are_judged_as_before(tmp_path: Path) -> None:
    """A ``settle`` leaf that says no ``what``: by range, by list, and of one transfer."""
    made = logs.leaves(COUNT)
    captured = [i for i in range(3, COUNT, 2) if i // 2 % 5 == 1]
    half = {"n": 2, "a": 800, "of": captured[:2]}
    rest = {"n": len(captured) - 2, "a": 400 * (len(captured) - 2), "first": 0, "last": COUNT - 1}
    for members in (half, rest):
        made.append(logs.entry(len(made), "settle", c="centre:01", **members))
    logs.write(tmp_path / "sound", made)
    verdict = verify_log(Disk(tmp_path / "sound"))
    assert verdict.result is Result.SOUND, [one.sentence() for one in verdict.checks]
    assert verdict.totals["batches"] == 0
    made[-1] = logs.entry(COUNT + 1, "settle", c="centre:01", **{**rest, "n": 9})
    logs.write(tmp_path / "spoilt", made)
    assert "totals.settle_differs" in codes(verify_log(Disk(tmp_path / "spoilt")))


def test_runs_are_cut_where_another_payment_stands_and_nowhere_else() -> None:
    assert batches.runs([], []) == []
    assert batches.runs([3, 9, 40], []) == [(3, 40)]
    assert batches.runs([3, 9, 40], [1, 50]) == [(3, 40)]
    assert batches.runs([3, 9, 40, 41], [10, 11]) == [(3, 9), (40, 41)]
    assert canonical(Totals().document())
