"""Several vouchers on one order: held together, captured each for its share, on one receipt that verifies."""

from __future__ import annotations

import json

import pytest
from tests.people import Person, signer
from tests.road import Road, make_site, publish
from tests.road_fixtures import DOCUMENTS

from hesuan.errors import Refused
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market.models import Quote
from hesuan.hub.programmes import accounts, services
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.wire.receipt import SIGNS, quoted_vouchers
from hesuan.wire.verify import Result, verify_receipt

HENAN = (DOCUMENTS / "cn.henan.suanliquan.2023.yaml").read_text()
ALLOW = ("- field: stacking.mode\n    value: forbid", "- field: stacking.mode\n    value: allow")
NEW_AGENT = {"python": "3.11.7", SIGNS: "2"}


def left(voucher: Voucher) -> ledger.Balance:
    programme = voucher.programme_version.programme_id
    return ledger.balance(accounts.ledger_of(programme), accounts.voucher_account(voucher.id))


class Town:
    """A road whose agent signs receipts of several vouchers, and an office that issues them."""

    def __init__(self, road: Road, officer: Person, reviewer: Person, approver: Person) -> None:
        self.road, self.officer, self.reviewer, self.approver = road, officer, reviewer, approver

    def activate(self, name: str = "cn.henan.suanliquan.2023", *changes: tuple[str, str]) -> ProgrammeVersion:
        """Henan 2023 under a name, changed line by line, good at the road's centre."""
        text = HENAN.replace("cn.henan.suanliquan.2023", name)
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        draft = services.load_programme(actor=self.officer.actor, text=text, source_name=f"{name}.yaml")
        version = services.activate(actor=signer(self.officer).actor, version_id=draft.id)
        services.admit_supplier(
            actor=self.officer.actor,
            programme_id=version.programme_id,
            centre_id=self.road.site.agent.centre_id,
            reason="on the list",
        )
        return version

    def issue(self, version: ProgrammeVersion, planned_fen: int) -> Voucher:
        """A voucher of a fifth of what is planned."""
        application = services.apply(
            actor=self.road.owner.actor,
            organisation_id=self.road.owner.organisation.id,
            version_id=version.id,
            planned_fen=planned_fen,
            facts={},
        )
        services.review(actor=self.reviewer.actor, application_id=application.id, verdict="pass", note="ok")
        services.approve(actor=self.approver.actor, application_id=application.id)
        return services.issue(actor=self.approver.actor, application_id=application.id)


@pytest.fixture
def town(
    db: None,
    ledger_balances: None,
    centre_organisation: Organisation,
    owner: Person,
    centre_operator: Person,
    platform_operator: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
) -> Town:
    site = make_site(centre_organisation, software=dict(NEW_AGENT))
    road = Road(owner, centre_operator, platform_operator, site, publish(centre_operator, site.agent.centre))
    road.pay_in(1_000_000)
    return Town(road, officer, reviewer, approver)


def told(quote: Quote) -> list[tuple[str, int]]:
    return [(one["voucher"], one["max_fen"]) for one in quoted_vouchers(quote.document)]


def test_two_vouchers_of_one_programme_pay_its_rule_once_one_after_the_other(town: Town) -> None:
    """
    quote      most 18.60      20 % → 3.72: first voucher 3.00, second 0.72     own 14.88
    charge     21 s × 2 × 36000 fen/h = 4.20
    capture    first 0.84, second 0.00     own 3.36
    release    first 2.16, second 0.72     own 11.52
    """
    version = town.activate()
    first, second = town.issue(version, 1_500), town.issue(version, 5_000_000)
    assert first.face_fen == 300
    quote = town.road.quote()
    assert quote.document["v"] == 2
    assert told(quote) == [(first.id, 300), (second.id, 72)]
    run = town.road.place(quote)
    assert (left(first).debits_pending, left(second).debits_pending) == (300, 72)
    assert town.road.balance().debits_pending == 1_488
    town.road.finish(run)
    settled = Settlement.objects.get()
    assert (settled.charge_fen, settled.voucher_captured_fen, settled.copay_captured_fen) == (420, 84, 336)
    assert [(one.voucher_id, one.held_fen, one.captured_fen) for one in settled.draws.all()] == [
        (first.id, 300, 84),
        (second.id, 72, 0),
    ]
    assert (left(first).available_fen, left(first).debits_pending) == (216, 0)
    assert (left(second).available_fen, left(second).debits_pending) == (second.face_fen, 0)


def test_the_first_is_used_to_its_last_fen_before_the_second(town: Town) -> None:
    """A charge of ¥18.00 pays 3.60: 3.00 of the first and 0.60 of the second, which gives 0.12 back."""
    version = town.activate()
    first, second = town.issue(version, 1_500), town.issue(version, 5_000_000)
    town.road.finish(town.road.place(), wall_ms=90_000)
    assert [one.captured_fen for one in Settlement.objects.get().draws.all()] == [300, 60]
    first.refresh_from_db()
    assert first.state == Voucher.State.CLOSED, "nothing is left, and the worker's round closed it"
    assert left(second).available_fen == second.face_fen - 60


