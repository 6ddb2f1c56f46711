"""Usage: one record a run, the first one stands, what differs is a finding and never overwrites."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st
from tests.people import Person
from tests.road import Road, history, state, usage

from hesuan.errors import Faults, NotFound
from hesuan.hub.audit import selectors as audit
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.metering import rules, selectors
from hesuan.hub.metering.models import Finding, UsageRecord
from hesuan.hub.metering.services import store_usage
from hesuan.hub.settlement.models import Settlement


def test_a_usage_report_is_kept_whole_and_by_columns(road: Road) -> None:
    run = road.place()
    told = usage(run.id)
    road.say([told])
    record = UsageRecord.objects.get()
    assert record.raw == told[1]
    assert (record.wall_ms, record.cores, record.held_core_s) == (20_500, 2, 42)
    assert record.message_id, "leads to the signed message"


def test_the_same_report_again_changes_nothing(road: Road) -> None:
    run = road.place()
    road.say([usage(run.id), usage(run.id)])
    assert UsageRecord.objects.count() == 1 and not Finding.objects.exists()


def test_a_second_other_report_is_a_finding_and_never_overwrites(road: Road) -> None:
    run = road.place()
    road.say(history(run.id))
    charged = Settlement.objects.get().charge_fen
    road.say([usage(run.id, wall_ms=1), usage(run.id, wall_ms=1), usage(run.id, wall_ms=99_000)])
    assert UsageRecord.objects.get().wall_ms == 20_500
    assert Settlement.objects.get().charge_fen == charged
    found = selectors.findings(road.owner.actor, run.id)
    assert [finding.facts["body"]["wall_ms"] for finding in found] == [1, 99_000]
    kinds = [fact.kind for fact in audit.facts(SYSTEM, run.id)]
    assert kinds.count("finding.raised") == 2 and kinds.count("usage.recorded") == 1


def test_usage_that_contradicts_the_runs_end_is_not_settled_but_found(road: Road) -> None:
    run = road.place()
    road.say([state(run.id, "FAILED", after_s=9, exit_status=1), usage(run.id, ended="COMPLETED")])
    road.say([])
    assert not Settlement.objects.exists()
    assert [finding.kind for finding in selectors.findings(road.owner.actor, run.id)] == [
        "usage.state_contradicts_run"
    ]
    assert road.balance().debits_pending > 0, "held until a person has looked"
    road.say([])
    assert Finding.objects.count() == 1


WRONG: dict[str, Any] = {
    "wall_ms": -1,
    "cpu_ms": "1",
    "cores": None,
    "attempt": True,
    "peak_memory_bytes": 2**60,
    "state": "UNKNOWN",
    "exit_status": "0",
    "evidence": None,
    "result": [],
}


@pytest.mark.parametrize(("key", "value"), WRONG.items())
def test_a_malformed_report_is_refused_with_its_place(key: str, value: object) -> None:
    body = usage("01" + "0" * 24)[1]
    rules.check(body)
    with pytest.raises(Faults) as caught:
        rules.check({**body, key: value})
    assert [fault.where for fault in caught.value.faults] == [key]


def test_all_faults_of_a_report_come_together() -> None:
    with pytest.raises(Faults) as caught:
        rules.check({})
    assert len(caught.value.faults) == 8


@given(wall_ms=st.integers(0, 10**9), cores=st.integers(1, 1000))
def test_held_core_seconds_are_whole_started_seconds_times_cores(wall_ms: int, cores: int) -> None:
    held = rules.held_core_s(wall_ms, cores)
    assert held % cores == 0
    assert 0 <= held * 1000 - wall_ms * cores < 1000 * cores


def test_an_unstarted_run_holds_nothing() -> None:
    assert rules.held_core_s(0, 8) == 0


def test_owner_colleague_and_stranger(road: Road, colleague: Person, stranger: Person) -> None:
    run = road.place()
    assert selectors.usage(road.owner.actor, run.id) is None
    road.say(history(run.id))
    for person in (road.owner, colleague, road.operator):
        record = selectors.usage(person.actor, run.id)
        assert record is not None and record.wall_ms == 20_500
        assert selectors.findings(person.actor, run.id) == []
    for read in (selectors.usage, selectors.findings):
        with pytest.raises(NotFound):
            read(stranger.actor, run.id)


def test_the_database_refuses_a_changed_record(road: Road) -> None:
    run = road.place()
    store_usage(agent_id=road.site.agent.id, message_id="m", body=usage(run.id)[1])
    for change in (
        lambda: UsageRecord.objects.update(wall_ms=1),
        lambda: UsageRecord.objects.update(raw={}),
        lambda: UsageRecord.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
