"""Accepting quotes and paying in: what is held, what is refused and how often, who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from tests.people import Person
from tests.road import Road, commands

from hesuan.errors import Conflict, InputFault, NotFound, Refused
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import accounts, selectors, services
from hesuan.hub.market.models import Deposit, Order, Quote
from hesuan.hub.runs import services as runs
from hesuan.hub.runs.models import Run
from hesuan.wire.ids import new_id


def test_an_accepted_quote_holds_its_most_and_leaves_one_command(road: Road) -> None:
    quote = road.quote()
    run = road.place(quote)
    assert road.balance().debits_pending == quote.document["copay_max_fen"]
    quote.refresh_from_db()
    assert quote.state == Quote.State.ACCEPTED
    (command,) = commands(road.site, "run")
    assert command.body == {
        "run": run.id,
        "work": quote.document["work"],
        "cores": 2,
        "time_limit_s": quote.document["time_limit_s"],
        "app_digest": quote.document["app_digest"],
    }


def test_a_second_acceptance_with_the_same_order_id_is_the_same_order(road: Road) -> None:
    quote, order_id = road.quote(), new_id()
    held = []
    for _ in range(3):
        order = runs.place_order(actor=road.owner.actor, quote_id=quote.id, order_id=order_id)
        held.append(road.balance().debits_pending)
        assert order.id == order_id
    assert len(set(held)) == 1
    assert (Order.objects.count(), Run.objects.count(), len(commands(road.site, "run"))) == (1, 1, 1)


def test_another_order_id_on_an_accepted_quote_is_a_conflict(road: Road) -> None:
    quote = road.quote()
    run = road.place(quote)
    with pytest.raises(Conflict) as caught:
        road.place(quote)
    assert caught.value.code.name == "quote.already_accepted"
    assert caught.value.facts["before"] == run.order_id


def test_an_order_id_used_for_another_quote_is_a_conflict(road: Road) -> None:
    order_id = road.place().order_id
    with pytest.raises(Conflict) as caught:
        runs.place_order(actor=road.owner.actor, quote_id=road.quote().id, order_id=order_id)
    assert caught.value.code.name == "order.id_taken"


@pytest.mark.parametrize("order_id", ["", "1", "order one", "I" * 26, new_id().lower()])
def test_an_order_id_is_a_ulid(road: Road, order_id: str) -> None:
    with pytest.raises(InputFault) as caught:
        runs.place_order(actor=road.owner.actor, quote_id=road.quote().id, order_id=order_id)
    assert caught.value.code.name == "order.id_malformed"


def test_an_expired_quote_is_refused_with_both_times(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    quote = road.quote()
    later = quote.valid_until + timedelta(seconds=1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    with pytest.raises(Refused) as caught:
        road.place(quote)
    assert caught.value.code.name == "quote.expired"
    for moment in (quote.valid_until, later):
        assert f"{moment:%Y-%m-%d %H:%M:%S}" in caught.value.sentence()
    assert road.balance().debits_pending == 0


def test_the_sweep_marks_expired_quotes_and_accepted_ones_stay(road: Road) -> None:
    accepted, lapsed = road.quote(), road.quote()
    road.place(accepted)
    assert services.expire_quotes(timezone.now() + timedelta(hours=2)) == 1
    assert Quote.objects.get(pk=accepted.id).state == Quote.State.ACCEPTED
    assert Quote.objects.get(pk=lapsed.id).state == Quote.State.EXPIRED
    assert services.expire_quotes(timezone.now() + timedelta(hours=2)) == 0


def test_too_little_money_is_refused_with_both_amounts_and_what_to_do(road: Road) -> None:
    road.place(), road.place()
    quote = road.quote({**road.quote().document["work"], "time_limit_s": 600_000})
    with pytest.raises(Refused) as caught:
        road.place(quote)
    error = caught.value
    assert error.code.name == "order.balance_insufficient"
    available = road.balance().available_fen
    assert error.facts["available_fen"] == available
    assert error.facts["asked_fen"] == quote.document["copay_max_fen"]
    assert "Pay in" in error.sentence("en") and "充值" in error.sentence("zh")
    assert (Order.objects.count(), Run.objects.count()) == (2, 2)
    assert Quote.objects.get(pk=quote.id).state == Quote.State.OPEN


def test_after_a_refusal_a_new_order_id_succeeds_and_a_late_copy_of_the_old_does_not(road: Road) -> None:
    """What was answered as refused must not spend later, when money has come in."""
    quote = road.quote({**road.quote().document["work"], "time_limit_s": 600_000})
    order_id = new_id()
    with pytest.raises(Refused):
        runs.place_order(actor=road.owner.actor, quote_id=quote.id, order_id=order_id)
    road.pay_in(10**9, "d2")
    with pytest.raises(Refused):
        runs.place_order(actor=road.owner.actor, quote_id=quote.id, order_id=order_id)
    assert road.balance().debits_pending == 0
    assert road.place(quote).order.quote_id == quote.id


def test_an_altered_quote_cannot_be_accepted(road: Road) -> None:
    """The control of the digest: the triggers are lifted, as somebody with the database's password could."""
    from django.db import connection
    from tests.append_only import triggers_lifted

    quote = road.quote()
    connection.check_constraints()  # PostgreSQL alters no table whose foreign keys wait to be checked
    with triggers_lifted(connection):
        Quote.objects.filter(pk=quote.id).update(document={**quote.document, "max_charge_fen": 1})
        connection.check_constraints()
    with pytest.raises(Refused) as caught:
        road.place(quote)
    assert caught.value.code.name == "quote.altered"
    assert not Order.objects.exists()


