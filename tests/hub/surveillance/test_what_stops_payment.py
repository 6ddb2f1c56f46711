"""A3, A7, A8, A9 and A11 stop money on the hub's own rows: no approval and no payment of the claim that they
concern until a person has dismissed the flag, and no delay by a near miss: one fen, one day or one core less.

Firms under one control count as one: what two of them do together is flagged as if one had done it, and the
claims of both wait. Negative controls: the near misses, the same rows of firms that nobody joins, and
``test_surveillance.py``, where the gate is taken away.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from tests.hub.settlement.claim_world import ClaimWorld, document, make_claim_world
from tests.hub.surveillance.market_rows import MONDAY, MarketRows
from tests.people import make_organisation, make_person
from tests.road import BEGIN, make_site, publish

from hesuan.errors import Refused
from hesuan.hub.centres.models import Inventory
from hesuan.hub.flags.models import Flag
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.hub.market.models import Price
from hesuan.hub.registry import services as registry
from hesuan.hub.registry.services import Proof
from hesuan.hub.settlement import claim_review, gate, payment
from hesuan.hub.settlement.models import Claim
from hesuan.hub.surveillance import services
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.broken_books("I11")
"""Rows stand for orders that no run was metered for."""
World = Callable[..., ClaimWorld]
Made = tuple[ClaimWorld, Claim]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LATER = MONDAY + 30 * DAY


@pytest.fixture(autouse=True)
def _judged_by_rounds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a test says when: a submitted claim is judged at once by some of these rules."""
    monkeypatch.setattr(services, "AT_A_CLAIM", ())


def join(firm: Organisation, other: Organisation, percent: str = "50") -> None:
    """One holds so much of the other; half is control."""
    registry.enter_relation(
        actor=SYSTEM,
        organisation_id=firm.id,
        proof=Proof("Market regulator", date(2026, 1, 1)),
        kind="shareholding",
        counterpart_id=other.id,
        holder="organisation",
        ratio_percent=percent,
    )


def a3(world: World, enough: bool) -> Made:
    """Half of ten orders cancelled on three days, or on two."""
    here = world()
    rows = MarketRows(here)
    for day in range(3 if enough else 2):
        for number in range(10):
            at = MONDAY + day * DAY + number * timedelta(minutes=5)
            rows.order(at, cancelled=HOUR if number < 5 else None)
    return here, here.claim(rows.pattern.settlement)


def a7(world: World, enough: bool) -> Made:
    """¥100.00 of its own paid at the centre; ¥80.00, or a fen less, comes back to what the owner controls."""
    here = world()
    rows = MarketRows(here)
    third = make_organisation("Third", "centre")
    join(here.road.owner.organisation, third)
    pays_back(here, rows, third, payer=None, back_fen=8_000 if enough else 7_999)
    return here, here.claim(rows.pattern.settlement)


def pays_back(
    here: ClaimWorld, rows: MarketRows, third: Organisation, *, payer: Organisation | None, back_fen: int
) -> None:
    offering = publish(make_person("tom", third, "centre_operator"), make_site(third, "Third").agent.centre)
    rows.settle(rows.order(MONDAY, firm=payer), MONDAY + HOUR, voucher_fen=1000, own_fen=10_000)
    back = rows.order(MONDAY + DAY, voucher_fen=0, firm=here.road.operator.organisation, offering=offering)
    rows.settle(back, MONDAY + DAY, own_fen=back_fen)


def a8_near(world: World, enough: bool) -> Made:
    """Two programmes asked for the same amount on one day, or for another amount."""
    here = world("reimburse_user")
    text = document("reimburse_user").replace("cn.test.reimburse_user", "cn.other.reimburse_user")
    people = (here.second, here.payer, here.third)
    other = make_claim_world(here.road, here.officer, here.reviewer, here.approver, text=text, people=people)
    here.claim(here.settle(), contract={"number": "C1"})
    settled = other.settle() if enough else other.settle(wall_ms=21_500)
    return other, other.claim(settled, contract={"number": "C2"})


def a9(world: World, enough: bool) -> Made:
    """The centre has four cores; while the claimed run held two, others held four more, or two."""
    here = world()
    rows = MarketRows(here)
    reported = Inventory.objects.filter(
        centre=here.road.site.agent.centre, source=Inventory.Source.OBSERVED
    ).latest("at")
    reported.pk, reported.at = new_id(), BEGIN - HOUR
    reported.save(force_insert=True)
    for _ in range(2 if enough else 1):
        rows.usage(rows.order(BEGIN))
    return here, here.claim(rows.pattern.settlement)


def a11(world: World, enough: bool) -> Made:
    """The list says a fen less than the order paid, or the same."""
    here = world()
    settled = here.settle()
    quote = settled.order.quote
    at = quote.request.created_at - timedelta(microseconds=1)
    unit_fen = quote.document["price"]["fen_per_core_hour"]
    Price.objects.create(
        offering=quote.offering,
        fen_per_core_hour=unit_fen - 1 if enough else unit_fen,
        valid_from=at,
        valid_to=at + HOUR,
    )
    return here, here.claim(settled)


CASES = {
    "A3": (a3, "hold"),
    "A7": (a7, "hold"),
    "A8": (a8_near, "hold"),
    "A9": (a9, "stop"),
    "A11": (a11, "hold"),
}


def standing(name: str) -> list[Flag]:
    """The flags of a case that stop or hold."""
    return list(Flag.objects.filter(rule=name, action=CASES[name][1], state="OPEN"))


