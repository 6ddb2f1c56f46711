"""Whatever happens to claims, in whatever order: nobody is paid more than was captured, and it all adds up.

Checked after every step, per claim, per voucher and for the programme. One world of settled orders is made
for each flow; every example's rows go back. At its end the programme's public log says the same, sum by sum.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from tests.hub.disclosure.logs import agree
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.paid_books import AFTER_PAYMENT, FLOWS, STEPS, Books, Undo
from tests.hub.settlement.test_limits_of_use import CAP, USED

from hesuan.hub.programmes.models import Count
from hesuan.hub.settlement.models import Payment

World = Callable[..., ClaimWorld]


def test_no_limit_on_use_is_passed_or_forgotten_after_any_sequence(world: World) -> None:
    """The same where ¥1.00 of use is paid in a year: counted, held and free make it up after every step."""
    any_sequence(world("reimburse_user", **{CAP: CAP + USED}))


def test_a_count_too_few_would_be_seen(world: World) -> None:
    """Negative control of the books of limits: a row that no transfer counted."""
    here = world("reimburse_user", **{CAP: CAP + USED})
    books = Books(here, [here.settle()])
    for verb in ("claim", "approve"):
        books.act(verb, 0, 1)
    books.check()
    row = Count.objects.get(counts="redeemed")
    row.id, row.amount_fen = "astray", -1
    row.save(force_insert=True)
    with pytest.raises(AssertionError):
        books.check()


@pytest.mark.parametrize("flow", FLOWS)
def test_nobody_is_paid_more_than_was_captured_after_any_sequence(world: World, flow: str) -> None:
    any_sequence(world(flow))


def any_sequence(here: ClaimWorld) -> None:
    """Claims, and whatever becomes of them, checked after every step."""
    settled = [here.settle(wall_ms=wall) for wall in (20_500, 10_500, 5_500)]
    seen = set[str]()

    @settings(
        max_examples=10,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(STEPS)
    @example([("pay", 0, 1), *AFTER_PAYMENT])
    def run(steps: list[tuple[str, int, int]]) -> None:
        with pytest.raises(Undo), transaction.atomic():
            books = Books(here, settled)
            for one in (("claim", 0, 1), ("claim", 1, 1), ("approve", 0, 1), *steps):
                books.act(*one)
                books.check()
            seen.update(books.done)
            agree(here.version.programme_id)
            raise Undo

    run()
    wanted = {"claim", "approve", "pay", "credit", "demand", "reconcile"}
    assert wanted <= seen, "the verbs were really carried out"


@pytest.mark.broken_books("I12a")
def test_the_whole_road_is_walked_and_a_fen_too_many_would_be_seen(world: World) -> None:
    """Negative control: every verb in a row where it is allowed, then a payment that nothing captured."""
    here = world()
    books = Books(here, [here.settle(), here.settle(wall_ms=10_500)])
    road = ("claim", "approve", "pay", "demand", "recover", "reconcile", "credit", "write_off", "sample")
    for which, verb in enumerate(road):
        books.act(verb, 0, 2 + 2 * which)
        books.check()
    assert set(books.done) >= {"claim", "approve", "pay", "demand", "credit"}
    first = Payment.objects.order_by("id").first()
    assert first is not None
    Payment.objects.create(
        id="pay:astray",
        claim=first.claim,
        payer=first.payer,
        amount_fen=1,
        paid_by="x",
        paid_at=timezone.now(),
    )
    with pytest.raises(AssertionError):
        books.check()
