"""Input files at a site: fetched in pieces beside other work, resumed, checked at each use, bounded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from tests.agent.fakes import Rig, script_order
from tests.agent.hub import StandInHub

from hesuan.agent import engines
from hesuan.agent.inputs import PIECES_A_ROUND, Bounds
from hesuan.agent.orders import House, specification
from hesuan.agent.schedulers.contract import Input, RunSpec
from hesuan.agent.schedulers.folders import RunFolders
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.errors import Faults, InputFault, Refused
from hesuan.wire.ids import new_id
from hesuan.wire.inputs import clash, is_path

CONTENT = bytes(range(250)) * 4


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def offer(hub: StandInHub, content: bytes, *, as_: str = "") -> dict[str, Any]:
    """A file that the hub has; ``as_`` is the digest by which it lies there, where that is a lie."""
    sha256 = as_ or digest(content)
    hub.files[sha256] = content
    return {"path": "data/a.csv", "sha256": sha256, "size_bytes": len(content)}


def order(hub: StandInHub, *inputs: dict[str, Any]) -> str:
    run = new_id()
    body = script_order(run, "exit:0", "3")
    body["work"]["inputs"] = list(inputs)
    hub.command("run", body, command_id=f"run:{run}")
    return run


def until_told(rig: Rig, hub: StandInHub, run: str, rounds: int = 30) -> list[str]:
    for _ in range(rounds):
        rig.agent.inputs._after = 0
        rig.round()
        if hub.states(run):
            break
    return hub.states(run)


def offsets(hub: StandInHub) -> list[int]:
    return [offset for _, offset in hub.fetched]


def test_a_run_is_submitted_when_its_files_are_here_and_not_before(rig: Rig, hub: StandInHub) -> None:
    run = order(hub, offer(hub, CONTENT))
    for _ in range(4):
        rig.round()
        assert hub.states(run) == [] and rig.centre.jobs == []
    assert len(hub.fetched) == 4 * PIECES_A_ROUND
    assert until_told(rig, hub, run)[0] == "SUBMITTED"
    assert offsets(hub) == list(range(0, 1000, 100)), "no byte twice"
    assert (rig.site.inputs / digest(CONTENT)).read_bytes() == CONTENT


def test_other_runs_go_on_meanwhile(rig: Rig, hub: StandInHub) -> None:
    fetching = order(hub, offer(hub, CONTENT * 10))
    other = rig.order("exit:0", "2")
    rig.rounds(6)
    assert hub.states(other)[-1] == "COMPLETED" and hub.states(fetching) == []


def test_a_kill_between_pieces_fetches_nothing_again(rig: Rig, hub: StandInHub) -> None:
    run = order(hub, offer(hub, CONTENT))
    for _ in range(10):
        rig.round()
        rig.restart()
        if hub.states(run):
            break
    assert "SUBMITTED" in hub.states(run) and offsets(hub) == list(range(0, 1000, 100))


def test_a_kill_in_the_middle_of_a_piece_goes_on_at_its_byte(rig: Rig, hub: StandInHub) -> None:
    run = order(hub, offer(hub, CONTENT))
    rig.round()
    part = rig.site.inputs / f"{digest(CONTENT)}.part"
    part.write_bytes(part.read_bytes()[:150])
    rig.restart()
    assert until_told(rig, hub, run)[0] == "SUBMITTED"
    assert offsets(hub)[:3] == [0, 100, 150] and len(hub.fetched) == 2 + 9


def test_a_cut_line_is_waited_for(rig: Rig, hub: StandInHub) -> None:
    run = order(hub, offer(hub, CONTENT))
    rig.round()
    hub.away = True
    for _ in range(3):
        rig.agent.inputs._after = 0
        rig.agent.tick()
    hub.away = False
    assert until_told(rig, hub, run)[0] == "SUBMITTED"
    assert offsets(hub) == list(range(0, 1000, 100))


def test_an_altered_byte_on_the_way_refuses_the_run(rig: Rig, hub: StandInHub) -> None:
    run = order(hub, offer(hub, b"!" + CONTENT[1:], as_=digest(CONTENT)))
    assert until_told(rig, hub, run) == ["REFUSED"] and rig.centre.jobs == []
    reason = hub.bodies("run_state")[-1]["reason"]
    assert digest(CONTENT) in reason and digest(b"!" + CONTENT[1:]) in reason
    assert list(rig.site.inputs.iterdir()) == [] and hub.bodies("usage") == []


def test_a_file_that_the_hub_cuts_short_refuses_the_run(rig: Rig, hub: StandInHub) -> None:
    one = offer(hub, CONTENT[:500], as_=digest(CONTENT))
    run = order(hub, {**one, "size_bytes": 1000})
    assert until_told(rig, hub, run) == ["REFUSED"]


def test_a_file_that_the_hub_does_not_give_refuses_the_run(rig: Rig, hub: StandInHub) -> None:
    one = offer(hub, CONTENT)
    hub.files.clear()
    assert until_told(rig, hub, order(hub, one)) == ["REFUSED"]
    assert "gateway.input_not_found" in hub.bodies("run_state")[-1]["reason"]


def test_what_is_kept_is_not_fetched_again(rig: Rig, hub: StandInHub) -> None:
    one = offer(hub, CONTENT)
    for _ in range(2):
        assert until_told(rig, hub, order(hub, one))[0] == "SUBMITTED"
    assert len(hub.fetched) == 10


def test_a_cancelled_run_fetches_no_more(rig: Rig, hub: StandInHub) -> None:
    run = order(hub, offer(hub, CONTENT))
    rig.round()
    hub.command("cancel", {"run": run})
    rig.rounds(5)
    assert hub.states(run) == ["REFUSED"] and "cancelled" in hub.bodies("run_state")[-1]["reason"]
    assert len(hub.fetched) <= 2 * PIECES_A_ROUND and rig.spool.open_commands() == []


def test_more_than_the_site_takes_is_refused_with_both_numbers(rig: Rig, hub: StandInHub) -> None:
    rig.agent.inputs.bounds = Bounds(run_bytes=999)
    run = order(hub, offer(hub, CONTENT))
    assert until_told(rig, hub, run) == ["REFUSED"] and hub.fetched == []
    assert "1000 bytes; this site takes 999" in hub.bodies("run_state")[-1]["reason"]


def test_the_oldest_unused_file_goes_first(rig: Rig, hub: StandInHub) -> None:
    rig.agent.inputs.bounds = Bounds(run_bytes=2500, cache_bytes=2500)
    contents = [bytes([number]) * 1000 for number in range(3)]
    for number in (0, 1, 0, 2):
        assert until_told(rig, hub, order(hub, offer(hub, contents[number])))[0] == "SUBMITTED"
    kept = {path.name for path in rig.site.inputs.iterdir()}
    assert kept == {digest(contents[0]), digest(contents[2])}


# -- the run's folder --------------------------------------------------------------------------------------


def spec(cache: Path, path: str = "data/a.csv", sha256: str = "") -> RunSpec:
    one = Input(path, sha256 or digest(CONTENT), len(CONTENT))
    return RunSpec("R1", ("true",), 1, 60, inputs=(one,), inputs_at=cache)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / digest(CONTENT)).write_bytes(CONTENT)
    return tmp_path / "cache"


def test_a_run_finds_its_files_read_only(cache: Path, tmp_path: Path) -> None:
    directory = RunFolders(tmp_path / "runs").take(spec(cache))
    file = directory.input / "data" / "a.csv"
    assert file.read_bytes() == CONTENT and file.stat().st_mode & 0o777 == 0o400
    assert directory.told_inputs() == {"HESUAN_INPUT": str(directory.input)}


def test_an_altered_cache_makes_no_run(cache: Path, tmp_path: Path) -> None:
    (cache / digest(CONTENT)).write_bytes(b"!" + CONTENT[1:])
    folders = RunFolders(tmp_path / "runs")
    with pytest.raises(Refused) as refused:
        folders.take(spec(cache))
    assert refused.value.code.name == "agent.input_differs" and not folders.has("R1")
    assert list((tmp_path / "runs").iterdir()) == []


def test_what_was_altered_in_the_cache_is_fetched_again(
    rig: Rig, hub: StandInHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = offer(hub, CONTENT)
    assert until_told(rig, hub, order(hub, one))[0] == "SUBMITTED"
    (rig.site.inputs / digest(CONTENT)).write_bytes(b"!" + CONTENT[1:])
    folders, real = RunFolders(tmp_path / "engine"), rig.scheduler.submit

    def copying(given: RunSpec) -> None:  # the fake engine makes no folders
        folders.take(given)
        real(given)

    monkeypatch.setattr(rig.scheduler, "submit", copying)
    run = order(hub, one)
    assert until_told(rig, hub, run)[0] == "SUBMITTED" and len(hub.fetched) == 20
    assert (folders.known(run).input / "data" / "a.csv").read_bytes() == CONTENT


# -- what a command may say --------------------------------------------------------------------------------

ESCAPES = [
    "../a",
    "/etc/passwd",
    "a/../../b",
    "a//b",
    "",
    ".",
    "a/.",
    "a\x00b",
    "a\\b",
    " a",
    "a/ b",
    "x" * 201,
]


@pytest.mark.parametrize("path", ESCAPES)
def test_a_path_that_escapes_is_refused_at_the_site_too(path: str) -> None:
    assert not is_path(path)
    body = script_order(new_id(), "true")
    body["work"]["inputs"] = [{"path": path, "sha256": digest(CONTENT), "size_bytes": 1}]
    with pytest.raises(InputFault) as fault:
        specification(body, House({}, scripts_allowed=True))
    assert fault.value.facts["key"] == "work.inputs.0.path"


@pytest.mark.parametrize("path", ["a", "data/a.csv", "数据/表.csv", "a..b", "...", ".hidden"])
def test_a_path_below_the_folder_is_taken(path: str) -> None:
    assert is_path(path)


def test_paths_that_are_alike_or_inside_another_clash() -> None:
    assert clash(["a", "a"]) and clash(["a", "a/b"]) and clash(["a/b/c", "a/b"])
    assert not clash(["a/b", "a/c", "ab"])


@pytest.mark.parametrize(
    "change",
    [{"sha256": "../" + "0" * 61}, {"sha256": "0" * 63}, {"size_bytes": 0}, {"mode": 1}, {"size_bytes": "1"}],
)
def test_an_input_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    body = script_order(new_id(), "true")
    body["work"]["inputs"] = [{"path": "a", "sha256": "0" * 64, "size_bytes": 1, **change}]
    with pytest.raises(InputFault):
        specification(body, House({}, scripts_allowed=True))


def test_a_site_says_how_much_it_takes(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text('engine = "local"\ninput_mib = 2\ninput_cache_mib = 3\n')
    assert engines.read(file).bounds == Bounds(2 << 20, 3 << 20)
    file.write_text('engine = "local"\n')
    assert engines.read(file).bounds == Bounds(1024 << 20, 4096 << 20)
    file.write_text('engine = "local"\ninput_mib = 4\ninput_cache_mib = 3\n')
    with pytest.raises(Faults) as faults:
        engines.read(file)
    assert [fault.code.name for fault in faults.value.faults] == ["agent.input_bound"]


def test_a_run_without_input_files_has_none_to_give_to_another_user(tmp_path: Path) -> None:
    RunDirectory(tmp_path).give_inputs(65_534, 65_534)
    assert not (tmp_path / "input").exists()
