"""A run's files after its end: what travels, what stays, and that a cut or a kill costs nothing."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub

from hesuan.agent import outputs
from hesuan.agent.outputs import OLD_HUB_PAUSE_S, OutputSender
from hesuan.agent.schedulers.contract import RunState
from hesuan.agent.schedulers.rundir import open_output, output_digest
from hesuan.agent.site import Site
from hesuan.agent.spool import Spool
from hesuan.agent.uplink import Uplink
from hesuan.errors import NotFound, Unavailable
from hesuan.wire.outputs import PIECE_BYTES, Listed, list_digest

BIG = bytes(range(256)) * 8192  # 2 MiB: four pieces
FILES = {"a/big.bin": BIG, "empty": b"", "result.json": b'{"n": 1}'}

BEFORE = "sha256:57db074f88ea1bc6502d666e309dc74006affa102551c8dedcf0e26f82d65740"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sender(rig: Rig, clock: Clock) -> OutputSender:
    made = rig.agent.outputs()
    made.clock = clock
    return made


def leave(rig: Rig, run: str, files: dict[str, bytes]) -> Path:
    """What the job leaves, while it runs."""
    folder = rig.scheduler.output(run)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def ended(rig: Rig, files: dict[str, bytes] = FILES) -> tuple[str, Path]:
    """A run that left files; its end and usage are told."""
    run = rig.order("exit:0", "3")
    rig.round()
    folder = leave(rig, run, files)
    rig.rounds(8)
    assert len(rig.hub.bodies("usage")) == 1
    return run, folder


def test_files_follow_the_end_and_agree_with_the_usage_record(
    rig: Rig, hub: StandInHub, clock: Clock
) -> None:
    run, _ = ended(rig)
    assert not hub.pieces, "the loop that tells states sends none of it"
    assert sender(rig, clock).step() == 1
    assert hub.output(run) == {path: data for path, data in FILES.items() if data}
    listed = [Listed(one["path"], one["bytes"], one["sha256"]) for one in hub.lists[run]["files"]]
    assert list_digest(listed) == hub.bodies("usage")[0]["output_digest"]
    before = hub.requests
    assert sender(rig, clock).step() == 0 and hub.requests == before, "told once"
    kinds = {message["message"]["kind"] for message in hub.messages.values()}
    assert not any(kind.startswith("output") for kind in kinds), "none of it went through the spool"


def test_a_link_that_is_cut_and_an_agent_that_is_killed_go_on_where_the_hub_stands(
    rig: Rig, hub: StandInHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = ended(rig)
    sent: list[int] = []
    ask = type(rig.uplink).output

    def cut(self: Any, kind: str, body: Any) -> Any:
        if kind == "output_piece" and body["number"] == 0:
            if len(sent) in (2, 4):
                sent.append(-1)
                raise Unavailable(outputs.NO_OUTPUT_THERE, hub="cut")
            sent.append(body["offset"])
        return ask(self, kind, body)

    monkeypatch.setattr(type(rig.uplink), "output", cut)
    first = sender(rig, clock)
    assert first.step() == 0 and len(hub.pieces[run, 0]) == 2 * PIECE_BYTES
    rig.restart()
    second = sender(rig, clock)
    assert second.step() == 0 and second.step() == 0, "it waits a while"
    clock.now_s += OLD_HUB_PAUSE_S
    assert second.step() == 1
    assert [one for one in sent if one >= 0] == [number * PIECE_BYTES for number in range(4)], "none twice"
    assert hub.output(run)["a/big.bin"] == BIG


def test_an_answer_that_is_lost_is_made_good(rig: Rig, hub: StandInHub, clock: Clock) -> None:
    run, _ = ended(rig)
    made = sender(rig, clock)
    for _ in range(6):
        hub.lose_answers = 1
        made.step()
        clock.now_s += OLD_HUB_PAUSE_S
    hub.lose_answers = 0
    made.step()
    assert hub.output(run)["a/big.bin"] == BIG and rig.spool.unsent_outputs() == []


def test_what_is_over_the_sites_bound_stays_and_is_told_with_both_numbers(
    rig: Rig, hub: StandInHub, clock: Clock
) -> None:
    rig.agent.output_bytes = 1000
    run, _ = ended(rig)
    assert sender(rig, clock).step() == 1
    assert set(hub.output(run)) == {"result.json"} and hub.lists[run]["bound_bytes"] == 1000
    total = len(BIG) + 8
    assert any(f"2 of 3 files may travel (8 of {total} bytes)" in one and "1000" in one for one in rig.told)


def test_a_hub_that_asks_for_more_than_the_site_lets_out_gets_no_more(
    rig: Rig, hub: StandInHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.agent.output_bytes = 1000
    run, _ = ended(rig)
    everything = [{"number": number, "offset": 0} for number in (0, 2, 7)]
    monkeypatch.setattr(hub, "_output", lambda _: (200, {"state": "taken", "awaited": everything}))
    hub.lists[run] = {"files": [{"path": path, "bytes": len(data)} for path, data in FILES.items()]}
    assert sender(rig, clock).step() == 1
    assert set(hub.output(run)) == {"result.json"}


def test_nought_lets_no_file_out_and_no_name(rig: Rig, hub: StandInHub, clock: Clock) -> None:
    rig.agent.output_bytes = 0
    run, _ = ended(rig)
    assert sender(rig, clock).step() == 1
    told = hub.lists[run]
    assert (told["withheld"], told["files"], told["files_count"]) == ("bound", None, 3)
    assert told["total_bytes"] == len(BIG) + 8 and not hub.pieces


def test_a_folder_that_was_changed_after_the_end_is_not_sent(rig: Rig, hub: StandInHub, clock: Clock) -> None:
    run, folder = ended(rig)
    (folder / "more").write_text("later")
    assert sender(rig, clock).step() == 1
    assert (hub.lists[run]["withheld"], hub.lists[run]["files"]) == ("changed", None)


def test_a_file_that_is_replaced_by_a_link_in_the_middle_is_not_followed(
    rig: Rig, hub: StandInHub, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"x" * len(BIG))
    run, folder = ended(rig)
    looked = outputs.output_list

    def then_replaced(of: Path) -> Any:
        found = looked(of)
        (folder / "a" / "big.bin").unlink()
        (folder / "a" / "big.bin").symlink_to(secret)
        return found

    monkeypatch.setattr(outputs, "output_list", then_replaced)
    assert sender(rig, clock).step() == 1
    assert hub.changed == {(run, 0)} and set(hub.output(run)) == {"result.json"}


def test_links_pipes_and_what_lies_outside_are_named_and_never_sent(
    rig: Rig, hub: StandInHub, clock: Clock, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("not the job's")
    run = rig.order("exit:0", "3")
    rig.round()
    folder = leave(rig, run, {"result.json": b"{}"})
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    rig.rounds(8)
    assert sender(rig, clock).step() == 1
    kinds = {one["path"]: one["sha256"] for one in hub.lists[run]["files"]}
    assert (kinds["link"], kinds["linked"], kinds["pipe"]) == ("link", "link", "special")
    assert hub.output(run) == {"result.json": b"{}"}


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    inside = tmp_path / "output"
    (inside / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("not the job's")
    (inside / "a" / "f").write_text("the job's")
    (inside / "up").symlink_to(tmp_path)
    for below in ("../secret", "up/secret", "a/../../secret", str(tmp_path / "secret"), "a", "", "none"):
        assert open_output(inside, Path(below)) is None, below
    opened = open_output(inside, Path("a/f"))
    assert opened is not None
    with opened:
        assert opened.read() == b"the job's"
    (tmp_path / "moved").symlink_to(inside)
    assert open_output(tmp_path / "moved", Path("a/f")) is None, "nor is the folder itself a link"


def test_a_hub_of_before_is_left_alone_for_a_while(rig: Rig, hub: StandInHub, clock: Clock) -> None:
    hub.takes_outputs = False
    run, _ = ended(rig)
    made = sender(rig, clock)
    for _ in range(5):
        assert made.step() == 0
    assert sum("is older than this agent" in one for one in rig.told) == 1
    assert hub.states(run)[-1] == "COMPLETED" and rig.spool.waiting_count() == 0, "nothing else minds"
    hub.takes_outputs = True
    clock.now_s += OLD_HUB_PAUSE_S
    assert made.step() == 1 and hub.output(run)["a/big.bin"] == BIG


def test_a_page_that_says_not_found_is_a_hub_of_before_and_for_messages_an_outage(site: Site) -> None:
    html = httpx.MockTransport(lambda _: httpx.Response(404, text="<h1>Not found</h1>"))
    uplink = Uplink("http://hub", site.private, site.agent, transport=html)
    with pytest.raises(NotFound, match="is older than this agent"):
        uplink.output("output", {})
    with pytest.raises(Unavailable):
        uplink.send([])


def test_a_hub_that_has_not_taken_in_the_usage_is_asked_later(
    rig: Rig, hub: StandInHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(rig)
    monkeypatch.setattr(hub, "_output", lambda _: (200, {"state": "later", "awaited": []}))
    made, before = sender(rig, clock), hub.requests
    for _ in range(10):
        assert made.step() == 0
    assert hub.requests == before + 1
    clock.now_s += 1
    monkeypatch.undo()
    assert made.step() == 1


def test_a_list_that_the_hub_refuses_is_given_up_and_said(
    rig: Rig, hub: StandInHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(rig)
    monkeypatch.setattr(hub, "_output", lambda _: hub._problem(409, "run.output_digest_differs"))
    assert sender(rig, clock).step() == 0 and rig.spool.unsent_outputs() == []
    assert "run.output_digest_differs" in rig.told[-1]


def test_a_list_that_is_too_long_is_told_by_its_numbers(
    rig: Rig, hub: StandInHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "MOST_FILES", 2)
    run, _ = ended(rig)
    assert sender(rig, clock).step() == 1
    assert (hub.lists[run]["withheld"], hub.lists[run]["files_count"]) == ("too_many", 3)


def test_a_folder_that_was_taken_away_is_told(rig: Rig, hub: StandInHub, clock: Clock) -> None:
    run, _ = ended(rig)
    (rig.site.runs / run).rename(rig.site.data / "taken-away")
    assert sender(rig, clock).step() == 1
    assert (hub.lists[run]["withheld"], hub.lists[run]["files_count"]) == ("changed", 0)


def test_runs_that_ended_before_are_not_sent_by_an_agent_that_is_renewed(site: Site) -> None:
    spool = Spool(site.spool, site.agent, site.private)
    with spool.transaction() as change:
        for run in ("old", "new"):
            change.know_run(run, state=RunState.COMPLETED, order={})
        change.set_run("old", state=RunState.COMPLETED, usage={"run": "old"})
    spool.close()
    with sqlite3.connect(site.spool) as before:
        before.execute("alter table runs drop column output_told")
    spool = Spool(site.spool, site.agent, site.private)
    with spool.transaction() as change:
        change.set_run("new", state=RunState.COMPLETED, usage={"run": "new"})
    assert [known.run for known in spool.unsent_outputs()] == ["new"]
    spool.close()


def test_a_serving_agent_sends_them_by_itself(rig: Rig, hub: StandInHub) -> None:
    import threading

    run, _ = ended(rig)
    serving = threading.Thread(target=rig.agent.serve)
    serving.start()
    try:
        hub.until(lambda: rig.spool.unsent_outputs() == [])
    finally:
        rig.agent.stop()
        serving.join(60)
    assert hub.output(run)["a/big.bin"] == BIG


def test_the_digest_is_that_of_before(tmp_path: Path) -> None:
    """What usage records say of a folder has not changed by being told as a list."""
    (tmp_path / "b").write_bytes(b"x")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c").write_bytes(b"")
    (tmp_path / "l").symlink_to("b")
    assert output_digest(tmp_path) == BEFORE
