"""What a cluster still lists, and what was kept beside each run, against the hub's records: on a real control
plane, started for these tests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.agent.schedulers.test_kubernetes import (
    CARDS,
    LAB,
    ended,
    path_of,
    running,
    scheduler,
    shell,
    until,
)
from tests.engines import kubernetes as clusters
from tests.engines.kubernetes import NAMESPACE, OTHER, Cluster

from hesuan.agent import reconcile
from hesuan.agent.reconcile import Compared, Kind
from hesuan.agent.schedulers.contract import Gap, RunState, Usage
from hesuan.agent.schedulers.kubernetes import listed
from hesuan.agent.schedulers.kubernetes.settings import Access, Settings
from hesuan.agent.schedulers.outside import OutsideScheduler
from hesuan.errors import Unavailable
from hesuan.wire.attempts import attempts
from hesuan.wire.ids import new_id

pytestmark = [pytest.mark.kubernetes, pytest.mark.processes]


@dataclass
class Hub:
    """What a hub has on record."""

    kept: list[dict[str, Any]] = field(default_factory=list)

    def records(self, since: datetime, until: datetime) -> list[dict[str, Any]]:
        return self.kept

    def told(self, usage: Usage) -> None:
        self.kept += [{**one, "run": usage.run} for one in attempts(usage.body())]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Without what other tests have left."""
    one = clusters.of_this_process()
    one.forget_everything()
    yield one
    one.forget_everything()


@pytest.fixture
def settings(cluster: Cluster) -> Settings:
    access = Access(kubeconfig=cluster.folder / "agent.json")
    return Settings("none", access, {LAB: OTHER}, NAMESPACE, resources=CARDS, settled_s=1.0, lost_s=2.0)


@pytest.fixture
def site(settings: Settings, tmp_path: Path) -> OutsideScheduler:
    return scheduler(settings, tmp_path / "runs")


def compared(site: OutsideScheduler, hub: Hub) -> Compared:
    now = datetime.now(UTC)
    return reconcile.of_site(site, hub, since=now - timedelta(hours=1), until=now + timedelta(hours=1))


def kinds(outcome: Compared) -> list[tuple[Kind, bool]]:
    return [(one.kind, one.kept) for one in outcome.findings]


def gaps(outcome: Compared) -> list[tuple[Gap, str]]:
    return [(one.gap, one.run) for one in outcome.untold if one.gap != Gap.FORGETS]


def altered(path: Path, change: Callable[[Any], None]) -> None:
    written = json.loads(path.read_text())
    change(written)
    path.write_text(json.dumps(written))


