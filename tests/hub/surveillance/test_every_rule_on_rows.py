"""Each rule fires on the hub's own rows, and its near miss does not: one row, one fen or one second less.

The pure rules are measured in ``tests/surveillance``; here it is shown that the facts they need are gathered.
Negative control of each: the same rows with the smallest change that makes them ordinary.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import connection
from tests.append_only import triggers_lifted
from tests.hub.settlement.claim_world import ClaimWorld, document, make_claim_world
from tests.hub.surveillance.market_rows import MONDAY, MarketRows, raised
from tests.people import make_organisation, make_person
from tests.road import make_site, publish

from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.metering import selectors as metering
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.registry import services as registry
from hesuan.hub.registry.services import Proof
from hesuan.hub.settlement import claims

pytestmark = pytest.mark.broken_books("I11")
"""Rows stand for orders that no run was metered for."""
World = Callable[..., ClaimWorld]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
JUST = [True, False]
"""Just enough, and just not."""


@pytest.mark.parametrize("enough", JUST)
def test_a1_a_grant_that_nobody_uses(world: World, enough: bool) -> None:
    """Of ¥10,000.00 a quarter is planned by the first quarter's end; ¥250.00 of it is a tenth."""
    rows = MarketRows(world())
    before = rows.pattern.settlement.voucher_captured_fen
    rows.used(MONDAY, (25_000 if enough else 25_001) - before)
    found = raised(MONDAY + 40 * DAY)
    assert ("A1" in found) is enough
    if enough:
        assert found["A1"][0].numbers["propose_fen"] > 0


