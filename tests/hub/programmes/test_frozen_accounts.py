"""A suspended or revoked voucher's account is frozen: a road that forgot to ask is refused by the ledger."""

from __future__ import annotations

import pytest
from tests.hub.programmes.test_counters import office, order, settle, used
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.centres.models import Centre
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.models import Freezing
from hesuan.hub.ledger.rules import Refusal
from hesuan.hub.programmes import accounts, burning, holding, life, services
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.settlement import soundness

from .offices import Office, budget_fen, view

__all__ = ["office", "used"]
BOOK = accounts.ledger_of("test.rules")


def frozen(voucher: Voucher) -> bool:
    return balances.is_frozen(BOOK, accounts.voucher_account(voucher.id))


def acts(voucher: Voucher) -> list[tuple[bool, str, str]]:
    rows = Freezing.objects.filter(account__key=accounts.voucher_account(voucher.id)).order_by("number")
    return list(rows.values_list("frozen", "actor", "reason"))


def taken(voucher: Voucher, name: str, fen: int = 1) -> Refusal | None:
    """What the ledger answers to a road that asks nobody."""
    ledger.open_account(ledger=BOOK, key="centre:x", kind="centre")
    source = accounts.voucher_account(voucher.id)
    (outcome,) = ledger.post([ledger.Event(name, "hold", BOOK, fen, "hold", source, "centre:x")])
    return outcome.refusal


def suspend(voucher: Voucher, office: Office) -> None:
    services.suspend(actor=office.officer.actor, voucher_id=voucher.id, reason="resold")
    services.answer(actor=office.owner.actor, voucher_id=voucher.id, statement="we did not")


def test_suspended_it_is_frozen_and_reinstated_it_is_thawed_by_whom_and_why(
    used: Voucher, office: Office
) -> None:
    assert not frozen(used) and taken(used, "before") is None
    suspend(used, office)
    assert frozen(used)
    assert taken(used, "meanwhile") == Refusal.DEBIT_ACCOUNT_FROZEN
    services.reinstate(actor=office.approver.actor, voucher_id=used.id, reason="explained")
    assert not frozen(used)
    assert taken(used, "meanwhile") == Refusal.DEBIT_ACCOUNT_FROZEN, "the first outcome stands"
    assert taken(used, "after") is None
    first, second = acts(used)
    assert first[:2] == (True, office.officer.identity.id) and first[2].endswith("resold")
    assert second[:2] == (False, office.approver.identity.id) and second[2].endswith("explained")
    assert soundness.check() == []


@pytest.mark.broken_books("I14c")
@pytest.mark.parametrize("control", [False, True], ids=["guarded", "control"])
def test_an_order_that_forgot_to_ask_is_refused_by_the_ledger(
    used: Voucher, centre: Centre, office: Office, monkeypatch: pytest.MonkeyPatch, control: bool
) -> None:
    """The control: were the account not frozen with the voucher, the order would have held it."""
    if control:
        monkeypatch.setattr(life, "_freeze_or_thaw", lambda *_: None)
    suspend(used, office)
    for room in (burning, holding):
        monkeypatch.setattr(room, "SPENDABLE", (*life.SPENDABLE, Voucher.State.SUSPENDED))
    if control:
        order(used, centre, 100_000, "o1")
        assert view(used).held_fen == 30_000
        assert [one.invariant for one in soundness.check()] == ["I14c"], "and the check finds it"
        return
    with pytest.raises(ledger.LedgerRefused) as caught:
        order(used, centre, 100_000, "o1")
    assert caught.value.code.name == "ledger.debit_account_frozen"
    assert view(used).held_fen == 0


def test_what_was_held_before_is_captured_and_released_and_then_the_rest_goes_back(
    used: Voucher, centre: Centre, office: Office
) -> None:
    first, at = order(used, centre, 100_000, "o1")
    second, at_2 = order(used, centre, 100_000, "o2")
    before = budget_fen()
    suspend(used, office)
    assert settle(first, at, centre, 100_000) == 30_000
    services.revoke(actor=office.approver.actor, voucher_id=used.id, reason="the proof stands")
    assert view(used).voucher.state == "REVOKED" and frozen(used)
    assert settle(second, at_2, centre, 0) == 0
    services.expire_vouchers()
    seen = view(used)
    assert (seen.voucher.state, seen.redeemed_fen, seen.free_fen) == ("CLOSED", 30_000, 0)
    assert budget_fen() == before + used.face_fen - 30_000
    assert frozen(used), "what ended revoked stays frozen"
    told = acts(used)
    assert [one[0] for one in told] == [True, False, True]
    assert {one[2] for one in told[1:]} == {f"close:{used.id}"}, "thawed for the one journal, on record"
    assert checks.check() == []


def test_what_comes_back_to_a_closed_voucher_finds_its_account(used: Voucher, office: Office) -> None:
    suspend(used, office)
    services.revoke(actor=office.approver.actor, voucher_id=used.id, reason="the proof stands")
    home = accounts.voucher_account(used.id)
    back = ledger.Event("back", "transfer", BOOK, 7, "reverse", accounts.BUDGET, home)
    ledger.post_or_raise([back])
    assert life.give_back(life.locked(used.id), None, subject="note") == 7
    assert frozen(used) and view(used).free_fen == 0


def test_surrendered_or_run_out_it_is_not_frozen(office: Office, owner: Person) -> None:
    version = office.activate()
    given, out = office.issue(version, 100_000), office.issue(version, 100_000)
    services.surrender(actor=owner.actor, voucher_id=given.id, reason="not needed")
    assert out.expires_at is not None
    services.expire_vouchers(out.expires_at)
    assert not frozen(given) and not frozen(out) and not Freezing.objects.exists()


def test_a_suspension_that_fails_leaves_nothing_frozen(
    used: Voucher, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("the log is full")

    monkeypatch.setattr(life.audit, "record", fail)
    with pytest.raises(RuntimeError):
        services.suspend(actor=office.officer.actor, voucher_id=used.id, reason="resold")
    assert view(used).voucher.state == "ACTIVE" and not frozen(used) and not Freezing.objects.exists()


def test_a_thaw_for_one_journal_that_is_refused_thaws_nothing(used: Voucher, office: Office) -> None:
    suspend(used, office)
    home = accounts.voucher_account(used.id)
    much = ledger.Event("much", "transfer", BOOK, used.face_fen + 1, "expire", home, accounts.BUDGET)
    with pytest.raises(Refused), ledger.thawed([(BOOK, home)], actor="system", reason="a test"):
        ledger.post_or_raise([much])
    assert frozen(used) and len(acts(used)) == 1
