"""Where users are paid back, the claim holds and counts what it uses up of every limit on use; to the fen.

One order costs ¥4.20, of which a fifth is ¥0.84.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.errors import Refused
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.programmes import accounts, drawing
from hesuan.hub.programmes.models import Count
from hesuan.hub.settlement import claim_review, claims, disputing, holds, payment
from hesuan.hub.settlement.models import Claim, ClaimLine
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]
CAP = '  - {id: applicant_year, key: [applicant], window: calendar_year, limit: "1000000.00", counts: "?"}\n'
USED = '  - {id: used, key: [applicant], window: calendar_year, limit: "1.00", counts: redeemed}\n'


@dataclass(frozen=True)
class Limit:
    """The limit on use of a world, as its account says."""

    here: ClaimWorld

    @property
    def now(self) -> tuple[int, int, int]:
        """Counted, held, free [fen]; they make up the limit."""
        caps = accounts.caps_ledger_of(self.here.version.programme_id)
        book = balances.balances(caps)
        account = next(key for key in book if key.startswith("cap:redeemed:"))
        one = book[account]
        back = balances.moved_fen(caps, accounts.COUNTED, to=account)
        counted = one.debits_posted - back
        assert one.credits_posted - back == counted + one.debits_pending + one.available_fen
        rows = Count.objects.filter(account=account)
        assert sum(rows.values_list("amount_fen", flat=True)) == counted, "each counted fen has its row"
        return counted, one.debits_pending, one.available_fen


@pytest.fixture
def here(world: World) -> ClaimWorld:
    """Henan's programme, paid back, with ¥1.00 a year of use for an applicant."""
    return world("reimburse_user", **{CAP: CAP + USED})


@pytest.fixture
def limit(here: ClaimWorld) -> Limit:
    return Limit(here)


def opened(here: ClaimWorld, *numbers: int) -> Claim:
    """A draft on some of the world's settled orders."""
    settled = [here.placed[number].settlement for number in numbers]
    assert here.voucher is not None
    return claims.open_claim(
        actor=here.claimant.actor,
        claim_id=new_id(),
        version_id=here.version.id,
        order_ids=[one.order_id for one in settled],
        papers_said=here.papers(*settled),
        voucher_id=here.voucher.id,
    )


def submitted(here: ClaimWorld, claim: Claim) -> Claim:
    return claims.submit(actor=here.claimant.actor, claim_id=claim.id)


def fens(claim: Claim) -> list[int]:
    return list(claim.lines.order_by("number").values_list("subsidy_fen", flat=True))


def pay(here: ClaimWorld, claim: Claim) -> Claim:
    return payment.pay(actor=here.payer.actor, claim_id=here.approve(claim).id)


def test_a_draft_is_decided_on_what_is_left_and_each_line_sees_the_ones_before_it(
    here: ClaimWorld, limit: Limit
) -> None:
    for _ in range(4):
        here.settle()
    assert fens(opened(here, 0, 1)) == [84, 16]
    submitted(here, opened(here, 2))
    assert limit.now == (0, 84, 16)
    assert fens(opened(here, 3)) == [16]


def test_submitting_decides_anew_and_fixes_the_lines(here: ClaimWorld, limit: Limit) -> None:
    """Both drafts were shown ¥0.84; the second to be submitted gets the ¥0.16 that are left."""
    for _ in range(3):
        here.settle()
    first, second, third = (opened(here, number) for number in range(3))
    assert [fens(one) for one in (first, second, third)] == [[84], [84], [84]]
    submitted(here, first)
    submitted(here, second)
    assert fens(second) == [16]
    assert [one["fen"] for one in second.lines.get().shares] == [8, 8]
    assert limit.now == (0, 100, 0)
    with pytest.raises(Refused, match=r"claim\.nothing_paid.*`used` \(¥1\.00\)"):
        submitted(here, third)
    third.refresh_from_db()
    assert (third.state, fens(third)) == ("DRAFT", [84])
    claims.withdraw(actor=here.claimant.actor, claim_id=third.id, reason="next year")
    with pytest.raises(Refused, match=r"claim\.nothing_paid"):
        opened(here, 2)


def test_a_line_changes_while_it_is_a_draft_and_never_after(here: ClaimWorld) -> None:
    """Negative control: what the trigger lets through of a draft, it refuses of the claim."""
    here.settle()
    claim = opened(here, 0)
    claim.lines.update(subsidy_fen=1)
    with pytest.raises(DatabaseError), transaction.atomic():
        claim.lines.update(charge_fen=1)
    submitted(here, claim)
    assert fens(claim) == [84], "decided anew, whatever stood there"
    changes: list[dict[str, Any]] = [{"subsidy_fen": 1}, {"shares": []}, {"number": 7}]
    for change in changes:
        with pytest.raises(DatabaseError), transaction.atomic():
            ClaimLine.objects.filter(claim=claim).update(**change)


