"""A request for quotes asks every offering of every centre: the database is asked little for each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from tests.people import Person
from tests.road import APP_WORK, Road, make_site, publish
from tests.sites import inventory_body

from hesuan.hub.centres import selectors as centres
from hesuan.hub.centres import services
from hesuan.hub.centres.once import reading_once, remembered
from hesuan.hub.market import services as market
from hesuan.hub.programmes.models import Voucher
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db

Counted = Callable[..., AbstractContextManager[list[object]]]
OF_A_CENTRE = 4
"""Its inventory, its agent, its newest benchmark, its finished runs."""
OF_AN_OFFERING = 1
"""Its price."""
OF_A_VOUCHER = 3
"""Itself, what it has left, and itself again for what it pays of a smaller charge."""
OF_A_VOUCHER_AT_A_CENTRE = 3
"""Who runs the centre, whether the registry relates the two, and whether the programme admitted it."""


@pytest.mark.parametrize("count", [1, 4])
def test_a_centres_figures_are_read_once_for_a_request(
    owner: Person, centre_operator: Person, django_assert_max_num_queries: Counted, count: int
) -> None:
    for number in range(count):
        site = make_site(centre_operator.organisation, f"Centre {number}")
        for title in ("Standard", "Priority", "Night"):
            publish(centre_operator, site.agent.centre, title=title)
    with django_assert_max_num_queries(9 + count * (OF_A_CENTRE + 3 * OF_AN_OFFERING)):
        request = market.request_quotes(
            actor=owner.actor, organisation_id=owner.organisation.id, work=APP_WORK
        )
    assert request.quotes.count() == 3 * count


def test_a_voucher_is_read_once_for_a_request(
    road: Road, voucher: Voucher, django_assert_max_num_queries: Counted
) -> None:
    for title in ("Priority", "Night", "Weekend"):
        publish(road.operator, road.site.agent.centre, title=title)
    of_it = OF_A_VOUCHER + OF_A_VOUCHER_AT_A_CENTRE
    with django_assert_max_num_queries(8 + OF_A_CENTRE + 4 * OF_AN_OFFERING + of_it):
        request = road.ask()
    paying = [quote.document["voucher"]["voucher"] for quote in request.quotes.all()]
    assert paying == [voucher.id] * 4


def test_nothing_is_remembered_outside_a_span_nor_from_one_to_the_next(centre_operator: Person) -> None:
    site = make_site(centre_operator.organisation, "Centre")
    centre = site.agent.centre_id
    with reading_once():
        assert not centres.allows_scripts(centre)
        _allow_scripts(site.agent.id)
        assert not centres.allows_scripts(centre), "the span's first answer stands"
    assert centres.allows_scripts(centre)
    with reading_once():
        assert centres.allows_scripts(centre)


def test_two_questions_of_one_name_are_two() -> None:
    def question(answer: str) -> Callable[[str], str]:
        def newest(centre_id: str) -> str:
            return f"{answer} of {centre_id}"

        return remembered(newest)

    with reading_once():
        assert [question(answer)("A") for answer in ("price", "agent")] == ["price of A", "agent of A"]


def _allow_scripts(agent: str) -> None:
    services.record_inventory(agent_id=agent, message_id=new_id(), body=inventory_body(scripts_allowed=True))
