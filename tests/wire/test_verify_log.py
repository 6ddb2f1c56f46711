"""``hesuan verify`` on a log: sound ones pass, broken promises and second histories are named (T15)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.wire import logs

from hesuan.errors import Unavailable
from hesuan.wire import merkle, verify_log, web
from hesuan.wire.canonical import canonical
from hesuan.wire.checks import Both, Check
from hesuan.wire.folder import Disk
from hesuan.wire.log_verdict import LogVerdict, Seen
from hesuan.wire.quorum import parse_policy
from hesuan.wire.verdict import Result
from hesuan.wire.verify_command import main
from hesuan.wire.witness import Request, Store, Witness

COUNT = 600
ENTRIES = logs.leaves(COUNT)
NODES = merkle.tree(ENTRIES)


def codes(verdict: LogVerdict) -> set[str]:
    return {check.code.name for check in verdict.checks}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("log")
    logs.write(made, ENTRIES, 100, 256, 300, COUNT)
    return made


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def verify(folder: Path, policy: bytes | None = None, **more: object) -> LogVerdict:
    read = None if policy is None else parse_policy(policy)
    return verify_log.verify_log(Disk(folder), policy=read, **more)  # type: ignore[arg-type]


def test_a_sound_log_prints_what_anybody_can_recompute(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder), "--lang", "en"]) == 0
    told = capsys.readouterr().out
    assert "SOUND: log city.example/hesuan/chengdu-2026, 600 leaves" in told
    assert "UNWITNESSED" in told and "compared with nothing" in told
    assert "Issued ¥1,000,000.00 (at most ¥10,000,000.00)" in told
    assert "Centre centre:00: captured ¥236.00" in told
    assert main([str(folder), "--lang", "zh"]) == 0
    assert "未经见证" in capsys.readouterr().out


def test_the_totals_are_for_programs_too(folder: Path) -> None:
    totals = verify(folder).totals
    assert totals["issued_fen"] == 10**8 and totals["cap_fen"] == 10**9
    assert sum(totals["captured_fen"].values()) == 400 * 299
    assert totals["open_holds"] == 0


def test_a_quorum_is_reached_or_the_log_is_not_verified(copy: Path) -> None:
    note = (copy / "checkpoint").read_text()
    policy = logs.policy(1, 2, 3, quorum="2")
    assert verify(copy, policy).result is Result.UNREADABLE
    (copy / "checkpoint").write_text(logs.cosigned(note, 1, 9))
    assert verify(copy, policy).result is Result.UNREADABLE
    (copy / "checkpoint").write_text(logs.cosigned(note, 1, 9, 3))
    verdict = verify(copy, policy)
    assert verdict.result is Result.SOUND, [one.sentence() for one in verdict.checks]
    late = verify(copy, policy, now=float(logs.SEEN_AT + 5_000), max_age_s=4_000)
    assert late.result is Result.UNREADABLE and "verify_log.too_old" in codes(late)
    fresh = verify(copy, policy, now=float(logs.SEEN_AT + 3_000), max_age_s=4_000)
    assert fresh.result is Result.SOUND


def cosigned_at(copy: Path, *times: int) -> None:
    """The checkpoint with witness 1, 2, 3 … at these times; 0: not by this one."""
    note = (copy / "checkpoint").read_text().partition("\n\n")[0] + "\n"
    made = logs.note(COUNT, merkle.root(COUNT, lambda level, index: NODES[level, index]))
    assert made.startswith(note)
    for number, at in enumerate(times, start=1):
        if at:
            made += logs.cosigned(made, number, time=at).removeprefix(made)
    (copy / "checkpoint").write_text(made)


NOW, DAY = logs.SEEN_AT, 86_400


@pytest.mark.parametrize(
    ("times", "result", "code"),
    [
        ((NOW - 11 * DAY, NOW - 11 * DAY, NOW), Result.UNREADABLE, "verify_log.too_old"),
        ((NOW - 11 * DAY, NOW - 4_001, NOW), Result.UNREADABLE, "verify_log.too_old"),
        ((NOW - 11 * DAY, NOW - 4_000, NOW), Result.SOUND, ""),
        ((NOW + 301, 0, NOW), Result.UNREADABLE, "verify_log.cosigned_ahead"),
        ((2**63 - 1, 2**63 - 1, 2**63 - 1), Result.UNREADABLE, "verify_log.cosigned_ahead"),
        ((NOW + 300, 0, NOW), Result.SOUND, ""),
        ((2**62, NOW, NOW), Result.SOUND, "verify_log.cosigned_ahead"),
        ((2**62, NOW - DAY, NOW), Result.UNREADABLE, "verify_log.too_old"),
    ],
)
def test_the_quorum_is_fresh_and_not_one_witness_of_it(
    times: tuple[int, ...], result: Result, code: str, copy: Path
) -> None:
    """Two of three, at most 4,000 s ago, by a clock that may be 300 s behind the witness's."""
    cosigned_at(copy, *times)
    policy = logs.policy(1, 2, 3, quorum="2")
    verdict = verify(copy, policy, now=float(NOW), max_age_s=4_000)
    told = [one.sentence() for one in verdict.checks if one.name == "freshness"]
    assert verdict.result is result, told
    assert codes(verdict) & {"verify_log.too_old", "verify_log.cosigned_ahead"} >= ({code} if code else set())
    assert bool(told) is bool(code)
    if code == "verify_log.cosigned_ahead":
        assert "it is 2026-11-20T21:26:40Z here" in told[0]
    assert verify(copy, policy).result is Result.SOUND, "who does not ask when, does not hear"


