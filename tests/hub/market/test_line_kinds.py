"""What a centre sells is declared by kind, bound by the quote, and decided by each programme kind by kind."""

from __future__ import annotations

import pytest
from tests.hub.programmes.offices import Office
from tests.people import Person
from tests.road import PRICE_FEN, Road

from hesuan.errors import InputFault
from hesuan.hub.audit.models import Fact
from hesuan.hub.market import selectors, services
from hesuan.hub.market.models import Offering, Quote
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.rules import COMPUTING, Item
from hesuan.hub.settlement.models import Receipt, Settlement

MIXED = (
    "base: {measure: usage_fee, kinds: [compute, ai_compute], tax: incl}",
    "rates: {select: first, tiers: ["
    "{id: domestic, when: {all: [line.kind == ai_compute, resource.provenance == domestic]}, "
    "rate: 50/100, rate_kind: exact}, "
    "{id: ai, when: {all: [line.kind == ai_compute]}, rate: 30/100, rate_kind: exact}, "
    "{id: plain, when: {all: []}, rate: 10/100, rate_kind: exact}]}",
    "suppliers: {registry: [pool]}",
)
AI_ONLY = (
    "base: {measure: usage_fee, kinds: [ai_compute], tax: incl}",
    "rates: {select: first, tiers: [{id: all, when: {all: []}, rate: 30/100, rate_kind: exact}]}",
)


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, road: Road) -> Office:
    return Office(officer, reviewer, approver, road.owner)


def sell(road: Road, kind: str, card: str = "") -> Offering:
    return services.publish_offering(
        actor=road.operator.actor,
        centre_id=road.site.agent.centre_id,
        title=f"{kind} {card}",
        cores=4,
        fen_per_core_hour=PRICE_FEN,
        line_kind=kind,
        card=card,
    )


def voucher(office: Office, road: Road, *lines: str, name: str = "cn.test.kinds") -> None:
    version = office.activate(*lines, name=name)
    programmes.admit_supplier(
        actor=office.officer.actor,
        programme_id=version.programme_id,
        centre_id=road.site.agent.centre_id,
        reason="on the list",
    )
    office.issue(version, 10_000_000)


def quotes(road: Road) -> dict[str, Quote]:
    """By title."""
    found = selectors.quotes(road.owner.actor, road.ask().id)
    return {quote.document["offering_title"]: quote for quote in found}


def percent(quote: Quote) -> int:
    """What share of the highest charge the quote's voucher pays."""
    plan = quote.document["voucher"]
    return 100 * (plan["max_fen"] if plan else 0) // quote.document["max_charge_fen"]


def test_a_mixed_programme_decides_by_kind_and_by_the_maker_of_the_card(road: Road, office: Office) -> None:
    """Of a card that nobody named the maker is unknown, and a rule that asks for it is not guessed."""
    sell(road, "ai_compute", "ascend-910c")
    sell(road, "ai_compute", "h100")
    sell(road, "ai_compute")
    voucher(office, road, *MIXED)
    found = {title: percent(quote) for title, quote in quotes(road).items()}
    assert found == {"CPU": 10, "ai_compute ascend-910c": 50, "ai_compute h100": 30, "ai_compute ": 0}


def test_a_programme_for_ai_computing_pays_it_alone(road: Road, office: Office) -> None:
    """The negative control stands beside it: the same run, sold as general computing, is paid nothing."""
    sell(road, "ai_compute", "ascend-910c")
    voucher(office, road, *AI_ONLY)
    found = quotes(road)
    paid, plain = found["ai_compute ascend-910c"], found["CPU"]
    assert (percent(paid), percent(plain)) == (30, 0)
    said = [one for one in plain.document["reasons"] if "pays nothing here" in str(one)]
    assert said and "what is bought is general computing (`compute`), and its rule pays only" in str(said)
    assert "AI computing (`ai_compute`)" in str(said) and "所购为通用算力（compute）" in str(said)
    assert "pays nothing here" not in str(paid.document), "the negative control"


def test_the_quote_binds_the_kind_to_the_receipt(road: Road, office: Office) -> None:
    offering = sell(road, "ai_compute", "ascend-910c")
    voucher(office, road, *AI_ONLY)
    quote = quotes(road)["ai_compute ascend-910c"]
    assert quote.document["line"] == {"kind": "ai_compute", "card": "ascend-910c", "origin": "CN"}
    run = road.place(quote)
    Offering.objects.filter(pk=offering.pk).update(line_kind="compute", card="")
    road.finish(run)
    settled = Settlement.objects.get(order=run.order)
    assert settled.voucher_captured_fen == settled.charge_fen * 30 // 100 > 0
    assert Receipt.objects.get(settlement=settled).document["quote"]["line"]["kind"] == "ai_compute"


def test_a_quote_made_before_kinds_sold_computing() -> None:
    assert Item.of_quote({"v": 1}) == COMPUTING


@pytest.mark.parametrize("kind", ["storage", "labelling", "model", "gpu_hour", ""])
def test_what_no_run_meters_is_not_sold(road: Road, kind: str) -> None:
    with pytest.raises(InputFault) as refused:
        sell(road, kind)
    assert refused.value.code.name == "offering.kind_not_sold"


def test_an_unknown_card_is_refused_and_a_known_one_is_on_the_log(road: Road) -> None:
    with pytest.raises(InputFault, match=r"planner\.unknown_name"):
        sell(road, "ai_compute", "abacus-9")
    offering = sell(road, "ai_compute", "910c")
    fact = Fact.objects.get(kind="offering.published", subject=offering.id)
    leaf = bytes(fact.leaf).decode()
    assert '"line_kind":"ai_compute"' in leaf and f'"card":"{offering.card}"' in leaf
