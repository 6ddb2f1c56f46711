"""How much of a log travels, what is said where it ends, and that nothing else waits for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub

from hesuan.agent.schedulers.contract import RunSpec, RunState
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.site import Site
from hesuan.agent.spool import Spool
from hesuan.agent.telling import MOST_WAITING, PIECE_BYTES, LogTeller, log_size
from hesuan.wire.ids import new_id

BOUND = 100_000
HEAD = b"job 1\n"


def cuts(hub: StandInHub) -> list[dict[str, object]]:
    return [body["cut"] for body in hub.bodies("log") if "cut" in body]


@pytest.mark.parametrize("printed", [b"x" * 300_000, "匹".encode() * 100_000])
def test_a_job_that_prints_more_than_may_travel_is_cut_at_the_bound_and_says_so(
    rig: Rig, hub: StandInHub, printed: bytes
) -> None:
    rig.agent.log_bytes = BOUND
    rig.centre.printed = printed
    run = rig.order("exit:0", "30")
    rig.rounds(20)
    (cut,) = cuts(hub)
    at = int(str(cut["at_bytes"]))
    assert BOUND - 3 <= at <= BOUND and cut["total_bytes"] is None, "told while it runs"
    rig.rounds(20)
    whole = HEAD + printed
    marks = f"\n[✂ {at} B]\n\n[✂ {at} B / {len(whole)} B]\n"
    assert hub.log(run) == whole[:at].decode() + marks
    assert cuts(hub) == [cut, {"at_bytes": at, "total_bytes": len(whole)}]
    assert hub.states(run)[-1] == "COMPLETED" and len(hub.bodies("usage")) == 1


def test_a_log_that_ends_at_the_bound_is_not_cut(rig: Rig, hub: StandInHub) -> None:
    """The control: not a byte is missing, so nothing says so."""
    rig.agent.log_bytes = BOUND
    rig.centre.printed = b"x" * (BOUND - len(HEAD))
    run = rig.order("exit:0", "30")
    rig.rounds(40)
    assert hub.log(run).encode() == HEAD + rig.centre.printed and cuts(hub) == []
    assert hub.states(run)[-1] == "COMPLETED"


def test_a_centre_may_let_nothing_of_a_log_out(rig: Rig, hub: StandInHub) -> None:
    rig.agent.log_bytes = 0
    run = rig.order("exit:0")
    rig.rounds(5)
    assert hub.log(run) == f"\n[✂ 0 B]\n\n[✂ 0 B / {len(HEAD)} B]\n"


def test_neither_end_nor_usage_waits_for_a_log(rig: Rig, hub: StandInHub) -> None:
    """It is long, and the hub is away: so much of it is put as may stand before an end, and no more."""
    rig.centre.printed = b"x" * (3 * MOST_WAITING * PIECE_BYTES)
    run = rig.order("exit:0", "2")
    rig.round()
    hub.away = True
    for _ in range(5):
        rig.agent.tick()
        rig.centre.advance(1)
    told: list[tuple[int, Any]] = list(rig.spool.waiting(10_000))
    kinds = [sealed["message"]["kind"] for _, sealed in told]
    assert kinds.count("log") <= MOST_WAITING and kinds[-2:] == ["run_state", "usage"]
    hub.away = False
    rig.round()
    assert hub.states(run)[-1] == "COMPLETED" and len(hub.bodies("usage")) == 1
    assert len(hub.log(run)) < len(rig.centre.printed), "the rest of it follows"
    rig.restart()
    rig.rounds(6)
    assert hub.log(run).encode() == HEAD + rig.centre.printed and cuts(hub) == []


def test_a_log_whose_folder_was_taken_away_is_over(rig: Rig, hub: StandInHub) -> None:
    rig.centre.printed = b"x" * (2 * MOST_WAITING * PIECE_BYTES)
    run = rig.order("exit:0", "1")
    rig.round()
    hub.away = True
    for _ in range(5):
        rig.agent.tick()
        rig.centre.advance(1)
    (rig.site.runs / run).rename(rig.site.data / "taken-away")
    hub.away = False
    rig.rounds(3)
    known = rig.spool.run(run)
    assert known is not None and known.settled and known.log_told
    assert rig.agent.tick() is False, "nothing of it is under way any more"


def test_the_size_of_a_log_is_found_by_asking_for_bytes(rig: Rig) -> None:
    class Printed(LocalScheduler):
        def log(self, run: str, offset: int, limit: int) -> bytes:
            return b"x" * max(0, min(limit, self.cores - offset))

    for size in (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 10_000_001, 1 << 40):
        for at_least in {0, size // 2, size}:
            assert log_size(Printed(rig.site.runs, cores=size), "", at_least) == size


def test_a_real_job_that_prints_more_than_may_travel(site: Site, tmp_path: Path) -> None:
    engine, run = LocalScheduler(tmp_path / "runs", cores=1), new_id()
    engine.submit(RunSpec(run, ("sh", "-c", "yes | head -c 200000"), 1, 60))
    assert engine.wait(run, timeout_s=60).state == RunState.COMPLETED
    spool = Spool(site.spool, site.agent, site.private)
    with spool.transaction() as change:
        change.know_run(run, state=RunState.COMPLETED, order={})
    known = spool.run(run)
    assert known is not None
    LogTeller(spool, engine, 50_000).tell(known, ended=True)
    told: list[tuple[int, Any]] = list(spool.waiting(100))
    bodies = [sealed["message"]["body"] for _, sealed in told]
    text = "".join(body["text"] for body in bodies)
    assert text == "y\n" * 25_000 + "\n[✂ 50000 B]\n\n[✂ 50000 B / 200000 B]\n"
    spool.close()


def test_a_spool_of_before_tells_no_log_of_an_ended_run_again(site: Site) -> None:
    old = sqlite3.connect(site.spool)
    old.execute(
        "create table runs (run text primary key, state text not null, log_offset integer not null default 0,"
        " usage text, ordered text not null) strict"
    )
    old.execute("insert into runs values ('a', 'COMPLETED', 5, '{}', '{}'), ('b', 'RUNNING', 5, null, '{}')")
    old.commit()
    old.close()
    for _ in range(2):
        spool = Spool(site.spool, site.agent, site.private)
        assert [known.log_told for known in spool.runs()] == [True, False]
        spool.close()
