"""T18: cumulative counters. However messages are repeated, lost, late or out of order, what is captured is
what was used, to the fen; a counter that goes back is not believed without a signed re-base.

Negative control: the same messages as deltas ("so much more") come to another sum.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.road import BEGIN, Road, Told, commands, countersign, state, tell, usage
from tests.sites import Site, benchmark_body, enrol_site, inventory_body

from hesuan.hub.audit import selectors as audit
from hesuan.hub.centres import services as centres
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.metering import meters, readings
from hesuan.hub.metering.meters import Fault, Reading, metered
from hesuan.hub.metering.models import Finding, MeterReading
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Settlement
from hesuan.wire.messages import format_at

# --- The sum, on plain values ---


@st.composite
def told(draw: st.DrawFn) -> tuple[int, list[Reading]]:
    """How long a run really held its cores, and everything its meter said, re-bases where the counter began
    anew among it; the last word is the whole."""
    true_ms, counter_ms, made = 0, 0, list[Reading]()
    for _ in range(draw(st.integers(1, 12))):
        step = draw(st.integers(0, 90_000))
        true_ms, counter_ms = true_ms + step, counter_ms + step
        if draw(st.integers(0, 3)) == 0:
            anew = draw(st.integers(0, 5_000))
            made.append(Reading(len(made) + 1, anew, before_ms=counter_ms))
            counter_ms = anew
        else:
            made.append(Reading(len(made) + 1, counter_ms))
    made.append(Reading(len(made) + 1, counter_ms))
    return true_ms, made


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(told(), st.randoms(use_true_random=False))
def test_whatever_the_network_does_the_sum_is_the_use(
    case: tuple[int, list[Reading]], chance: random.Random
) -> None:
    """Plain readings may be lost, all but the last; everything may come again, in any order."""
    true_ms, said = case
    needed = [one for one in said if one.before_ms is not None or one is said[-1]]
    kept = [one for one in said if one in needed or chance.random() < 0.5]
    arrived = [*kept, *chance.choices(kept, k=3)]
    chance.shuffle(arrived)
    assert metered({one.seq: one for one in arrived}.values()) == meters.Metered(true_ms, ())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(told())
def test_what_is_known_so_far_is_never_more_than_the_use(case: tuple[int, list[Reading]]) -> None:
    true_ms, said = case
    for length in range(len(said) + 1):
        assert metered(said[:length]).total_ms <= true_ms


def test_a_counter_that_goes_back_counts_for_nothing_and_is_a_fault() -> None:
    said = [Reading(1, 50_000), Reading(2, 2_000), Reading(3, 60_000)]
    assert metered(said) == meters.Metered(60_000, (Fault(2, 50_000, 2_000),))
    mended = [Reading(1, 50_000), Reading(2, 0, before_ms=55_000), Reading(3, 2_000), Reading(4, 60_000)]
    assert metered(mended) == meters.Metered(115_000, ())


def test_a_rebase_below_what_was_shown_is_a_fault() -> None:
    assert metered([Reading(1, 50_000), Reading(2, 0, before_ms=10_000)]) == meters.Metered(
        50_000, (Fault(2, 50_000, 10_000),)
    )


def test_deltas_would_not_do() -> None:
    """Negative control: the same words as "so much more", with one lost and one twice."""
    said = [Reading(1, 10_000), Reading(2, 30_000), Reading(3, 60_000)]
    deltas = {1: 10_000, 2: 20_000, 3: 30_000}
    arrived = [1, 3, 3]
    assert sum(deltas[seq] for seq in arrived) == 70_000 != 60_000
    assert metered({seq: said[seq - 1] for seq in arrived}.values()).total_ms == 60_000


# --- On the road ---


def meter(run_id: str, seq: int, counter_ms: int) -> Told:
    at = format_at(BEGIN + timedelta(milliseconds=counter_ms))
    return "meter", {"run": run_id, "seq": seq, "counter_ms": counter_ms, "at": at}


def rebase(run_id: str, seq: int, before_ms: int, counter_ms: int = 0, **changes: Any) -> Told:
    body = {"run": run_id, "seq": seq, "before_ms": before_ms, "counter_ms": counter_ms}
    return "rebase", {**body, "reason": "node-1 rebooted", "at": format_at(BEGIN), **changes}


def running(run_id: str) -> list[Told]:
    return [state(run_id, "SUBMITTED"), state(run_id, "RUNNING", after_s=1)]


def ended(run_id: str, wall_ms: int) -> list[Told]:
    return [state(run_id, "COMPLETED", after_s=3600, exit_status=0), usage(run_id, wall_ms=wall_ms)]


def fen(wall_ms: int) -> int:
    """By hand: started seconds × 2 cores × ten fen, at most what was quoted (see ``tests.road``)."""
    return -(-wall_ms // 1000) * 2 * 10


def captured(settled: Settlement) -> int:
    """What the ledger took for an order, whatever the settlement's row says."""
    ends = Transfer.objects.filter(kind="capture", id__startswith=f"{settled.order_id}:")
    return sum(ends.values_list("amount_fen", flat=True))


