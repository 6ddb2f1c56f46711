"""After a credit note or a recovery, limits on use count what is left of it: at once, once, and no fen else.

One order costs ¥4.20, of which a fifth is ¥0.84; of use ¥1.00 a year is paid.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.test_claims import paid
from tests.hub.settlement.test_credit_notes import note
from tests.hub.settlement.test_limits_of_use import CAP, USED, Limit, fens, here, limit, opened, submitted

from hesuan.hub.ledger import checks
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes.models import Count
from hesuan.hub.settlement import batchpay, claim_selectors, clawing, limits, payment
from hesuan.hub.settlement.models import Claim, Clawback
from hesuan.wire.ids import new_id

__all__ = ["here", "limit"]
World = Callable[..., ClaimWorld]
STATES = ("MATCHED", "PAYABLE", "PAID")


def carried(here: ClaimWorld, claim: Claim, to: str) -> Claim:
    """A claim submitted and taken as far as a state."""
    submitted(here, claim)
    if to != "MATCHED":
        here.approve(claim)
    if to == "PAID":
        payment.pay(actor=here.payer.actor, claim_id=claim.id)
    claim.refresh_from_db()
    assert claim.state == to
    return claim


@pytest.mark.parametrize("state", STATES)
def test_what_a_note_takes_off_is_free_at_once_for_another_claim(
    here: ClaimWorld, limit: Limit, state: str
) -> None:
    """Half of ¥4.20 is credited: ¥0.42 is free again, and the next claim gets ¥0.58 and not ¥0.16."""
    for _ in range(2):
        here.settle()
    claim = carried(here, opened(here, 0), state)
    counted = 0 if state == "MATCHED" else 84
    assert limit.now == (counted, 84 - counted, 16)
    note(here, claim, {1: 210}, note_id="N1")
    note(here, claim, {1: 210}, note_id="N1")
    counted = 0 if state == "MATCHED" else 42
    assert limit.now == (counted, 42 - counted, 58)
    other = opened(here, 1)
    assert fens(other) == [58]
    carried(here, other, "MATCHED")
    assert limit.now == (counted, 100 - counted, 0)
    assert checks.check() == []


@pytest.mark.parametrize("state", STATES)
def test_a_later_line_that_gets_more_uses_more_of_the_limit(
    here: ClaimWorld, limit: Limit, state: str
) -> None:
    """``0.84 + 0.16`` of ¥1.00; without the first, the second gets its ¥0.84, held or counted."""
    for _ in range(2):
        here.settle()
    first = carried(here, opened(here, 0), "MATCHED")
    second = carried(here, opened(here, 1), state)
    assert fens(second) == [16]
    note(here, first, {1: 420})
    assert [claim_selectors.totals(one).net_fen for one in (first, second)] == [0, 84]
    assert limit.now == ((0, 84, 16) if state == "MATCHED" else (84, 0, 16))
    if state == "MATCHED":
        here.approve(second)
        assert limit.now == (84, 0, 16)
    payment.pay(actor=here.payer.actor, claim_id=second.id)
    assert sum(paid(here).values()) == 84
    if state == "MATCHED":
        here.approve(first)
    assert limit.now == (84, 0, 16)
    assert checks.check() == []


def test_a_later_line_is_not_raised_past_a_limit_that_somebody_else_took_meanwhile(
    here: ClaimWorld, limit: Limit
) -> None:
    """The note frees nothing: a recovery did, and the third claim took it; nothing is promised twice."""
    for _ in range(3):
        here.settle()
    first = carried(here, opened(here, 0), "PAID")
    second = carried(here, opened(here, 1), "PAID")
    clawing.demand(
        actor=here.approver.actor, clawback_id=new_id(), claim_id=first.id, amount_fen=84, reason="twice"
    )
    owed = Clawback.objects.get()
    clawing.recover(actor=here.officer.actor, clawback_id=owed.id, reference="b")
    third = carried(here, opened(here, 2), "MATCHED")
    assert fens(third) == [84] and limit.now == (16, 84, 0)
    note(here, first, {1: 420})
    assert claim_selectors.totals(second).net_fen == 16
    assert limit.now == (16, 84, 0), "what the recovery gave back is not given back again"
    assert checks.check() == []


def test_what_is_recovered_or_set_off_is_free_and_what_is_written_off_is_not(
    here: ClaimWorld, limit: Limit
) -> None:
    for _ in range(2):
        here.settle()
    claim = carried(here, opened(here, 0), "PAID")

    def demand(fen: int) -> str:
        made = clawing.demand(
            actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=fen, reason="x"
        )
        return made.id

    clawing.recover(actor=here.officer.actor, clawback_id=demand(31), reference="b")
    assert limit.now == (53, 0, 47)
    lost = demand(10)
    clawing.write_off(actor=here.approver.actor, clawback_id=lost, reason="insolvent")
    clawing.write_off(actor=here.second.actor, clawback_id=lost, reason="agreed")
    assert limit.now == (53, 0, 47)
    demand(13)
    assert limit.now == (53, 0, 47), "due is not back"
    carried(here, opened(here, 1), "PAID")
    assert limit.now == (53 - 13 + 47, 0, 13)
    assert checks.check() == []


def test_the_clawback_of_a_note_gives_nothing_back_a_second_time(
    here: ClaimWorld, limit: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: forgotten where it comes from, it would."""
    here.settle()
    claim = carried(here, opened(here, 0), "PAID")
    note(here, claim, {1: 105})
    owed = Clawback.objects.get()
    assert (limit.now, owed.amount_fen, owed.note is None) == ((63, 0, 37), 21, False)
    clawing.recover(actor=here.officer.actor, clawback_id=owed.id, reference="b")
    assert limit.now == (63, 0, 37)
    owed.note_id = None
    forgotten = limits.given_back(owed, 21, 9)
    assert [event.amount_fen for event in forgotten.events] == [21]