def need_refused(name: str, verb: Callable[[], object]) -> None:
    with pytest.raises(Refused) as refused:
        verb()
    assert refused.value.code.name == "flag.stands"
    assert (refused.value.facts["rule"], refused.value.facts["action"]) == (
        name,
        CASES[name][1],
    )


def dismiss_all(here: ClaimWorld, name: str) -> None:
    for flag in standing(name):
        services.decide(
            actor=here.reviewer.actor, flag_id=flag.id, outcome="dismissed", reason="explained, with papers"
        )


@pytest.mark.parametrize("name", CASES)
def test_the_claim_waits_for_a_persons_answer_before_its_approval(world: World, name: str) -> None:
    here, claim = CASES[name][0](world, True)
    services.run(LATER)
    claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id, note="seen")
    need_refused(name, lambda: claim_review.approve(actor=here.approver.actor, claim_id=claim.id))
    dismiss_all(here, name)
    assert claim_review.approve(actor=here.approver.actor, claim_id=claim.id).state == "PAYABLE"


@pytest.mark.parametrize("name", CASES)
def test_an_approved_claim_is_not_paid_until_then(world: World, name: str) -> None:
    here, claim = CASES[name][0](world, True)
    here.approve(claim)
    services.run(LATER)
    if here.flow != "reimburse_user":  # which is paid one by one
        assert here.pay_batch(claim).payments.count() == 0
    need_refused(name, lambda: payment.pay(actor=here.payer.actor, claim_id=claim.id))
    dismiss_all(here, name)
    assert payment.pay(actor=here.payer.actor, claim_id=claim.id).state == "PAID"


@pytest.mark.parametrize("name", CASES)
def test_a_near_miss_delays_nothing(world: World, name: str) -> None:
    here, claim = CASES[name][0](world, False)
    services.run(LATER)
    assert standing(name) == []
    assert here.approve(claim).state == "PAYABLE"


@pytest.mark.parametrize("number", ["FP-1", "FP-2"])
def test_a8_an_invoice_used_again_is_stopped_twice_over(world: World, number: str) -> None:
    """By the flag, and by the match, which lets nobody verify the second claim."""
    here = world()
    here.approve(here.claim(here.settle(), invoice={"number": "FP-1"}))
    again = here.claim(here.settle(), invoice={"number": number})
    services.run(LATER)
    is_double = number == "FP-1"
    assert Flag.objects.filter(rule="A8", action="stop", keys__key=f"claim:{again.id}").exists() is is_double
    if is_double:
        with pytest.raises(Refused, match="MISMATCH"):
            here.approve(again)
        with pytest.raises(Refused) as refused:
            gate.need_unflagged(again, ("Paying", "付款"))
        assert refused.value.facts["action"] == "stop"
    else:
        assert here.approve(again).state == "PAYABLE"


# --- Under one control ---


@pytest.mark.parametrize("joined", [True, False])
def test_a3_two_firms_under_one_control_cancel_together(world: World, joined: bool) -> None:
    """Five orders a day each; neither alone is looked at."""
    here = world()
    rows = MarketRows(here)
    sister = make_organisation("Sister", "enterprise")
    if joined:
        join(here.road.owner.organisation, sister)
    for day in range(3):
        for number in range(10):
            at = MONDAY + day * DAY + number * timedelta(minutes=5)
            firm = sister if number % 2 else None
            rows.order(at, cancelled=HOUR if number < 5 else None, firm=firm)
    claim = here.claim(rows.pattern.settlement)
    services.run(LATER)
    claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id, note="seen")
    approve = lambda: claim_review.approve(actor=here.approver.actor, claim_id=claim.id)  # noqa: E731
    if joined:
        need_refused("A3", approve)
    else:
        assert approve().state == "PAYABLE"


@pytest.mark.parametrize("joined", [True, False])
def test_a7_what_a_sister_pays_comes_back_to_the_owner(world: World, joined: bool) -> None:
    """The sister pays its share, the owner's own centre gets it back; the owner's claim waits too."""
    here = world()
    rows = MarketRows(here)
    owner = here.road.owner.organisation
    sister, third = make_organisation("Sister", "enterprise"), make_organisation("Third", "centre")
    join(owner, third)
    if joined:
        join(owner, sister)
    pays_back(here, rows, third, payer=sister, back_fen=8_000)
    claim = here.claim(rows.pattern.settlement)
    services.run(LATER)
    claim_review.verify(actor=here.reviewer.actor, claim_id=claim.id, note="seen")
    approve = lambda: claim_review.approve(actor=here.approver.actor, claim_id=claim.id)  # noqa: E731
    if joined:
        need_refused("A7", approve)
    else:
        assert approve().state == "PAYABLE"


@pytest.mark.parametrize("percent", ["50", "49.9999"])
def test_a2_holds_of_two_firms_count_as_one_where_one_holds_half_of_the_other(
    world: World, percent: str
) -> None:
    here = world()
    rows = MarketRows(here)
    sister = make_organisation("Sister", "enterprise")
    join(here.road.owner.organisation, sister, percent)
    for number in range(10):
        order = rows.order(MONDAY + number * HOUR, voucher_fen=1000, firm=sister if number % 2 else None)
        rows.settle(order, MONDAY + (number + 1) * HOUR, voucher_fen=100)
    services.run(MONDAY + DAY)
    assert Flag.objects.filter(rule="A2").exists() is (percent == "50")
    if percent == "50":
        keys = set(Flag.objects.get(rule="A2").keys.values_list("key", flat=True))
        assert {f"firm:{here.road.owner.organisation.id}", f"firm:{sister.id}"} <= keys
