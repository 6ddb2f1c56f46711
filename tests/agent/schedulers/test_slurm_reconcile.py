"""Slurm's own books against the hub's records: on a real cluster, started for these tests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.agent.hub import StandInHub, serving
from tests.contracts.schedulers.harnesses import Gate, wait_until
from tests.engines import slurm as clusters
from tests.engines.slurm import Cluster

from hesuan.agent import engines, reconcile
from hesuan.agent import site as sites
from hesuan.agent.reconcile import Kind
from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.slurm.tools import Tools
from hesuan.agent.site import Site
from hesuan.cli.main import main
from hesuan.wire.attempts import attempts
from hesuan.wire.ids import new_id

pytestmark = [pytest.mark.slurm, pytest.mark.processes]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return clusters.of_this_process()


@pytest.fixture(scope="module")
def hub() -> Iterator[StandInHub]:
    with serving(StandInHub()) as one:
        yield one


@pytest.fixture(scope="module")
def site(cluster: Cluster, hub: StandInHub, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An enrolled site on the cluster."""
    data = tmp_path_factory.mktemp("reconcile") / "site"
    made = sites.enrol(data, hub=hub.address, code="CODE-1", name="site")
    cards = f'[slurm.cards."gpu:{clusters.CHIP}"]\ncard = "Ascend 910C"\n'
    (data / engines.FILE).write_text(f'engine = "slurm"\n[slurm]\nconf = "{cluster.conf}"\n{cards}')
    return made


def until_booked(scheduler: OutsideScheduler, count: int, since: datetime, run: str = "") -> None:
    """Until so many attempts are on the books, of all runs or of one."""
    deadline = time.monotonic() + 240

    def those() -> int:
        booked = scheduler.booked(since, datetime.now(UTC) + timedelta(days=1))
        return sum(one.run == run or not run for one in booked)

    while those() < count:
        assert time.monotonic() < deadline, "the books never had all of them"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def ran(
    site: Site, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[datetime, list[dict[str, Any]]]:
    """One run with cards, and one that was requeued: what a hub has of them, and since when."""
    since = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1.1)  # nothing of other tests ends within
    scheduler = engines.equip(site, None).scheduler
    assert isinstance(scheduler, OutsideScheduler)
    plain = RunSpec(new_id(), ("sh", "-c", "sleep 2"), 1, 60, cards=2, card="Ascend 910C")
    gate = Gate(tmp_path_factory.mktemp("gate") / "gate")
    again = RunSpec(new_id(), gate.command, 1, 300)
    for spec in (plain, again):
        scheduler.submit(spec)
    gate.wait_for(1)
    time.sleep(1.5)  # it has held something: the books count whole seconds
    cluster.call("scontrol", "requeue", _job(scheduler, again.run))
    gate.wait_for(2)
    gate.open()
    kept = []
    for spec in (plain, again):
        wait_until(scheduler, spec.run, lambda o: o.state.final)
        usage = scheduler.usage(spec.run)
        assert usage is not None
        kept += [{**one, "run": spec.run} for one in attempts(usage.body())]
    until_booked(scheduler, len(kept), since)
    return since, kept


def _job(scheduler: OutsideScheduler, run: str) -> str:
    known = json.loads((scheduler.folders.known(run).path / "job.json").read_text())
    return str(known["job"])


def call(site: Site, since: datetime, *words: str) -> int:
    start = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    return main(["agent", "reconcile", "--data", str(site.data), "--since", start, *words])