def test_a_time_ahead_of_the_clock_counts_for_nothing_without_a_limit_either(copy: Path) -> None:
    cosigned_at(copy, NOW + 3 * DAY, NOW - 300 * DAY)
    policy = logs.policy(1, 2, quorum="all")
    assert "verify_log.cosigned_ahead" in codes(verify(copy, policy, now=float(NOW)))
    assert verify(copy, policy, now=float(NOW)).result is Result.UNREADABLE
    assert verify(copy, policy, now=float(NOW + 3 * DAY)).result is Result.SOUND


def test_a_log_that_nobody_accepts_or_signed_is_tampered(copy: Path) -> None:
    other = logs.witness(5)[0]
    from hesuan.wire.checkpoint import log_key

    stranger = f"log {log_key(logs.ORIGIN, other).text()}\nquorum none\n".encode()
    assert verify(copy, stranger).result is Result.TAMPERED
    unknown = f"log {log_key('other.example/log', other).text()}\nquorum none\n".encode()
    assert verify(copy, unknown).result is Result.TAMPERED
    (copy / "key").unlink()
    assert verify(copy).result is Result.UNREADABLE


def test_what_is_missing_is_named_and_not_called_tampered(copy: Path) -> None:
    shutil.rmtree(copy / "tile/entries")
    verdict = verify(copy)
    assert verdict.result is Result.UNREADABLE and "tile/entries/000" in verdict.checks[-1].sentence()
    (copy / "checkpoint").unlink()
    assert verify(copy).result is Result.UNREADABLE


def test_an_address_that_does_not_answer_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(url: str, **_: object) -> bytes:
        raise Unavailable(web.NO_ANSWER, url=url, reason="refused")

    monkeypatch.setattr(web, "fetch", silent)
    assert main(["http://city.example/log/"]) == 1
    assert main(["http://"]) == 1


def rewritten(leaf: int, **members: object) -> list[bytes]:
    """The entries with one leaf rewritten: what a thief of the log's key would sign."""
    import json

    made = list(ENTRIES)
    made[leaf] = canonical(json.loads(made[leaf]) | members)
    return made


CLAIMED = [*ENTRIES, logs.entry(COUNT, "settle", c="centre:01", a=700, payer="city", m="C1")]
"""Then ¥7.00 is settled on a claim."""

