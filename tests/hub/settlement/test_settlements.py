"""Settling and signing through the real rooms: once, whole, by the right key."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError, transaction
from tests.people import Person
from tests.road import Road, commands, countersign, history, make_site, tell

from hesuan.errors import NotFound, Refused
from hesuan.hub.audit import selectors as audit
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import accounts
from hesuan.hub.market.models import Order
from hesuan.hub.settlement import selectors, services
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire import keys
from hesuan.wire.receipt import sign_receipt


def test_nothing_is_settled_before_both_the_end_and_the_usage(road: Road) -> None:
    run = road.place()
    told = history(run.id)
    road.say(told[:-1])
    assert services.settle(run.order_id) is None
    road.say(told[-1:])
    assert Settlement.objects.count() == 1


def test_usage_before_the_end_waits_for_it(road: Road) -> None:
    run = road.place()
    told = history(run.id)
    road.say([told[0], told[-1]])
    assert services.settle(run.order_id) is None
    road.say([told[-2]])
    assert Settlement.objects.get().charge_fen == 420


def test_settling_again_changes_nothing(road: Road) -> None:
    run = road.place()
    road.say(history(run.id))
    first = Settlement.objects.get()
    rows = len(ledger.transfers(accounts.CNY, accounts.organisation_account(road.owner.organisation.id)))
    for _ in range(3):
        assert services.settle(run.order_id) == first
    assert len(commands(road.site, "countersign")) == 1
    after = ledger.transfers(accounts.CNY, accounts.organisation_account(road.owner.organisation.id))
    assert len(after) == rows


@pytest.mark.parametrize("step", ["_write", "_draft", "centres.command", "market.mark_settled"])
def test_a_settlement_that_dies_half_way_has_settled_nothing_and_is_swept_up(
    road: Road, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """As after kill -9: whatever step did not happen, none did; the next round settles once."""
    run = road.place()
    held = road.balance().debits_pending

    def die(*_: object, **__: object) -> None:
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(f"hesuan.hub.settlement.services.{step}", die)
        tell(road.site, *history(run.id))
        tick()
    assert not Settlement.objects.exists() and not Receipt.objects.exists()
    assert Order.objects.get().state == Order.State.PLACED
    assert road.balance().debits_pending == held
    assert commands(road.site, "countersign") == []
    assert services.settle(run.order_id) is not None
    assert (road.balance().available_fen, road.balance().debits_pending) == (1_000_000 - 420, 0)


def test_a_lost_fact_loses_no_settlement(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the sweep: no fact is handed on at all."""
    monkeypatch.setattr("hesuan.hub.worker.table.FACTS", {})
    run = road.place()
    road.say(history(run.id))
    assert Settlement.objects.get().order_id == run.order_id


def test_a_receipt_stays_a_draft_until_the_site_signs(road: Road) -> None:
    run = road.place()
    road.say(history(run.id))
    receipt = Receipt.objects.get()
    assert receipt.state == Receipt.State.DRAFT
    with pytest.raises(Refused) as caught:
        selectors.receipt_file(road.owner.actor, receipt.id)
    assert caught.value.code.name == "receipt.not_signed"
    road.say(countersign(road.site))
    receipt.refresh_from_db()
    assert receipt.state == Receipt.State.SIGNED and receipt.site_key == road.site.agent.public_key
    assert selectors.receipt_file(road.owner.actor, receipt.id).endswith(b"}\n")


def test_a_refused_countersignature_leaves_a_draft_with_its_reason_and_a_fact(road: Road) -> None:
    run = road.place()
    road.say(history(run.id))
    receipt = Receipt.objects.get()
    refusal = ("countersign_refused", {"receipt": receipt.id, "reason": "usage differs from mine"})
    road.say([refusal, refusal])
    receipt.refresh_from_db()
    assert (receipt.state, receipt.refused_reason) == (Receipt.State.DRAFT, "usage differs from mine")
    assert [fact.kind for fact in audit.facts(SYSTEM, receipt.id)] == ["receipt.refused"]
    with pytest.raises(Refused) as caught:
        selectors.receipt_file(road.owner.actor, receipt.id)
    assert "usage differs from mine" in caught.value.sentence("en")
    assert "usage differs from mine" in caught.value.sentence("zh")


def bad_signatures(road: Road, receipt: Receipt) -> dict[str, dict[str, Any]]:
    good = countersign(road.site)[0][1]
    other_document = {**receipt.document, "issued_at": "2027-01-01T00:00:00.000000Z"}
    return {
        "receipt.digest_differs": {**good, "digest": "sha256:" + "0" * 64},
        "receipt.signature_invalid": {**good, "signature": sign_receipt(receipt.document, keys.generate())},
        "receipt.signature_invalid ": {**good, "signature": sign_receipt(other_document, road.site.private)},
        "receipt.signature_invalid  ": {**good, "signature": "nonsense"},
    }


def test_a_signature_that_does_not_fit_is_refused_and_recorded(road: Road) -> None:
    run = road.place()
    road.say(history(run.id))
    receipt = Receipt.objects.get()
    for code, body in bad_signatures(road, receipt).items():
        road.say([("countersign", body)])
        message = InboxMessage.objects.order_by("-seq")[0]
        assert code.strip() in message.fault
    receipt.refresh_from_db()
    assert receipt.state == Receipt.State.DRAFT
    refused = [fact for fact in audit.facts(SYSTEM, road.site.agent.id) if fact.kind == "message.refused"]
    assert len(refused) == 4
    road.say(countersign(road.site))
    receipt.refresh_from_db()
    assert receipt.state == Receipt.State.SIGNED


