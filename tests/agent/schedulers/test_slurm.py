"""What the contract does not ask and a Slurm centre does: on a real cluster, started for these tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.schedulers.harnesses import Gate, wait_until
from tests.engines import slurm as clusters
from tests.engines.slurm import Cluster

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunSpec, RunState, Usage
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.slurm import inventory
from hesuan.agent.schedulers.slurm.engine import SlurmEngine
from hesuan.agent.schedulers.slurm.settings import Become, Settings
from hesuan.agent.schedulers.slurm.tools import Tools
from hesuan.agent.survey import Qos, Switch
from hesuan.errors import Refused, Unavailable
from hesuan.wire.ids import new_id

pytestmark = [pytest.mark.slurm, pytest.mark.processes]
CARDS = {f"gpu:{clusters.CHIP}": Resource("Ascend 910C")}


@pytest.fixture
def cluster() -> Cluster:
    return clusters.of_this_process()


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    return Settings(conf=cluster.conf, fresh_s=0.3, gres=CARDS)


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> OutsideScheduler:
    return scheduler(settings, tmp_path / "runs")


def scheduler(settings: Settings, root: Path) -> OutsideScheduler:
    engine = SlurmEngine(settings)
    engine.visible_within_s = 3.0
    return OutsideScheduler(engine, root)


def script(text: str, **asked: object) -> RunSpec:
    return replace(RunSpec(new_id(), ("sh", "-c", text), 1, 60), **asked)  # type: ignore[arg-type]


def ended(site: OutsideScheduler, job: RunSpec) -> Usage:
    site.submit(job)
    wait_until(site, job.run, lambda o: o.state.final)
    usage = site.usage(job.run)
    assert usage is not None
    return usage


def names(cluster: Cluster, run: str) -> list[str]:
    return cluster.call("squeue", "-h", "-t", "all", "-n", f"hesuan-{run}", "-o", "%A").split()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.2)


def on_the_books(cluster: Cluster, run: str) -> list[str]:
    """The states of a run's jobs, without their steps; none while the books do not answer."""
    words = "sacct", "-n", "-X", "-P", "-D", "--name", f"hesuan-{run}", "-o", "State"
    return cluster.call(*words, check=False).split()


def in_the_queue(cluster: Cluster, job: str) -> str:
    return cluster.call("squeue", "-h", "-t", "all", "-j", job, "-o", "%T").strip()


def test_cards_are_asked_for_by_the_catalogues_name_and_held(site: OutsideScheduler) -> None:
    usage = ended(site, script("echo $CUDA_VISIBLE_DEVICES; sleep 2", cards=4, card="Ascend 910C"))
    (attempt,) = usage.accounting
    seconds = usage.wall_ms // 1000
    assert attempt.card_s == 4 * seconds > 0 and attempt.core_s == usage.cores * seconds
    assert "gres/gpu:ascend910c=4" in attempt.raw
    assert len(site.log(usage.run, 0, 100).decode().split(",")) == 4


def test_a_card_the_site_does_not_have_is_refused_by_name(site: OutsideScheduler) -> None:
    with pytest.raises(Refused, match="1 × H100; this site has Ascend 910C"):
        site.submit(script("true", cards=1, card="H100"))