PROMISES: dict[str, Callable[[], list[bytes]]] = {
    "totals.gap": lambda: rewritten(10, s=11),
    "totals.other_log": lambda: rewritten(10, p="another"),
    "totals.above_cap": lambda: rewritten(1, a=10**9 + 1),
    "totals.no_such_ref": lambda: rewritten(5, ref=3),
    "totals.resolved_twice": lambda: rewritten(7, ref=4),
    "totals.above_ref": lambda: rewritten(5, a=501),
    "verify_log.leaf_unreadable": lambda: [*ENTRIES[:9], b'{"v": 2}', *ENTRIES[10:]],
    "totals.settle_differs": lambda: [
        *ENTRIES,
        logs.entry(COUNT, "settle", c="centre:01", n=60, a=24_001, first=0, last=COUNT - 1),
    ],
    "totals.above_issued": lambda: [*rewritten(1, a=1000)[:2], *ENTRIES[2:]],
    "totals.settled_above_captured": lambda: [
        *ENTRIES,
        logs.entry(COUNT, "settle", c="centre:01", a=24_001, payer="city", m="C1"),
    ],
    "totals.paid_above_settled": lambda: [
        *CLAIMED,
        logs.entry(COUNT + 1, "pay", a=701, payer="city", m="C1"),
    ],
    "totals.clawed_back_above_paid": lambda: [
        *CLAIMED,
        logs.entry(COUNT + 1, "pay", a=700, payer="city", m="C1"),
        logs.entry(COUNT + 2, "clawback", a=701, payer="city", m="C1", what="due"),
    ],
    "totals.float_below_zero": lambda: [
        *ENTRIES,
        logs.entry(COUNT, "pay", c="centre:01", a=5, what="float"),
        logs.entry(COUNT + 1, "pay", c="centre:01", a=6, what="float_back"),
    ],
    "totals.no_amount": lambda: [*ENTRIES, logs.entry(COUNT, "hold", c="centre:01")],
    "totals.held_above_issued": lambda: [*ENTRIES, logs.entry(COUNT, "hold", a=10**8 - 119_600 + 1)],
    "totals.pay_differs": lambda: [
        *ENTRIES,
        logs.entry(COUNT, "settle", c="centre:01", n=60, a=24_000, first=0, last=COUNT - 1),
        logs.entry(COUNT + 1, "pay", c="centre:01", a=23_999, ref=COUNT),
    ],
}


@pytest.mark.parametrize("code", PROMISES)
def test_an_operator_who_signs_a_broken_promise_is_found(code: str, tmp_path: Path) -> None:
    """Every hash and signature holds here: only the sums know."""
    logs.write(tmp_path, PROMISES[code]())
    verdict = verify(tmp_path)
    assert verdict.result is Result.TAMPERED and code in codes(verdict)


UNFOUNDED = {
    "a payment that nobody settled": ("pay", {"a": 10**12}),
    "a payment of a payer on no claim": ("pay", {"a": 1, "payer": "city"}),
    "a payment on a claim by nobody": ("pay", {"a": 1, "m": "C1"}),
    "a capture of no hold and no claim": ("capture", {"a": 1, "c": "centre:01"}),
    "a void of no hold": ("void", {"a": 1}),
}


@pytest.mark.parametrize("what", UNFOUNDED)
def test_money_that_nothing_stands_behind_is_found(what: str, tmp_path: Path) -> None:
    kind, members = UNFOUNDED[what]
    logs.write(tmp_path, [*ENTRIES, logs.entry(COUNT, kind, **members)])
    verdict = verify(tmp_path)
    assert verdict.result is Result.TAMPERED and "totals.no_reference" in codes(verdict)


@pytest.mark.parametrize("kind", ["grant", "capture", "expire", "refund", "clawback", "settle", "pay"])
def test_whatever_moves_money_says_how_much(kind: str, tmp_path: Path) -> None:
    logs.write(tmp_path, [*ENTRIES, logs.entry(COUNT, kind, c="centre:01", payer="city", m="C1")])
    assert "totals.no_amount" in codes(verify(tmp_path))


