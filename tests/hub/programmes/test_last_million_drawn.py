"""Sixteen claims on vouchers race for the last 1,000,000 fen of a limit on use, where users are paid back.

Each voucher alone is good for what its claim asks; the budget that counts redemption is not for all.
``HESUAN_ROUNDS`` rounds (``make soak`` asks for a thousand) race through what submitting a claim protects
(lock, decide, hold), each of which ends by giving every hold back. The negative control takes lock and limit
away, and promises more than there is. The hundred rounds of every run are those of ``test_last_million.py``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection, transaction
from django.utils import timezone
from tests.append_only import triggers_lifted
from tests.people import Person, make_organisation, make_person

from hesuan.hub.centres.models import Centre
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.models import Account, Transfer
from hesuan.hub.programmes import accounts, counting, rules, services
from hesuan.hub.programmes.drawing import Wish
from hesuan.hub.programmes.models import Voucher

from .offices import NO_CAPS, Office
from .test_last_million import ASKED_FEN, CLAIMANTS, LAST_FEN, Race, race

__all__ = ["race"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

ROUNDS = int(os.environ.get("HESUAN_ROUNDS", "25"))
USED = (
    'budgets: [{id: year, window: lifetime, limit: "1000000.00", counts: issued, on_exhaust: reject},'
    ' {id: use, window: quarter, limit: "10000.00", counts: redeemed, on_exhaust: partial}]'
)
CHARGE_FEN = ASKED_FEN * 10 // 3
MONEY, CAPS = accounts.ledger_of("test.rules"), accounts.caps_ledger_of("test.rules")
TO = "user:all"


@pytest.fixture
def vouchers(
    officer: Person, reviewer: Person, approver: Person, owner: Person, centre: Centre
) -> list[Voucher]:
    """A voucher of ¥3,000.00 for each of sixteen organisations."""
    office = Office(officer, reviewer, approver, owner)
    version = office.activate(USED, NO_CAPS, "settlement: {flow: reimburse_user}")
    services.admit_supplier(
        actor=officer.actor, programme_id=version.programme_id, centre_id=centre.id, reason="listed"
    )
    people = [
        make_person(f"claimant{n}", make_organisation(f"Claimant {n}", "enterprise"), "owner")
        for n in range(CLAIMANTS)
    ]
    ledger.open_account(ledger=MONEY, key=TO, kind="user")
    return [office.issue(version, CHARGE_FEN, by=person) for person in people]


def submitting(vouchers: list[Voucher], centre: Centre, number: int) -> list[Callable[[], int]]:
    """The sixteen as submitting protects them, without the claim's own rows."""
    at = timezone.now()

    def submit(voucher: Voucher) -> int:
        wish = Wish(f"claim:{voucher.id}:hold:{number}", CHARGE_FEN, centre.id, at)
        with transaction.atomic():
            services.need_drawable(voucher.id)
            (drawn,), events = services.draw(voucher.id, [wish], day=rules.programme_day(at), to=TO)
            if events:
                ledger.post_or_raise(events)
        return drawn.share.subsidy_fen

    return [partial(submit, one) for one in vouchers]


def held() -> tuple[int, int]:
    """What vouchers and the limit hold [fen]."""
    money = sum(one.debits_pending for one in balances.balances(MONEY).values())
    return money, sum(one.debits_pending for one in balances.balances(CAPS).values())


def undo(number: int) -> None:
    """Every hold is given back, in one journal."""
    rows = Transfer.objects.filter(kind="hold", resolutions__isnull=True).select_related("debit")
    ledger.post_or_raise(
        [
            ledger.Event(f"{row.id}:end", "release", row.debit.ledger, 0, "release", pending_id=row.id)
            for row in rows
        ]
    )
    assert held() == (0, 0), number


def test_races_for_the_last_of_a_limit_on_use_hold_exactly_it(
    vouchers: list[Voucher], centre: Centre, race: Race
) -> None:
    for number in range(1, ROUNDS + 1):
        answers = race(submitting(vouchers, centre, number))
        assert answers == {ASKED_FEN: 3, LAST_FEN - 3 * ASKED_FEN: 1, 0: 12}
        assert held() == (LAST_FEN, LAST_FEN)
        undo(number)
    assert checks.check() == []


def test_without_lock_and_limit_more_than_there_is_would_be_promised(
    vouchers: list[Voucher], centre: Centre, race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with all deciding on what was there before, the account alone refuses the rest; with
    an account that may be overdrawn, sixteen are promised what is enough for three."""
    race(submitting(vouchers, centre, 1))
    undo(1)
    blind = counting.Counters(budgets={"year": 0, "use": 0})
    monkeypatch.setattr(counting, "as_counters", lambda *_: blind)
    answers = race(submitting(vouchers, centre, 2))
    assert answers == {ASKED_FEN: 3, "ledger.available_exceeded": 13}
    undo(2)
    with triggers_lifted(connection):
        Account.objects.filter(ledger=CAPS, kind="budget").update(may_overdraw=True)
    answers = race(submitting(vouchers, centre, 3))
    assert answers == {ASKED_FEN: CLAIMANTS}
    assert held() == (CLAIMANTS * ASKED_FEN, CLAIMANTS * ASKED_FEN)
    undo(3)
