"""Asking for quotes: every offering answers, with a quote and reasons or with a refusal and numbers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from tests.people import Person
from tests.road import APP_WORK, SCRIPT_WORK, Road, make_site, publish

from hesuan.errors import Faults, NotFound, Refused
from hesuan.hub.identity.models import Organisation
from hesuan.hub.market import selectors, services
from hesuan.hub.market.models import Price, Quote, QuoteRequest
from hesuan.wire.canonical import digest


def codes(road: Road, work: dict[str, Any]) -> list[str]:
    return [refusal.code for refusal in selectors.refusals(road.owner.actor, road.ask(work).id)]


def test_a_quote_says_what_is_promised_and_for_how_much(road: Road) -> None:
    quote = road.quote()
    document = quote.document
    assert quote.digest == digest(document)
    assert document["work"] == APP_WORK
    assert document["organisation"] == road.owner.organisation.id
    assert document["price"]["fen_per_core_hour"] == 36_000
    assert document["max_charge_fen"] == document["time_limit_s"] * 2 * 10
    assert document["copay_max_fen"] == document["max_charge_fen"]
    assert document["expected"]["charge_fen"] <= document["max_charge_fen"]
    assert document["charge_rule"]["KILLED"] == 0
    assert document["units_per_yuan"] is not None


def test_every_quote_carries_its_reasons_in_both_languages(road: Road) -> None:
    reasons = road.quote().document["reasons"]
    english = " ".join(reason["en"] for reason in reasons)
    assert all(reason["en"] and reason["zh"] for reason in reasons)
    assert reasons[0]["en"].startswith("Ranked 1 of 1")
    for word in (
        "newest measurement is of 20",
        "per core-hour",
        "3 times the high end",
        "No voucher",
        "instead of",
        "nothing when it ends",
    ):
        assert word in english


def test_an_offering_without_a_price_refuses_and_never_quotes_zero(
    road: Road, centre_operator: Person
) -> None:
    publish(centre_operator, road.site.agent.centre, price_fen=None, title="Unpriced")
    request = road.ask()
    (refusal,) = selectors.refusals(road.owner.actor, request.id)
    assert refusal.code == "offering.no_price"
    assert "Unpriced" in refusal.sentences["en"] and refusal.sentences["zh"]
    assert [quote.offering_id for quote in selectors.quotes(road.owner.actor, request.id)] == [
        road.offering.id
    ]


def test_a_price_that_has_ended_or_not_begun_is_no_price(road: Road) -> None:
    unpriced = publish(road.operator, road.site.agent.centre, price_fen=None, title="Unpriced")
    now, hour = timezone.now(), timedelta(hours=1)
    for begins, ends in ((now - 2 * hour, now - hour), (now + hour, None)):
        services.set_price(
            actor=road.operator.actor,
            offering_id=unpriced.id,
            fen_per_core_hour=1,
            valid_from=begins,
            valid_to=ends,
        )
    assert codes(road, APP_WORK) == ["offering.no_price"]


def test_a_new_price_ends_the_old_one_and_leaves_old_quotes_alone(road: Road) -> None:
    old = road.quote()
    services.set_price(actor=road.operator.actor, offering_id=road.offering.id, fen_per_core_hour=72_000)
    new = road.quote()
    assert new.document["price"]["fen_per_core_hour"] == 72_000
    old.refresh_from_db()
    assert old.document["price"]["fen_per_core_hour"] == 36_000
    run = road.place(old)
    road.finish(run)
    assert run.order.settlement.charge_fen == 420, "by the price of the quote, not of the day"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cores": 64}, "offering.cores_exceeded"),
        ({"app": "alphafold"}, "offering.app_not_installed"),
        ({"memory_bytes": 2**40}, "offering.memory_exceeded"),
        ({"cores": 3}, "offering.no_evidence"),
    ],
)
def test_work_that_does_not_fit_is_refused(road: Road, change: dict[str, Any], code: str) -> None:
    assert codes(road, {**APP_WORK, **change}) == [code]


def test_scripts_are_refused_where_the_site_does_not_allow_them(road: Road) -> None:
    assert codes(road, SCRIPT_WORK) == ["offering.scripts_not_allowed"]


def test_a_script_is_quoted_by_the_users_own_limit_and_claims_no_evidence(
    road: Road, centre_organisation: Organisation, centre_operator: Person
) -> None:
    allowing = make_site(centre_organisation, "Second site", scripts_allowed=True)
    publish(centre_operator, allowing.agent.centre, title="Scripts")
    document = road.quote(SCRIPT_WORK).document
    assert (document["time_limit_s"], document["max_charge_fen"]) == (60, 600)
    assert document["prediction"]["kind"] == "assumed"
    assert document["units_per_yuan"] is None
    assert "after every offer with evidence" in document["reasons"][0]["en"]
    assert "30 s instead of 60 s" in " ".join(reason["en"] for reason in document["reasons"])


def test_an_offer_without_evidence_ranks_last_and_says_so(
    road: Road, centre_organisation: Organisation, centre_operator: Person
) -> None:
    """Though it is cheaper by its price."""
    from tests.road import tell
    from tests.sites import enrol_site, inventory_body, make_centre

    from hesuan.hub.worker.loop import tick

    unmeasured = enrol_site(make_centre(centre_organisation, "Unmeasured"))
    tell(unmeasured, ("inventory", inventory_body()))
    tick()
    publish(centre_operator, unmeasured.agent.centre, price_fen=1, title="Cheap")
    assert codes(road, APP_WORK) == ["offering.no_evidence"], "without a bound it cannot quote at all"
    first, last = selectors.quotes(road.owner.actor, road.ask({**APP_WORK, "time_limit_s": 600}).id)
    assert first.document["offering_title"] == "CPU"
    assert last.document["prediction"] is None
    assert "nobody has measured" in last.document["reasons"][0]["en"]


def test_the_cheaper_offer_for_the_same_evidence_comes_first(
    road: Road, centre_organisation: Organisation, centre_operator: Person
) -> None:
    cheaper = make_site(centre_organisation, "Cheaper")
    publish(centre_operator, cheaper.agent.centre, price_fen=18_000, title="Half the price")
    quotes = selectors.quotes(road.owner.actor, road.ask().id)
    assert [quote.document["offering_title"] for quote in quotes] == ["Half the price", "CPU"]
    assert [quote.rank for quote in quotes] == [1, 2]
    assert float(quotes[0].document["units_per_yuan"]) > float(quotes[1].document["units_per_yuan"])


def test_a_limit_below_the_forecast_is_warned_of(road: Road) -> None:
    document = road.quote({**APP_WORK, "time_limit_s": 1}).document
    assert "TIMEOUT, and a run that times out is charged" in " ".join(r["en"] for r in document["reasons"])


def test_a_centre_that_is_not_admitted_cannot_be_ordered_from(
    road: Road, centre_operator: Person, centre_organisation: Organisation
) -> None:
    from tests.road import tell
    from tests.sites import enrol_site, inventory_body, make_centre

    applied = enrol_site(make_centre(centre_organisation, "Applied", admitted=False))
    tell(applied, ("inventory", inventory_body()))
    from hesuan.hub.worker.loop import tick

    tick()
    publish(centre_operator, applied.agent.centre, title="Soon")
    assert codes(road, APP_WORK) == ["offering.centre_not_admitted"]


def test_a_malformed_work_order_is_refused_whole(road: Road) -> None:
    with pytest.raises(Faults):
        road.ask({**APP_WORK, "core": 2})
    assert not QuoteRequest.objects.exists()


def test_owner_colleague_and_stranger(road: Road, colleague: Person, stranger: Person) -> None:
    ours = road.owner.organisation.id
    request = services.request_quotes(actor=colleague.actor, organisation_id=ours, work=APP_WORK)
    quote = Quote.objects.get()
    for person in (road.owner, colleague):
        assert selectors.quote_request(person.actor, request.id) == request
        assert selectors.quote(person.actor, quote.id) == quote
        assert selectors.quote_requests(person.actor) == [request]
    with pytest.raises(NotFound):
        selectors.quote_request(stranger.actor, request.id)
    with pytest.raises(NotFound):
        selectors.quote(stranger.actor, quote.id)
    with pytest.raises(NotFound):
        selectors.quotes(stranger.actor, request.id)
    with pytest.raises(NotFound):
        selectors.refusals(stranger.actor, request.id)
    assert selectors.quote_requests(stranger.actor) == []
    with pytest.raises(NotFound):
        services.request_quotes(actor=stranger.actor, organisation_id=ours, work=APP_WORK)


def test_who_runs_the_centre_does_not_see_what_others_ask(road: Road) -> None:
    with pytest.raises(NotFound):
        selectors.quote(road.operator.actor, road.quote().id)


def test_offerings_are_public(road: Road, stranger: Person) -> None:
    (row,) = selectors.offerings(stranger.actor)
    assert (row.title, row.fen_per_core_hour, row.centre_name) == ("CPU", 36_000, "Zhengzhou East")
    assert selectors.offering(stranger.actor, row.id) == row
    with pytest.raises(NotFound):
        selectors.offering(stranger.actor, "nothing")


@pytest.mark.parametrize("field", ["document", "digest", "rank", "valid_until"])
def test_the_database_refuses_a_changed_quote(road: Road, field: str) -> None:
    quote = road.quote()
    changed: dict[str, Any] = {
        "document": {**quote.document, "max_charge_fen": 1},
        "digest": "sha256:0",
        "rank": 9,
        "valid_until": timezone.now(),
    }
    with pytest.raises(DatabaseError), transaction.atomic():
        Quote.objects.filter(pk=quote.id).update(**{field: changed[field]})


def test_the_database_refuses_a_price_of_zero_and_a_changed_price(road: Road) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Price.objects.create(
            offering=road.offering, fen_per_core_hour=0, valid_from=timezone.now(), valid_to=timezone.now()
        )
    with pytest.raises(DatabaseError), transaction.atomic():
        Price.objects.update(fen_per_core_hour=1)


def test_only_the_centres_operator_publishes_and_prices(
    road: Road, owner: Person, stranger: Person, centre_operator: Person
) -> None:
    centre = road.site.agent.centre
    for person in (owner, stranger):
        with pytest.raises((NotFound, Refused)):
            publish(person, centre)
        with pytest.raises(Refused):
            services.set_price(actor=person.actor, offering_id=road.offering.id, fen_per_core_hour=1)
    assert publish(centre_operator, centre, title="More").centre == centre


@pytest.mark.parametrize("amount", [0, -1, True, 2**60])
def test_a_price_is_a_positive_whole_number(road: Road, amount: int) -> None:
    from hesuan.errors import InputFault

    with pytest.raises(InputFault):
        services.set_price(actor=road.operator.actor, offering_id=road.offering.id, fen_per_core_hour=amount)