def test_what_is_allowed_and_stands_in_no_sum_is_told(tmp_path: Path) -> None:
    """A capture beyond its hold names its claim, a correction its accounts: sound, and counted."""
    rest = [
        logs.entry(COUNT, "capture", c="centre:01", a=250, m="C1"),
        logs.entry(COUNT + 1, "correction", a=10**9, what="paid>budget"),
        logs.entry(COUNT + 2, "correction", what="erased", of=[3]),
        logs.entry(COUNT + 3, "hold", a=10**8 - 119_600 - 250),
        logs.entry(COUNT + 4, "expire", a=0, ref=COUNT + 3),
        logs.entry(COUNT + 5, "hold", a=10**8 - 119_600 - 250),
    ]
    logs.write(tmp_path, [*ENTRIES, *rest])
    verdict = verify(tmp_path)
    told = "\n".join(one.sentence() for one in verdict.checks)
    assert verdict.result is Result.SOUND, told
    assert "more than it had held: ¥2.50" in told and "Corrections: 1, ¥10,000,000.00, in no sum" in told
    totals = verdict.totals
    assert totals["corrections"] == 1 and totals["corrections_fen"] == 10**9
    assert totals["captured_without_hold_fen"] == 250
    logs.write(other := tmp_path / "other", [*ENTRIES, *rest, logs.entry(COUNT + 6, "expire", a=1)])
    assert "totals.held_above_issued" in codes(verify(other)), "what is held cannot be returned unused"


def test_claim_by_claim_and_payer_by_payer_it_adds_up(tmp_path: Path) -> None:
    """The near misses of the broken promises above: to the fen, and sound."""
    rest = [
        ("pay", {"a": 700, "payer": "city", "m": "C1"}),
        ("clawback", {"a": 700, "payer": "city", "m": "C1", "what": "due"}),
        ("clawback", {"a": 700, "payer": "city", "m": "C1", "what": "returned"}),
        ("settle", {"c": "centre:01", "a": 300, "payer": "city", "m": "C2"}),
        ("refund", {"c": "centre:01", "a": 300, "payer": "city", "m": "C2"}),
        ("pay", {"c": "centre:01", "a": 5, "what": "float"}),
        ("pay", {"c": "centre:01", "a": 5, "what": "float_back"}),
        ("expire", {"a": 10**8 - 120_000}),
        ("programme", {"a": 10**9 - 120_000, "what": "lapse"}),
    ]
    entries = [*CLAIMED, *(logs.entry(COUNT + 1 + n, kind, **told) for n, (kind, told) in enumerate(rest))]
    logs.write(tmp_path, entries)
    verdict = verify(tmp_path)
    assert verdict.result is Result.SOUND, [one.sentence() for one in verdict.checks]
    assert verdict.totals["cap_fen"] == 120_000 and verdict.totals["paid_fen"] == 700
    assert verdict.totals["clawed_back_fen"] == 700 == verdict.totals["recovered_fen"]
    entries.append(logs.entry(len(entries), "programme", a=1000, what="lapse"))
    logs.write(other := tmp_path / "other", entries)
    assert "totals.above_cap" in codes(verify(other)), "a lapse may not take what is issued"


