"""Who is under one control is read off the registry, and A4, A12 and A14 count such firms as one.

A3, A7 and A2 are in ``test_what_stops_payment``; A8's nearness, which needs claims, is shown on pure facts in
``tests/surveillance/test_one_controller``. Control of each: the same rows of firms that nobody joins.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.surveillance.market_rows import MONDAY, MarketRows, raised
from tests.hub.surveillance.test_every_rule_on_rows import LIMITED
from tests.hub.surveillance.test_what_stops_payment import join
from tests.people import make_organisation

from hesuan.hub.identity.models import Organisation

pytestmark = pytest.mark.broken_books("I11")
"""Rows stand for orders that no run was metered for."""
World = Callable[..., ClaimWorld]
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
JOINED = pytest.mark.parametrize("joined", [True, False])


def sister_of(here: ClaimWorld, joined: bool) -> Organisation:
    """A second firm, of which the owner holds half, or nothing."""
    sister = make_organisation("Sister", "enterprise")
    if joined:
        join(here.road.owner.organisation, sister)
    return sister


@JOINED
def test_a4_ten_cancels_each_are_twenty(world: World, joined: bool) -> None:
    here = world()
    rows, sister = MarketRows(here), sister_of(here, joined)
    for number in range(20):
        rows.order(MONDAY + number * MINUTE, cancelled=HOUR, firm=sister if number % 2 else None)
    assert ("A4" in raised(MONDAY + DAY)) is joined


@JOINED
def test_a12_two_applications_and_one_are_three(world: World, joined: bool) -> None:
    here = world(planned_fen=400_000, **LIMITED)
    rows, sister = MarketRows(here), sister_of(here, joined)
    for number in range(3):
        rows.application(MONDAY + number * DAY, 95_000, firm=sister if number == 1 else None)
    assert ("A12" in raised(MONDAY + 3 * DAY)) is joined


@JOINED
def test_a14_four_redemptions_each_are_eight(world: World, joined: bool) -> None:
    here = world()
    rows, sister = MarketRows(here), sister_of(here, joined)
    for number in range(8):
        rows.used(MONDAY + number * 2 * MINUTE, 100, firm=sister if number % 2 else None)
    found = [one for one in raised(MONDAY + DAY).get("A14", []) if one.subject.startswith("firm:")]
    assert bool(found) is joined


@JOINED
def test_a14_one_person_for_two_firms_under_one_control_is_no_shared_identity(
    world: World, joined: bool
) -> None:
    here = world()
    rows, sister = MarketRows(here), sister_of(here, joined)
    rows.used(MONDAY, 100, by="somebody")
    rows.used(MONDAY + DAY, 100, firm=sister, by="somebody")
    assert ("A14" in raised(MONDAY + 2 * DAY)) is not joined
