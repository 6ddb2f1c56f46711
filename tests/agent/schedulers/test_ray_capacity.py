"""What of a Ray cluster is free and when work would begin: as a real head tells it, and as one might not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import pytest
from tests.agent.schedulers.test_ray import CARDS, running, scheduler, shell
from tests.contracts.schedulers.harnesses import wait_until
from tests.engines import ray_cluster as clusters

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.ray import capacity as counted
from hesuan.agent.schedulers.ray.capacity import QUEUE, capacity
from hesuan.agent.schedulers.ray.server import Server
from hesuan.agent.schedulers.ray.settings import Settings
from hesuan.agent.survey import FreeCards, FreeQueue
from hesuan.hub.centres import shapes


def sizes(server: Server) -> dict[tuple[str, int], tuple[bool, str]]:
    """Of each size that is told whether it would begin now, and what is in its way."""
    found = capacity(server)
    assert shapes.CAPACITY.faults(found.body(), "body") == []
    assert all(one.expected_at in (None, found.at) for one in found.starts), "now, or unknown"
    return {(one.card, one.cards): (one.expected_at is not None, one.reason) for one in found.starts}


@pytest.mark.ray
@pytest.mark.processes
def test_what_jobs_hold_is_not_free_and_what_does_not_fit_has_no_time(tmp_path: Path) -> None:
    settings = Settings(clusters.of_this_process().address, resources=CARDS)
    server, site = Server(settings), scheduler(settings, tmp_path / "runs")
    job = shell("sleep 60", cards=3, card="Ascend 910C", cores=2)
    running(site, job)
    wait_until(site, job.run, lambda o: capacity(server).cards == (FreeCards("Ascend 910C", 4, 3),))
    found = capacity(server)
    assert found.queues == (FreeQueue(QUEUE, 1, 0, 0, clusters.CPUS, 2, 2),)
    assert sizes(server) == {
        ("", 0): (True, ""),
        ("Ascend 910C", 1): (True, ""),
        ("Ascend 910C", 4): (False, "ResourceUsage: 2.0/4.0 CPU, 6.0/8.0 NPU"),
    }
    site.cancel(job.run)
    wait_until(site, job.run, lambda o: o.state.final)
    wait_until(site, job.run, lambda o: capacity(server).cards == (FreeCards("Ascend 910C", 4, 0),))
    assert capacity(server).queues == (FreeQueue(QUEUE, 1, 1, 0, clusters.CPUS, clusters.CPUS, 0),)
    assert all(said == (True, "") for said in sizes(server).values())


class Head:
    """A head of two nodes with two cards each, of which it may tell what is given away."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.settings = Settings("", resources={"my_card": Resource("H100")})
        self.told, self.at = told, time.time()

    def state(self, kind: str) -> tuple[list[dict[str, Any]], bool]:
        total = {"CPU": 8.0, "my_card": 2.0, "memory": 1024.0, "node:10.0.0.1": 1.0}
        rows = [{"node_id": one, "state": "ALIVE", "resources_total": total} for one in ("a", "b")]
        return [*rows, {"node_id": "c", "state": "DEAD", "resources_total": total}], True

    def read(self, path: str) -> Any:
        report = {"usageByNode": self.told}
        return {"data": {"clusterStatus": {"time": self.at, "loadMetricsReport": report}}}


def used(cores: float, cards: float) -> dict[str, list[float]]:
    return {"CPU": [cores, 8.0], "myCard": [cards, 2.0], "memory": [0.0, 1024.0]}


def test_a_part_of_a_card_in_use_is_not_free_and_work_has_to_fit_on_one_node() -> None:
    server = cast(Server, Head({"a": used(8, 0), "b": used(0.5, 0.5)}))
    assert capacity(server).queues == (FreeQueue(QUEUE, 2, 0, 0, 16, 7, 9),)
    assert capacity(server).cards == (FreeCards("H100", 4, 1),)
    assert {size: begins for size, (begins, _) in sizes(server).items()} == {
        ("", 0): True,
        ("H100", 1): True,
        ("H100", 2): False,
    }


@pytest.mark.parametrize(
    "told",
    [{}, {"a": used(0, 0)}, {"a": used(0, 0), "b": {"CPU": [0.0, 8.0]}}, {"a": used(0, 0), "b": "none"}],
)
def test_what_the_head_does_not_say_of_a_node_stays_unknown(told: dict[str, Any]) -> None:
    server = cast(Server, Head(told))
    assert capacity(server).queues == () and capacity(server).cards == (FreeCards("H100", 4, None),)
    assert sizes(server)["H100", 2] == ((True, "") if told else (False, counted.NO_WORD))


def test_a_count_that_is_old_is_none() -> None:
    head = Head({"a": used(0, 0), "b": used(0, 0)})
    assert capacity(cast(Server, head)).cards == (FreeCards("H100", 4, 0),)
    head.at -= 2 * counted.STALE_S
    assert capacity(cast(Server, head)).cards == (FreeCards("H100", 4, None),)
