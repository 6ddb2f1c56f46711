"""Whatever vouchers there are and whatever a run costs: every fen stands somewhere, and once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.hub.programmes.conftest import centre
from tests.hub.programmes.offices import Office, view
from tests.hub.programmes.test_burning import ALLOW, AT_MOST_A_HALF, FORBID, TENTH, admit
from tests.hub.programmes.test_together import together
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.centres.models import Centre
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import services as ledger
from hesuan.hub.market import quoting
from hesuan.hub.market.models import Order
from hesuan.hub.programmes import redemption, services
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.redemption import Charge, Pool
from hesuan.hub.programmes.rules import COMPUTING, Use, VoucherShare
from hesuan.hub.settlement import rules
from hesuan.policy.decision import Aid
from hesuan.wire.receipt import voucher_members

from .test_several_vouchers import Town, left, town

__all__ = ["centre", "town"]

WHOLE_YUAN = 'rounding: {quantum: "1.00", mode: floor, stages: [subsidy]}'
FLOORED = 'floors: [{on: subsidy, min: "6.00", before_rounding: true, else: zero}]'


@dataclass(frozen=True)
class Case:
    """Vouchers of two programmes by what was planned [fen], the other's rules, and a run's cost."""

    mine: list[int]
    others: list[int]
    rules: tuple[str, ...]
    most_fen: int
    charge_fen: int


CASES = st.builds(
    lambda mine, others, stacking, extra, most, part: Case(
        mine, others, (TENTH, stacking, *extra), most, max(1, most * part // 100)
    ),
    st.lists(st.integers(100, 9_000), min_size=1, max_size=3),
    st.lists(st.integers(6_100, 60_000), max_size=2),
    st.sampled_from([ALLOW, FORBID, AT_MOST_A_HALF]),
    st.sampled_from([(), (WHOLE_YUAN,), (FLOORED,)]),
    st.integers(100, 20_000),
    st.integers(1, 100),
)


class Undone(Exception):
    """Takes an example's rows back."""


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


def run_through(office: Office, centre: Centre, case: Case) -> None:
    """Quote, hold, charge, capture; every promise is checked on the way."""
    made: list[Voucher] = []
    mine = office.activate(ALLOW, name="test.mine")
    other = office.activate(*case.rules, name="test.other")
    for version, planned in ((mine, case.mine), (other, case.others)):
        admit(office, version, centre)
        made += [office.issue(version, fen) for fen in planned]
    at = timezone.now()
    asked = {"organisation_id": office.owner.organisation.id, "centre_id": centre.id}
    plan = services.plan_vouchers(**asked, charge_fen=case.most_fen, at=at)
    quote = {
        **voucher_members([quoting._told(one) for one in plan.shares]),
        "copay_max_fen": quoting._copay_max(
            case.most_fen, case.charge_fen, quoting._payer(plan.shares, centre.id, at, COMPUTING)
        ),
    }
    uses = [Use(f"O1:{n}:hold", one.voucher_id, one.subsidy_fen) for n, one in enumerate(plan.shares)]
    for one in plan.shares:
        assert 0 < one.subsidy_fen <= view(_row(made, one)).available_fen
    if uses:
        ledger.post_or_raise(services.hold(uses=uses, charge_fen=case.most_fen, centre_id=centre.id, at=at))
    held_true(made)
    locked = services.lock_vouchers(uses)
    shares = services.redeem(uses=uses, charge_fen=case.charge_fen, centre_id=centre.id, at=at)
    paid = rules.parts(
        case.charge_fen, quote, subsidies_fen=[one.subsidy_fen for one in shares], order_id="O1"
    )
    own_rule_once(shares, case)
    assert [one.subsidy_fen for one in shares] == [one.captured_fen for one in paid.vouchers]
    assert paid.voucher_captured_fen + paid.copay.captured_fen == case.charge_fen
    counts = services.end_counts(uses, locked, shares)
    ends = [
        ledger.Event(
            id=f"{use.hold_id}:end",
            kind="capture" if one.captured_fen else "release",
            ledger=f"programme:{share.programme_id}",
            amount_fen=one.captured_fen,
            code="capture" if one.captured_fen else "release",
            pending_id=use.hold_id,
        )
        for use, one, share in zip(uses, paid.vouchers, plan.shares, strict=True)
    ]
    if ends:
        ledger.post_or_raise([*ends, *counts])
    services.note_redeemed(uses, locked, shares, counts)
    held_true(made)
    assert sum(view(one).redeemed_fen for one in made) == paid.voucher_captured_fen
    assert sum(view(one).held_fen for one in made) == 0
    assert checks.check() == []


