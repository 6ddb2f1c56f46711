"""Seals of a log: what each says of the leaves since the one before is recomputed, and the day is named."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.wire import logs

from hesuan.wire import merkle, seals
from hesuan.wire.folder import Disk
from hesuan.wire.log_verdict import LogVerdict
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

DAY, NEXT = "2026-11-20", "2026-11-21"
needs_sm3 = pytest.mark.skipif(seals.sm3() is None, reason="OpenSSL has no SM3 here")


def sealed(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> list[bytes]:
    """Ten leaves, a seal, nine more, a seal; members of the seals changed as said."""
    made = logs.leaves(10)
    made.append(logs.entry(10, "seal", **members(made, 0, DAY) | (first or {})))
    made += [logs.entry(number, "hold", a=5) for number in range(11, 20)]
    return [*made, logs.entry(20, "seal", **members(made, 10, NEXT) | (second or {}))]


def members(before: list[bytes], first: int, day: str) -> dict[str, Any]:
    digest = seals.sm3_of(before[first:])
    told = {"day": day, "n": 1, "root": f"sha256:{'0' * 64}", "first": first, "last": len(before) - 1}
    return told | ({"sm3": digest} if digest else {"what": seals.WITHOUT_SM3})


def verify(folder: Path, leaves: list[bytes]) -> LogVerdict:
    logs.write(folder, leaves)
    return verify_log(Disk(folder))


def told(verdict: LogVerdict) -> str:
    return "\n".join(check.sentence() for check in verdict.checks)


def test_sealed_days_are_recomputed_and_move_no_sum(tmp_path: Path) -> None:
    verdict = verify(tmp_path / "with", sealed())
    assert verdict.result is Result.SOUND, told(verdict)
    assert f"Sealed: 2 days, the last {NEXT}" in told(verdict)
    without = [leaf for leaf in sealed() if b'"k":"seal"' not in leaf]
    renumbered = [
        leaf.replace(f'"s":{n + 1},'.encode(), f'"s":{n},'.encode()) for n, leaf in enumerate(without)
    ]
    plain = verify(tmp_path / "plain", renumbered)
    sums = {key: value for key, value in verdict.totals.items() if key != "leaves"}
    assert sums == {key: value for key, value in plain.totals.items() if key != "leaves"}


@needs_sm3
def test_the_digest_is_sm3_over_the_days_leaves_a_line_each() -> None:
    made = sealed()
    lines = b"".join(leaf + b"\n" for leaf in made[10:20])
    assert f'"sm3":"{hashlib.new("sm3", lines).hexdigest()}"'.encode() in made[20]
    assert hashlib.new("sm3", b"abc").hexdigest().startswith("66c7f0f462eeedd9"), "GB/T 32905, example 1"


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        ({"first": 11}, "seals.range", f"Leaf 20 (seal of {NEXT}): it names leaves 11 to 19; 10 to 19"),
        ({"last": 18}, "seals.range", f"(seal of {NEXT}): it names leaves 10 to 18"),
        ({"day": DAY}, "seals.day", f"Leaf 20 (seal): it is of day {DAY}; the seal before it is of {DAY}"),
        ({"day": "2026-13-01"}, "seals.day", "2026-13-01"),
        pytest.param({"sm3": "0" * 64}, "seals.sm3", f"(seal of {NEXT}): the SM3 digest of", marks=needs_sm3),
    ],
)
def test_a_seal_that_says_otherwise_is_tampered_and_its_day_named(
    change: dict[str, Any], code: str, sentence: str, tmp_path: Path
) -> None:
    verdict = verify(tmp_path, sealed(second=change))
    assert verdict.result is Result.TAMPERED
    assert code in {check.code.name for check in verdict.checks} and sentence in told(verdict)


@needs_sm3
def test_a_leaf_rewritten_by_who_holds_the_key_breaks_the_days_digest(tmp_path: Path) -> None:
    """The negative control is the log without seals, which `test_verify_log` shows to be believed."""
    forged = sealed()
    forged[5] = forged[5].replace(b'"a":400', b'"a":399')
    verdict = verify(tmp_path, forged)
    assert verdict.result is Result.TAMPERED and f"seal of {DAY}" in told(verdict)


def test_where_there_is_no_sm3_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(seals, "sm3", lambda: None)
        absent = sealed()
        read_here = verify(tmp_path / "a", absent)
    assert b'"sm3"' not in absent[10] and b'"what":"without sm3"' in absent[10]
    for verdict in (read_here, verify(tmp_path / "b", absent)):
        assert verdict.result is Result.SOUND and "absent for 2" in told(verdict)
    if seals.sm3() is not None:
        written = sealed()
        monkeypatch.setattr(seals, "sm3", lambda: None)
        verdict = verify(tmp_path / "c", written)
        assert verdict.result is Result.SOUND and "not checked for 2: no SM3 here" in told(verdict)


def test_the_root_is_rfc_6962_over_the_balances() -> None:
    leaves = [seals.balance_leaf({"account": str(number)}) for number in range(5)]
    nodes = merkle.tree(leaves)
    assert seals.balance_root(leaves) == merkle.root(5, lambda level, index: nodes[level, index])
