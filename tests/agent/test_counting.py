"""The counter of a run while it runs: cumulative, never above the usage at the end, re-based after a restart.

Negative controls: a counter that is not careful passes the usage, and one that forgets where it stood goes
back without a word; the hub's own sum finds both.
"""

from __future__ import annotations

import random

import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub

from hesuan.agent import counting
from hesuan.hub.metering.meters import Reading, metered

STEP_S = 5


def pass_s(rig: Rig, seconds: int) -> None:
    """So much time, the agent looking every five seconds."""
    for _ in range(seconds // STEP_S):
        rig.round(STEP_S)


def readings(hub: StandInHub) -> list[Reading]:
    """What the hub was told of counters, in the order in which it was sent."""
    return [
        Reading(body["seq"], body["counter_ms"], before_ms=body.get("before_ms"))
        for body in [*hub.bodies("meter"), *hub.bodies("rebase")]
    ]


def wall_ms(hub: StandInHub) -> int:
    (usage,) = hub.bodies("usage")
    return int(usage["wall_ms"])


def test_a_long_run_is_counted_every_minute_and_a_short_one_never(rig: Rig, hub: StandInHub) -> None:
    rig.order("exit:0", "200", time_limit_s=1000)
    rig.order("exit:0", "20")
    pass_s(rig, 220)
    first, *_, last = hub.bodies("meter")
    assert [body["seq"] for body in hub.bodies("meter")] == [1, 2, 3]
    assert (first["counter_ms"], last["counter_ms"]) == (54_945, 174_825), "(60 − 5) s and (180 − 5) s, slow"
    assert hub.bodies("rebase") == []


@pytest.mark.parametrize("every_s", [1, 30])
def test_the_period_is_configured(rig: Rig, hub: StandInHub, every_s: int) -> None:
    rig.meter_every_s = every_s
    rig.restart()
    rig.order("exit:0", "100", time_limit_s=1000)
    pass_s(rig, 110)
    assert len(hub.bodies("meter")) == {1: 17, 30: 3}[every_s]


def test_an_agent_that_begins_anew_says_where_its_counter_stood(rig: Rig, hub: StandInHub) -> None:
    rig.order("exit:0", "300", time_limit_s=1000)
    pass_s(rig, 100)
    rig.restart()
    pass_s(rig, 210)
    (rebase,) = hub.bodies("rebase")
    assert (rebase["seq"], rebase["before_ms"], rebase["counter_ms"]) == (2, 54_945, 0)
    assert rebase["reason"] == counting.BEGAN_ANEW
    assert metered(readings(hub)).faults == ()


def noisy(rig: Rig, hub: StandInHub, chance: random.Random) -> None:
    """Ten minutes of a run with an agent that dies now and then."""
    rig.meter_every_s = 10
    rig.restart()
    rig.order("exit:0", "600", time_limit_s=10_000)
    while not hub.bodies("usage"):
        rig.round(chance.randint(1, 20))
        if chance.random() < 0.1:
            rig.restart()


@pytest.mark.parametrize("seed", range(3))
def test_lost_doubled_reordered_and_late_the_sum_is_never_above_the_usage(
    rig: Rig, hub: StandInHub, seed: int
) -> None:
    chance = random.Random(seed)
    noisy(rig, hub, chance)
    said = readings(hub)
    assert len(said) > 10 and any(one.before_ms is not None for one in said)
    for _ in range(50):
        kept = [one for one in said if one.before_ms is not None or chance.random() < 0.5]
        arrived = [*kept, *chance.choices(said, k=5)]
        chance.shuffle(arrived)
        total = metered({one.seq: one for one in arrived}.values())
        assert total.faults == () and total.total_ms <= wall_ms(hub)
    assert metered(said).total_ms > 0.5 * wall_ms(hub), "and most of it is known while it runs"


def test_a_counter_that_is_not_careful_passes_the_usage(
    rig: Rig, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "LATE_S", -15.0)
    rig.meter_every_s = 1
    rig.restart()
    rig.order("exit:0", "100", time_limit_s=1000)
    pass_s(rig, 110)
    assert metered(readings(hub)).total_ms > wall_ms(hub)


def test_without_the_rebase_the_counter_goes_back_and_is_found(
    rig: Rig, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_begin_anew", lambda *_: None)
    rig.order("exit:0", "300", time_limit_s=1000)
    pass_s(rig, 130)
    rig.restart()
    pass_s(rig, 175)
    assert metered(readings(hub)).faults


def test_a_full_spool_takes_no_counter(rig: Rig, hub: StandInHub) -> None:
    rig.order("exit:0", "200", time_limit_s=1000)
    pass_s(rig, 10)
    rig.spool.full_at = 0
    pass_s(rig, 150)
    assert hub.bodies("meter") == []
