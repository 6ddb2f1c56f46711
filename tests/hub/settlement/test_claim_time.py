"""A reimbursing voucher at its end: what was delivered in time may be claimed; then the rest returns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.errors import Refused
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.selectors import VoucherView
from hesuan.hub.settlement import claims, payment

World = Callable[..., ClaimWorld]
STATED = {
    'stacking: {mode: "?"}': 'redemption: {claimant: demander, claim_until: P30D}\nstacking: {mode: "?"}'
}


def held_by(here: ClaimWorld) -> Voucher:
    assert here.voucher is not None
    return here.voucher


def now(here: ClaimWorld) -> VoucherView:
    return selectors.view_of(Voucher.objects.get(pk=held_by(here).pk))


def end_of(here: ClaimWorld) -> datetime:
    end = held_by(here).expires_at
    assert end is not None
    return end


def test_what_was_delivered_in_time_is_claimed_after_the_last_day_and_then_the_rest_returns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world("reimburse_user", **STATED)
    settled, voucher, end = here.settle(), held_by(here), end_of(here)
    services.expire_vouchers(end)
    assert (now(here).voucher.state, now(here).free_fen) == ("EXPIRED", voucher.face_fen)
    real = timezone.now
    with monkeypatch.context() as later:
        later.setattr(timezone, "now", lambda: end + timedelta(days=29))
        claim = here.claim(settled)
    assert claim.state == "MATCHED" and timezone.now is real
    here.approve(claim)
    payment.pay(actor=here.payer.actor, claim_id=claim.id)
    services.expire_vouchers(end + timedelta(days=29))
    assert now(here).voucher.state == "EXPIRED"
    services.expire_vouchers(end + timedelta(days=30))
    seen = now(here)
    assert (seen.voucher.state, seen.redeemed_fen, seen.returned_fen) == ("CLOSED", 84, voucher.face_fen - 84)


def test_after_the_claim_time_nothing_is_drawn_even_before_the_hub_has_closed_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world("reimburse_user", **STATED)
    settled, end = here.settle(), end_of(here)
    monkeypatch.setattr(timezone, "now", lambda: end + timedelta(days=30))
    with pytest.raises(Refused, match=r"voucher\.not_drawn_on"):
        here.claim(settled)


def test_a_claim_that_holds_some_of_it_keeps_it_open_past_the_claim_time(world: World) -> None:
    here = world("reimburse_user", **STATED)
    claim = here.claim(here.settle())
    services.expire_vouchers(end_of(here) + timedelta(days=60))
    assert (now(here).voucher.state, now(here).held_fen) == ("EXPIRED", 84)
    claims.withdraw(actor=here.claimant.actor, claim_id=claim.id, reason="a wrong invoice")
    services.expire_vouchers(end_of(here) + timedelta(days=60))
    assert (now(here).voucher.state, now(here).returned_fen) == ("CLOSED", held_by(here).face_fen)


def test_what_was_delivered_after_the_last_day_is_not_claimed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world("reimburse_user", **STATED)
    settled, end = here.settle(), end_of(here)
    monkeypatch.setattr(claims, "_served_at", lambda _settlement: end)
    with pytest.raises(Refused, match=r"claim\.order_not_claimable"):
        here.claim(settled)


def test_where_no_document_says_it_a_person_ends_the_claim_time(world: World) -> None:
    here = world("reimburse_user")
    voucher, end = held_by(here), end_of(here)
    say = {"voucher_id": voucher.id, "reason": "all orders of it are claimed"}
    with pytest.raises(Refused, match=r"voucher\.wrong_state"):
        services.end_claims(actor=here.approver.actor, **say)
    services.expire_vouchers(end + timedelta(days=4_000))
    assert (now(here).voucher.state, now(here).free_fen) == ("EXPIRED", voucher.face_fen)
    with pytest.raises(Refused, match=r"programme\.role_missing"):
        services.end_claims(actor=here.officer.actor, **say)
    services.end_claims(actor=here.approver.actor, **say)
    services.end_claims(actor=here.approver.actor, **say)
    assert (now(here).voucher.state, now(here).returned_fen) == ("CLOSED", voucher.face_fen)


def test_a_stated_claim_time_is_ended_by_nobody(world: World) -> None:
    here = world("reimburse_user", **STATED)
    services.expire_vouchers(end_of(here))
    with pytest.raises(Refused, match=r"voucher\.claim_time_stated"):
        services.end_claims(actor=here.approver.actor, voucher_id=held_by(here).id, reason="year's end")
    assert now(here).voucher.state == "EXPIRED"


def test_a_voucher_that_orders_draw_on_returns_its_rest_at_its_end(world: World) -> None:
    """The control: nothing of it is ever claimed on the voucher later, so nothing is waited for."""
    here = world()
    services.expire_vouchers(end_of(here))
    assert (now(here).voucher.state, now(here).returned_fen) == ("CLOSED", held_by(here).face_fen)