def test_the_server_the_record_and_the_hub_agree_in_every_namespace(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    hub = Hub()
    hub.told(ended(site, shell("sleep 2", cards=2, card="Ascend 910C")))
    hub.told(ended(site, shell("sleep 1.2; exit 3", organisation=LAB)))
    outcome = compared(site, hub)
    assert outcome.findings == () and outcome.books == outcome.hub
    assert (outcome.books.attempts, outcome.kept_only) == (2, 0) and outcome.books.card_s >= 4
    (told,) = outcome.untold
    assert (told.gap, told.detail) == (Gap.FORGETS, f"{NAMESPACE}, {OTHER}")


def test_each_of_the_three_that_says_otherwise_is_found(site: OutsideScheduler, cluster: Cluster) -> None:
    """Negative control: the hub's record, either of the agent's, and the server's, each altered alone."""
    hub, job = Hub(), shell("sleep 1.2")
    hub.told(ended(site, job))
    (true,), folder = hub.kept, site.folders.known(job.run).path
    hub.kept = [{**true, "core_s": true["core_s"] + 1}]
    (found,) = compared(site, hub).findings
    assert (found.kind, found.books, found.kept) == (Kind.DIFFERS, {"core_s": true["core_s"]}, False)
    hub.kept = [true]

    def slower(final: Any) -> None:
        final["usage"]["accounting"][0]["wall_ms"] += 1

    def fewer(record: Any) -> None:
        record["pods"][0]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "9"

    for name, change in (("final.json", slower), (listed.RECORD, fewer)):
        before = (folder / name).read_text()
        altered(folder / name, change)
        assert kinds(compared(site, hub)) == [(Kind.DIFFERS, True)], name
        (folder / name).write_text(before)
    assert compared(site, hub).findings == ()
    (pod,) = cluster.pods(job.run)
    status = copy.deepcopy(pod["status"])
    status["containerStatuses"][0]["state"]["terminated"]["startedAt"] = "2026-01-01T00:00:00Z"
    cluster.ask("PATCH", f"{path_of(pod)}/status", {"status": status}, "application/merge-patch+json")
    assert kinds(compared(site, hub)) == [(Kind.DIFFERS, False)]


def test_the_record_stands_for_pods_that_the_operator_has_deleted_and_without_it_nothing(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    hub, job = Hub(), shell("sleep 1.2")
    hub.told(ended(site, job))
    cluster.forget_everything(job.run)
    outcome = compared(site, hub)
    assert (outcome.findings, outcome.kept_only, outcome.books) == ((), 1, outcome.hub)
    site.folders.forget(job.run)
    assert kinds(compared(site, hub)) == [(Kind.NOT_IN_THE_BOOKS, False)]


def test_a_job_that_the_agent_never_asked_for_is_found_and_without_its_pods_its_figures_are_untold(
    settings: Settings, site: OutsideScheduler, cluster: Cluster, tmp_path: Path
) -> None:
    """Somebody with rights in the namespace makes it: here by another folder, of which this agent knows
    nothing."""
    stranger, job = scheduler(settings, tmp_path / "elsewhere"), shell("sleep 1.2")
    usage = ended(stranger, job)
    (found,) = compared(site, Hub()).findings
    assert (found.kind, found.run, found.kept, found.hub) == (Kind.NOT_AT_THE_HUB, job.run, False, {})
    assert found.books["wall_ms"] == usage.wall_ms
    ended(stranger, shell("sleep 1.2", run=f"check-{new_id()}"))
    assert len(compared(site, Hub()).findings) == 1, "a trial is nobody's run"
    (pod,) = cluster.pods(job.run)
    cluster.ask("DELETE", path_of(pod))
    until(lambda: not cluster.pods(job.run))
    outcome = compared(site, Hub())
    assert (outcome.findings, gaps(outcome)) == ((), [(Gap.NO_FIGURES, job.run)])


def test_what_is_under_way_is_left_out_and_an_end_that_nobody_saw_stays_unknown(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    job = shell("sleep 600")
    running(site, job)
    outcome = compared(site, Hub())
    assert (outcome.findings, gaps(outcome), outcome.books.attempts) == ((), [], 0)
    cluster.forget_everything(job.run)
    outcome = compared(site, Hub())
    assert (outcome.findings, gaps(outcome)) == ((), [(Gap.NO_END, job.run)])
    site.engine.visible_within_s = 0.0
    assert site.poll(job.run).state == RunState.UNKNOWN
    site.declare_lost(job.run, "force deleted")
    assert gaps(compared(site, Hub())) == []


def test_a_pod_that_only_found_the_run_begun_is_not_counted_by_the_books_either(
    site: OutsideScheduler, cluster: Cluster
) -> None:
    hub, job = Hub(), shell("sleep 600")
    running(site, job)
    (pod,) = cluster.pods(job.run)
    cluster.ask("DELETE", path_of(pod))
    usage: list[Usage | None] = []

    def is_over() -> bool:
        site.poll(job.run)
        usage[:] = [site.usage(job.run)]
        return usage[0] is not None

    until(is_over)
    assert usage[0] is not None
    hub.told(usage[0])
    assert (compared(site, hub).findings, len(hub.kept)) == ((), 1)


def test_a_pod_that_was_ended_before_its_first_word_is_no_attempt_of_a_run_begun_by_another(
    settings: Settings, site: OutsideScheduler, cluster: Cluster
) -> None:
    hub, job = Hub(), shell("sleep 600")
    slow = scheduler(replace(settings, image="slow"), site.folders.root)
    slow.submit(job)
    until((slow.folders.root / job.run / "tmp" / "taken-by").exists)
    (first,) = cluster.pods(job.run)
    cluster.ask("DELETE", path_of(first))

    def in_its_place() -> list[dict[str, Any]]:
        return [one for one in cluster.pods(job.run) if one["metadata"]["uid"] != first["metadata"]["uid"]]

    until(lambda: any(one["status"].get("phase") == "Running" for one in in_its_place()))
    for one in in_its_place():
        cluster.ask("DELETE", path_of(one))
    until(lambda: slow.poll(job.run).state.final)
    usage = slow.usage(job.run)
    assert usage is not None
    hub.told(usage)
    kept = [one["key"] for one in hub.kept]
    assert kept == [f"kubernetes/{first['metadata']['uid']}"]
    assert compared(slow, hub).findings == ()


def test_a_server_that_is_away_is_no_agreement(settings: Settings, site: OutsideScheduler) -> None:
    hub = Hub()
    hub.told(ended(site, shell("sleep 1.2")))
    away = replace(settings, access=Access(address="https://127.0.0.1:1", token=settings.access.token))
    with pytest.raises(Unavailable):
        compared(scheduler(away, site.folders.root), hub)
