"""Queues, limits, what is free and when work would begin, as a real API server tells the agent."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.agent.schedulers.test_kubernetes import CARDS, LAB, quota, running, scheduler, shell, until
from tests.contracts.schedulers.harnesses import wait_until
from tests.engines import kubernetes as clusters
from tests.engines.kubernetes import CHIP, NAMESPACE, OTHER, Cluster
from tests.sites import inventory_body

from hesuan.agent.schedulers.kubernetes import inventory, queues
from hesuan.agent.schedulers.kubernetes.capacity import SCHEDULER, asked_by, capacity
from hesuan.agent.schedulers.kubernetes.queues import Quota
from hesuan.agent.schedulers.kubernetes.server import Server
from hesuan.agent.schedulers.kubernetes.settings import Access, Settings
from hesuan.agent.survey import Extent, FreeCards, FreeQueue
from hesuan.hub.centres import shapes

pytestmark = [pytest.mark.kubernetes, pytest.mark.processes]
MERGE = "application/merge-patch+json"
ROLES = "/apis/rbac.authorization.k8s.io/v1"


@pytest.fixture
def cluster() -> Cluster:
    one = clusters.of_this_process()
    one.forget_everything()
    return one


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    access = Access(kubeconfig=cluster.folder / "agent.json")
    return Settings("none", access, {LAB: OTHER}, NAMESPACE, resources=CARDS, settled_s=1.0, lost_s=2.0)


def sizes(server: Server) -> dict[tuple[str, int], tuple[bool, str]]:
    """Of each size that is told whether it would begin now, and what is in its way."""
    found = capacity(server)
    assert shapes.CAPACITY.faults(found.body(), "body") == []
    assert all(one.expected_at in (None, found.at) for one in found.starts), "now, or unknown"
    return {(one.card, one.cards): (one.expected_at is not None, one.reason) for one in found.starts}


def test_what_pods_ask_for_is_not_free_and_what_does_not_fit_has_no_time(
    settings: Settings, tmp_path: Path
) -> None:
    server, site = Server(settings), scheduler(settings, tmp_path / "runs")
    begun = capacity(server)
    assert begun.queues == (FreeQueue(SCHEDULER, 2, 2, 0, 32, 32, 0),)
    assert begun.cards == (FreeCards("Ascend 910C", 8, 0),)
    assert all(said == (True, "") for said in sizes(server).values())
    jobs = [shell("sleep 60", cards=3, card="Ascend 910C", cores=15), shell("sleep 60", cores=16)]
    for job in jobs:
        running(site, job)
    found = capacity(server)
    assert found.queues == (FreeQueue(SCHEDULER, 2, 0, 0, 32, 1, 31),)
    assert found.cards == (FreeCards("Ascend 910C", 8, 3),)
    why = f"0/2 nodes are available: 1 Insufficient cpu, 1 Insufficient {clusters.CHIP}."
    assert sizes(server) == {
        ("", 0): (True, ""),
        ("Ascend 910C", 1): (True, ""),
        ("Ascend 910C", 4): (False, why),
    }
    for job in jobs:
        site.cancel(job.run)
        wait_until(site, job.run, lambda o: o.state.final)
    until(lambda: capacity(server).queues == begun.queues)


def test_a_node_that_takes_no_pods_of_ours_is_not_free(settings: Settings, cluster: Cluster) -> None:
    path, server = "/api/v1/nodes/n2", Server(settings)
    taint = {"key": "dedicated", "value": "lab", "effect": "NoSchedule"}
    try:
        cluster.ask("PATCH", path, {"spec": {"taints": [taint]}}, MERGE)
        assert capacity(server).queues == (FreeQueue(SCHEDULER, 2, 1, 1, 32, 16, 0),)
        assert capacity(server).cards == (FreeCards("Ascend 910C", 4, 0),)
        seen = inventory.machine(server, {})
        (node,) = [one for one in seen.extent.nodes or () if one.name == "n2"]
        assert (node.state, node.reason) == ("out_of_service", "taint dedicated")
        tolerant = Server(replace(settings, tolerated=("dedicated",)))
        assert capacity(tolerant).cards == (FreeCards("Ascend 910C", 8, 0),)
        cluster.ask("PATCH", path, {"spec": {"taints": None, "unschedulable": True}}, MERGE)
        assert capacity(server).cards == (FreeCards("Ascend 910C", 4, 0),)
    finally:
        cluster.ask("PATCH", path, {"spec": {"taints": None, "unschedulable": None}}, MERGE)
    until(lambda: capacity(server).cards == (FreeCards("Ascend 910C", 8, 0),))


def test_a_quota_is_a_limit_of_its_namespace_and_holds_work_back(
    settings: Settings, cluster: Cluster
) -> None:
    server = Server(settings)
    with quota(cluster, requests_cpu="2", count__jobs_batch="0"):
        (limit,) = inventory.machine(server, {}).extent.limits or ()
        assert (limit.account, limit.user) == (OTHER, "")
        assert limit.limits == {"small: count/jobs.batch": "0", "small: requests.cpu": "2"}
        said = "exceeded quota: small, requested: count/jobs.batch=1, used: count/jobs.batch=0, limited: "
        assert set(sizes(server).values()) == {(False, f"{said}count/jobs.batch=0")}
    assert inventory.machine(server, {}).extent.limits == ()


def kind(plural: str, singular: str, scope: str) -> dict[str, Any]:
    """A kind of Kueue's as far as it is read here; the server keeps the rest of an object as it came."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{queues.KUEUE}"},
        "spec": {
            "group": queues.KUEUE,
            "scope": scope,
            "names": {"plural": plural, "singular": singular.lower(), "kind": singular},
            "versions": [version],
        },
    }


