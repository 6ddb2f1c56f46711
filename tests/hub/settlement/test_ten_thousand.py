"""A quarter's batch of ten thousand transfers: five thousand claims of five centres, each paid by two payers.

The claims are copies of one that was truly settled, claimed and approved; paying them is the real verb. How
often it is killed: ``HESUAN_BATCH_CRASHES`` (`make soak` asks for more than the tests do).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest
from django.db import connection
from django.utils import timezone
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.dying import dies, statements_of
from tests.people import Person, make_organisation

from hesuan.errors import HesuanError
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.ledger.rules import Event
from hesuan.hub.market.models import Order, Quote
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.settlement import accounts, batches, soundness
from hesuan.hub.settlement.models import Batch, Claim, ClaimLine, Dispute, Instruction, Payment, Settlement
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.broken_books("I11")
"""The copies' orders have no run that was metered."""
World = Callable[..., ClaimWorld]
CENTRES = 5
CRASHES = int(os.environ.get("HESUAN_BATCH_CRASHES", "3"))


def many(here: ClaimWorld, claims: int) -> str:
    """A closed and reviewed batch of so many claims more, of several centres; returns its id."""
    first = here.approve(here.claim(here.settle()))
    line = first.lines.get()
    batch_id = str(first.batch_id)
    _fund(here, line, claims)
    parties = [make_organisation(f"Centre {number}", "centre") for number in range(CENTRES)]
    settled = _settlements(line.settlement, claims)
    rows = [_copy(first, claimant_id=parties[place % CENTRES].id) for place in range(claims)]
    Claim.objects.bulk_create(rows, batch_size=500)
    ClaimLine.objects.bulk_create(
        (
            _copy(line, claim_id=claim.id, settlement_id=one.id)
            for claim, one in zip(rows, settled, strict=True)
        ),
        batch_size=500,
    )
    looked_at()
    batches.close(actor=here.officer.actor, batch_id=batch_id)
    batches.review(actor=here.second.actor, batch_id=batch_id)
    return batch_id


def looked_at() -> None:
    """PostgreSQL counts rows anew once others can see them, and these nobody will.

    Until then it plans for the empty tables that it met, and each foreign key that is asked for at the end of
    the test reads all of another table.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _copy(row, **changes):  # type: ignore[no-untyped-def]
    values = {one.attname: getattr(row, one.attname) for one in row._meta.concrete_fields}
    return type(row)(**{**values, "id": new_id(), **changes})


def _settlements(pattern: Settlement, count: int) -> list[Settlement]:
    order = pattern.order
    quotes = [_copy(order.quote) for _ in range(count)]
    orders = [_copy(order, quote_id=one.id) for one in quotes]
    made = [_copy(pattern, order_id=one.id, copay_held_fen=0, copay_captured_fen=0) for one in orders]
    for one in made:
        one.charge_fen = one.voucher_captured_fen
    Quote.objects.bulk_create(quotes, batch_size=500)
    Order.objects.bulk_create(orders, batch_size=500)
    return Settlement.objects.bulk_create(made, batch_size=500)


def _fund(here: ClaimWorld, line: ClaimLine, claims: int) -> None:
    """What the copies captured of the voucher, and what is payable of it: two transfers a payer."""
    book = programme_accounts.ledger_of(here.version.programme_id)
    centre = programme_accounts.centre_account(line.claim.centre_id)
    voucher = programme_accounts.voucher_account(str(line.voucher_id))
    events = []
    for share in line.shares:
        fen, payable = share["fen"] * claims, accounts.payable_account(share["payer"])
        name = f"copies:{share['payer']}"
        events += [
            Event(f"{name}:captured", "transfer", book, fen, "capture", voucher, centre),
            Event(f"{name}:payable", "transfer", book, fen, "settle", centre, payable),
        ]
    ledger.post_or_raise(events)


def wrong() -> set[str]:
    """Broken invariants; I11 is left out, since the copies' orders have no run that was metered."""
    return {one.invariant for one in soundness.check()} - {"I11"}


def payer(person: Person, batch_id: str) -> Callable[[], Batch]:
    return lambda: batches.pay(actor=person.actor, batch_id=batch_id, reference="bank 1")


def test_ten_thousand_transfers_are_all_paid_or_none_wherever_it_dies(world: World) -> None:
    """Killed at places from the first read to the last write: nothing is paid. Then all of it, once."""
    here, claims = world(), 5_000
    batch_id = many(here, claims - 1)
    pay = payer(here.payer, batch_id)
    owed = batches.payers_of(Batch.objects.get(pk=batch_id))
    places = statements_of(pay)
    for number in range(CRASHES):
        assert dies(places * (number + 1) // (CRASHES + 1), pay)
        assert not Payment.objects.exists() and not Instruction.objects.exists()
        assert not Transfer.objects.filter(id__startswith="pay:").exists()
    pay()
    looked_at()
    pay()  # a double click
    batches.pay(actor=here.third.actor, batch_id=batch_id, reference="another officer")
    assert Payment.objects.count() == Transfer.objects.filter(id__startswith="pay:").count() == 2 * claims
    told = list(Instruction.objects.all())
    assert len({(one.party_id, one.payer, one.period) for one in told}) == len(told) == 2 * (CENTRES + 1)
    assert sum(one.amount_fen for one in told) == sum(owed.values()) == claims * 84
    assert sum(one.payments for one in told) == 2 * claims and {one.reference for one in told} == {"bank 1"}
    assert not Claim.objects.exclude(state="PAID").exists()
    assert wrong() == set()


def test_a_thousand_claims_take_hardly_more_statements_than_ten(world: World) -> None:
    """What grows are the blocks of five hundred rows, not the statements of each claim."""
    here = world()
    batch_id = many(here, 999)
    places = statements_of(payer(here.payer, batch_id))
    assert places < 200, places


def test_lines_disputed_in_the_middle_stay_behind_and_all_others_are_paid(world: World) -> None:
    here = world()
    batch_id = many(here, 99)
    one = ClaimLine.objects.filter(claim__batch_id=batch_id).order_by("id")[50]
    ClaimLine.objects.filter(pk=one.pk).update(state=ClaimLine.State.CLAIMED)
    Dispute.objects.create(line=one, reason="meter", opened_by="owner", opened_at=timezone.now())
    payer(here.payer, batch_id)()
    assert Claim.objects.get(pk=one.claim_id).state == "PAYABLE"
    assert Claim.objects.filter(state="PAID").count() == 99
    assert sum(Instruction.objects.values_list("payments", flat=True)) == Payment.objects.count()
    assert wrong() == set()


@pytest.mark.django_db(transaction=True)
def test_two_officers_at_two_desks_pay_it_once(world: World) -> None:
    here = world()
    batch_id = many(here, 49)
    gate = threading.Barrier(2)
    refused: list[str] = []

    def work(person: Person) -> None:
        actor = person.actor
        gate.wait()
        try:
            batches.pay(actor=actor, batch_id=batch_id, reference=person.identity.username)
        except HesuanError as error:
            refused.append(error.code.name)
        finally:
            connection.close()

    desks = [threading.Thread(target=work, args=(one,)) for one in (here.payer, here.third)]
    for one in desks:
        one.start()
    for one in desks:
        one.join()
    assert refused == []
    assert Payment.objects.count() == 100
    assert len(set(Instruction.objects.values_list("reference", flat=True))) == 1
    assert wrong() == set()
