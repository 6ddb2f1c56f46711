"""What the contract does not ask and a Ray centre does: on a real cluster, started for these tests."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contracts.schedulers.harnesses import wait_until
from tests.engines import ray_cluster as clusters
from tests.engines.ray_cluster import Cluster

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunSpec, RunState, Usage
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.ray import inventory, script
from hesuan.agent.schedulers.ray.engine import EVIDENCE, RayEngine
from hesuan.agent.schedulers.ray.server import Server
from hesuan.agent.schedulers.ray.settings import Settings
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.errors import Refused, Unavailable
from hesuan.wire.ids import new_id

pytestmark = [pytest.mark.ray, pytest.mark.processes]
CARDS = {clusters.CHIP: Resource("Ascend 910C", slices=2)}
TOKEN = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return clusters.of_this_process()


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    return Settings(cluster.address, resources=CARDS)


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> OutsideScheduler:
    return scheduler(settings, tmp_path / "runs")


def scheduler(settings: Settings, root: Path, *, visible_within_s: float = 3.0) -> OutsideScheduler:
    engine = RayEngine(settings)
    engine.visible_within_s = visible_within_s
    return OutsideScheduler(engine, root)


def shell(text: str, **asked: object) -> RunSpec:
    return replace(RunSpec(new_id(), ("sh", "-c", text), 1, 60), **asked)  # type: ignore[arg-type]


def ended(site: OutsideScheduler, job: RunSpec) -> Usage:
    site.submit(job)
    wait_until(site, job.run, lambda o: o.state.final)
    usage = site.usage(job.run)
    assert usage is not None
    return usage


def running(site: OutsideScheduler, job: RunSpec) -> None:
    site.submit(job)
    wait_until(site, job.run, lambda o: o.state == RunState.RUNNING)


def named(cluster: Cluster, run: str) -> list[dict[str, object]]:
    return [job for job in cluster.jobs() if job["submission_id"] == f"hesuan-{run}"]


def test_cards_are_asked_for_by_the_catalogues_name_and_held(site: OutsideScheduler) -> None:
    usage = ended(
        site, shell("echo $ASCEND_RT_VISIBLE_DEVICES; sleep 2", cards=2, card="Ascend 910C", cores=2)
    )
    (attempt,) = usage.accounting
    told = json.loads(attempt.raw)
    assert told["actor"]["requiredResources"] == {"CPU": 2.0, "NPU": 4.0}
    assert attempt.card_s == 2 * usage.wall_ms // 1000 >= 4 and attempt.core_s == 2 * usage.wall_ms // 1000
    assert (usage.cores, usage.evidence) == (2, EVIDENCE)
    assert len(site.log(usage.run, 0, 100).decode().split(",")) == 4


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cards": 1, "card": "H100"}, "1 × H100; this site has Ascend 910C"),
        ({"cards": 5, "card": "Ascend 910C"}, "5 × Ascend 910C on one node; the largest node here has 4"),
        ({"memory_bytes": 2**50}, "1073741824 MiB of memory; the largest node here gives"),
    ],
)
def test_what_no_node_has_is_refused_with_both_numbers_and_leaves_nothing(
    site: OutsideScheduler, cluster: Cluster, asked: dict[str, object], said: str
) -> None:
    job = shell("true", **asked)
    with pytest.raises(Refused, match=said):
        site.submit(job)
    assert named(cluster, job.run) == [] and not site.folders.has(job.run)


def test_a_lost_answer_is_found_again_by_the_id(settings: Settings, cluster: Cluster, tmp_path: Path) -> None:
    job = shell(f"echo $$ >> {tmp_path}/starts; sleep 3")
    hurried = scheduler(replace(settings, answer_s=3.0), tmp_path / "runs")
    hurried.engine.check = lambda spec: None  # type: ignore[method-assign] # it is the submission that is lost
    cluster.relay.mute = True
    try:
        with pytest.raises(Unavailable):
            hurried.submit(job)
    finally:
        cluster.relay.mute = False
    again = scheduler(settings, tmp_path / "runs")
    again.submit(job)
    assert wait_until(again, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    assert len(named(cluster, job.run)) == 1 and len((tmp_path / "starts").read_text().split()) == 1


def test_without_the_look_ray_itself_refuses_the_second_and_it_is_taken_as_the_first(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = shell(f"echo $$ >> {tmp_path}/starts; sleep 2")
    site.submit(job)
    (site.folders.known(job.run).path / "job.json").unlink()
    monkeypatch.setattr(OutsideScheduler, "_find", lambda *_: "")
    monkeypatch.setattr(OutsideScheduler, "_is_on_its_way", lambda *_: False)
    site.submit(job)
    assert wait_until(site, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    assert len((tmp_path / "starts").read_text().split()) == 1


def test_time_in_the_queue_is_not_charged(site: OutsideScheduler, cluster: Cluster) -> None:
    first, second = shell("sleep 6", cores=clusters.CPUS), shell("sleep 1", cores=clusters.CPUS)
    running(site, first)
    site.submit(second)
    assert site.poll(second.run).state == RunState.SUBMITTED
    wait_until(site, first.run, lambda o: o.state.final)
    usage = ended(site, second)
    assert 1_000 <= usage.wall_ms < 3_000
    told = json.loads(usage.accounting[0].raw)
    assert told["end_time"] - told["start_time"] > 5_000, "the control: Ray's own start is when it was asked"


def test_a_run_cancelled_in_the_queue_is_over_at_once_and_never_begins(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    first, second = shell("sleep 6", cores=clusters.CPUS), shell(f": > {tmp_path}/begun", cores=clusters.CPUS)
    running(site, first)
    site.submit(second)
    site.cancel(second.run)
    observed = site.poll(second.run)
    assert observed.state == RunState.CANCELLED and "while it waited" in observed.reason
    usage = site.usage(second.run)
    assert usage is not None and usage.wall_ms == 0 and usage.accounting == ()
    assert wait_until(site, first.run, lambda o: o.state.final).state == RunState.COMPLETED
    until_over(cluster, second.run)
    assert not (tmp_path / "begun").exists()


def test_where_the_script_looks_ray_would_have_begun_it(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: what stands in the place of the look is done, before the stop arrives."""
    whole = script.text

    def blind(spec: RunSpec, directory: RunDirectory, *, python: str) -> str:
        lines = whole(spec, directory, python=python).splitlines()
        (look,) = [number for number, line in enumerate(lines) if line.endswith(f"exit {script.CANCELLED}")]
        lines[look] = f": > {tmp_path}/begun"
        return "\n".join(lines)

    monkeypatch.setattr(script, "text", blind)
    first, second = shell("sleep 6", cores=clusters.CPUS), shell("true", cores=clusters.CPUS)
    running(site, first)
    site.submit(second)
    site.cancel(second.run)
    until_over(cluster, second.run)
    assert (tmp_path / "begun").exists()