def test_settling_in_ranges_and_by_list_adds_up(tmp_path: Path) -> None:
    captured = [i for i in range(COUNT) if i % 2 and i > 2 and i // 2 % 5 == 1]
    entries = [
        *ENTRIES,
        logs.entry(COUNT, "refund", c="centre:01", a=100, ref=captured[0]),
        logs.entry(COUNT + 1, "settle", c="centre:01", n=3, a=900, of=[*captured[:2][::1], COUNT]),
        logs.entry(COUNT + 2, "pay", c="centre:01", a=900, ref=COUNT + 1),
    ]
    entries[COUNT + 1] = logs.entry(COUNT + 1, "settle", c="centre:01", n=3, a=700, of=[*captured[:2], COUNT])
    entries[COUNT + 2] = logs.entry(COUNT + 2, "pay", c="centre:01", a=700, ref=COUNT + 1)
    logs.write(tmp_path, entries)
    verdict = verify(tmp_path)
    assert verdict.result is Result.SOUND, [one.sentence() for one in verdict.checks]
    assert verdict.totals["settled_fen"]["centre:01"] == 700 == verdict.totals["paid_fen"]


def test_a_reader_who_remembers_finds_a_rewritten_past_and_a_shortened_one(
    copy: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    assert main([str(copy), "--remember", str(kept)]) == 0
    assert main([str(copy), "--remember", str(kept)]) == 0
    forged = tmp_path / "forged"
    logs.write(forged, rewritten(5, a=399))
    assert main([str(forged)]) == 0, "negative control: who remembers nothing sees a sound log"
    before = kept.read_bytes()
    assert main([str(forged), "--remember", str(kept)]) == 2
    assert kept.read_bytes() == before
    short = tmp_path / "short"
    logs.write(short, ENTRIES[:300])
    assert main([str(short), "--remember", str(kept)]) == 1
    kept.write_text("no checkpoint")
    assert main([str(copy), "--remember", str(kept)]) == 1


# T15: split view.


def a_witness(number: int, folder: Path) -> Witness:
    private, key = logs.witness(number)
    return Witness(name=key.name, private=private, logs=[logs.LOG_KEY], store=Store(folder / str(number)))


def submit(witness: Witness, entries: list[bytes], old: int, new: int) -> tuple[int, str]:
    nodes = merkle.tree(entries[:new])

    def node(level: int, index: int) -> bytes:
        return nodes[level, index]

    path = merkle.consistency_proof(old, new, node) if 0 < old <= new else []
    note = logs.note(new, merkle.root(new, node))
    answer = witness.add_checkpoint(Request(old, tuple(path), note).text().encode())
    return answer.status, note + answer.body


@pytest.mark.parametrize("attack", ["rewrite one amount", "truncate"])
def test_two_histories_find_no_quorum_and_no_monitor_who_believes_them(attack: str, tmp_path: Path) -> None:
    """The thief holds the log's key: history A went to the witnesses, history B is for the victim."""
    witnesses = [a_witness(number, tmp_path) for number in (1, 2, 3)]
    honest = {submit(one, ENTRIES, 0, 400) for one in witnesses}
    assert {status for status, _ in honest} == {200}
    other = rewritten(5, a=399) if attack == "rewrite one amount" else ENTRIES
    size = 401 if attack == "rewrite one amount" else 399
    statuses = {submit(one, other, old, size)[0] for one in witnesses for old in (0, 399, 400)}
    assert 200 not in statuses and statuses <= {400, 409, 422}

    shown = tmp_path / "shown"
    logs.write(shown, other[:size])
    policy = logs.policy(1, 2, 3, quorum="2")
    assert verify(shown, policy).result is Result.UNREADABLE, "the quorum is not reached"
    nobody = policy.replace(b"quorum g", b"quorum none")
    assert verify(shown, nobody).result is Result.SOUND, "negative control: quorum none believes history B"

    def monitored(_key: object) -> Iterator[Seen | Check]:
        for one in witnesses:
            latest = one.latest(logs.ORIGIN)
            assert latest is not None
            yield Seen(Both("w", "w"), latest)

    alarmed = verify(shown, nobody, seen=monitored)
    expected = Result.TAMPERED if attack == "rewrite one amount" else Result.UNREADABLE
    assert alarmed.result is expected, "who asks the witnesses what they saw is alarmed at once"
    if attack == "rewrite one amount":
        assert "verify_log.split" in codes(alarmed)


def test_old_partial_files_in_a_folder_count_too(copy: Path) -> None:
    old = copy / "tile/entries/000.p/100"
    assert old.exists()
    data = bytearray(old.read_bytes())
    data[40] ^= 1
    old.write_bytes(bytes(data))
    verdict = verify(copy)
    assert verdict.result is Result.TAMPERED and "verify_log.old_tile" in codes(verdict)
