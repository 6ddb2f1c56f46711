"""What the contract does not ask and a Kubernetes centre does: on a real control plane, started for this."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.contracts.schedulers.harnesses import wait_until
from tests.engines import kubernetes as clusters
from tests.engines.kubernetes import CHIP, NAMESPACE, OTHER, Cluster
from tests.engines.ray_cluster import Relay

from hesuan.agent import durable
from hesuan.agent.schedulers import jobscript
from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunSpec, RunState, Usage
from hesuan.agent.schedulers.kubernetes import inventory, manifest
from hesuan.agent.schedulers.kubernetes.engine import EVIDENCE, KubernetesEngine
from hesuan.agent.schedulers.kubernetes.server import Server
from hesuan.agent.schedulers.kubernetes.settings import Access, Settings
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.errors import Refused, Unavailable
from hesuan.wire.ids import new_id

pytestmark = [pytest.mark.kubernetes, pytest.mark.processes]
CARDS = {CHIP: Resource("Ascend 910C", slices=2)}
LAB = "01JDZ6Y8000000000000000003"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return clusters.of_this_process()


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    access = Access(kubeconfig=cluster.folder / "agent.json")
    return Settings("none", access, {LAB: OTHER}, NAMESPACE, resources=CARDS, settled_s=1.0, lost_s=2.0)


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> OutsideScheduler:
    return scheduler(settings, tmp_path / "runs")


def scheduler(settings: Settings, root: Path, *, visible_within_s: float = 3.0) -> OutsideScheduler:
    engine = KubernetesEngine(settings)
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


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 240
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def path_of(one: dict[str, Any]) -> str:
    meta, kind = one["metadata"], "pods" if "containers" in one["spec"] else "jobs"
    where = "/api/v1" if kind == "pods" else "/apis/batch/v1"
    return f"{where}/namespaces/{meta['namespace']}/{kind}/{meta['name']}"


def test_cards_are_asked_for_by_the_catalogues_name_and_held(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    job = shell("sleep 2", cards=2, card="Ascend 910C", cores=2, memory_bytes=1 << 30)
    usage = ended(site, job)
    (attempt,) = usage.accounting
    told = json.loads(attempt.raw)
    assert told["spec"]["requests"] == {"cpu": "2", "memory": "1073741824", CHIP: "4"}
    assert attempt.card_s == attempt.core_s == 2 * usage.wall_ms // 1000 >= 4
    assert attempt.memory_mib_s == 1024 * usage.wall_ms // 1000
    assert (usage.state, usage.cores, usage.evidence) == ("COMPLETED", 2, EVIDENCE)
    assert told["status"]["container"]["state"]["terminated"]["reason"] == attempt.state == "Completed"
    assert told["metadata"]["labels"][manifest.RUN] == job.run


def test_the_pod_is_let_go_at_the_end_and_the_job_stays_for_the_operator(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    job = shell("true")
    ended(site, job)
    (pod,), (one,) = cluster.pods(job.run), cluster.jobs(job.run)
    assert "finalizers" not in pod["metadata"] and one["status"]["succeeded"] == 1
    assert "ttlSecondsAfterFinished" not in one["spec"]
    cluster.ask("DELETE", path_of(one), {"propagationPolicy": "Background"})
    until(lambda: not cluster.pods(job.run))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"cards": 1, "card": "H100"}, "1 × H100; this site has Ascend 910C"),
        ({"cards": 5, "card": "Ascend 910C"}, "5 × Ascend 910C on one node; the largest node here has 4"),
        ({"memory_bytes": 2**50}, "1073741824 MiB of memory; the largest node here gives 65536"),
    ],
)
def test_what_no_node_has_is_refused_with_both_numbers_and_leaves_nothing(
    site: OutsideScheduler, cluster: Cluster, asked: dict[str, object], said: str
) -> None:
    job = shell("true", **asked)
    with pytest.raises(Refused, match=said):
        site.submit(job)
    assert cluster.jobs(job.run) == [] and not site.folders.has(job.run)


def test_each_organisation_has_its_namespace_and_who_has_none_is_refused(
    settings: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    strict = scheduler(replace(settings, namespace=""), tmp_path / "runs")
    with pytest.raises(Refused, match="no namespace for organisation 01JDZ6Y8000000000000000004"):
        strict.submit(shell("true", organisation="01JDZ6Y8000000000000000004"))
    job = shell("true", organisation=LAB)
    ended(strict, job)
    (one,) = cluster.jobs(job.run)
    assert one["metadata"]["namespace"] == OTHER
    assert one["metadata"]["labels"][manifest.ORGANISATION] == LAB


@contextmanager
def quota(cluster: Cluster, **hard: str) -> Iterator[None]:
    """A quota of the lab's namespace, for as long as the block lasts."""
    meta = {"name": "small", "namespace": OTHER}
    named = {name.replace("__", "/").replace("_", "."): value for name, value in hard.items()}
    cluster.make({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta, "spec": {"hard": named}})
    path = f"/api/v1/namespaces/{OTHER}/resourcequotas/small"
    until(lambda: "hard" in cluster.ask("GET", path).get("status", {}))
    try:
        yield
    finally:
        cluster.ask("DELETE", path)


