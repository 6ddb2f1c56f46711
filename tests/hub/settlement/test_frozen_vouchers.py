"""Claims and credit notes on a voucher whose account is frozen: nothing new leaves it, corrections come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from tests.append_only import triggers_lifted
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.test_claims import World, posted
from tests.hub.settlement.test_credit_notes import note
from tests.hub.settlement.test_limits_after_notes import carried
from tests.hub.settlement.test_limits_of_use import Limit, fens, here, limit, opened

from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger.models import Freezing
from hesuan.hub.ledger.services import LedgerRefused
from hesuan.hub.programmes import accounts, holding
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.settlement import claim_selectors, payment, soundness

__all__ = ["here", "limit"]


def account(here: ClaimWorld) -> tuple[str, str]:
    assert here.voucher is not None
    return accounts.ledger_of(here.version.programme_id), accounts.voucher_account(here.voucher.id)


def suspend(here: ClaimWorld) -> None:
    assert here.voucher is not None
    programmes.suspend(actor=here.reviewer.actor, voucher_id=here.voucher.id, reason="a shell company?")


def reinstate(here: ClaimWorld) -> None:
    assert here.voucher is not None
    programmes.reinstate(actor=here.approver.actor, voucher_id=here.voucher.id, reason="it is none")


def test_a_claim_that_forgot_to_ask_is_refused_by_the_ledger(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world("reimburse_user")
    settled = here.settle()
    suspend(here)
    monkeypatch.setattr(holding, "FROZEN", ())
    with pytest.raises(LedgerRefused, match=r"ledger\.debit_account_frozen"):
        here.claim(settled)
    assert balances.balance(*account(here)).debits_pending == 0


def test_a_note_lessens_what_a_claim_holds_of_a_suspended_voucher(here: ClaimWorld, limit: Limit) -> None:
    here.settle()
    claim = carried(here, opened(here, 0), "MATCHED")
    suspend(here)
    note(here, claim, {1: 210})
    assert balances.balance(*account(here)).debits_pending == 42 and limit.now == (0, 42, 58)
    assert balances.is_frozen(*account(here))
    acts = Freezing.objects.order_by("number").values_list("frozen", "actor")
    assert list(acts)[1:] == [(False, "system"), (True, "system")], "thawed for the one journal, on record"
    reinstate(here)
    here.approve(claim)
    payment.pay(actor=here.payer.actor, claim_id=claim.id)
    assert limit.now == (42, 0, 58)
    assert soundness.check() == []


@pytest.mark.parametrize("state", ["MATCHED", "PAYABLE"])
def test_a_note_that_would_give_a_line_more_takes_nothing_from_a_suspended_voucher(
    here: ClaimWorld, limit: Limit, state: str
) -> None:
    """As the second line would get its ¥0.84 were the voucher not suspended (``test_limits_after_notes``)."""
    for _ in range(2):
        here.settle()
    first = carried(here, opened(here, 0), "MATCHED")
    second = carried(here, opened(here, 1), state)
    assert fens(second) == [16]
    suspend(here)
    note(here, first, {1: 420})
    assert [claim_selectors.totals(one).net_fen for one in (first, second)] == [0, 16]
    assert limit.now == ((0, 16, 84) if state == "MATCHED" else (16, 0, 84))
    assert soundness.check() == []


def test_a_suspended_voucher_past_its_last_day_keeps_its_money_whatever_is_credited(world: World) -> None:
    here = world()
    claim = here.claim(here.settle())
    suspend(here)
    if connection.vendor == "postgresql":  # it alters no table that has checks to come
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with triggers_lifted(connection):
        Voucher.objects.update(expires_at=timezone.now() - timedelta(days=1))
    before = posted(here, account(here)[1])
    note(here, claim, {1: 210})
    assert posted(here, account(here)[1]) == before + 42 and before > 0
    assert Freezing.objects.count() == 1, "nothing was thawed for it"


def test_what_a_note_takes_off_an_earlier_order_finds_the_suspended_voucher_it_came_from(
    world: World,
) -> None:
    here = world()
    claim = here.claim(here.settle())
    suspend(here)
    before = posted(here, account(here)[1])
    note(here, claim, {1: 210})
    assert posted(here, account(here)[1]) == before + 42
    here.approve(claim)
    here.pay_batch(claim)
    assert balances.is_frozen(*account(here)) and Freezing.objects.count() == 1
    assert soundness.check() == []
