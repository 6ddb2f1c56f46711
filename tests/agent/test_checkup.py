"""``hesuan agent check``: a sound site passes, and each fault of a site is found and says what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.hub import StandInHub, serving
from tests.engines import kubernetes, ray_cluster
from tests.engines import slurm as clusters

from hesuan.agent import checkup, engines
from hesuan.agent import site as sites
from hesuan.agent.checkup import Step, Verdict
from hesuan.agent.meters import cgroup
from hesuan.agent.schedulers.contract import RUN_CONFLICT, Observation, RunState
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.slurm.limits import SETTING, Keeper
from hesuan.agent.site import Site
from hesuan.agent.words import Text
from hesuan.cli.language import choose
from hesuan.cli.main import main
from hesuan.errors import Refused

ORGANISATION = "01JDZ6Y8000000000000000003"


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with serving(StandInHub()) as one:
        yield one


@pytest.fixture
def site(hub: StandInHub, tmp_path: Path) -> Site:
    return sites.enrol(tmp_path / "site", hub=hub.address, code="CODE-1", name="site")


def check(site: Site, wait_s: float = 30) -> dict[str, Step]:
    return {step.name: step for step in checkup.of_site(site.data, None, wait_s=wait_s)}


def test_a_sound_site_of_this_machine_passes_and_keeps_nothing(site: Site) -> None:
    steps = check(site)
    assert list(steps) == ["site", "hub", "engine", "users", "job", "once", "cancel", "limit"]
    assert {name for name, step in steps.items() if step.verdict != Verdict.OK} == {"users"}
    assert steps["users"].verdict == Verdict.WARN
    assert list(site.runs.iterdir()) == []


def test_a_key_that_others_can_read_ends_the_check(site: Site) -> None:
    (site.data / "agent-key.pem").chmod(0o644)
    (step,) = check(site).values()
    assert step.name == "site" and step.verdict == Verdict.FAILED and "chmod 600" in step.found.en


def test_a_folder_that_was_never_enrolled_ends_the_check(tmp_path: Path) -> None:
    (step,) = checkup.of_site(tmp_path, None, wait_s=1)
    assert step.verdict == Verdict.FAILED and "hesuan agent enrol" in step.found.en


def move_hub(site: Site) -> None:
    """The hub is where nobody listens."""
    known = site.data / "agent.json"
    known.write_text(known.read_text().replace(site.hub, "http://127.0.0.1:9"))


def test_a_hub_that_is_away_fails_its_step_and_the_jobs_are_tried_all_the_same(site: Site) -> None:
    move_hub(site)
    steps = check(site)
    assert steps["hub"].verdict == Verdict.FAILED and steps["limit"].verdict == Verdict.OK


def test_an_engine_that_does_not_answer_ends_the_check(site: Site, tmp_path: Path) -> None:
    (site.data / engines.FILE).write_text(f'engine = "slurm"\n[slurm]\nprograms = "{tmp_path}/none"\n')
    steps = check(site)
    assert list(steps) == ["site", "hub", "engine"]
    assert steps["engine"].verdict == Verdict.FAILED and "site.toml" in steps["engine"].do.en


def test_a_clock_that_is_off_is_told(site: Site, hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "CLOCK_WARN_S", -1.0)
    step = check(site)["hub"]
    assert step.verdict == Verdict.WARN and "clock" in step.do.en


BROKEN = [
    (RunState.FAILED, "job", "ended FAILED"),
    (RunState.UNKNOWN, "job", "After 1 s the job is UNKNOWN"),
]


@pytest.mark.parametrize(("state", "name", "said"), BROKEN)
def test_an_engine_whose_jobs_do_not_end_well_fails_and_the_rest_is_not_tried(
    site: Site, monkeypatch: pytest.MonkeyPatch, state: RunState, name: str, said: str
) -> None:
    def poll(_engine: LocalScheduler, run: str) -> Observation:
        return Observation(run, state, "2026-11-20T10:00:00.000000Z", "because")

    monkeypatch.setattr(LocalScheduler, "poll", poll)
    steps = check(site, wait_s=1)
    assert steps[name].verdict == Verdict.FAILED and said in steps[name].found.en
    assert [steps[later].verdict for later in ("once", "cancel", "limit")] == [Verdict.SKIPPED] * 3


def test_a_folder_that_nodes_do_not_share_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a cluster whose nodes have a folder of the same name of their own."""
    hello = 'echo hesuan; mkdir -p "$TMPDIR/elsewhere"; echo seen > "$TMPDIR/elsewhere/seen"; sleep 1'
    monkeypatch.setattr(checkup, "_HELLO", hello)
    step = check(site)["job"]
    assert step.verdict == Verdict.FAILED and "every node sees" in step.do.en


def test_two_starts_of_one_run_would_be_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = checkup.Trial._spec

    def twice(trial: checkup.Trial, text: str, *, limit_s: int = 60) -> object:
        return spec(trial, text.replace("echo x", "echo x x"), limit_s=limit_s)

    monkeypatch.setattr(checkup.Trial, "_spec", twice)
    step = check(site)["once"]
    assert step.verdict == Verdict.FAILED and "started 2 times" in step.found.en


@pytest.mark.slurm
@pytest.mark.processes
def test_a_sound_slurm_passes(site: Site) -> None:
    cluster = clusters.of_this_process()
    (site.data / engines.FILE).write_text(f'engine = "slurm"\n[slurm]\nconf = "{cluster.conf}"\n')
    steps = check(site, wait_s=90)
    assert {name for name, step in steps.items() if step.verdict != Verdict.OK} == {"users"}
    assert "slurm:sacct" in steps["job"].found.en and "limits" not in steps