@contextmanager
def kueue(cluster: Cluster) -> Iterator[None]:
    """A cluster that serves Kueue's kinds, and has no object of them.

    A server of 1.20 that was built with Go 1.18 or later ends when it is given an object of any such kind.
    """
    kinds = [
        kind("clusterqueues", "ClusterQueue", "Cluster"),
        kind("localqueues", "LocalQueue", "Namespaced"),
    ]
    cluster.make(*kinds)
    try:
        for one in ("localqueues", "clusterqueues"):
            until(lambda one=one: cluster.ask("GET", f"/apis/{queues.KUEUE}/v1beta1/{one}"))  # type: ignore[misc]
        until(lambda: queues.KUEUE in cluster.text("/apis"))
        yield
    finally:
        for row in kinds:
            name = row["metadata"]["name"]
            cluster.ask("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        until(lambda: queues.KUEUE not in cluster.text("/apis"))


@contextmanager
def without(cluster: Cluster, *words: str) -> Iterator[None]:
    """The agent's ClusterRole without its rules on some resources."""
    path = f"{ROLES}/clusterroles/hesuan-agent"
    rules = cluster.ask("GET", path)["rules"]
    left = [one for one in rules if not set(words) & set(one["resources"])]
    assert len(left) == len(rules) - len(words)
    cluster.ask("PATCH", path, {"rules": left}, MERGE)
    try:
        yield
    finally:
        cluster.ask("PATCH", path, {"rules": rules}, MERGE)


def test_kueues_queues_are_asked_for_where_the_cluster_serves_them(
    settings: Settings, cluster: Cluster
) -> None:
    server = Server(settings)
    with kueue(cluster):
        found = inventory.machine(server, {})
        assert (found.extent.queues, found.notes) == ((), ())
        with without(cluster, "clusterqueues"):
            until(lambda: inventory.machine(server, {}).notes)
            (note,) = inventory.machine(server, {}).notes
            assert 'cannot list resource "clusterqueues" in API group "kueue.x-k8s.io"' in note
    assert inventory.machine(server, {}).extent.queues is None


def test_what_the_agent_may_not_list_is_unknown_and_the_missing_right_is_said(
    settings: Settings, cluster: Cluster
) -> None:
    server, said = Server(settings), 'cannot list resource "pods" in API group "" at the cluster scope'
    until(lambda: inventory.machine(server, {}).notes == ())
    with without(cluster, "pods"):
        until(lambda: inventory.machine(server, {}).notes)
        assert inventory.machine(server, {}).notes == (f"What is free is unknown: the agent {said}.",)
        found = capacity(server)
        assert found.queues == () and found.cards == (FreeCards("Ascend 910C", 8, None),)
        assert set(sizes(server).values()) == {(False, said)}
    role = f"{ROLES}/namespaces/{OTHER}/roles/hesuan-agent"
    rules = cluster.ask("GET", role)["rules"]
    try:
        cluster.ask("PATCH", role, {"rules": rules[:2]}, MERGE)
        until(lambda: inventory.machine(server, {}).extent.limits is None)
        assert any(
            'cannot list resource "resourcequotas"' in one for one in inventory.machine(server, {}).notes
        )
        assert not any(begins for begins, _ in sizes(server).values())
    finally:
        cluster.ask("PATCH", role, {"rules": rules}, MERGE)
    until(lambda: inventory.machine(server, {}).notes == ())


def container(**asked: str) -> dict[str, Any]:
    return {"resources": {"requests": asked}}


def test_a_pod_holds_what_its_containers_ask_for_or_the_one_that_comes_first() -> None:
    limits = {"resources": {"limits": {"cpu": "2", "a/b": "1"}, "requests": {"cpu": "500m"}}}
    assert asked_by({"spec": {"containers": [container(cpu="1"), limits]}}) == {"cpu": 1.5, "a/b": 1}
    first = {"initContainers": [container(cpu="4")], "containers": [container(cpu="1", memory="1Ki")]}
    assert asked_by({"spec": {**first, "overhead": {"cpu": "250m"}}}) == {"cpu": 4.25, "memory": 1024}
    stays = [{**container(cpu="1"), "restartPolicy": "Always"}, container(cpu="2")]
    assert asked_by({"spec": {"initContainers": stays, "containers": [container(cpu="1")]}}) == {"cpu": 3}
    assert asked_by({}) == {}


ACTIVE = [{"type": "Active", "status": "True"}]
GIVEN = [{"name": "cpu", "nominalQuota": "9"}, {"name": CHIP, "nominalQuota": 8}]
USED = [{"name": "cpu", "total": "4500m", "borrowed": "0"}, {"name": CHIP, "total": "8"}]
GROUPS = [{"coveredResources": ["cpu", CHIP], "flavors": [{"name": "hbm", "resources": GIVEN}]}]
ALL = {
    "metadata": {"name": "all"},
    "spec": {"cohort": "city", "resourceGroups": GROUPS},
    "status": {
        "conditions": ACTIVE,
        "flavorsUsage": [{"name": "hbm", "resources": USED}],
        "pendingWorkloads": 2,
    },
}
TRAIN = {"metadata": {"name": "train"}, "spec": {"clusterQueue": "all"}, "status": {"conditions": ACTIVE}}


class Kueue:
    """What a server with Kueue answers, in the form that Kueue v1beta1 has published."""

    settings = Settings("none", Access(), namespace="lab", queue="train", resources=CARDS)

    def read(self, path: str) -> dict[str, Any]:
        return {"groups": [{"name": queues.KUEUE, "preferredVersion": {"version": "v1beta1"}}]}

    def items(self, path: str, query: dict[str, str] | None = None) -> list[dict[str, Any]]:
        node = {"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "16", CHIP: "8", "pods": "9"}}}
        node["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
        lists = {"localqueues": [TRAIN], "clusterqueues": [ALL], "nodes": [node]}
        return lists.get(path.rpartition("/")[2], [])


def test_a_local_queue_has_its_cluster_queues_quota_and_its_start_is_kueues_to_say() -> None:
    server = cast(Server, Kueue())
    found, notes = queues.local_queues(server)
    (one,) = [queues.described(row, "train") for row in found or ()]
    assert (one.name, one.state, one.is_default, one.cores, notes) == ("lab/train", "open", True, 9, [])
    chips = f"{CHIP} (hbm)"
    assert one.limits == {"ClusterQueue": "all", "cohort": "city", "cpu (hbm)": "9", chips: "8"}
    body = Extent(queues=(one,)).body()
    assert shapes.INVENTORY.faults(inventory_body(**body), "body") == []
    said = f"lab/train: cpu (hbm) 4.5/9, {chips} 8/8, pendingWorkloads 2"
    assert set(sizes(server).values()) == {(False, said)}


SMALL = Quota("lab", "small", False, {"requests.cpu": "3"}, {"requests.cpu": "2"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"hard": {"pods": "0"}, "used": {"pods": "0"}},
         ["exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0"]),
        ({"used": {}}, ["quota: small, requests.cpu not yet counted"]),
        ({"is_scoped": True}, ["quota: small, scoped"]),
        ({"hard": {"limits.memory": "1Gi"}, "used": {"limits.memory": "0"}},
         ["failed quota: small: must specify limits.memory"]),
        ({"hard": {"count/secrets": "0"}, "used": {"count/secrets": "0"}}, []),
    ],
)  # fmt: skip
def test_a_quota_objects_in_kubernetes_words_and_where_it_is_not_understood(
    changes: dict[str, Any], said: list[str]
) -> None:
    assert list(queues.objections(dataclasses.replace(SMALL, **changes), {"cpu": "1"})) == said


def test_a_queue_that_is_held_back_is_closed_and_one_that_says_nothing_unknown() -> None:
    def state(spec: dict[str, Any], active: str | None) -> str:
        said = [{"type": "Active", "status": active}] if active else []
        row = {"metadata": {"name": "q"}, "spec": spec, "status": {"conditions": said}}
        return queues.described(queues.LocalQueue("lab", "q", "", row, None), "").state

    assert [state({}, "True"), state({}, "False"), state({}, None)] == ["open", "closed", "unknown"]
    assert state({"stopPolicy": "Hold"}, "True") == "closed"
    assert state({"stopPolicy": "None"}, "True") == "open"
