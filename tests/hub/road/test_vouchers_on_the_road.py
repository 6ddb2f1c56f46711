"""A real programme on the road: held at acceptance, captured on the actual charge, the rest given back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from tests.people import Person, signer
from tests.road import Road
from tests.road_fixtures import DOCUMENTS

from hesuan.errors import Refused
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import accounts as cash
from hesuan.hub.market import selectors as market
from hesuan.hub.programmes import accounts, services
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.wire.verify import Result, verify_receipt


def left(voucher: Voucher) -> ledger.Balance:
    programme = voucher.programme_version.programme_id
    return ledger.balance(accounts.ledger_of(programme), accounts.voucher_account(voucher.id))


def test_a_voucher_pays_its_fifth_of_the_actual_charge_and_the_rest_returns(
    road: Road, voucher: Voucher
) -> None:
    """
    quote      most 18.60      voucher 20 % → 3.72     own 14.88
    hold       voucher 3.72    own 14.88               in one journal
    charge     21 s × 2 × 36000 fen/h = 4.20
    capture    voucher 0.84 (province 0.42, city 0.42)     own 3.36
    release    voucher 2.88    own 11.52
    """
    quote = road.quote()
    assert quote.document["voucher"] == {
        "voucher": voucher.id,
        "code": voucher.code,
        "programme": voucher.programme_version.programme_id,
        "programme_version": voucher.programme_version_id,
        "max_fen": 372,
    }
    assert (quote.document["max_charge_fen"], quote.document["copay_max_fen"]) == (1860, 1488)
    run = road.place(quote)
    assert (left(voucher).debits_pending, road.balance().debits_pending) == (372, 1488)
    road.finish(run)
    settled = Settlement.objects.get()
    assert (settled.charge_fen, settled.voucher_captured_fen, settled.copay_captured_fen) == (420, 84, 336)
    assert (left(voucher).available_fen, left(voucher).debits_pending) == (voucher.face_fen - 84, 0)
    assert (road.balance().available_fen, road.balance().debits_pending) == (1_000_000 - 336, 0)
    owed = ledger.balance(
        accounts.ledger_of(voucher.programme_version.programme_id),
        accounts.centre_account(road.offering.centre_id),
    )
    assert owed.posted_fen == 84
    assert ledger.balance(cash.CNY, cash.centre_account(road.offering.centre_id)).posted_fen == 336


def test_the_receipt_names_the_voucher_and_its_payers_and_verifies(road: Road, voucher: Voucher) -> None:
    road.finish(road.place())
    receipt = Receipt.objects.get()
    (line,) = receipt.document["charge"]["vouchers"]
    assert line["shares"] == [{"payer": "province", "fen": 42}, {"payer": "city", "fen": 42}]
    assert (line["held_fen"], line["captured_fen"], line["released_fen"]) == (372, 84, 288)
    data = settlement.receipt_file(road.owner.actor, receipt.id)
    assert verify_receipt(data, trust=None).result is Result.SOUND


def test_the_quote_traces_the_vouchers_rule(road: Road, voucher: Voucher) -> None:
    english = [reason["en"] for reason in road.quote().document["reasons"]]
    assert any(voucher.code in sentence and "¥3.72 of ¥18.60" in sentence for sentence in english)
    assert any("yaml:" in sentence for sentence in english), "the rule is cited by file and line"


@pytest.mark.parametrize("ended", ["KILLED", "REFUSED"])
def test_what_costs_nothing_gives_the_whole_voucher_back(road: Road, voucher: Voucher, ended: str) -> None:
    from tests.road import state

    run = road.place()
    if ended == "REFUSED":
        road.say([state(run.id, "REFUSED", after_s=1, reason="no such app")])
    else:
        road.finish(run, ended)
    assert Settlement.objects.get().charge_fen == 0
    assert (left(voucher).available_fen, left(voucher).debits_pending) == (voucher.face_fen, 0)
    assert (road.balance().available_fen, road.balance().debits_pending) == (1_000_000, 0)


def test_a_quote_binds_through_the_end_of_the_programmes_year(
    road: Road, voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = road.place()
    later = timezone.now() + timedelta(days=4_000)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert road.quote().document["voucher"] is None, "a quote of that day would plan without it"
    road.finish(run)
    assert Settlement.objects.get().voucher_captured_fen == 84


def test_a_quote_binds_through_a_new_version_of_the_programme(
    road: Road, voucher: Voucher, officer: Person
) -> None:
    run = road.place()
    text = (DOCUMENTS / "cn.henan.suanliquan.2023.yaml").read_text()
    assert "version: 1\n" in text and "20/100" in text
    text = text.replace("version: 1\n", "version: 2\n").replace("20/100", "10/100")
    newer = services.load_programme(actor=officer.actor, text=text, source_name="henan-2.yaml")
    services.activate(actor=signer(officer).actor, version_id=newer.id)
    road.finish(run)
    assert Settlement.objects.get().voucher_captured_fen == 84


def test_two_orders_cannot_hold_the_same_money(road: Road, voucher: Voucher) -> None:
    """Both quotes plan with the whole voucher; the second acceptance is refused, whole."""
    dear = {**road.quote().document["work"], "time_limit_s": 400_000}
    road.pay_in(10**9, "d2")
    first, second = road.quote(dear), road.quote(dear)
    planned = [quote.document["voucher"]["max_fen"] for quote in (first, second)]
    assert planned == [voucher.face_fen, voucher.face_fen]
    road.place(first)
    held = road.balance().debits_pending
    with pytest.raises(Refused) as caught:
        road.place(second)
    assert caught.value.code.name == "order.voucher_insufficient"
    assert voucher.code in caught.value.sentence()
    assert (road.balance().debits_pending, left(voucher).available_fen) == (held, 0)
    assert road.quote(dear).document["voucher"] is None, "new quotes plan with what is left"


def test_too_little_own_money_leaves_the_voucher_untouched(road: Road, voucher: Voucher) -> None:
    dear = {**road.quote().document["work"], "time_limit_s": 600_000}
    with pytest.raises(Refused) as caught:
        road.place(road.quote(dear))
    assert caught.value.code.name == "order.balance_insufficient"
    assert left(voucher).debits_pending == 0


def test_a_strangers_voucher_is_not_planned_with(road: Road, voucher: Voucher, stranger: Person) -> None:
    from tests.road import APP_WORK

    from hesuan.hub.market import services

    request = services.request_quotes(
        actor=stranger.actor, organisation_id=stranger.organisation.id, work=APP_WORK
    )
    (quote,) = market.quotes(stranger.actor, request.id)
    assert quote.document["voucher"] is None


def test_a_rule_with_a_floor_holds_the_whole_charge(road: Road) -> None:
    """Below the floor the voucher pays nothing, so the own part may be larger on a smaller charge."""
    from hesuan.hub.market.quoting import _copay_max

    def floored(charge: int) -> int:
        return charge // 5 if charge >= 1_700 else 0

    assert _copay_max(1860, 420, lambda charge: charge // 5) == 1488
    assert _copay_max(1860, 1_650, floored) == 1860