def until_over(cluster: Cluster, run: str) -> None:
    deadline = time.monotonic() + 240
    while named(cluster, run)[0]["status"] not in ("STOPPED", "FAILED", "SUCCEEDED"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_head_that_gives_no_answer_for_a_while_costs_nothing(
    settings: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    site = scheduler(replace(settings, answer_s=2.0), tmp_path / "runs")
    job = shell("sleep 5")
    running(site, job)
    cluster.relay.mute = True
    try:
        with pytest.raises(Unavailable, match="did not answer"):
            site.poll(job.run)
    finally:
        cluster.relay.mute = False
    assert wait_until(site, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    usage = site.usage(job.run)
    assert usage is not None and 5_000 <= usage.wall_ms < 15_000


def test_what_an_operator_stops_is_not_the_users_doing(site: OutsideScheduler, settings: Settings) -> None:
    job = shell("sleep 60")
    running(site, job)
    assert Server(settings).stop(f"hesuan-{job.run}")
    over = wait_until(site, job.run, lambda o: o.state.final)
    assert over.state == RunState.KILLED and "at the centre" in over.reason


DRIVER = """
import time, ray
ray.init(log_to_driver=False)
@ray.remote(num_cpus=1)
class Actor:
    def wait(self): time.sleep(1)
@ray.remote(num_cpus=0.5, resources={"NPU": 2})
def task(): time.sleep(1.5)
actor = Actor.remote()
ray.get([actor.wait.remote(), task.remote(), task.remote()])
"""


def test_what_tasks_and_actors_hold_beside_the_driver_is_told(site: OutsideScheduler) -> None:
    job = RunSpec(new_id(), (sys.executable, "-c", DRIVER), 1, 90)
    usage = ended(site, job)
    (attempt,) = usage.accounting
    beside = json.loads(attempt.raw)["beside"]
    assert usage.state == "COMPLETED", site.log(usage.run, 0, 5_000).decode()
    assert (beside["actors"], beside["tasks"], beside["whole"]) == (1, 2, True)
    assert usage.evidence == EVIDENCE
    assert beside["core_ms"] >= 1_000 + 2 * 750
    driver_core_s = usage.wall_ms // 1000
    assert attempt.core_s == (usage.wall_ms + beside["core_ms"]) // 1000 > driver_core_s
    assert attempt.card_s >= 3, "two tasks, two dies each, for a second and a half: three card-seconds"


def test_a_job_whose_script_cannot_be_read_tells_why_in_its_log(
    site: OutsideScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "entrypoint", lambda directory: "exec sh /nowhere/job.sh")
    usage = ended(site, shell("true"))
    assert usage.state == "FAILED" and b"/nowhere/job.sh" in site.log(usage.run, 0, 10_000)


def test_a_head_that_forgot_a_run_whose_answer_was_lost_does_not_begin_it_again(
    settings: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    site = scheduler(settings, tmp_path / "runs", visible_within_s=0.1)
    job = shell(f"echo $$ >> {tmp_path}/starts; sleep 60")
    running(site, job)
    deadline = time.monotonic() + 120
    while not (tmp_path / "starts").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    (site.folders.known(job.run).path / "job.json").unlink()
    cluster.forget_everything()
    site.submit(job)
    until_over(cluster, job.run)
    assert site.poll(job.run).state == RunState.UNKNOWN and site.usage(job.run) is None
    assert len((tmp_path / "starts").read_text().split()) == 1


@pytest.fixture(scope="module")
def guarded() -> Iterator[Cluster]:
    """A head and a worker behind a token, with little patience for jobs that wait.

    Ray counts the start of the job's own supervisor towards it: that takes ten seconds on a busy machine.
    """
    variables = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_JOB_START_TIMEOUT_SECONDS": "45"}
    one = clusters.begun(workers=1, variables=variables)
    yield one
    one.stop()


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "headers"
    path.write_text(f"Authorization: Bearer {TOKEN}\n")
    path.chmod(0o600)
    return path


def test_a_protected_head_is_asked_with_the_headers_of_the_file(
    guarded: Cluster, key: Path, tmp_path: Path
) -> None:
    plain = scheduler(Settings(guarded.address), tmp_path / "runs")
    job = shell("sleep 1")
    with pytest.raises(Unavailable, match="401"):
        plain.submit(job)
    plain.engine.check = lambda spec: None  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="401"):
        plain.submit(job)
    site = scheduler(Settings(guarded.address, headers=key), tmp_path / "runs", visible_within_s=0.1)
    time.sleep(0.2)
    assert ended(site, job).state == "COMPLETED"
    key.chmod(0o640)
    with pytest.raises(Unavailable, match="others may read it"):
        site.engine.look(site.folders.known(job.run), "", fresh=True)


def test_what_ray_never_began_in_its_patience_is_killed_without_usage(
    guarded: Cluster, key: Path, tmp_path: Path
) -> None:
    site = scheduler(Settings(guarded.address, headers=key, resources=CARDS), tmp_path / "runs")
    full = [shell("sleep 600", cards=4, card="Ascend 910C", time_limit_s=600) for _ in range(2)]
    for one in full:
        running(site, one)
    waiting = shell("true", cards=4, card="Ascend 910C")
    usage = ended(site, waiting)
    over = site.poll(waiting.run)
    assert over.state == RunState.KILLED and "never began it" in over.reason, over
    assert (usage.wall_ms, usage.accounting) == (0, ())
    for one in full:
        site.cancel(one.run)
        assert wait_until(site, one.run, lambda o: o.state.final).state == RunState.CANCELLED


def test_a_node_that_dies_ends_its_jobs_as_killed_with_what_they_held(
    guarded: Cluster, key: Path, tmp_path: Path
) -> None:
    settings = Settings(guarded.address, headers=key, resources=CARDS)
    assert [(one.chip, one.count) for one in inventory.machine(Server(settings), {}).cards] == [
        ("Ascend 910C", 8)
    ]
    site = scheduler(settings, tmp_path / "runs")
    both = [shell("sleep 600", cards=4, card="Ascend 910C", time_limit_s=600) for _ in range(2)]
    for one in both:
        running(site, one)
    time.sleep(2)
    guarded.kill_worker()
    deadline = time.monotonic() + 240
    while not (over := [o for one in both if (o := site.poll(one.run)).state.final]):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    (killed,) = over
    assert killed.state == RunState.KILLED and "lost hold" in killed.reason, killed
    usage = site.usage(killed.run)
    assert usage is not None and 1_000 <= usage.wall_ms < 600_000 and len(usage.accounting) == 1
    (left,) = [one for one in both if one.run != killed.run]
    assert site.poll(left.run).state == RunState.RUNNING
    found = inventory.machine(Server(settings), {"python": "3.11"})
    assert [(one.chip, one.count) for one in found.cards] == [("Ascend 910C", 4)]
    assert found.software["python"] == "3.11" and found.software["ray"]
    site.engine.check(shell("true", cores=clusters.CPUS))
    site.cancel(left.run)


def test_the_cluster_says_what_it_has(settings: Settings) -> None:
    found = inventory.machine(Server(settings), {"python": "3.11"})
    assert found.cores == clusters.CPUS and found.memory_bytes and found.notes == ()
    assert [(one.chip, one.count) for one in found.cards] == [("Ascend 910C", clusters.CARDS // 2)]
    (node,) = found.extent.nodes or ()
    assert (node.state, node.cores, node.memory_bytes) == ("in_service", found.cores, found.memory_bytes)
    assert [(one.chip, one.count) for one in node.cards] == [("Ascend 910C", clusters.CARDS // 2)]
    unmapped = inventory.machine(Server(replace(settings, resources={})), {})
    assert unmapped.cards == () and "NPU (8)" in unmapped.notes[0]