def test_the_limit_is_counted_in_the_journal_that_captures_the_money(here: ClaimWorld, limit: Limit) -> None:
    here.settle()
    claim = submitted(here, opened(here, 0))
    assert limit.now == (0, 84, 16)
    pay(here, claim)
    assert limit.now == (84, 0, 16)
    count = Count.objects.get(counts="redeemed")
    assert (count.rule, count.amount_fen, count.voucher) == ("used", 84, here.voucher)
    journals = set(
        Transfer.objects.filter(id__startswith=f"claim:{claim.lines.get().id}:", kind="capture").values_list(
            "journal", flat=True
        )
    )
    assert len(journals) == 1
    assert checks.check() == []


@pytest.mark.parametrize("how", ["withdraw", "correct", "send_back", "reject", "dispute"])
def test_whatever_ends_a_claim_gives_the_limit_back(here: ClaimWorld, limit: Limit, how: str) -> None:
    here.settle()
    claim = submitted(here, opened(here, 0))
    say: dict[str, Any] = {"claim_id": claim.id}
    if how == "withdraw":
        claims.withdraw(actor=here.claimant.actor, reason="wrong invoice", **say)
    elif how == "correct":
        claim_review.send_back(actor=here.reviewer.actor, reason="a clearer scan", **say)
        papers = here.papers(here.placed[0].settlement, contract={"number": "HT-2"})
        claims.correct(actor=here.claimant.actor, papers_said=papers, **say)
    elif how == "send_back":
        claim_review.send_back(actor=here.reviewer.actor, reason="a clearer scan", **say)
    elif how == "reject":
        claim_review.reject(actor=here.reviewer.actor, reason="no proof", **say)
    else:
        told: dict[str, Any] = {"line": 1, **say}
        disputing.dispute(actor=here.road.owner.actor, reason="price", dispute_id=new_id(), **told)
        disputing.resolve(actor=here.second.actor, outcome="refused", finding="looked at", **told)
    assert limit.now == (0, 0, 100)
    if how in ("correct", "send_back"):
        submitted(here, claim)
        assert limit.now == (0, 84, 16)
        pay(here, claim)
        assert limit.now == (84, 0, 16)
    assert checks.check() == []


def released(holds: dict[str, int]) -> dict[str, int]:
    """Hold → what was released of it under that code [fen]."""
    rows = Transfer.objects.filter(pending_id__in=holds, kind="release", code="release")
    return dict(rows.values_list("pending_id", "amount_fen"))


def test_a_withdrawn_claim_releases_voucher_and_limit_whole(here: ClaimWorld, limit: Limit) -> None:
    here.settle()
    claim = submitted(here, opened(here, 0))
    rows = Transfer.objects.filter(kind="hold", id__startswith="claim:")
    holds = dict(rows.values_list("id", "amount_fen"))
    assert list(holds.values()) == [84, 84] and released(holds) == {}
    claims.withdraw(actor=here.claimant.actor, claim_id=claim.id, reason="wrong invoice")
    assert released(holds) == holds
    assert limit.now == (0, 0, 100)


def test_an_order_that_costs_nothing_releases_what_it_held_of_a_limit(world: World) -> None:
    """Where orders draw the voucher: a fifth of the most it could have cost was held of the limit."""
    here = world(**{CAP: CAP + USED})
    used, run = Limit(here), here.road.place()
    counted, held, free = used.now
    rows = Transfer.objects.filter(kind="hold", id__contains=":count:")
    holds = dict(rows.values_list("id", "amount_fen"))
    assert counted == 0 < held == sum(holds.values()) == 100 - free
    here.road.finish(run, "KILLED")
    assert released(holds) == holds
    assert used.now == (0, 0, 100)
    assert checks.check() == []


def test_a_draft_that_comes_back_gets_what_others_left_it(here: ClaimWorld, limit: Limit) -> None:
    for _ in range(2):
        here.settle()
    first = submitted(here, opened(here, 0))
    claim_review.send_back(actor=here.reviewer.actor, claim_id=first.id, reason="a clearer scan")
    submitted(here, opened(here, 1))
    submitted(here, first)
    assert fens(first) == [16]
    assert limit.now == (0, 100, 0)


def test_without_holds_on_limits_two_claims_would_pass_it(
    here: ClaimWorld, limit: Limit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: the hold is what the second claim sees."""
    for _ in range(2):
        here.settle()
    monkeypatch.setattr(drawing, "limit_holds", lambda *_: [])
    paid = [pay(here, submitted(here, opened(here, number))) for number in range(2)]
    assert sum(sum(fens(one)) for one in paid) == 168 > 100


def test_a_claim_counts_on_its_own_day_and_not_on_the_orders(
    here: ClaimWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was bought in one year and claimed in the next uses up the next year's limit."""
    first, second = here.settle(), here.settle()
    submitted(here, opened(here, 0))
    assert fens(opened(here, 1)) == [16]
    year = first.settled_at.year + 1
    for one in (claims, holds):
        monkeypatch.setattr(one, "programme_day", lambda at: second.settled_at.date().replace(year=year))
    later = submitted(here, Claim.objects.get(state="DRAFT"))
    assert fens(later) == [84]