def test_more_than_the_namespaces_quota_is_refused_with_both_numbers(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    with quota(cluster, requests_cpu="2"), pytest.raises(Refused, match=r"3 of cpu; .* may hold 2 .*small"):
        site.submit(shell("true", organisation=LAB, cores=3))


def test_a_quota_that_is_used_up_lets_the_run_wait_and_says_so(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    first, second = (shell("sleep 60", organisation=LAB, cores=2) for _ in range(2))
    with quota(cluster, requests_cpu="2"):
        running(site, first)
        site.submit(second)
        waits = wait_until(site, second.run, lambda o: bool(o.reason))
        assert waits.state == RunState.SUBMITTED and "exceeded quota: small" in waits.reason
        site.cancel(second.run)
        assert wait_until(site, second.run, lambda o: o.state.final).state == RunState.CANCELLED
        site.cancel(first.run)
        assert wait_until(site, first.run, lambda o: o.state.final).state == RunState.CANCELLED


def test_a_quota_of_jobs_refuses_the_second_run_and_never_the_first_again(
    site: OutsideScheduler, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes looks at the quota before it looks at the name."""
    first = shell("sleep 2", organisation=LAB)
    cluster.forget_everything()
    with quota(cluster, count__jobs_batch="1"):
        site.submit(first)
        path = f"/api/v1/namespaces/{OTHER}/resourcequotas/small"
        until(lambda: cluster.ask("GET", path)["status"]["used"].get("count/jobs.batch") == "1")
        with pytest.raises(Refused, match="exceeded quota: small"):
            site.submit(shell("true", organisation=LAB))
        blind(site, first, monkeypatch)
        site.submit(first)
        assert wait_until(site, first.run, lambda o: o.state.final).state == RunState.COMPLETED


def blind(site: OutsideScheduler, job: RunSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent has lost the answer, and does not look before it asks again."""
    (site.folders.known(job.run).path / "job.json").unlink()
    monkeypatch.setattr(OutsideScheduler, "_find", lambda *_: "")
    monkeypatch.setattr(OutsideScheduler, "_is_on_its_way", lambda *_: False)


def test_without_the_look_the_server_itself_refuses_the_second_and_it_is_taken_as_the_first(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = shell(f"echo $$ >> {tmp_path}/starts; sleep 2")
    site.submit(job)
    blind(site, job, monkeypatch)
    site.submit(job)
    assert wait_until(site, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    assert len((tmp_path / "starts").read_text().split()) == 1 == len(cluster.jobs(job.run))


def test_a_run_asked_for_again_goes_where_it_was_first_asked_for(
    settings: Settings, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator gives the organisation another namespace while an answer is lost."""
    job = shell("sleep 2", organisation=LAB)
    scheduler(settings, tmp_path / "runs").submit(job)
    moved = scheduler(replace(settings, namespaces={LAB: NAMESPACE}), tmp_path / "runs")
    blind(moved, job, monkeypatch)
    moved.submit(job)
    assert wait_until(moved, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    assert [one["metadata"]["namespace"] for one in cluster.jobs(job.run)] == [OTHER]


def test_a_job_of_somebody_elses_under_the_runs_name_is_not_taken_for_it(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    job = shell("true")
    container = {"name": "c", "image": "none", "command": ["true"]}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    meta = {"name": manifest.name(job.run), "namespace": NAMESPACE}
    cluster.make({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec})
    with pytest.raises(Refused, match="another Job has the name"):
        site.submit(job)


def test_a_lost_answer_is_found_again_by_the_name(
    settings: Settings, cluster: Cluster, tmp_path: Path
) -> None:
    host, _, port = cluster.address.removeprefix("https://").partition(":")
    relay = Relay(lambda: socket.create_connection((host, int(port))))
    access = Access(address=f"https://127.0.0.1:{relay.port}", token=cluster.token, ca=cluster.ca)
    hurried = scheduler(replace(settings, access=access, answer_s=2.0), tmp_path / "runs")
    job = shell(f"echo $$ >> {tmp_path}/starts; sleep 3")
    hurried.engine.check(job)
    hurried.engine.check = lambda spec: None  # type: ignore[method-assign] # it is the request that is lost
    relay.mute = True
    with pytest.raises(Unavailable):
        hurried.submit(job)
    assert len(cluster.jobs(job.run)) == 1, "the control: the request went through"
    again = scheduler(settings, tmp_path / "runs")
    again.submit(job)
    assert wait_until(again, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    assert len(cluster.jobs(job.run)) == 1 == len((tmp_path / "starts").read_text().split())


def test_an_api_server_that_is_away_for_a_while_costs_nothing(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    job = shell("sleep 6")
    running(site, job)
    cluster.away()
    try:
        with pytest.raises(Unavailable, match="did not answer"):
            site.poll(job.run)
        with pytest.raises(Unavailable):
            site.submit(shell("true"))
    finally:
        cluster.back()
    assert wait_until(site, job.run, lambda o: o.state.final).state == RunState.COMPLETED
    usage = site.usage(job.run)
    assert usage is not None and 5_000 <= usage.wall_ms < 9_000


@pytest.mark.parametrize("what", ["job", "pod"])
def test_what_somebody_deletes_is_killed_and_keeps_its_usage(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path, what: str
) -> None:
    """A pod that is deleted alone is replaced by Kubernetes: the second finds the run begun."""
    job = shell(f"echo $$ >> {tmp_path}/starts; sleep 60")
    running(site, job)
    until((tmp_path / "starts").exists)
    time.sleep(2)
    (one,) = cluster.jobs(job.run) if what == "job" else cluster.pods(job.run)
    cluster.ask("DELETE", path_of(one), {"propagationPolicy": "Background"})
    over = wait_until(site, job.run, lambda o: o.state.final)
    assert over.state == RunState.KILLED and "at the centre" in over.reason
    usage = site.usage(job.run)
    assert usage is not None and 2_000 <= usage.wall_ms < 10_000 and len(usage.accounting) == 1
    assert len((tmp_path / "starts").read_text().split()) == 1
    until(lambda: all("finalizers" not in pod["metadata"] for pod in cluster.pods(job.run)))


def test_a_pod_that_is_forced_away_is_waited_for_until_its_node_has_ended_it(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    job = shell("trap 'sleep 1; exit 9' TERM; sleep 60 & wait")
    running(site, job)
    time.sleep(2)
    (one,) = cluster.pods(job.run)
    cluster.ask("DELETE", f"{path_of(one)}?gracePeriodSeconds=0")
    over = wait_until(site, job.run, lambda o: o.state.final)
    usage = site.usage(job.run)
    assert over.state == RunState.KILLED and usage is not None and 2_000 <= usage.wall_ms < 12_000


def test_without_the_finalizer_what_somebody_deletes_is_lost(
    site: OutsideScheduler, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    whole = manifest.job

    def bare(*given: Any) -> dict[str, Any]:
        made = whole(*given)
        del made["spec"]["template"]["metadata"]["finalizers"]
        return made

    monkeypatch.setattr(manifest, "job", bare)
    job = shell("sleep 60")
    running(site, job)
    (one,) = cluster.jobs(job.run)
    cluster.ask("DELETE", path_of(one), {"propagationPolicy": "Background"})
    until(lambda: not cluster.pods(job.run))
    assert wait_until(site, job.run, lambda o: o.state == RunState.UNKNOWN).reason


def test_a_run_cancelled_while_it_waits_never_begins_and_holds_nothing(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    full = [shell("sleep 60", cards=4, card="Ascend 910C") for _ in range(2)]
    for one in full:
        running(site, one)
    waiting = shell(f": > {tmp_path}/begun", cards=1, card="Ascend 910C")
    site.submit(waiting)
    waits = wait_until(site, waiting.run, lambda o: bool(o.reason))
    assert waits.state == RunState.SUBMITTED and "Insufficient huawei.com/Ascend910" in waits.reason
    site.cancel(waiting.run)
    usage = ended(site, waiting)
    assert usage.state == "CANCELLED" and (usage.wall_ms, usage.accounting) == (0, ())
    for one in full:
        site.cancel(one.run)
        assert wait_until(site, one.run, lambda o: o.state.final).state == RunState.CANCELLED
        until(lambda one=one: not cluster.jobs(one.run) and not cluster.pods(one.run))  # type: ignore[misc]
    assert not (tmp_path / "begun").exists()
    until(lambda: not cluster.jobs(waiting.run) and not cluster.pods(waiting.run))


def test_an_image_that_cannot_be_fetched_is_told_while_the_run_waits(
    settings: Settings, tmp_path: Path
) -> None:
    site = scheduler(replace(settings, image="missing"), tmp_path / "runs")
    job = shell("true")
    site.submit(job)
    waits = wait_until(site, job.run, lambda o: bool(o.reason))
    assert waits.state == RunState.SUBMITTED and "ErrImagePull: no such image" in waits.reason
    site.cancel(job.run)
    assert ended(site, job).accounting == ()


def test_a_pods_deadline_ends_what_got_rid_of_its_limit(
    site: OutsideScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobscript, "once", lambda *_, **__: "exec sleep 60\n")
    monkeypatch.setattr(manifest, "FETCHED_S", -jobscript.GRACE_S + 2)
    usage = ended(site, shell("true", time_limit_s=1))
    assert usage.state == "TIMEOUT" and 3_000 <= usage.wall_ms < 10_000


def test_a_container_that_never_came_to_the_script_tells_why_in_its_log(
    site: OutsideScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobscript, "once", lambda *_, **__: "echo no such interpreter; exit 3\n")
    usage = ended(site, shell("true"))
    assert (usage.state, usage.exit_status) == ("FAILED", 3)
    assert site.log(usage.run, 0, 1000) == b"no such interpreter\n"


def test_a_script_that_finds_the_run_cancelled_begins_nothing(
    site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    """As where a request was on its way while the user cancelled."""
    job = shell(f": > {tmp_path}/begun")
    whole = site.engine.ask

    def late(spec: RunSpec, directory: Any) -> str:
        durable.write(directory.path / "cancel", b"")
        return whole(spec, directory)

    site.engine.ask = late  # type: ignore[method-assign]
    assert ended(site, job).state == "CANCELLED" and not (tmp_path / "begun").exists()


@pytest.mark.parametrize(("name", "said"), [("wrong", "401"), ("stranger-token", "403")])
def test_who_is_not_let_in_has_submitted_nothing_and_may_come_back(
    settings: Settings, cluster: Cluster, tmp_path: Path, name: str, said: str
) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    word = (cluster.folder / name).read_text() if name != "wrong" else "wrong"
    token.write_text(word + "\n")
    access = Access(address=cluster.address, token=token, ca=cluster.ca)
    shut = scheduler(replace(settings, access=access), tmp_path / "runs", visible_within_s=0.0)
    job = shell("true")
    with pytest.raises(Unavailable, match=said):
        shut.submit(job)
    shut.engine.check = lambda spec: None  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match=said):
        shut.submit(job)
    assert cluster.jobs(job.run) == []
    token.write_text(cluster.token.read_text())
    assert ended(shut, job).state == "COMPLETED"


def test_a_server_that_nobody_vouches_for_is_sent_no_token(settings: Settings, cluster: Cluster) -> None:
    access = Access(address=cluster.address, token=cluster.token)
    with pytest.raises(Unavailable, match="ConnectError"):
        Server(replace(settings, access=access)).read("/version")


def test_the_cluster_says_what_it_has(settings: Settings) -> None:
    found = inventory.machine(Server(settings), {"python": "3.11"})
    assert found.cores == clusters.CPUS and found.memory_bytes == 64 << 30 and found.notes == ()
    assert [(one.chip, one.count) for one in found.cards] == [("Ascend 910C", clusters.CARDS)]
    assert found.software == {"kubernetes": "v1.20.2", "python": "3.11"}
    unmapped = inventory.machine(Server(replace(settings, resources={})), {})
    assert unmapped.cards == () and f"{CHIP} (16)" in unmapped.notes[0]
    for seen, chip in ((found, "Ascend 910C"), (unmapped, CHIP)):
        nodes = seen.extent.nodes or ()
        assert [(one.name, one.state, one.cores) for one in nodes] == [
            ("n1", "in_service", clusters.CPUS),
            ("n2", "in_service", clusters.CPUS),
        ]
        assert {card.chip for one in nodes for card in one.cards} == {chip}
    assert found.extent.queues is None, "a cluster without Kueue has none"
    none = inventory.machine(Server(replace(settings, node_selector={"pool": "other"})), {})
    assert none.cards == () and none.memory_bytes is None


def test_a_node_that_dies_ends_its_jobs_as_killed_with_what_they_held(
    site: OutsideScheduler, cluster: Cluster, settings: Settings, tmp_path: Path
) -> None:
    text, asked = f"echo $$ >> {tmp_path}/starts; sleep 300", {"cards": 4, "card": "Ascend 910C"}
    both = [shell(text, time_limit_s=300, **asked) for _ in range(2)]
    for one in both:
        running(site, one)
    time.sleep(2)
    lost = next(one for one in both if cluster.pods(one.run)[0]["spec"]["nodeName"] == "n2")
    cluster.cut_power("n2")
    try:
        over = wait_until(site, lost.run, lambda o: o.state.final)
        assert over.state == RunState.KILLED, over
        usage = site.usage(lost.run)
        assert usage is not None and 1_000 <= usage.wall_ms < 60_000 and len(usage.accounting) == 1
        assert "Not in service: n2." in inventory.machine(Server(settings), {}).notes
        (left,) = [one for one in both if one is not lost]
        assert site.poll(left.run).state == RunState.RUNNING
        site.cancel(left.run)
        assert wait_until(site, left.run, lambda o: o.state.final).state == RunState.CANCELLED
    finally:
        cluster.give_power("n2")
    assert len((tmp_path / "starts").read_text().split()) == 2
