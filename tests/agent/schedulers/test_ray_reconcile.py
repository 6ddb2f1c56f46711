"""What a head still knows, and what was kept beside each run, against the hub's records: on a real cluster,
started for these tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.agent.schedulers.test_ray import CARDS, ended, running, scheduler, shell
from tests.contracts.schedulers.harnesses import wait_until
from tests.engines import ray_cluster as clusters
from tests.engines.ray_cluster import Cluster

from hesuan.agent import reconcile
from hesuan.agent.reconcile import Compared, Kind
from hesuan.agent.schedulers.contract import Gap, RunState, Usage
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.agent.schedulers.ray.settings import Settings
from hesuan.errors import Unavailable
from hesuan.wire.attempts import attempts

pytestmark = [pytest.mark.ray, pytest.mark.processes]


class Hub:
    """What a hub has on record."""

    def __init__(self) -> None:
        self.kept: list[dict[str, Any]] = []

    def records(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        return self.kept

    def told(self, usage: Usage) -> None:
        self.kept += [{**one, "run": usage.run} for one in attempts(usage.body())]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return clusters.of_this_process()


@pytest.fixture
def site(cluster: Cluster, tmp_path: Path) -> OutsideScheduler:
    return scheduler(Settings(cluster.address, resources=CARDS), tmp_path / "runs")


Compare = Callable[[OutsideScheduler, Hub], Compared]


@pytest.fixture
def compared() -> Compare:
    """Over the time since this test began: what others have left on the head is not in it."""
    began = datetime.now(UTC)

    def compare(site: OutsideScheduler, hub: Hub) -> Compared:
        return reconcile.of_site(site, hub, since=began, until=datetime.now(UTC) + timedelta(hours=1))

    return compare


def kinds(outcome: Compared) -> list[tuple[Kind, bool]]:
    return [(one.kind, one.kept) for one in outcome.findings]


def gaps(outcome: Compared) -> list[tuple[Gap, str]]:
    return [(one.gap, one.run) for one in outcome.untold if one.gap != Gap.FORGETS]


def test_the_head_the_record_and_the_hub_agree_and_each_that_says_otherwise_is_found(
    site: OutsideScheduler, compared: Compare
) -> None:
    """With the negative control: the hub's record and the agent's own, each altered alone; and a submission
    that the agent never made."""
    hub, job = Hub(), shell("sleep 1.2", cards=2, card="Ascend 910C")
    hub.told(ended(site, job))
    outcome = compared(site, hub)
    assert outcome.findings == () and outcome.books == outcome.hub
    assert (outcome.books.attempts, outcome.kept_only) == (1, 0) and outcome.books.card_s >= 2
    (told,) = outcome.untold
    assert (told.gap, told.detail) == (Gap.FORGETS, hub.kept[0]["key"].partition("/")[0])

    (true,) = hub.kept
    hub.kept = [{**true, "card_s": true["card_s"] + 1}]
    (found,) = compared(site, hub).findings
    assert (found.kind, found.books, found.kept) == (Kind.DIFFERS, {"card_s": true["card_s"]}, False)
    hub.kept = [true]
    final = site.folders.known(job.run).path / "final.json"
    written = json.loads(final.read_text())
    written["usage"]["accounting"][0]["core_s"] += 7
    final.write_text(json.dumps(written))
    assert kinds(compared(site, hub)) == [(Kind.DIFFERS, True)]
    final.unlink()
    assert compared(site, hub).findings == (), "the head still knows"

    site.folders.forget(job.run)
    hub.kept = []
    (found,) = compared(site, hub).findings
    assert (found.kind, found.run, found.kept) == (Kind.NOT_AT_THE_HUB, job.run, False)
    assert found.books["wall_ms"] == true["wall_ms"]


def test_a_head_that_began_anew_has_forgotten_and_the_record_stands(
    site: OutsideScheduler, cluster: Cluster, compared: Compare
) -> None:
    hub, over, open_ended = Hub(), shell("sleep 1.2"), shell("sleep 600")
    hub.told(ended(site, over))
    running(site, open_ended)
    outcome = compared(site, hub)
    assert (outcome.findings, gaps(outcome)) == ((), []), "what is under way is left out"
    cluster.forget_everything()
    outcome = compared(site, hub)
    assert (outcome.findings, outcome.kept_only, outcome.books) == ((), 1, outcome.hub)
    assert gaps(outcome) == [(Gap.NO_END, open_ended.run)]
    wait_until(site, open_ended.run, lambda o: o.state == RunState.UNKNOWN)
    site.declare_lost(open_ended.run, "the head was started anew")
    assert gaps(compared(site, hub)) == []
    site.folders.forget(over.run)
    assert kinds(compared(site, hub)) == [(Kind.NOT_IN_THE_BOOKS, False)]


def test_a_head_that_is_away_is_no_agreement(tmp_path: Path, compared: Compare) -> None:
    away = scheduler(Settings("http://127.0.0.1:1"), tmp_path / "runs")
    with pytest.raises(Unavailable):
        compared(away, Hub())