def test_more_cards_than_a_node_has_is_slurms_refusal_and_leaves_nothing(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    job = script("true", cards=clusters.CARDS + 1, card="Ascend 910C")
    with pytest.raises(Refused, match="node configuration is not available"):
        site.submit(job)
    waiting = cluster.call("squeue", "-h", "-n", f"hesuan-{job.run}")  # what was refused is listed as FAILED
    assert waiting == "" and not site.folders.has(job.run)


def lost_answer(settings: Settings, tmp_path: Path) -> Path:
    """A folder of Slurm's commands whose sbatch takes the job and then never answers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("squeue", "sacct", "scancel", "sinfo", "scontrol"):
        (folder / tool).symlink_to(f"/usr/bin/{tool}")
    (folder / "sbatch").write_text('#!/bin/sh\n/usr/bin/sbatch "$@" >/dev/null; exec sleep 60\n')
    (folder / "sbatch").chmod(0o755)
    return folder


def test_an_sbatch_that_timed_out_and_did_submit_is_found_by_its_name(
    settings: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    mute = replace(settings, programs=lost_answer(settings, tmp_path), answer_s=2.0)
    job = script("sleep 3")
    with pytest.raises(Unavailable):
        scheduler(mute, tmp_path / "runs").submit(job)
    again = scheduler(settings, tmp_path / "runs")
    again.submit(job)
    assert wait_until(again, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    assert len(names(cluster, job.run)) == 1


def test_without_the_look_a_second_job_would_have_been_submitted(
    settings: Settings, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control; and the script of the second one finds the run taken."""
    mute = replace(settings, programs=lost_answer(settings, tmp_path), answer_s=2.0)
    job = script(f"echo $$ >> {tmp_path}/starts; sleep 1")
    with pytest.raises(Unavailable):
        scheduler(mute, tmp_path / "runs").submit(job)
    monkeypatch.setattr(OutsideScheduler, "_find", lambda *_: "")
    monkeypatch.setattr(OutsideScheduler, "_is_on_its_way", lambda *_: False)
    scheduler(settings, tmp_path / "runs").submit(job)
    assert len(names(cluster, job.run)) == 2
    deadline = time.monotonic() + 240
    while (
        len(cluster.call("squeue", "-h", "-n", f"hesuan-{job.run}").split()) and time.monotonic() < deadline
    ):
        time.sleep(0.2)
    assert len((tmp_path / "starts").read_text().split()) == 1


def test_a_controller_that_is_away_for_a_while_costs_nothing(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    job = RunSpec(new_id(), gate.command, 1, 300)
    site.submit(job)
    wait_until(site, job.run, lambda o: o.state == RunState.RUNNING)
    # What it has not saved it knows no more, and would begin the job a second time. It saves after a change.
    changed, saved = time.time(), cluster.folder / "state" / "job_state"
    cluster.call("scontrol", "update", f"JobId={names(cluster, job.run)[0]}", "Comment=changed")
    until(lambda: saved.exists() and saved.stat().st_mtime > changed)
    cluster.kill("slurmctld")
    with pytest.raises(Unavailable):
        time.sleep(0.4)
        site.poll(job.run)
    cluster.start("slurmctld")
    gate.open()
    assert wait_until(site, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    usage = site.usage(job.run)
    assert usage is not None and len(usage.accounting) == 1 and usage.wall_ms >= 1_000


def test_books_that_are_away_delay_the_end_and_lose_nothing(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    job = RunSpec(new_id(), gate.command, 1, 300)
    site.submit(job)
    until(lambda: on_the_books(cluster, job.run) == ["RUNNING"])
    cluster.kill("slurmdbd")
    try:
        gate.open()
        (number,) = names(cluster, job.run)
        until(lambda: in_the_queue(cluster, number) == "COMPLETED")
        with pytest.raises(Unavailable):
            site.poll(job.run)
    finally:
        cluster.start("slurmdbd")
    # The controller tries the books again each ten seconds, and sends the job's start before its end.
    until(lambda: on_the_books(cluster, job.run) == ["COMPLETED"])
    assert wait_until(site, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    usage = site.usage(job.run)
    assert usage is not None and len(usage.accounting) == 1


def test_a_requeued_job_has_an_attempt_for_each_run(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")
    job = RunSpec(new_id(), gate.command, 1, 300)
    site.submit(job)
    gate.wait_for(1)
    time.sleep(2)
    (number,) = names(cluster, job.run)
    cluster.call("scontrol", "requeue", number)
    gate.wait_for(2)
    assert site.poll(job.run).state == RunState.RUNNING and site.usage(job.run) is None
    time.sleep(2)
    gate.open()
    assert wait_until(site, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    usage = site.usage(job.run)
    assert usage is not None and len(usage.accounting) == 2
    assert len({one.key for one in usage.accounting}) == 2
    assert usage.wall_ms == sum(one.wall_ms for one in usage.accounting) >= 3000


def test_what_an_operator_cancels_is_not_the_users_doing(site: OutsideScheduler, cluster: Cluster) -> None:
    job = script("sleep 60")
    site.submit(job)
    wait_until(site, job.run, lambda o: o.state == RunState.RUNNING)
    cluster.call("scancel", *names(cluster, job.run))
    ended = wait_until(site, job.run, lambda o: o.state.final)
    assert ended.state == RunState.KILLED and "at the centre" in ended.reason


def test_a_job_that_a_controller_without_memory_closed_on_the_books_is_unknown(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    """Its books say from then on that it was cancelled, to the second of the new start: nobody saw that."""
    job = script("sleep 600")
    site.submit(job)
    until(lambda: on_the_books(cluster, job.run) == ["RUNNING"])
    cluster.forget_everything()
    until(lambda: on_the_books(cluster, job.run) == ["CANCELLED"])
    seen = wait_until(site, job.run, lambda o: o.state != RunState.RUNNING)
    assert seen.state == RunState.UNKNOWN and "nobody saw" in seen.reason
    site.cancel(job.run)
    assert site.poll(job.run).state == RunState.UNKNOWN and site.usage(job.run) is None


def test_another_job_that_was_given_the_number_again_is_not_cancelled(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    mine = script("sleep 600")
    site.submit(mine)
    wait_until(site, mine.run, lambda o: o.state == RunState.RUNNING)
    (number,) = names(cluster, mine.run)
    cluster.forget_everything()
    words = "--parsable", "--hold", "--job-name=other", f"--output={tmp_path}/out", "--wrap=sleep 600"
    while cluster.call("sbatch", *words).strip() != number:
        pass  # it counts from one again
    cluster.call("scontrol", "release", number)
    until(lambda: in_the_queue(cluster, number) == "RUNNING")
    site.cancel(mine.run)
    time.sleep(3)
    assert in_the_queue(cluster, number) == "RUNNING"
    assert isinstance(site.engine, SlurmEngine)
    site.engine.tools.cancel(number, name="other")
    until(lambda: in_the_queue(cluster, number) == "CANCELLED")


def test_many_runs_cost_one_call_of_the_books(settings: Settings, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sbatch", "squeue", "sacct", "scancel", "sinfo"):
        (folder / tool).write_text(f'#!/bin/sh\necho {tool} >> {calls}\nexec /usr/bin/{tool} "$@"\n')
        (folder / tool).chmod(0o755)
    site = scheduler(replace(settings, programs=folder, fresh_s=600.0), tmp_path / "runs")
    jobs = [script("true") for _ in range(12)]
    for job in jobs:
        site.submit(job)
    for _ in range(3):
        for job in jobs:
            site.poll(job.run)
    asked = calls.read_text().split()
    assert asked.count("sbatch") == 12 and asked.count("sacct") == asked.count("squeue") == 1


@pytest.fixture(scope="module")
def local_user() -> Iterator[str]:
    """A user of this machine who is not the agent."""
    yield "nobody"


def test_a_job_runs_as_the_organisations_user_in_places_of_its_own(
    settings: Settings, local_user: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    organisation, root = new_id(), Path("/tmp") / f"hesuan-runs-{os.getpid()}"
    clusters.of_this_process().call(
        "sacctmgr", "-n", "-i", "add", "user", local_user, "account=research", check=False
    )
    mapped = replace(settings, become=Become.SETPRIV, users={organisation: local_user})
    site = scheduler(mapped, root)
    try:
        command = "id -un; cat ../spec.json; echo mine > $HESUAN_OUTPUT/x; ls .. ; ln -s /etc/shadow ../log2"
        usage = ended(site, script(command, organisation=organisation))
        log = site.log(usage.run, 0, 10_000).decode()
        assert log.splitlines()[0] == local_user
        assert "Permission denied" in log and "spec.json: Permission" in log
        made = site.output(usage.run) / "x"
        assert made.owner() == local_user and made.read_text() == "mine\n"
        with pytest.raises(Refused, match=r"no local user .* \[slurm.users\]"):
            site.submit(script("true", organisation=new_id()))
    finally:
        subprocess.run(["rm", "-rf", str(root)], check=True)


def test_the_cluster_says_what_it_has(settings: Settings, cluster: Cluster) -> None:
    found = inventory.machine(Tools(settings), {"python": "3.11"})
    assert (found.host, found.cores) == (cluster.name, clusters.CPUS)
    assert [(one.chip, one.count) for one in found.cards] == [("Ascend 910C", 2 * clusters.CARDS)]
    cluster.call("scontrol", "update", "nodename=n2", "state=drain", "reason=test")
    try:
        drained = inventory.machine(Tools(settings), {})
        assert drained.cards[0].count == clusters.CARDS and "n2" in drained.notes[0]
    finally:
        cluster.call("scontrol", "update", "nodename=n2", "state=resume")


def test_the_cluster_says_its_nodes_queues_and_limits_and_no_topology_where_there_is_none(
    settings: Settings, cluster: Cluster
) -> None:
    words = ("sacctmgr", "-n", "-i", "modify", "user", "root", "account=research", "set")
    qos = ("sacctmgr", "-n", "-i", "modify", "qos", "normal", "set")
    cluster.call(*words, "MaxWall=1-00:00:00")
    cluster.call(*qos, "MaxTRESPerUser=gres/gpu=16", "MaxWall=2-00:00:00")
    try:
        extent = inventory.machine(Tools(settings), {}).extent
    finally:
        cluster.call(*words, "MaxWall=-1")
        cluster.call(*qos, "MaxTRESPerUser=gres/gpu=-1", "MaxWall=-1")
    assert extent.nodes is not None and extent.queues is not None and extent.limits is not None
    assert [(one.name, one.state, one.queues) for one in extent.nodes] == [
        ("n1", "in_service", ("train",)),
        ("n2", "in_service", ("train",)),
    ]
    (train,) = extent.queues
    assert (train.name, train.state, train.is_default, train.nodes) == ("train", "open", True, 2)
    assert (train.longest_s, train.limits["MaxTime"]) == (None, "UNLIMITED")
    assert extent.topology is None
    mine = [one.limits for one in extent.limits if (one.account, one.user) == ("research", "root")]
    assert mine == [{"MaxWall": "1-00:00:00"}]
    assert extent.qos == (Qos("normal", {"MaxTRESPU": "gres/gpu=16", "MaxWall": "2-00:00:00"}),)


def test_what_is_free_falls_by_what_a_job_holds(
    site: OutsideScheduler, settings: Settings, cluster: Cluster
) -> None:
    job = script("sleep 60", cards=8, card="Ascend 910C")
    before = inventory.capacity(Tools(settings))
    site.submit(job)
    wait_until(site, job.run, lambda o: o.state == RunState.RUNNING)
    try:
        during = inventory.capacity(Tools(settings))
    finally:
        site.cancel(job.run)
        wait_until(site, job.run, lambda o: o.state.final)
    (cards,), (queue,) = during.cards, during.queues
    assert before.cards[0].allocated is not None and before.queues[0].cores == queue.cores
    assert (cards.chip, cards.count, cards.allocated) == ("Ascend 910C", 16, before.cards[0].allocated + 8)
    assert queue.cores_allocated > before.queues[0].cores_allocated
    assert [(one.card, one.cards) for one in during.starts] == [
        ("", 0),
        ("Ascend 910C", 1),
        ("Ascend 910C", 8),
    ]
    assert all(one.expected_at is not None for one in during.starts), during.starts
    assert not [job for job in cluster.call("squeue", "-h", "-o", "%j").split() if job == "wrap"]


def test_a_start_that_slurm_cannot_foresee_is_unknown_with_its_reason(settings: Settings) -> None:
    (start,) = inventory.capacity(Tools(replace(settings, partition="nonesuch"))).starts
    assert (start.queue, start.expected_at) == ("nonesuch", None)
    assert "partition" in start.reason.lower()
    silent = replace(settings, programs=Path("/nonexistent"))
    assert Tools(silent).foresee((), user="") == ""


def test_two_switches_under_one_are_told_with_their_levels() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hesuan-slurm-"))
    folder.chmod(0o755)
    text = "SwitchName=leaf1 Nodes=n1\nSwitchName=leaf2 Nodes=n2\nSwitchName=top Switches=leaf[1-2]\n"
    try:
        with clusters.cluster(folder / "cluster", books=False, switches=text) as fabric:
            tools = Tools(Settings(conf=fabric.conf, gres=CARDS))
            extent = inventory.machine(tools, {}).extent
            starts = inventory.capacity(tools).starts
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert extent.topology == (
        Switch("leaf1", 0, "n1"),
        Switch("leaf2", 0, "n2"),
        Switch("top", 1, "n[1-2]", "leaf[1-2]"),
    )
    assert extent.limits is extent.qos is None, "without books nobody says"
    assert starts[0].expected_at is not None