def found(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    findings: list[dict[str, Any]] = told["findings"]
    return findings


Ran = tuple[datetime, list[dict[str, Any]]]


def test_the_clusters_books_and_what_was_told_of_the_runs_agree(
    site: Site, hub: StandInHub, ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    since, hub.records = ran
    assert call(site, since, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["books"] == told["hub"] and told["books"]["card_s"] > 0
    assert told["books"]["attempts"] == len(hub.records) >= 2


def test_one_altered_record_at_the_hub_is_found_with_both_numbers(
    site: Site, hub: StandInHub, ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    since, kept = ran
    true = next(one for one in kept if one["card_s"])
    hub.records = [{**one, "card_s": one["card_s"] + 1} if one is true else one for one in kept]
    assert call(site, since, "--json") == 1
    (one,) = found(capsys)
    assert (one["kind"], one["key"], one["run"]) == ("differs", true["key"], true["run"])
    assert (one["books"], one["hub"]) == ({"card_s": true["card_s"]}, {"card_s": true["card_s"] + 1})


def test_a_record_of_a_job_that_slurm_never_ran_is_found(
    site: Site, hub: StandInHub, ran: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    since, kept = ran
    made_up = {**kept[0], "key": f"{kept[0]['key']}0", "run": new_id()}
    hub.records = [*kept, made_up]
    assert call(site, since, "--json") == 1
    assert [(one["kind"], one["key"]) for one in found(capsys)] == [("not-in-the-books", made_up["key"])]


def test_a_job_under_a_runs_name_that_the_agent_never_submitted_is_found(
    site: Site,
    hub: StandInHub,
    ran: Ran,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    since, hub.records = ran
    run = new_id()
    job = cluster.call(
        "sbatch", "--parsable", f"--job-name=hesuan-{run}", f"--output={tmp_path}/out", "--wrap=sleep 1"
    ).strip()
    scheduler = engines.equip(site, None).scheduler
    assert isinstance(scheduler, OutsideScheduler)
    until_booked(scheduler, len(hub.records) + 1, since)
    assert call(site, since, "--json") == 1
    (one,) = found(capsys)
    assert (one["kind"], one["run"], one["hub"]) == ("not-at-the-hub", run, {})
    assert f"/{job}/" in one["key"] and one["books"]["core_s"] > 0


def test_an_array_is_found_task_by_task_and_its_waiting_tasks_are_in_nobodys_way(
    site: Site,
    hub: StandInHub,
    ran: Ran,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """The hub orders none. One that stands under a run's name is as many jobs as it has tasks."""
    since, hub.records = ran
    run = new_id()
    options = f"--job-name=hesuan-{run}", "--array=0-2%1", f"--output={tmp_path}/out-%a"
    array = cluster.call("sbatch", "--parsable", *options, "--wrap=sleep 2").strip()
    waiting = cluster.call("squeue", "-h", "-j", array, "-t", "pending", "-o", "%i").split()
    assert any("[" in one for one in waiting), "tasks wait, and are one line of the queue"
    scheduler = engines.equip(site, None).scheduler
    assert isinstance(scheduler, OutsideScheduler)
    ours = RunSpec(new_id(), ("true",), 1, 60)
    scheduler.submit(ours)
    wait_until(scheduler, ours.run, lambda o: o.state.final)
    until_booked(scheduler, 3, since, run)
    assert call(site, since, "--json") == 1
    tasks = [one for one in found(capsys) if one["run"] == run]
    assert len({one["key"] for one in tasks}) == len(tasks) == 3
    assert all(one["hub"] == {} and one["books"]["core_s"] >= 2 for one in tasks)


def test_the_books_are_asked_once_however_many_jobs_there_are(
    site: Site, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    since, kept = ran
    asked: list[str] = []
    read = Tools.read

    def counted(tools: Tools, tool: str, *words: str) -> str:
        asked.append(tool)
        return read(tools, tool, *words)

    scheduler = engines.equip(site, None).scheduler
    monkeypatch.setattr(Tools, "read", counted)

    class Hub:
        def records(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
            return kept

    outcome = reconcile.of_site(scheduler, Hub(), since=since, until=datetime.now(UTC))
    assert asked == ["sacct"]
    assert {one.kind for one in outcome.findings} <= {Kind.NOT_AT_THE_HUB}