def _row(made: Sequence[Voucher], share: VoucherShare) -> Voucher:
    return next(one for one in made if one.id == share.voucher_id)


def held_true(made: Sequence[Voucher]) -> None:
    """issued − returned − redeemed − held = free, voucher by voucher, and nothing is below nothing."""
    for one in made:
        now = view(one)
        free = now.available_fen + now.locked_fen
        assert one.face_fen - now.returned_fen - now.redeemed_fen - now.held_fen == free
        assert min(free, now.held_fen, now.redeemed_fen, now.returned_fen) >= 0


def own_rule_once(shares: Sequence[VoucherShare], case: Case) -> None:
    """All vouchers of a programme together pay what its rule gives once, beside what the other pays."""
    fens: defaultdict[str, int] = defaultdict(int)
    for one in shares:
        fens[one.programme_id] += one.subsidy_fen
    assert fens["test.mine"] <= case.charge_fen * 30 // 100
    assert fens["test.other"] <= case.charge_fen * 10 // 100
    if fens["test.other"] and AT_MOST_A_HALF in case.rules:
        assert 2 * sum(fens.values()) <= case.charge_fen
    if fens["test.other"] and FORBID in case.rules:
        assert not fens["test.mine"]


EXAMPLES = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


@pytest.mark.django_db
@EXAMPLES
@given(case=CASES)
def test_all_parts_make_the_charge_and_every_fen_stands_somewhere(
    office: Office, centre: Centre, case: Case
) -> None:
    with pytest.raises(Undone), transaction.atomic():
        run_through(office, centre, case)
        raise Undone


@pytest.mark.django_db
def test_the_property_finds_a_rule_that_is_paid_once_for_each_voucher(
    office: Office, centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: every voucher is asked by itself, as if the others were not there."""

    def naive(pool: Pool, charge: Charge, aid: Sequence[Aid] = ()) -> list[VoucherShare]:
        whole = pool.decide(charge, aid)
        return [
            pool._share(one, charge, whole, before_fen=0, fen=min(left_fen, whole.subsidy_fen), first=True)
            for one, left_fen in zip(pool.vouchers, pool.left_fens, strict=True)
        ]

    monkeypatch.setattr(redemption.Pool, "shares", naive)
    with pytest.raises(AssertionError):
        run_through(office, centre, Case([9_000, 9_000], [], (TENTH, ALLOW), 5_000, 5_000))


# --- Two orders that want overlapping sets ---


@pytest.mark.django_db(transaction=True)
def test_of_two_orders_over_overlapping_sets_one_holds_all_of_its_own_and_the_other_nothing(
    town: Town,
) -> None:
    """Each round both quotes plan with the same two vouchers, which are enough for one of them."""
    version = town.activate()
    road, rounds = town.road, 8
    for number in range(rounds):
        road.pay_in(10_000, f"round-{number}")
        vouchers = [town.issue(version, 1_000), town.issue(version, 1_000)]
        quotes = [road.quote(), road.quote()]
        before = Order.objects.count()
        answers = together([lambda quote=quote: road.place(quote).order_id for quote in quotes])  # type: ignore[misc]
        refused = [one for one in answers if one == "order.voucher_insufficient"]
        assert len(refused) == 1, answers
        assert Order.objects.count() == before + 1
        assert [left(one).debits_pending for one in vouchers] == [200, 172]
        held = road.balance().debits_pending
        assert held == (number + 1) * 1_488
        for one in vouchers:  # what is left must not enter the next round
            services.surrender(actor=road.owner.actor, voucher_id=one.id, reason="the round is over")
    assert checks.check() == []


@pytest.mark.django_db
def test_held_one_by_one_two_orders_would_each_keep_a_half(town: Town) -> None:
    """The negative control: without one journal, and in opposite orders, both fail with one voucher held."""
    version = town.activate()
    vouchers = [town.issue(version, 1_000), town.issue(version, 1_000)]
    at, centre = timezone.now(), town.road.offering.centre_id

    def hold(order: str, place: int) -> None:
        use = Use(f"{order}:{place}:hold", vouchers[place].id, 150)
        with ledger.atomic():
            ledger.post_or_raise(services.hold(uses=[use], charge_fen=1_860, centre_id=centre, at=at))

    hold("A", 0)
    hold("B", 1)
    for order, place in (("A", 1), ("B", 0)):
        with pytest.raises(Refused):
            hold(order, place)
    assert [left(one).debits_pending for one in vouchers] == [150, 150], "half an order each"