def test_the_receipt_has_both_vouchers_is_of_version_2_and_verifies(town: Town) -> None:
    version = town.activate()
    first, second = town.issue(version, 1_500), town.issue(version, 5_000_000)
    town.road.finish(town.road.place(), wall_ms=90_000)
    receipt = Receipt.objects.get()
    assert (receipt.document["v"], receipt.state) == (2, Receipt.State.SIGNED)
    lines = receipt.document["charge"]["vouchers"]
    assert [(one["voucher"], one["captured_fen"], one["released_fen"]) for one in lines] == [
        (first.id, 300, 0),
        (second.id, 60, 12),
    ]
    assert lines[0]["shares"] == [{"payer": "province", "fen": 150}, {"payer": "city", "fen": 150}]
    data = settlement.receipt_file(town.road.owner.actor, receipt.id)
    verdict = verify_receipt(data, trust=None)
    assert verdict.result is Result.SOUND
    assert "vouchers" in {check.name for check in verdict.checks}
    other = json.loads(data)
    other["receipt"]["charge"]["vouchers"].reverse()
    assert verify_receipt(json.dumps(other).encode(), trust=None).result is Result.TAMPERED


def test_two_programmes_that_allow_each_other_pay_each_by_its_own_rule(town: Town) -> None:
    """A fifth and a tenth of ¥4.20: 0.84 and 0.42; each programme owes the centre its own part."""
    fifth = town.activate("test.fifth", ALLOW)
    tenth = town.activate("test.tenth", ALLOW, ("20/100", "10/100"))
    vouchers = {version.programme_id: town.issue(version, 5_000_000) for version in (fifth, tenth)}
    quote = town.road.quote()
    assert dict(told(quote)) == {vouchers["test.fifth"].id: 372, vouchers["test.tenth"].id: 186}
    town.road.finish(town.road.place(quote))
    for name, paid in (("test.fifth", 84), ("test.tenth", 42)):
        owed = accounts.centre_account(town.road.offering.centre_id)
        assert ledger.balance(accounts.ledger_of(name), owed).posted_fen == paid
        assert left(vouchers[name]).available_fen == vouchers[name].face_fen - paid
    receipt = Receipt.objects.get()
    assert sum(one["captured_fen"] for one in receipt.document["charge"]["vouchers"]) == 126
    assert receipt.state == Receipt.State.SIGNED


def test_a_site_that_signs_one_voucher_only_is_quoted_one_and_the_quote_says_so(town: Town) -> None:
    version = town.activate()
    first, second = town.issue(version, 1_500), town.issue(version, 1_500)
    old = make_site(town.road.operator.organisation, "Old Town")
    services.admit_supplier(
        actor=town.officer.actor,
        programme_id=version.programme_id,
        centre_id=old.agent.centre_id,
        reason="on the list",
    )
    offering = publish(town.road.operator, old.agent.centre, title="old")
    quotes = {one.offering_id: one for one in town.road.ask().quotes.all()}
    document = quotes[offering.id].document
    assert (document["v"], document["voucher"]["voucher"]) == (1, first.id)
    assert any("signs receipts of one voucher only" in reason["en"] for reason in document["reasons"])
    assert told(quotes[town.road.offering.id]) == [(first.id, 300), (second.id, 72)]


def test_what_a_second_order_took_from_one_of_the_set_refuses_the_whole_order(town: Town) -> None:
    version = town.activate()
    first, second = town.issue(version, 1_500), town.issue(version, 1_500)
    one, other = town.road.quote(), town.road.quote()
    assert told(one) == told(other) == [(first.id, 300), (second.id, 72)]
    town.road.place(one)
    held = town.road.balance().debits_pending
    with pytest.raises(Refused) as caught:
        town.road.place(other)
    assert caught.value.code.name == "order.voucher_insufficient"
    assert first.code in caught.value.sentence() and second.code not in caught.value.sentence()
    assert town.road.balance().debits_pending == held
    assert told(town.road.quote()) == [(second.id, 228)]


def test_a_voucher_suspended_since_the_quote_refuses_the_whole_order(town: Town) -> None:
    version = town.activate()
    first, second = town.issue(version, 1_500), town.issue(version, 5_000_000)
    quote = town.road.quote()
    services.suspend(actor=town.reviewer.actor, voucher_id=second.id, reason="a question of use")
    with pytest.raises(Refused) as caught:
        town.road.place(quote)
    assert caught.value.code.name == "voucher.not_usable"
    assert (left(first).debits_pending, town.road.balance().debits_pending) == (0, 0)
    assert told(town.road.quote()) == [(first.id, 300)]
