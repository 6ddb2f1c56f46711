"""One row an attempt: named by the scheduler, kept with its line, claimed by one run alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from tests.append_only import triggers_lifted
from tests.people import Person, make_organisation
from tests.road import Road, Told, history, make_site, usage

from hesuan.errors import Faults, NotFound
from hesuan.hub.audit import selectors as audit
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.metering import attempts, rules, selectors
from hesuan.hub.metering.models import Attempt, Finding, UsageRecord
from hesuan.hub.settlement.models import Settlement
from hesuan.wire.canonical import digest

WHOLE = ("c/7/1", 20_000), ("c/7/2", 500)
"""A job that was requeued: its two times make the usage's 20.5 s."""


def attempt(key: str, wall_ms: int, **changes: Any) -> dict[str, Any]:
    """One time that a scheduler ran the job, as its books have it."""
    held_s = wall_ms // 1000
    times = {"started_at": "2026-11-20T10:00:00.000000Z", "ended_at": "2026-11-20T11:00:00.000000Z"}
    held = {"core_s": 2 * held_s, "card_s": 8 * held_s, "node_s": held_s, "memory_mib_s": 0, "energy_j": None}
    raw = f"{key}|{held_s}"
    line = {"raw": raw, "raw_digest": digest(raw)}
    return {"key": key, "state": "COMPLETED", "wall_ms": wall_ms, **times, **held, **line, **changes}


def with_attempts(run_id: str, *told: dict[str, Any], **of_usage: Any) -> Told:
    kind, body = usage(run_id, **of_usage)
    return kind, {**body, "evidence": "slurm:sacct", "accounting": list(told)}


def requeued(run_id: str) -> Told:
    return with_attempts(run_id, *(attempt(*one) for one in WHOLE))


def through(road: Road, run_id: str, last: Told) -> None:
    """A whole run whose usage is another one."""
    road.say([*history(run_id)[:-1], last])


def test_each_time_that_a_job_ran_is_a_row_beside_the_usage(road: Road) -> None:
    run = road.place()
    told = requeued(run.id)
    road.say([told])
    record = UsageRecord.objects.get()
    assert record.raw == told[1]
    rows = list(Attempt.objects.order_by("key"))
    assert [(one.key, one.wall_ms, one.core_s, one.card_s, one.node_s) for one in rows] == [
        ("c/7/1", 20_000, 40, 160, 20),
        ("c/7/2", 500, 0, 0, 0),
    ]
    for row, line in zip(rows, told[1]["accounting"], strict=True):
        assert (row.raw, row.raw_digest, row.evidence_class) == (
            line["raw"],
            digest(line["raw"]),
            "accounting",
        )
        assert (row.run_id, row.message_id) == (run.id, record.message_id)
        assert row.centre_id == run.order.centre_id


def test_without_books_of_a_scheduler_the_run_is_its_one_attempt(road: Road) -> None:
    run = road.place()
    road.say([usage(run.id)])
    row, record = Attempt.objects.get(), UsageRecord.objects.get()
    assert (row.key, row.wall_ms, row.core_s) == (f"run/{run.id}/1", 20_500, record.held_core_s)
    assert (row.card_s, row.node_s, row.memory_mib_s, row.energy_j) == (None, None, None, None)
    assert (row.evidence_class, row.raw, row.raw_digest) == ("kernel", "", record.digest)


def test_what_neither_kernel_nor_books_have_seen_is_the_engines_own_word(road: Road) -> None:
    run = road.place()
    kind, body = usage(run.id)
    road.say([(kind, {**body, "evidence": "somebody:says"})])
    assert Attempt.objects.get().evidence_class == "self-reported"


def test_a_run_that_held_nothing_has_no_attempt(road: Road) -> None:
    run = road.place()
    road.say([usage(run.id, ended="CANCELLED", wall_ms=0, exit_status=None)])
    assert UsageRecord.objects.exists() and not Attempt.objects.exists()


def test_the_same_attempts_again_are_nothing_new(road: Road) -> None:
    run = road.place()
    road.say([requeued(run.id), requeued(run.id)])
    assert Attempt.objects.count() == 2 and not Finding.objects.exists()


def test_the_same_attempt_with_another_figure_is_a_finding_with_both_and_never_overwrites(road: Road) -> None:
    run = road.place()
    longer = attempt("c/7/1", 21_000), attempt("c/7/2", 500)
    road.say([requeued(run.id), with_attempts(run.id, *longer, wall_ms=21_500)])
    assert list(Attempt.objects.order_by("key").values_list("wall_ms", flat=True)) == [20_000, 500]
    found = {one.kind: one.facts for one in Finding.objects.all()}
    assert set(found) == {"usage.differs", "attempt.differs"}
    facts = found["attempt.differs"]
    assert facts["key"] == "c/7/1"
    assert (facts["stands"]["wall_ms"], facts["told"]["wall_ms"]) == (20_000, 21_000)
    assert (facts["stands"]["card_s"], facts["told"]["card_s"]) == (160, 168)
    assert "state" not in facts["told"], "what agrees is not told"
    road.say([with_attempts(run.id, *longer, wall_ms=21_500)])
    assert Finding.objects.count() == 2


