"""Sixteen firms submit claims for the last 10,008.00 of Nanning's budget at one moment: just that is given.

Nothing is issued beforehand, so each submission decides, makes its entitlement and holds it under one lock.
``HESUAN_ROUNDS`` rounds (``make soak`` asks for a thousand); after each everything is given up, so that the
next begins with the same money. The negative control takes the lock's answer away: the budget's account then
still refuses what was decided too freely.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from django.utils import timezone
from tests.people import Person, make_organisation, make_person, signer
from tests.sites import make_centre

import hesuan.policy
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.models import Account
from hesuan.hub.programmes import accounts, counting, services
from hesuan.hub.programmes.drawing import Wish
from hesuan.hub.programmes.entitling import Asking
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.programmes.rules import Item
from hesuan.policy.decision import Counters

from .test_last_million import CLAIMANTS, Race, race
from .test_last_million_drawn import ROUNDS

__all__ = ["race"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

NANNING = (Path(hesuan.policy.__file__).parent / "programmes" / "cn.nanning.suanliquan.2025.yaml").read_text()
LAST = 'limit: "10008.00", counts: redeemed'
USED, CLAIMED = datetime(2025, 12, 15, 4, tzinfo=UTC), datetime(2026, 1, 10, 4, tzinfo=UTC)
CHARGE_FEN, PAYS_FEN = 834_000, 250_200
"""8,340 × 30 % = 2,502.00: four get it, and then there is nothing."""
STATED = {
    "applicant.is_legal_person": True,
    "applicant.major_penalty_within_three_years": False,
    "applicant.is_dishonest": False,
    "relation.related_party": False,
    "contract.starts_on": "2025-03-01",
    "contract.ends_on": "2025-12-31",
}
Verb = Callable[[], int]


@pytest.fixture
def verbs(officer: Person, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[Verb]]:
    """Of a round, what sixteen firms do at one moment."""
    monkeypatch.setattr(timezone, "now", lambda: USED)
    text = NANNING.replace('limit: "50000000.00", counts: redeemed', LAST)
    assert LAST in text
    draft = services.load_programme(actor=officer.actor, text=text, source_name="nanning.yaml")
    version = services.activate(actor=signer(officer).actor, version_id=draft.id)
    centre = make_centre(make_organisation("Centre Ltd", "centre"), "East")
    services.admit_supplier(
        actor=officer.actor, programme_id=version.programme_id, centre_id=centre.id, reason="on the list"
    )
    firms = [
        make_person(f"firm{n}", make_organisation(f"Firm {n}", "enterprise"), "owner")
        for n in range(CLAIMANTS)
    ]
    for firm in firms:
        key, book = f"user:{firm.organisation.id}", accounts.ledger_of(version.programme_id)
        ledger.open_account(ledger=book, key=key, kind="user")
    monkeypatch.setattr(timezone, "now", lambda: CLAIMED)
    return lambda number: [partial(submit, version, firm, centre.id, number) for firm in firms]


def submit(version: ProgrammeVersion, firm: Person, centre_id: str, number: int) -> int:
    """What submitting a claim does to money and limits."""
    wish = Wish(
        f"claim:{firm.organisation.id}:hold:{number}", CHARGE_FEN, centre_id, USED, Item("ai_compute")
    )
    with ledger.atomic():
        made, _, events = services.entitle(
            Asking(version, firm.organisation, STATED),
            [wish],
            actor=firm.actor,
            to=f"user:{firm.organisation.id}",
        )
        if made is None:
            return 0
        ledger.post_or_raise(events)
        return made.face_fen


def give_up() -> None:
    """Every entitlement's claim is withdrawn."""
    for voucher in Voucher.objects.filter(state="ACTIVE"):
        book = accounts.ledger_of(voucher.programme_version.programme_id)
        [held] = [
            row
            for row in balances.transfers(book, accounts.voucher_account(voucher.id))
            if row.kind == "hold"
        ]
        caps = accounts.caps_ledger_of(voucher.programme_version.programme_id)
        events = [
            ledger.Event(
                f"{row.id}:end",
                "release",
                caps if ":count:" in row.id else book,
                0,
                "release",
                pending_id=row.id,
            )
            for row in balances.open_holds([held.id])
        ]
        with ledger.atomic():  # as whoever takes a claim back has
            services.undo(voucher.id, events, actor=SYSTEM, to=Voucher.State.SURRENDERED, reason="next round")


def standing() -> tuple[int, int]:
    """What the budget's counter holds, and what firms hold of the money [fen]."""
    held = sum(
        one.debits_pending for one in Account.objects.filter(kind="budget", ledger__startswith="caps:")
    )
    return held, sum(one.credits_pending for one in Account.objects.filter(kind="user"))


def test_races_for_the_last_of_nannings_budget_spend_exactly_it(
    verbs: Callable[[int], list[Verb]], race: Race
) -> None:
    for number in range(ROUNDS):
        assert race(verbs(number)) == {PAYS_FEN: 4, 0: CLAIMANTS - 4}
        assert standing() == (4 * PAYS_FEN, 4 * PAYS_FEN)
        give_up()
        assert standing() == (0, 0)
    assert checks.check() == []


def test_without_the_lock_the_budgets_account_still_holds(
    verbs: Callable[[int], list[Verb]], race: Race, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: everybody decides on an untouched budget; the race is real, the account refuses."""
    untouched = Counters(caps={"applicant_total": 0}, budgets={"city_year": 0})
    monkeypatch.setattr(counting.Taken, "counters_after", lambda *_: untouched)
    assert race(verbs(0)) == {PAYS_FEN: 4, "ledger.available_exceeded": CLAIMANTS - 4}
    assert standing() == (4 * PAYS_FEN, 4 * PAYS_FEN)
    assert checks.check() == []
