"""What two programmes lawfully paid together is no double claim; the same invoice on other orders is one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.test_several_on_one_order import road, two

from hesuan.hub.flags.models import Flag
from hesuan.hub.surveillance import services
from hesuan.hub.worker.loop import tick

__all__ = ["road", "two"]

Two = tuple[ClaimWorld, ClaimWorld]


def test_two_claims_on_what_both_programmes_paid_are_no_double(two: Callable[[], Two]) -> None:
    fifth, tenth = two()
    settled = fifth.settle()
    for here in (fifth, tenth):
        claim = here.claim(settled)
        tick()
        assert not Flag.objects.exists()
        assert here.approve(claim).state == "PAYABLE"
    assert services.run(timezone.now()).flags == 0


def test_the_same_invoice_on_an_order_of_another_day_is_a_double(two: Callable[[], Two]) -> None:
    fifth, tenth = two()
    fifth.claim(fifth.settle(), invoice={"number": "FP-1"})
    tenth.claim(tenth.settle(), invoice={"number": "FP-1"})
    tick()
    assert ("A8", "stop") in {(one.rule, one.action) for one in Flag.objects.all()}


def test_without_what_stands_beside_the_lawful_second_claim_would_be_stopped(
    two: Callable[[], Two], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control."""
    monkeypatch.setattr("hesuan.hub.surveillance.gathering._together", lambda _rows: {})
    fifth, tenth = two()
    settled = fifth.settle()
    for here in (fifth, tenth):
        here.claim(settled)
    tick()
    assert "stop" in {one.action for one in Flag.objects.all()}