def claimed(road: Road) -> tuple[str, str]:
    """Two runs of one centre; the second's usage has an attempt of the first."""
    first, second = road.place(), road.place()
    road.say([requeued(first.id)])
    last = with_attempts(second.id, attempt("c/7/1", 20_000), attempt("c/9/1", 500))
    through(road, second.id, last)
    return first.id, second.id


def test_an_attempt_that_two_runs_claim_is_found_at_both_and_settles_neither(road: Road) -> None:
    first, second = claimed(road)
    assert Attempt.objects.get(key="c/7/1").run_id == first
    assert [one.key for one in selectors.attempts(road.owner.actor, second)] == ["c/9/1"]
    for run_id, other in ((first, second), (second, first)):
        (finding,) = selectors.findings(road.owner.actor, run_id)
        assert finding.kind == "attempt.claimed_twice" and finding.facts["key"] == "c/7/1"
        assert finding.facts["stands"]["wall_ms"] == finding.facts["told"]["wall_ms"] == 20_000
        assert other not in str(finding.facts), "whose people are others is not told by name"
        assert "finding.raised" in [fact.kind for fact in audit.facts(SYSTEM, run_id)]
    road.say(history(first)[:-1])
    assert not Settlement.objects.exists() and road.balance().debits_pending > 0


def test_without_the_look_at_the_claims_it_would_be_charged_twice(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr(attempts, "disputed", lambda _run: False)
    first, _ = claimed(road)
    road.say(history(first)[:-1])
    assert Settlement.objects.count() == 2


def test_two_centres_may_have_a_job_of_one_name(road: Road) -> None:
    run = road.place()
    road.say([requeued(run.id)])
    other = Attempt.objects.get(key="c/7/1")
    other.pk, other.centre = "01" + "0" * 24, make_site(make_organisation("Elsewhere", "centre")).agent.centre
    other.save(force_insert=True)
    assert Attempt.objects.filter(key="c/7/1").count() == 2 and not Finding.objects.exists()


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ([attempt("c/7/1", 20_000)], "usage.attempts_differ"),
        ([attempt("c/7/1", 20_000), attempt("c/7/1", 500)], "usage.attempt_twice"),
        ([attempt("c/7/1", 20_500, raw="c/7/1|21")], "usage.line_differs"),
        ([attempt("c/7/1", 20_500, raw_digest="sha256:" + "ab" * 32)], "usage.line_differs"),
    ],
)
def test_attempts_that_do_not_add_up_come_twice_or_belie_their_line_are_refused(
    told: list[dict[str, Any]], code: str
) -> None:
    body = with_attempts("01" + "0" * 24, *told)[1]
    with pytest.raises(Faults) as caught:
        rules.check(body)
    assert [fault.code.name for fault in caught.value.faults] == [code]


def test_a_usage_whose_line_was_changed_on_the_way_keeps_no_row(road: Road) -> None:
    run = road.place()
    road.say([with_attempts(run.id, attempt("c/7/1", 20_500, raw="c/7/1|2"))])
    assert not UsageRecord.objects.exists() and not Attempt.objects.exists()
    assert InboxMessage.objects.get(kind="usage").fault.startswith("usage.line_differs")


def test_owner_colleague_and_stranger(road: Road, colleague: Person, stranger: Person) -> None:
    run = road.place()
    assert selectors.attempts(road.owner.actor, run.id) == []
    road.say([requeued(run.id)])
    for person in (road.owner, colleague, road.operator):
        assert [one.key for one in selectors.attempts(person.actor, run.id)] == ["c/7/1", "c/7/2"]
    with pytest.raises(NotFound):
        selectors.attempts(stranger.actor, run.id)


@contextmanager
def lifted() -> Iterator[None]:
    """The table's triggers are off within the block."""
    if connection.vendor == "postgresql":  # else its deferred foreign keys hold the table
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with triggers_lifted(connection, ["metering_attempt"]):
        yield


CHANGES: dict[str, Callable[[], Any]] = {
    "seconds": lambda: Attempt.objects.filter(key="c/7/1").update(wall_ms=1),
    "run": lambda: Attempt.objects.filter(key="c/7/1").update(key="c/7/3"),
    "delete": lambda: Attempt.objects.filter(key="c/7/1").delete(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_database_refuses_a_changed_attempt(road: Road, change: str) -> None:
    run = road.place()
    road.say([requeued(run.id)])
    with pytest.raises(DatabaseError), transaction.atomic():
        CHANGES[change]()
    with lifted():  # the negative control
        CHANGES[change]()


def test_the_database_takes_an_attempt_once_a_centre(road: Road) -> None:
    run = road.place()
    road.say([requeued(run.id)])
    twin = Attempt.objects.get(key="c/7/1")
    twin.pk = "01" + "0" * 24
    with pytest.raises(DatabaseError), transaction.atomic():
        twin.save(force_insert=True)
    if connection.vendor == "sqlite":
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT OR REPLACE INTO metering_attempt SELECT * FROM metering_attempt WHERE key = 'c/7/1'"
            )