def test_a_centre_whose_agent_is_revoked_takes_no_order_and_nothing_is_held(road: Road) -> None:
    from hesuan.hub.centres import services as centres
    from hesuan.hub.identity.actors import SYSTEM

    quote = road.quote()
    centres.revoke_agent(actor=SYSTEM, agent_id=road.site.agent.id, reason="test")
    with pytest.raises(Refused) as caught:
        road.place(quote)
    assert caught.value.code.name == "order.no_agent"
    assert not Order.objects.exists() and road.balance().debits_pending == 0


def test_only_an_owner_accepts(road: Road, colleague: Person, stranger: Person) -> None:
    quote = road.quote()
    with pytest.raises(Refused) as caught:
        runs.place_order(actor=colleague.actor, quote_id=quote.id, order_id=new_id())
    assert caught.value.code.name == "market.role_missing"
    for person in (stranger, road.operator):
        with pytest.raises(NotFound):
            runs.place_order(actor=person.actor, quote_id=quote.id, order_id=new_id())
    assert not Order.objects.exists()


def test_who_sees_an_order(road: Road, colleague: Person, stranger: Person, auditor: Person) -> None:
    order = road.place().order
    for person in (road.owner, colleague, road.operator, auditor, road.platform):
        assert selectors.order(person.actor, order.id).id == order.id
        assert [found.id for found in selectors.orders(person.actor)] == [order.id]
    with pytest.raises(NotFound):
        selectors.order(stranger.actor, order.id)
    assert selectors.orders(stranger.actor) == []


def test_who_sees_a_balance(road: Road, colleague: Person, stranger: Person) -> None:
    ours = road.owner.organisation.id
    assert selectors.balance(colleague.actor, ours).available_fen == 1_000_000
    for person in (stranger, road.operator):
        with pytest.raises(NotFound):
            selectors.balance(person.actor, ours)
    assert selectors.balance(stranger.actor, stranger.organisation.id).available_fen == 0


def test_a_deposit_is_booked_once(road: Road) -> None:
    for _ in range(3):
        road.pay_in(500, "wire-7")
    assert road.balance().available_fen == 1_000_500
    assert ledger.balance(accounts.CNY, accounts.BANK).posted_fen == -1_000_500
    assert Deposit.objects.count() == 2


def test_the_same_deposit_id_with_another_amount_is_a_conflict_with_both(road: Road) -> None:
    road.pay_in(500, "wire-7")
    with pytest.raises(Conflict) as caught:
        road.pay_in(600, "wire-7")
    assert "¥5.00" in caught.value.sentence() and "¥6.00" in caught.value.sentence()
    assert road.balance().available_fen == 1_000_500


def test_only_the_platforms_operator_books_a_deposit(road: Road, colleague: Person, stranger: Person) -> None:
    ours = road.owner.organisation.id
    for person, error in ((road.owner, Refused), (colleague, Refused), (stranger, NotFound)):
        with pytest.raises(error):
            services.deposit(
                actor=person.actor, organisation_id=ours, amount_fen=1, deposit_id=person.identity.id
            )
    assert road.balance().available_fen == 1_000_000


@pytest.mark.parametrize("amount_fen", [0, -5, True, 2**53])
def test_a_deposit_is_a_positive_whole_amount(road: Road, amount_fen: int) -> None:
    with pytest.raises(InputFault):
        road.pay_in(amount_fen, "wire-8")


@pytest.mark.parametrize("deposit_id", ["", "a b", "x" * 41, "充值"])
def test_a_deposit_id_is_short_and_plain(road: Road, deposit_id: str) -> None:
    with pytest.raises(InputFault) as caught:
        road.pay_in(5, deposit_id)
    assert caught.value.code.name == "deposit.id_malformed"


def test_the_database_refuses_a_changed_or_deleted_order(road: Road) -> None:
    order = road.place().order
    with pytest.raises(DatabaseError), transaction.atomic():
        Order.objects.filter(pk=order.id).update(accepted_by="somebody")
    with pytest.raises(DatabaseError), transaction.atomic():
        Deposit.objects.all().delete()