def test_another_sites_signature_is_refused(road: Road, centre_organisation: Organisation) -> None:
    thief = make_site(centre_organisation, "Elsewhere")
    run = road.place()
    road.say(history(run.id))
    receipt = Receipt.objects.get()
    body = {**countersign(road.site)[0][1], "signature": sign_receipt(receipt.document, thief.private)}
    tell(thief, ("countersign", body), ("countersign_refused", {"receipt": receipt.id, "reason": "no"}))
    tick()
    receipt.refresh_from_db()
    assert (receipt.state, receipt.refused_reason) == (Receipt.State.DRAFT, "")
    faults = InboxMessage.objects.filter(agent=thief.agent).exclude(fault="").values_list("fault", flat=True)
    assert len(faults) == 2 and all("receipt.of_another_agent" in fault for fault in faults)


def test_a_repeated_countersignature_changes_nothing(road: Road) -> None:
    road.finish(road.place())
    signed_at = Receipt.objects.get().signed_at
    road.say(countersign(road.site))
    assert Receipt.objects.get().signed_at == signed_at
    issued = [f for f in audit.facts(SYSTEM, Receipt.objects.get().id) if f.kind == "receipt.issued"]
    assert len(issued) == 1


def test_a_charge_of_less_than_a_fen_settles_without_a_journal(road: Road) -> None:
    from hesuan.hub.market import services as market

    market.set_price(actor=road.operator.actor, offering_id=road.offering.id, fen_per_core_hour=1)
    quote = road.quote()
    assert quote.document["max_charge_fen"] == 0
    road.finish(road.place(quote))
    assert Settlement.objects.get().charge_fen == 0
    assert road.balance().available_fen == 1_000_000
    assert Receipt.objects.get().state == Receipt.State.SIGNED


def test_a_receipt_that_would_not_verify_is_not_issued(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    from hesuan.hub.settlement import rules

    honest = rules.receipt

    def dishonest(*args: Any, **kwargs: Any) -> Any:
        return {**honest(*args, **kwargs), "quote_digest": "sha256:" + "0" * 64}

    run = road.place()
    with monkeypatch.context() as patch:
        patch.setattr(rules, "receipt", dishonest)
        tell(road.site, *history(run.id))
        tick()
        with pytest.raises(Refused) as caught:
            services.settle(run.order_id)
    assert caught.value.code.name == "receipt.draft_not_sound"
    assert not Settlement.objects.exists() and road.balance().debits_pending > 0


def test_owner_colleague_and_stranger(road: Road, colleague: Person, stranger: Person) -> None:
    run = road.place()
    assert selectors.settlement(road.owner.actor, run.order_id) is None
    assert selectors.receipt_of_order(road.owner.actor, run.order_id) is None
    road.say(history(run.id))
    road.say(countersign(road.site))
    receipt = Receipt.objects.get()
    for person in (road.owner, colleague, road.operator):
        assert selectors.receipt(person.actor, receipt.id) == receipt
        assert selectors.receipt_of_order(person.actor, run.order_id) == receipt
        assert selectors.settlement(person.actor, run.order_id) == receipt.settlement
        assert selectors.receipts(person.actor) == [receipt]
        assert selectors.receipt_file(person.actor, receipt.id)
    for read in (selectors.receipt, selectors.receipt_file):
        with pytest.raises(NotFound):
            read(stranger.actor, receipt.id)
    for of_order in (selectors.receipt_of_order, selectors.settlement):
        with pytest.raises(NotFound):
            of_order(stranger.actor, run.order_id)
    assert selectors.receipts(stranger.actor) == []


def test_the_database_refuses_what_the_code_should_not_have_tried(road: Road) -> None:
    road.finish(road.place())
    for change in (
        lambda: Settlement.objects.update(charge_fen=1, copay_captured_fen=1),
        lambda: Settlement.objects.all().delete(),
        lambda: Receipt.objects.update(document={}),
        lambda: Receipt.objects.update(signed_at=None),
        lambda: Receipt.objects.update(fact=None, state="DRAFT"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.parametrize(
    "amounts",
    [
        {"charge_fen": 11, "copay_captured_fen": 11, "copay_held_fen": 11},
        {"charge_fen": 5, "copay_captured_fen": 4},
        {"charge_fen": 5, "copay_captured_fen": 5, "copay_held_fen": 4},
        {"charge_fen": -1, "copay_captured_fen": -1},
    ],
)
def test_the_database_refuses_a_settlement_that_does_not_add_up(road: Road, amounts: dict[str, int]) -> None:
    from django.utils import timezone

    run = road.place()
    sound = {
        "charge_fen": 5,
        "max_charge_fen": 10,
        "copay_held_fen": 10,
        "copay_captured_fen": 5,
        "voucher_held_fen": 0,
        "voucher_captured_fen": 0,
    }
    with pytest.raises(DatabaseError), transaction.atomic():
        Settlement.objects.create(
            order=run.order,
            state="COMPLETED",
            billed_s=1,
            cores=1,
            share_percent=100,
            settled_at=timezone.now(),
            **{**sound, **amounts},
        )