@pytest.mark.slurm
@pytest.mark.processes
def test_limits_that_a_slurm_keeps_are_told_and_those_it_would_not_hold_fail(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = clusters.of_this_process().conf
    said = f'engine = "slurm"\n[slurm]\nconf = "{conf}"\nkeep_limits = true\n'
    (site.data / engines.FILE).write_text(f'{said}[slurm.accounts]\n{ORGANISATION} = "research"\n')
    keeper = engines.equip(site, None).keeper
    assert keeper is not None
    step = checkup._limits(keeper)
    assert isinstance(step, Step) and step.verdict == Verdict.OK
    assert "research" in step.found.en and step.found.en.endswith(": cpu.")
    monkeypatch.setattr(Keeper, "decays", lambda _: "7-00:00:00")
    monkeypatch.setattr(Keeper, "without_account", lambda _: ["01JDZ6Y8000000000000000004"])
    step = checkup._limits(keeper)
    assert isinstance(step, Step) and step.verdict == Verdict.WARN and step.do.en
    assert "7-00:00:00" in step.found.zh
    objection = Refused(SETTING, setting="PriorityType", found="basic", wanted="multifactor")
    monkeypatch.setattr(Keeper, "objections", lambda _: [objection])
    tried = checkup._tried("limits", lambda: checkup._limits(keeper))
    assert tried.verdict == Verdict.FAILED and "PriorityType = basic" in tried.found.en


@pytest.mark.ray
@pytest.mark.processes
def test_a_sound_ray_passes(site: Site) -> None:
    address = ray_cluster.of_this_process().address
    (site.data / engines.FILE).write_text(
        f'engine = "ray"\n[ray]\naddress = "{address}"\n[ray.cards.NPU]\ncard = "910"\n'
    )
    steps = check(site, wait_s=90)
    assert {name for name, step in steps.items() if step.verdict != Verdict.OK} == {"users"}
    assert "ray:state" in steps["job"].found.en and "8 × 910" in steps["engine"].found.en


@pytest.mark.kubernetes
@pytest.mark.processes
def test_a_sound_kubernetes_passes_in_an_organisations_namespace(site: Site) -> None:
    cluster = kubernetes.of_this_process()
    (site.data / engines.FILE).write_text(
        f'engine = "kubernetes"\n[kubernetes]\nkubeconfig = "{cluster.folder / "agent.json"}"\n'
        f'image = "none"\nuser = {os.geteuid()}\n'
        f'[kubernetes.namespaces]\n{ORGANISATION} = "{kubernetes.OTHER}"\n'
        f'[kubernetes.cards."{kubernetes.CHIP}"]\ncard = "910"\nslices = 2\n'
    )
    steps = check(site, wait_s=90)
    assert {name for name, step in steps.items() if step.verdict != Verdict.OK} == set()
    assert "kubernetes:pod-status" in steps["job"].found.en and "8 × 910" in steps["engine"].found.en
    assert "1 organisations have a namespace" in steps["users"].found.en


@pytest.mark.parametrize(("language", "said"), [("en", "7 ok, 1 to look at, 0 failed"), ("zh", "7 项正常")])
def test_on_the_command_line(
    site: Site, capsys: pytest.CaptureFixture[str], language: str, said: str
) -> None:
    assert main(["--lang", language, "agent", "check", "--data", str(site.data)]) == 0
    assert said in capsys.readouterr().out


def test_for_programs_and_with_a_fault(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    move_hub(site)
    assert main(["agent", "check", "--data", str(site.data), "--json"]) == 1
    steps = json.loads(capsys.readouterr().out)
    assert [step["verdict"] for step in steps[:2]] == ["ok", "failed"] and "没有应答" in steps[1]["found"][
        "zh"
    ]


@pytest.mark.parametrize(
    ("language", "why", "not_said"),
    [
        ("en", "Runs are not limited by cgroup v2: no group here.", "限制"),
        ("zh", "运行不受 cgroup v2 限制：此处没有。", "Runs are"),
    ],
)
def test_whether_runs_are_limited_is_said_in_the_language_of_the_command(
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    language: str,
    why: str,
    not_said: str,
    request: pytest.FixtureRequest,
) -> None:
    request.addfinalizer(lambda: choose(None))

    def stop(*_args: object) -> None:
        raise Refused(RUN_CONFLICT, run="–", known="–", given="–")

    monkeypatch.setattr(cgroup, "take", lambda: (None, Text("no group here", "此处没有")))
    monkeypatch.setattr("hesuan.cli.agent.usable_apps", stop)
    assert main(["--lang", language, "agent", "run", "--data", str(site.data), "--apps", "."]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert why in out and not_said not in out
    monkeypatch.setattr(checkup.Trial, "steps", lambda _self: ())
    main(["--lang", language, "agent", "check", "--data", str(site.data)])
    out = "".join(capsys.readouterr().out.split())
    assert why.replace(" ", "") in out and not_said.replace(" ", "") not in out


def test_runs_that_are_limited_are_said_to_be_in_both_languages(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cgroup, "take", lambda: (cgroup.Groups(tmp_path), Text("", "")))
    limits = engines.equip(site, None).limits
    assert limits == Text(
        f"Runs are limited by cgroup v2 below {tmp_path}.", f"运行受 {tmp_path} 之下的 cgroup v2 限制。"
    )
