"""The real agent reconciles with the real hub over HTTP: they agree about a paid run, and an altered row on
either side is found. What an agent may read is its own centre's, and nothing but by its own key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from tests.append_only import triggers_lifted
from tests.contracts.test_agent_counts_a_paid_run import carry_through, kind_of_rig
from tests.people import make_organisation
from tests.road import Road, make_site, usage
from tests.sites import Site

from hesuan.agent import reconcile
from hesuan.agent.reconcile import Compared, Kind
from hesuan.hub.gateway import records
from hesuan.hub.metering.models import Attempt
from hesuan.hub.runs.models import Run

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["kind_of_rig"]

WINDOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
"""By the fake centre's clock."""


def compared(paid: Any) -> Compared:
    _, rig = paid
    return reconcile.of_site(rig.scheduler, rig.uplink, since=WINDOW[0], until=WINDOW[1])


@contextmanager
def altered(**changes: object) -> Iterator[None]:
    """Somebody who has lifted the triggers changes a row at the hub."""
    before = Attempt.objects.values(*changes).get()
    for values in (changes, before):
        with triggers_lifted(connection, ["metering_attempt"]):
            Attempt.objects.update(**values)
        if values is changes:
            yield


def test_a_paid_run_agrees_and_an_altered_row_at_the_hub_is_found(paid: Any) -> None:
    carry_through(*paid)
    outcome = compared(paid)
    assert outcome.findings == () and outcome.books == outcome.hub
    assert (outcome.hub.attempts, outcome.hub.core_s) == (1, 200)
    with altered(core_s=201):
        (found,) = compared(paid).findings
        assert (found.kind, found.books, found.hub) == (Kind.DIFFERS, {"core_s": 200}, {"core_s": 201})
    assert compared(paid).findings == ()


def test_a_job_that_vanished_from_the_centres_books_is_found(paid: Any) -> None:
    carry_through(*paid)
    rig = paid[1]
    rig.centre.jobs.clear()
    (found,) = compared(paid).findings
    assert found.kind == Kind.NOT_IN_THE_BOOKS and found.run == Run.objects.get().id


def test_records_come_by_pages_and_none_is_lost(paid: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_through(*paid)
    carry_through(*paid)
    pages: list[str] = []
    page = records.page

    def counted(asked: records.Asked) -> Any:
        pages.append(asked.after)
        return page(asked)

    monkeypatch.setattr(records, "PAGE", 1)
    monkeypatch.setattr(records, "page", counted)
    outcome = compared(paid)
    assert outcome.findings == () and outcome.hub.attempts == 2 and len(pages) == 3


# --- Who may read what ---


def asked(site: Site, at: datetime | None = None, **changes: object) -> Any:
    body = {"since": "2026-11-01T00:00:00.000000Z", "until": "2026-12-01T00:00:00.000000Z", "after": None}
    return site.post("records", site.seal("records", {**body, **changes}, seq=0, at=at))


@pytest.fixture
def told(paid: Any) -> tuple[Road, str]:
    road: Road = paid[0]
    run = road.place(road.quote({"kind": "script", "command": ["exit:0"], "cores": 1, "time_limit_s": 60}))
    road.say([usage(run.id, cores=1)])
    return road, run.id


def test_an_agent_reads_its_own_centres_attempts_and_no_others(told: tuple[Road, str]) -> None:
    road, run = told
    (one,) = asked(road.site).json()["attempts"]
    assert (one["run"], one["key"], one["wall_ms"]) == (run, f"run/{run}/1", 20_500)
    assert one["claimed_twice"] is False
    other = make_site(make_organisation("Elsewhere", "centre"), "Elsewhere")
    assert asked(other).json()["attempts"] == []


def test_only_an_enrolled_agents_key_opens_them_and_no_old_request(told: tuple[Road, str]) -> None:
    road, _ = told
    old = asked(road.site, at=datetime.now(UTC) - timedelta(minutes=6))
    assert (old.status_code, old.json()["code"]) == (403, "gateway.poll_stale")
    stranger = make_site(make_organisation("Elsewhere", "centre"), "Elsewhere")
    forged = Site(road.site.agent, stranger.private)
    assert asked(forged).json()["code"] == "gateway.not_recognised"
    poll = road.site.post("records", road.site.seal("poll", {"after": 0, "wait_s": 0}, seq=0))
    assert poll.status_code == 422
    assert asked(road.site, since="yesterday").status_code == 422


def test_the_time_asked_for_is_kept_to(told: tuple[Road, str]) -> None:
    road, _ = told
    end = "2026-11-20T08:00:20.500000Z"
    assert len(asked(road.site, since=end).json()["attempts"]) == 1
    assert asked(road.site, until=end).json()["attempts"] == []
