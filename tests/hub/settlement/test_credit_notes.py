"""Credit notes, clawback, floats and disputes: adjustments beside the lines, every fen where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.hub.disclosure.logs import agree
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.test_claims import paid, posted

from hesuan.errors import Conflict, InputFault, Refused
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes.paying import PastLine, differences_after
from hesuan.hub.settlement import (
    accounts,
    claim_selectors,
    clawing,
    crediting,
    disputing,
    floats,
    payment,
    statements,
)
from hesuan.hub.settlement.models import Adjustment, Claim, Clawback
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]


def note(here: ClaimWorld, claim: Claim, lines: dict[int, int], note_id: str = "") -> None:
    crediting.book_credit_note(
        actor=here.claimant.actor,
        note_id=note_id or new_id(),
        claim_id=claim.id,
        number="RED-1",
        lines=lines,
        reason="refunded",
    )


@pytest.mark.parametrize("when", ["matched", "payable"])
@pytest.mark.parametrize("flow", ["deduct_pay_supplier", "reimburse_user"])
def test_before_it_is_paid_the_difference_goes_back_to_the_voucher(
    world: World, flow: str, when: str
) -> None:
    here = world(flow)
    claim = here.claim(here.settle())
    voucher = programme_accounts.voucher_account(here.voucher.id)  # type: ignore[union-attr]
    face = here.voucher.face_fen  # type: ignore[union-attr]
    if when == "payable":
        here.approve(claim)
    note(here, claim, {1: 210}, note_id="N1")
    note(here, claim, {1: 210}, note_id="N1")
    adjustment = Adjustment.objects.get()
    assert (adjustment.before_fen, adjustment.after_fen, adjustment.effect) == (84, 42, "reduced")
    assert claim.lines.get().subsidy_fen == 84
    if when == "matched":
        here.approve(claim)
    if flow == "deduct_pay_supplier":
        here.pay_batch(claim)
    else:
        payment.pay(actor=here.payer.actor, claim_id=claim.id)
    assert sum(paid(here).values()) == 42
    assert posted(here, voucher) == face - 42
    book = programme_accounts.ledger_of(here.version.programme_id)
    assert ledger.balance(book, voucher).debits_pending == 0
    with pytest.raises(Conflict):
        note(here, claim, {1: 1}, note_id="N1")
    with pytest.raises(Refused, match=r"credit_note\.above_line"):
        note(here, claim, {1: 211})


def test_after_it_is_paid_the_difference_is_due_back_and_set_off(world: World) -> None:
    here = world()
    claim = here.claim(here.settle())
    here.approve(claim)
    here.pay_batch(claim)
    note(here, claim, {1: 210})
    owed = Clawback.objects.get()
    assert (owed.state, owed.amount_fen) == ("DUE", 42)
    receivable = accounts.receivable_account(claim.claimant_id)
    assert (posted(here, receivable), sum(paid(here).values())) == (42, 42)
    second = here.claim(here.settle())
    here.approve(second)
    here.pay_batch(second)
    owed.refresh_from_db()
    assert owed.state == "OFFSET" and posted(here, receivable) == 0
    assert sum(one.cash_fen for one in second.payments.all()) == 84 - 42
    assert sum(paid(here).values()) == 42 + 84


def test_a_note_on_a_whole_line_equals_never_having_had_it(world: World) -> None:
    """Two orders share a voucher too small for both; without the first, the second gets all it is due."""
    here = world(planned_fen=500)
    settled = [here.settle(), here.settle()]
    assert [one.voucher_captured_fen for one in settled] == [84, 16]
    first, second = (here.claim(one) for one in settled)
    here.approve(second)
    note(here, first, {1: 420})
    assert claim_selectors.totals(first).net_fen == 0
    assert claim_selectors.totals(second).net_fen == 84
    effects = Adjustment.objects.order_by("id").values_list("effect", "before_fen", "after_fen")
    assert list(effects) == [("reduced", 84, 0), ("raised", 16, 84)]
    made = agree(here.version.programme_id)
    assert made.beside.beyond_fen == 84 - 16, "what no hold had set aside is told, under its claim"
    here.pay_batch(second)
    assert sum(paid(here).values()) == 84
    # The voucher was used up and is over: what no later line takes is the budget's again.
    assert posted(here, programme_accounts.voucher_account(here.voucher.id)) == 0  # type: ignore[union-attr]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(charges=st.lists(st.integers(1, 400), min_size=2, max_size=6), gone=st.integers(0, 5))
def test_recomputing_after_a_note_equals_computing_without_the_line(
    small: ClaimWorld, charges: list[int], gone: int
) -> None:
    lines = [
        PastLine(str(number), small.voucher.id, small.road.site.agent.centre_id, charge, timezone.now())  # type: ignore[union-attr]
        for number, charge in enumerate(charges)
    ]
    out = lines[gone % len(lines)]
    changed = {one.id: one.fen for one in differences_after(lines, before={}, now={out.id: out.charge_fen})}
    for one in differences_after(lines, before={}, now={out.id: out.charge_fen}):
        assert sum(share.fen for share in one.shares) == one.fen
    before, left = {}, 100
    for line in lines:
        before[line.id] = min(line.charge_fen // 5, left)
        left -= before[line.id]
    without, left = {out.id: 0}, 100
    for line in lines:
        if line is not out:
            without[line.id] = min(line.charge_fen // 5, left)
            left -= without[line.id]
    assert {key: before[key] + changed.get(key, 0) for key in before} == without


@pytest.fixture
def small(world: World) -> ClaimWorld:
    """A voucher of one yuan."""
    return world(planned_fen=500)


@given(
    left=st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 10**12), min_size=1),
    part=st.fractions(0, 1),
)
def test_a_split_is_whole_and_above_nobodys_part(left: dict[str, int], part: Fraction) -> None:
    amount = int(sum(left.values()) * part)
    shares = clawing.split(amount, left)
    assert sum(shares.values()) == amount
    assert all(0 <= shares[payer] <= fen for payer, fen in left.items())


def test_a_clawback_is_recovered_or_written_off_by_two(world: World) -> None:
    here = world()
    claim = here.claim(here.settle())
    here.approve(claim)
    here.pay_batch(claim)
    demanded = clawing.demand(
        actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=31, reason="aid twice"
    )
    assert sum(one["fen"] for one in demanded.shares) == 31
    with pytest.raises(Refused, match=r"clawback\.too_much"):
        clawing.demand(
            actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=54, reason="x"
        )
    with pytest.raises(InputFault, match=r"claim\.amount_wrong"):
        clawing.demand(
            actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=0, reason="x"
        )
    for _ in range(2):
        done = clawing.recover(actor=here.officer.actor, clawback_id=demanded.id, reference="b")
    assert done.state == "RECOVERED"
    other = clawing.demand(
        actor=here.approver.actor, clawback_id=new_id(), claim_id=claim.id, amount_fen=10, reason="insolvent"
    )
    for _ in range(2):  # one person, asked twice, is one person
        other = clawing.write_off(actor=here.approver.actor, clawback_id=other.id, reason="insolvent")
        assert other.state == "DUE"
    other = clawing.write_off(actor=here.second.actor, clawback_id=other.id, reason="agreed")
    assert other.state == "WRITTEN_OFF"
    returned = sum(posted(here, accounts.returned_account(payer)) for payer in ("province", "city"))
    written = sum(posted(here, accounts.written_off_account(payer)) for payer in ("province", "city"))
    assert (returned, written, sum(paid(here).values())) == (31, 10, 84 - 41)


def test_a_float_is_drawn_before_cash_filled_up_to_its_size_and_refunded(world: World) -> None:
    here = world("prefund_supplier")
    centre = here.road.site.agent.centre_id
    told = {"version_id": here.version.id, "centre_id": centre}
    for _ in range(2):
        floats.fund(actor=here.approver.actor, movement_id="F1", amount_fen=50, **told)
    with pytest.raises(Conflict, match=r"float\.id_taken"):
        floats.fund(actor=here.approver.actor, movement_id="F1", amount_fen=51, **told)
    with pytest.raises(Refused, match=r"float\.above_size"):
        floats.fund(actor=here.approver.actor, movement_id="F2", amount_fen=51, **told)
    claim = here.claim(here.settle())
    here.approve(claim)
    here.pay_batch(claim)
    assert sum(one.from_float_fen for one in claim.payments.all()) == 50
    assert sum(one.cash_fen for one in claim.payments.all()) == 34
    assert floats.balance_fen(here.version.programme_id, centre) == 0
    floats.fund(actor=here.approver.actor, movement_id="F3", amount_fen=80, **told)
    for _ in range(2):
        floats.refund(actor=here.approver.actor, movement_id="R1", **told)
    year = claim.created_at.year
    found = floats.statement(
        here.claimant.actor, programme_id=here.version.programme_id, centre_id=centre, year=year
    )
    assert (found.funded_fen, found.drawn_fen, found.refunded_fen, found.closing_fen) == (130, 50, 80, 0)
    assert posted(here, accounts.PAID_AHEAD) == 0
    earlier = floats.statement(
        here.claimant.actor, programme_id=here.version.programme_id, centre_id=centre, year=year + 1
    )
    assert (earlier.opening_fen, earlier.movements) == (0, ())


def test_other_flows_have_no_float(world: World) -> None:
    here = world()
    with pytest.raises(Refused, match=r"float\.not_this_flow"):
        floats.fund(
            actor=here.approver.actor,
            movement_id="F1",
            version_id=here.version.id,
            centre_id=here.road.site.agent.centre_id,
            amount_fen=1,
        )


@pytest.mark.parametrize("flow", ["deduct_pay_supplier", "reimburse_user"])
@pytest.mark.parametrize("outcome", ["upheld", "refused"])
def test_a_dispute_freezes_its_line_only(world: World, flow: str, outcome: str) -> None:
    here = world(flow)
    claim = here.claim(here.settle(), here.settle(wall_ms=10_500))
    disputing.dispute(
        actor=here.road.owner.actor, claim_id=claim.id, line=2, reason="price", dispute_id=new_id()
    )
    assert claim_selectors.totals(claim).disputed_fen == 44
    claim = here.approve(claim)
    if flow == "deduct_pay_supplier":
        here.pay_batch(claim)
    else:
        payment.pay(actor=here.payer.actor, claim_id=claim.id)
    claim.refresh_from_db()
    assert (sum(paid(here).values()), claim.state) == (84, "PAYABLE")
    disputing.resolve(
        actor=here.second.actor, claim_id=claim.id, line=2, outcome=outcome, finding="looked at"
    )
    payment.pay(actor=here.payer.actor, claim_id=claim.id)
    claim.refresh_from_db()
    assert sum(paid(here).values()) == (128 if outcome == "upheld" else 84)
    assert claim.state == "PAID"
    book = programme_accounts.ledger_of(here.version.programme_id)
    voucher = programme_accounts.voucher_account(here.voucher.id)  # type: ignore[union-attr]
    assert ledger.balance(book, voucher).debits_pending == 0


def test_the_statement_agrees_with_the_ledger_to_the_fen(world: World) -> None:
    here = world()
    first, second, third = (here.settle(wall_ms=wall) for wall in (20_500, 10_500, 5_500))
    claims = [here.claim(first), here.claim(second)]
    for claim in claims:
        here.approve(claim)
    note(here, claims[1], {1: 100})
    here.pay_batch(claims[0])
    note(here, claims[0], {1: 50})
    centre = here.road.site.agent.centre_id
    found = statements.statement(
        here.claimant.actor, programme_id=here.version.programme_id, centre_id=centre
    )
    (quarter,) = found.quarters
    book = programme_accounts.ledger_of(here.version.programme_id)
    rows = ledger.transfers(book, programme_accounts.centre_account(centre))
    captured = sum(one.amount_fen for one in rows if one.kind == "capture")
    every = {one.id: one for payer in ("province", "city") for one in _payer_rows(book, payer)}.values()
    out = sum(one.amount_fen for one in every if one.debit.startswith("payable:") and one.code == "reverse")
    cash = sum(one.amount_fen for one in every if one.credit.startswith("paid:"))
    demanded = sum(one.amount_fen for one in every if one.credit.startswith("clawback_receivable:"))
    assert (quarter.captured_fen, quarter.reduced_fen, quarter.paid_fen) == (captured, out, cash)
    assert quarter.demanded_fen == demanded > 0
    left = posted(here, programme_accounts.centre_account(centre))
    left += sum(posted(here, accounts.payable_account(payer)) for payer in ("province", "city"))
    assert found.owed_fen == left == third.voucher_captured_fen
    assert sum(one.voucher_captured_fen for one in (first, second, third)) == captured


def _payer_rows(book: str, payer: str) -> list[ledger.TransferRow]:
    keys = [accounts.payable_account(payer), accounts.paid_account(payer)]
    return [row for key in keys if ledger.exists(book, key) for row in ledger.transfers(book, key)]