@pytest.mark.parametrize("seed", range(4))
def test_over_many_runs_the_sum_captured_is_the_sum_used(road: Road, seed: int) -> None:
    """Each run's messages: some lost, some twice, all shuffled; some counters begin anew."""
    chance = random.Random(seed)
    used = {}
    for _ in range(5):
        run = road.place()
        used[run.order_id] = total = chance.randrange(1_000, 20_000)
        words = [meter(run.id, 1 + place, total * place // 6) for place in range(5)]
        if chance.random() < 0.5:
            words = [*words[:3], rebase(run.id, 9, total // 2), meter(run.id, 10, total - total // 2)]
        words = [one for one in words if one[0] == "rebase" or chance.random() < 0.7]
        words += chance.choices(words, k=3) if words else []
        chance.shuffle(words)
        last = ended(run.id, total)
        place = chance.randrange(len(words) + 1)
        road.say([*running(run.id), *words[:place]])
        road.say([*last, *words[place:], *last])
    settled = Settlement.objects.all()
    assert {one.order_id: captured(one) for one in settled} == {
        order: fen(total) for order, total in used.items()
    }
    assert not Finding.objects.exists()


def test_a_reset_without_a_rebase_is_not_settled_until_it_is_signed(road: Road) -> None:
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000), meter(run.id, 3, 1_000), *ended(run.id, 12_000)])
    assert not Settlement.objects.exists() and road.balance().debits_pending > 0
    assert [one.kind for one in Finding.objects.all()] == ["meter.went_back"]
    road.say([])
    assert Finding.objects.count() == 1
    road.say([rebase(run.id, 2, 9_500)])
    assert captured(Settlement.objects.get()) == fen(12_000)
    assert "meter.rebased" in [one.kind for one in audit.facts(SYSTEM, run.id)]


def test_usage_below_what_the_meter_showed_is_not_settled(road: Road) -> None:
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000), *ended(run.id, 8_999)])
    assert not Settlement.objects.exists()
    assert [one.kind for one in Finding.objects.all()] == ["usage.below_meter"]


def test_without_the_look_at_the_meter_it_would_be_settled(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control of both."""
    monkeypatch.setattr(readings, "contradicts", lambda _run, _wall_ms: False)
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000), *ended(run.id, 8_999)])
    assert captured(Settlement.objects.get()) == fen(8_999)


def test_what_comes_three_days_late_is_settled_as_if_it_had_come_at_once(road: Road) -> None:
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000)])
    now = timezone.now() + timedelta(days=3)
    with mock.patch("django.utils.timezone.now", return_value=now):
        road.say([meter(run.id, 2, 11_000), *ended(run.id, 12_000)])
    settled = Settlement.objects.get()
    assert captured(settled) == fen(12_000) and settled.settled_at == now


def test_the_same_number_with_another_counter_is_a_finding_and_the_first_stands(road: Road) -> None:
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000), meter(run.id, 1, 9_001)])
    assert MeterReading.objects.get().counter_ms == 9_000
    assert [one.kind for one in Finding.objects.all()] == ["meter.differs"]


# --- Another agent in the place of one that is gone ---


def successor(road: Road) -> Site:
    """A second agent of the road's centre, enrolled and reported."""
    made = enrol_site(road.site.agent.centre, "agent-2")
    tell(made, ("inventory", inventory_body()), ("benchmark", benchmark_body()))
    return made


def test_an_agent_takes_over_a_run_of_one_that_was_revoked_and_the_whole_is_paid(road: Road) -> None:
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000)])
    second = successor(road)
    centres.revoke_agent(actor=road.operator.actor, agent_id=road.site.agent.id, reason="disk lost")
    road.site = second
    road.say([rebase(run.id, 2, 9_000), meter(run.id, 3, 3_000), *ended(run.id, 12_000)])
    assert Run.objects.get().agent_id == second.agent.id
    assert captured(Settlement.objects.get()) == fen(12_000)
    assert commands(second, "countersign"), "who took over signs the receipt"
    road.say(countersign(second))
    assert Settlement.objects.get().receipt.state == "SIGNED"
    assert "run.taken_over" in [one.kind for one in audit.facts(SYSTEM, run.id)]


def refused(road: Road) -> list[str]:
    return [one.fault.split()[0] for one in InboxMessage.objects.exclude(fault="").order_by("received_at")]


def test_nobody_takes_over_from_an_agent_that_is_there_nor_without_a_rebase(road: Road) -> None:
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000)])
    second = successor(road)
    first, road.site = road.site, second
    road.say([rebase(run.id, 2, 9_000)])
    assert refused(road) == ["meter.not_taken_over"]
    centres.revoke_agent(actor=road.operator.actor, agent_id=first.agent.id, reason="disk lost")
    road.say([meter(run.id, 2, 10_000)])
    assert refused(road)[1:] == ["run.of_another_agent"]
    assert Run.objects.get().agent_id == first.agent.id and MeterReading.objects.count() == 1


def test_an_agent_of_another_centre_takes_nothing_over(road: Road) -> None:
    from tests.people import make_organisation
    from tests.road import make_site

    run = road.place()
    road.say(running(run.id))
    other = make_site(make_organisation("Elsewhere", "centre"), "Elsewhere")
    centres.revoke_agent(actor=road.operator.actor, agent_id=road.site.agent.id, reason="disk lost")
    road.site = other
    road.say([rebase(run.id, 1, 9_000)])
    assert refused(road) == ["meter.not_taken_over"]


def test_a_rebase_says_why(road: Road) -> None:
    run = road.place()
    road.say([*running(run.id), rebase(run.id, 1, 0, reason=" ")])
    assert refused(road) == ["meter.rebase_without_reason"]


@pytest.mark.parametrize("change", ["reading", "agent of an ended run"])
def test_the_database_keeps_what_was_read_and_who_ended_a_run(road: Road, change: str) -> None:
    run = road.place()
    road.say([*running(run.id), meter(run.id, 1, 9_000), *ended(run.id, 12_000)])
    second = successor(road)
    with pytest.raises(DatabaseError), transaction.atomic():
        if change == "reading":
            MeterReading.objects.update(counter_ms=1)
        else:
            Run.objects.update(agent=second.agent)