def test_where_orders_draw_the_voucher_a_note_gives_back_what_the_order_counted(world: World) -> None:
    here = world(**{CAP: CAP + USED})
    settled = [here.settle() for _ in range(2)]
    assert [one.voucher_captured_fen for one in settled] == [84, 16]
    used = Limit(here)
    assert used.now == (100, 0, 0)
    first, second = (here.claim(one) for one in settled)
    here.approve(first)
    note(here, first, {1: 420})
    assert [claim_selectors.totals(one).net_fen for one in (first, second)] == [0, 84]
    assert used.now == (84, 0, 16)
    assert checks.check() == []


def test_a_batch_locks_what_it_sets_off_before_it_moves_any_money(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a recovery that has the limits and wants the money would wait for the batch, and it for them."""
    here = world(**{CAP: CAP + USED})
    orders = [here.settle(wall_ms=1_000) for _ in range(3)]
    first = here.approve(here.claim(orders[0]))
    here.pay_batch(first)
    clawing.demand(
        actor=here.approver.actor, clawback_id=new_id(), claim_id=first.id, amount_fen=3, reason="x"
    )
    plain, owing = [here.approve(here.claim(one)) for one in orders[1:]]
    monkeypatch.setattr(batchpay, "_alone", lambda _batch, _found: {owing.id})
    did: list[str] = []
    lock, post = limits.lock_limits, ledger.post_or_raise
    monkeypatch.setattr(limits, "lock_limits", lambda *said: (did.append("limits"), lock(*said))[1])
    monkeypatch.setattr(ledger, "post_or_raise", lambda events: (did.append("money"), post(events))[1])
    here.pay_batch(plain)
    assert did[0] == "limits" and "money" in did
    assert Clawback.objects.get().state == Clawback.State.OFFSET
    assert checks.check() == []


def test_many_small_recoveries_give_back_what_one_large_one_does(here: ClaimWorld, limit: Limit) -> None:
    for _ in range(2):
        here.settle(wall_ms=8_500)
    claim = carried(here, opened(here, 0, 1), "PAID")
    whole = sum(fens(claim))
    assert limit.now == (whole, 0, 100 - whole)
    for fen in (1, 2, 3, whole - 6):
        made = clawing.demand(
            actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=fen, reason="x"
        )
        clawing.recover(actor=here.officer.actor, clawback_id=made.id, reference="b")
    assert limit.now == (0, 0, 100)
    assert sum(Count.objects.filter(counts="redeemed").values_list("amount_fen", flat=True)) == 0