@pytest.mark.parametrize("enough", JUST)
def test_a2_much_is_held_and_little_captured(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    for number in range(10):
        order = rows.order(MONDAY + number * HOUR, voucher_fen=1000)
        rows.settle(order, MONDAY + (number + 1) * HOUR, voucher_fen=499 if enough else 500)
    found = [one for one in raised(MONDAY + DAY).get("A2", []) if "captured" in one.window]
    assert bool(found) is enough


@pytest.mark.parametrize("enough", JUST)
def test_a3_half_of_a_days_orders_are_cancelled(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    cancelled_days(rows, cancelled=5 if enough else 4)
    assert ("A3" in raised(MONDAY + DAY)) is enough


def cancelled_days(rows: MarketRows, *, cancelled: int, days: int = 1) -> None:
    """Ten orders a day, some of them cancelled."""
    for day in range(days):
        for number in range(10):
            at = MONDAY + day * DAY + number * timedelta(minutes=5)
            rows.order(at, cancelled=HOUR if number < cancelled else None)


@pytest.mark.parametrize("enough", JUST)
def test_a3_on_three_days_it_holds(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    cancelled_days(rows, cancelled=5, days=3 if enough else 2)
    actions = {one.action for one in raised(MONDAY + 3 * DAY)["A3"]}
    assert actions == ({"flag", "hold"} if enough else {"flag"})


@pytest.mark.parametrize("enough", JUST)
def test_a4_many_cancels_of_one_offering(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    for number in range(20 if enough else 19):
        rows.order(MONDAY + number * timedelta(minutes=5), cancelled=HOUR)
    assert ("A4" in raised(MONDAY + DAY)) is enough


@pytest.mark.parametrize("enough", JUST)
def test_a5_cancelled_a_minute_after_the_nodes_were_given(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    given = timedelta(minutes=1)
    for number in range(10):
        late = timedelta(seconds=60 if enough or number else 61)
        cancelled = given + late if number < 5 else None
        rows.order(MONDAY + number * timedelta(minutes=5), given=given, cancelled=cancelled)
    found = raised(MONDAY + DAY)
    assert "A3" in found and ("A5" in found) is enough


@pytest.mark.parametrize("enough", JUST)
def test_a6_a_quarter_of_the_shares_is_a_relation_and_less_is_none(world: World, enough: bool) -> None:
    here = world()
    rows = MarketRows(here)
    shares(here, here.road.operator.organisation.id, "25" if enough else "24.9999")
    rows.order(MONDAY)
    found = raised(MONDAY + DAY)
    assert ("A6" in found) is enough
    if enough:
        assert found["A6"][0].action == "stop"


def shares(here: ClaimWorld, other_id: str, percent: str) -> None:
    """The owner's organisation holds so much of another."""
    registry.enter_relation(
        actor=SYSTEM,
        organisation_id=here.road.owner.organisation.id,
        proof=Proof("Market regulator", date(2026, 1, 1)),
        kind="shareholding",
        counterpart_id=other_id,
        holder="organisation",
        ratio_percent=percent,
    )


@pytest.mark.parametrize("enough", JUST)
def test_a7_the_own_share_comes_back(world: World, enough: bool) -> None:
    """The owner pays ¥100.00 of its own at the centre, whose organisation orders at a centre that the owner
    holds half of."""
    here = world()
    rows = MarketRows(here)
    operator, third = here.road.operator.organisation, make_organisation("Third", "centre")
    shares(here, third.id, "50")
    back = publish(make_person("tom", third, "centre_operator"), make_site(third, "Third").agent.centre)
    rows.settle(rows.order(MONDAY), MONDAY + HOUR, voucher_fen=1000, own_fen=10_000)
    order = rows.order(MONDAY + DAY, voucher_fen=0, firm=operator, offering=back)
    rows.settle(order, MONDAY + DAY, own_fen=8_000 if enough else 7_999)
    found = raised(MONDAY + 2 * DAY)
    assert ("A7" in found) is enough
    if enough:
        assert found["A7"][0].action == "hold"


@pytest.mark.parametrize("enough", JUST)
def test_a8_an_invoice_is_used_again(world: World, enough: bool) -> None:
    here = world()
    here.claim(here.settle(), invoice={"number": "FP-1"})
    here.claim(here.settle(), invoice={"number": "FP-1" if enough else "FP-2"})
    found = raised(MONDAY)
    assert ("A8" in found) is enough
    if enough:
        assert found["A8"][0].action == "stop"


def test_a8_a_claim_that_was_withdrawn_is_no_first_use(world: World) -> None:
    here = world()
    first = here.claim(here.settle(), invoice={"number": "FP-1"})
    claims.withdraw(actor=here.claimant.actor, claim_id=first.id, reason="typing error")
    here.claim(here.settle(), invoice={"number": "FP-1"})
    assert "A8" not in raised(MONDAY)


@pytest.mark.parametrize("enough", JUST)
def test_a8_two_programmes_are_asked_for_nearly_the_same_within_a_day(world: World, enough: bool) -> None:
    here = world("reimburse_user")
    other = make_claim_world(
        here.road,
        here.officer,
        here.reviewer,
        here.approver,
        text=document("reimburse_user").replace("cn.test.reimburse_user", "cn.other.reimburse_user"),
        people=(here.second, here.payer, here.third),
    )
    here.claim(here.settle(), contract={"number": "C1"})
    settled = other.settle() if enough else other.settle(wall_ms=21_500)
    other.claim(settled, contract={"number": "C2"})
    found = [one for one in raised(MONDAY).get("A8", []) if one.window == "near"]
    assert bool(found) is enough
    if enough:
        assert found[0].action == "hold"


@pytest.mark.parametrize("enough", JUST)
def test_a8_one_programme_is_asked_twice_for_what_meters_do_not_tell_apart(
    world: World, enough: bool
) -> None:
    """Two orders, two runs, one reading; the near miss took another byte of memory, as two runs do."""
    here = world()
    for more in (0, 0 if enough else 1):
        here.claim(here.settle(peak_memory_bytes=123_456_789 + more))
    found = [one for one in raised(MONDAY).get("A8", []) if one.window == "near"]
    assert bool(found) is enough
    if enough:
        assert (found[0].action, found[0].version, len(found[0].refs)) == ("hold", "3", 2)


def test_a8_what_nobody_metered_yet_is_not_told_apart(world: World) -> None:
    here = world()
    settled = [here.settle(), here.settle()]
    connection.check_constraints()
    with triggers_lifted(connection):
        UsageRecord.objects.filter(run__order=settled[1].order).update(recorded_at=MONDAY + DAY)
        connection.check_constraints()
    for one in settled:
        here.claim(one)
    assert [one.window for one in raised(MONDAY).get("A8", [])] == ["near"]


def test_a8_a_schedulers_name_for_one_attempt_under_two_runs_is_one_reading() -> None:
    first, second, third = (
        UsageRecord(wall_ms=number, raw={"accounting": [{"key": f"cluster:{key}:1"}]})
        for number, key in ((1, 7), (2, 7), (2, 8))
    )
    shared = metering.readings_of(first) & metering.readings_of(second)
    assert shared == {"attempt:cluster:7:1"}
    assert metering.readings_of(first).isdisjoint(metering.readings_of(third))
    assert metering.readings_of(UsageRecord(wall_ms=0, raw={})) == frozenset(), "nothing was held, twice"


@pytest.mark.parametrize("enough", JUST)
def test_a9_more_is_metered_than_was_given(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    rows.usage(rows.order(MONDAY), cores=3 if enough else 2)
    found = raised(MONDAY + DAY)
    assert ("A9" in found) is enough
    if enough:
        assert found["A9"][0].action == "stop"


@pytest.mark.parametrize("enough", JUST)
def test_a9_more_cards_at_once_than_the_centre_has(world: World, enough: bool) -> None:
    """The centre's agent reported four cores; each run holds two."""
    rows = MarketRows(world())
    for number in range(3):
        rows.usage(rows.order(MONDAY + (0 if enough or number < 2 else 1) * HOUR))
    found = raised(MONDAY + DAY)
    assert ("A9" in found) is enough


@pytest.mark.parametrize("enough", JUST)
def test_a10_a_day_is_held_and_hardly_used(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    rows.usage(rows.order(MONDAY), hours=25, busy_permille=49 if enough else 50)
    assert ("A10" in raised(MONDAY + 2 * DAY)) is enough


@pytest.mark.parametrize("enough", JUST)
def test_a11_a_voucher_pays_above_the_list(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    rows.order(MONDAY, unit_fen=36_001 if enough else 36_000)
    found = raised(MONDAY + DAY)
    assert ("A11" in found) is enough
    if enough:
        assert found["A11"][0].action == "hold"


LIMITED = {'issuance: {event: "?",': 'issuance: {second_approver_above: "1000.00", event: "?",'}


@pytest.mark.parametrize("enough", JUST)
def test_a12_applications_keep_just_below_what_one_person_approves(world: World, enough: bool) -> None:
    rows = MarketRows(world(planned_fen=400_000, **LIMITED))
    for number in range(3):
        rows.application(MONDAY + number * DAY, 95_000 if enough or number else 94_999)
    found = raised(MONDAY + 3 * DAY)
    assert ("A12" in found) is enough
    if enough:
        assert found["A12"][0].numbers["limit_fen"] == 100_000 and found["A12"][0].version == "2"


def test_a12_without_such_a_limit_there_is_nothing_to_keep_below(world: World) -> None:
    rows = MarketRows(world())
    for number in range(3):
        rows.application(MONDAY + number * DAY, 95_000)
    assert "A12" not in raised(MONDAY + 3 * DAY)


@pytest.mark.parametrize("enough", JUST)
def test_a13_a_grant_goes_in_its_last_days_into_empty_machines(world: World, enough: bool) -> None:
    here = world()
    rows = MarketRows(here)
    voucher = here.voucher
    assert voucher is not None and voucher.expires_at is not None
    late = voucher.expires_at - DAY
    share = voucher.face_fen * 40 // 100
    order = rows.order(late - 2 * DAY, voucher_fen=share)
    rows.settle(order, late, voucher_fen=share if enough else share - 100)
    rows.usage(order, hours=25, busy_permille=10)
    found = raised(voucher.expires_at)
    assert "A10" in found and ("A13" in found) is enough


@pytest.mark.parametrize("enough", JUST)
def test_a14_eight_redemptions_in_an_hour_of_who_never_made_so_many(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    for number in range(8 if enough else 7):
        rows.used(MONDAY + number * timedelta(minutes=2), 100)
    assert ("A14" in raised(MONDAY + DAY)) is enough


@pytest.mark.parametrize("enough", JUST)
def test_a14_one_person_redeems_for_two_firms(world: World, enough: bool) -> None:
    rows = MarketRows(world())
    other = make_organisation("Second firm", "enterprise")
    rows.used(MONDAY, 100, by="somebody")
    rows.used(MONDAY + DAY, 100, firm=other, by="somebody" if enough else "somebody else")
    assert ("A14" in raised(MONDAY + 2 * DAY)) is enough
