"""One order paid by several vouchers: each programme is claimed for its own part, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.hub.settlement.claim_world import HENAN, ClaimWorld, make_claim_world
from tests.hub.settlement.test_claims import paid
from tests.people import Person
from tests.road import Road, make_site, publish

from hesuan.errors import Refused
from hesuan.hub.identity.models import Organisation
from hesuan.hub.identity.readers import for_everybody
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.ledger import services as ledger_writes
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.settlement import claim_selectors, crediting, statements
from hesuan.hub.settlement.crediting import _stands_against as stands_against
from hesuan.hub.settlement.models import Adjustment, Claim, Settlement
from hesuan.wire.ids import new_id
from hesuan.wire.receipt import SIGNS

ALLOW = ("- field: stacking.mode\n    value: forbid", "- field: stacking.mode\n    value: allow")
TENTH = ("20/100", "10/100")
Two = tuple[ClaimWorld, ClaimWorld]


@pytest.fixture
def road(
    db: None,
    ledger_balances: None,
    centre_organisation: Organisation,
    owner: Person,
    centre_operator: Person,
    platform_operator: Person,
) -> Road:
    site = make_site(centre_organisation, software={SIGNS: "2"})
    made = Road(owner, centre_operator, platform_operator, site, publish(centre_operator, site.agent.centre))
    made.pay_in(1_000_000)
    return made


@pytest.fixture
def two(road: Road, officer: Person, reviewer: Person, approver: Person) -> Callable[[], Two]:
    """Two programmes that allow each other: a fifth and a tenth, a voucher of each."""

    def make() -> Two:
        people: tuple[Person, Person, Person] | None = None
        made = []
        for name, changes in (("test.fifth", (ALLOW,)), ("test.tenth", (ALLOW, TENTH))):
            text = HENAN.replace("cn.henan.suanliquan.2023", name)
            for before, after in changes:
                assert before in text, before
                text = text.replace(before, after)
            world = make_claim_world(road, officer, reviewer, approver, text=text, people=people)
            people = (world.second, world.payer, world.third)
            made.append(world)
        return made[0], made[1]

    return make


def codes(claim: Claim) -> list[str]:
    last = claim.matches.order_by("-id").first()
    assert last is not None
    return [one["code"] for one in last.differences]


def test_each_programme_is_claimed_and_pays_its_own_part_on_one_invoice(two: Callable[[], Two]) -> None:
    """¥4.20: a fifth is 0.84, a tenth 0.42; the user pays 2.94. One contract, one invoice, two claims."""
    fifth, tenth = two()
    settled = fifth.settle()
    for here, part in ((fifth, 84), (tenth, 42)):
        claim = here.claim(settled)
        assert (claim.state, codes(claim)) == ("MATCHED", [])
        assert [(one.subsidy_fen, one.charge_fen) for one in claim.lines.all()] == [(part, 420)]
        here.approve(claim)
        here.pay_batch(claim)
        assert sum(paid(here).values()) == part
        owed = programme_accounts.centre_account(here.road.offering.centre_id)
        book = programme_accounts.ledger_of(here.version.programme_id)
        assert ledger.balance(book, owed).available_fen == 0
        told = statements.statement(
            here.officer.actor,
            programme_id=here.version.programme_id,
            centre_id=here.road.offering.centre_id,
        )
        assert [(one.captured_fen, one.paid_fen) for one in told.quarters] == [(part, part)]
    assert settled.copay_captured_fen == 420 - 84 - 42


def test_the_same_programme_is_claimed_once_for_an_order(two: Callable[[], Two]) -> None:
    fifth, tenth = two()
    settled = fifth.settle()
    fifth.claim(settled)
    with pytest.raises(Refused, match=r"claim\.order_claimed"):
        fifth.claim(settled)

    def open_for(here: ClaimWorld) -> list[Settlement]:
        return claim_selectors.claimable(
            here.claimant.actor, version_id=here.version.id, centre_id=here.road.offering.centre_id
        )

    assert (open_for(fifth), open_for(tenth)) == ([], [settled])


def test_an_invoice_of_other_orders_is_a_double_under_the_other_programme(two: Callable[[], Two]) -> None:
    """The negative control: what lets one invoice pass twice is that its orders are the same."""
    fifth, tenth = two()
    one, other = fifth.settle(), fifth.settle()
    fifth.claim(one, invoice={"number": "SAME-1"})
    claim = tenth.claim(other, invoice={"number": "SAME-1"})
    assert claim.state == "MISMATCH"
    assert "match.number_used" in codes(claim)


def test_a_payment_is_held_against_what_all_vouchers_left(two: Callable[[], Two]) -> None:
    fifth, _ = two()
    settled = fifth.settle()
    day = settled.settled_at.date().isoformat()
    matched = fifth.claim(settled, payment={"number": "ZF-1", "paid_on": day, "amount_fen": 294})
    assert codes(matched) == []
    other = fifth.settle()
    wrong = fifth.claim(other, payment={"number": "ZF-2", "paid_on": day, "amount_fen": 336})
    assert codes(wrong) == ["match.amount_differs"], "420 − 84 is not what the user paid"


def test_two_vouchers_of_one_programme_are_two_lines_and_one_decision(
    road: Road, officer: Person, reviewer: Person, approver: Person
) -> None:
    """
    charge       18.00     a fifth is 3.60: first voucher 3.00, second 0.60
    lines        15.00 and 3.00, which sum to the charge
    credit note  6.00 off the first line: 12.00, of which 2.40 is paid
    then         first voucher 2.40, second 0.00
    """
    here = make_claim_world(road, officer, reviewer, approver, text=HENAN, planned_fen=1_500)
    here.issue(5_000_000)
    claim = here.claim(here.settle(wall_ms=90_000))
    assert codes(claim) == []
    assert [(one.charge_fen, one.subsidy_fen) for one in claim.lines.all()] == [(1_500, 300), (300, 60)]
    crediting.book_credit_note(
        actor=here.claimant.actor,
        note_id=new_id(),
        claim_id=claim.id,
        number="RED-1",
        lines={1: 600},
        reason="refunded",
    )
    changes = Adjustment.objects.order_by("line__number")
    assert [(one.before_fen, one.after_fen) for one in changes] == [(300, 240), (60, 0)]
    here.approve(claim)
    here.pay_batch(claim)
    assert sum(paid(here).values()) == 240


# --- A credit note on an order that two programmes pay ---

QUARTER = ("- field: stacking.mode\n    value: forbid", "- field: stacking.mode\n    value: sum_ratio_cap")
SUM = 'stacking: {mode: "?", scope: contract, authorities: [any_public], ratio: 1/4}'


def red(here: ClaimWorld, claim: Claim, fen: int, number: str = "RED-1") -> None:
    crediting.book_credit_note(
        actor=here.claimant.actor,
        note_id=new_id(),
        claim_id=claim.id,
        number=number,
        lines={1: fen},
        reason="refunded",
    )


def nets(*claims: Claim) -> list[int]:
    return [claim_selectors.totals(one).net_fen for one in claims]


def test_a_note_on_one_programmes_claim_decides_the_other_ones_anew(two: Callable[[], Two]) -> None:
    """Half of ¥4.20 is credited on the first claim: a fifth and a tenth of ¥2.10 are left to both; what the
    tenth had been paid is due back. Booked once more on its claim, it is refused in a sentence."""
    fifth, tenth = two()
    settled = fifth.settle()
    first, second = fifth.claim(settled), tenth.claim(settled)
    tenth.approve(second)
    tenth.pay_batch(second)
    assert nets(first, second) == [84, 42]
    red(fifth, first, 210)
    assert nets(first, second) == [42, 21]
    changes = Adjustment.objects.order_by("id").values_list(
        "line__claim", "effect", "before_fen", "after_fen"
    )
    assert list(changes) == [(first.id, "reduced", 84, 42), (second.id, "clawback", 42, 21)]
    with pytest.raises(Refused, match=r"credit_note\.booked_beside.*red-1.*test\.fifth"):
        red(tenth, second, 210, "red-1")
    red(tenth, second, 210, "RED-2")
    assert nets(first, second) == [0, 0]
    fifth.approve(first)


def test_a_claim_that_was_submitted_after_the_note_books_it_itself(two: Callable[[], Two]) -> None:
    """Negative control of the refusal: nothing was decided anew for it, so its own note counts, and once."""
    fifth, tenth = two()
    settled = fifth.settle()
    first = fifth.claim(settled)
    red(fifth, first, 210)
    second = tenth.claim(settled)
    assert nets(first, second) == [42, 42]
    red(tenth, second, 210)
    assert nets(first, second) == [42, 21]


@pytest.fixture
def quarter(road: Road, officer: Person, reviewer: Person, approver: Person) -> Two:
    """All public money together at most a quarter, says the tenth; the fifth allows everything."""
    made: list[ClaimWorld] = []
    people: tuple[Person, Person, Person] | None = None
    for name, changes in (("test.fifth", (ALLOW,)), ("test.tenth", (QUARTER, TENTH))):
        text = HENAN.replace("cn.henan.suanliquan.2023", name)
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        if QUARTER in changes:
            text = text.replace('stacking: {mode: "?"}', SUM)
        world = make_claim_world(road, officer, reviewer, approver, text=text, people=people)
        people = (world.second, world.payer, world.third)
        made.append(world)
    return made[0], made[1]


def test_beside_less_of_the_other_ones_money_a_rule_is_asked_again(quarter: Two) -> None:
    """
    charge  4.20    fifth 0.84    tenth 0.21, which makes 1.05
    credit  2.10    fifth 0.42    tenth 0.10 (a quarter is 0.52)
    """
    fifth, tenth = quarter
    settled = fifth.settle()
    first, second = fifth.claim(settled), tenth.claim(settled)
    assert nets(first, second) == [84, 21]
    red(fifth, first, 210)
    assert nets(first, second) == [42, 10]
    red(fifth, first, 210, "RED-2")
    assert nets(first, second) == [0, 0]


def test_a_rule_that_gives_less_beside_more_stands_against_more(quarter: Two) -> None:
    """A fen more of the fifth takes one of the tenth's; of the tenth's the fifth asks nothing."""
    settled = quarter[0].settle()
    for here in quarter:
        here.claim(settled)
    a_fen = {settled.id: 1}
    with ledger_writes.atomic(), for_everybody():
        assert stands_against("test.tenth", "test.fifth", a_fen)
        assert not stands_against("test.fifth", "test.tenth", a_fen)
        assert not stands_against("test.tenth", "test.fifth", {settled.id: 0})
