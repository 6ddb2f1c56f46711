"""Claims of several orders that made their own entitlement: each order stays what it was in its claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.hub.settlement.after_use import CLAIMED, FACTS, NANNING, USED, AfterUse
from tests.hub.settlement.shipped import COST_FEN

from hesuan.errors import Refused
from hesuan.hub.ledger.models import Account
from hesuan.hub.programmes import accounts
from hesuan.hub.registry import services as registry
from hesuan.hub.settlement import claim_review, crediting, disputing
from hesuan.hub.settlement.claim_selectors import lines
from hesuan.hub.settlement.models import Claim
from hesuan.hub.settlement.payables import net_shares
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

NEWCOMER: dict[str, Json] = {
    "applicant.is_newly_landed": True,
    "project.level": "none",
    "project.role": "none",
}
SETTLED: dict[str, Json] = {**NEWCOMER, "applicant.is_newly_landed": False}
WHOLE: dict[str, Json] = {**FACTS, "contract.starts_on": "2025-03-01", "contract.ends_on": "2025-12-31"}
LANGFANG = "cn.langfang.suanliquan.2023"
ONCE = '  - {id: once, key: [applicant], window: calendar_year, limit: "1.00", counts: claims}\n'
CAPS = "caps:                                   # whether"


def credit(here: AfterUse, claim: Claim, line: int, fen: int) -> list[int]:
    """Books a credit note on one line; what each line then gets [fen]."""
    crediting.book_credit_note(
        actor=here.claimant.actor,
        note_id=new_id(),
        claim_id=claim.id,
        number=f"HZ-{line}",
        lines={line: fen},
        reason="hours given back",
    )
    return nets(here, claim)


def nets(here: AfterUse, claim: Claim) -> list[int]:
    """What each line gets [fen]."""
    return [sum(net_shares(one).values()) for one in lines(here.claimant.actor, claim.id)]


def test_only_the_first_order_is_the_newcomers_first_after_a_note_too(
    shipped: Callable[..., AfterUse],
) -> None:
    """200,000.00 by the lump sum, 100,000.00 by half; a note on the first leaves the second at its half.

    Were the second decided as a first request, what the note frees of the entitlement would go to it.
    """
    here = shipped(LANGFANG)
    claim = here.submit(here.open(here.use(), here.use(), facts=NEWCOMER))
    assert nets(here, claim) == [20_000_000, 10_000_000]
    assert credit(here, claim, 1, 5_000_000) == [15_000_000, 10_000_000]
    assert credit(here, claim, 2, 5_000_000) == [15_000_000, 7_500_000]


@pytest.mark.parametrize("line", [1, 2])
def test_a_claim_counts_once_when_it_is_decided_again(shipped: Callable[..., AfterUse], line: int) -> None:
    """One claim a year: its second order is part of it, so a note takes its part of that one too."""
    here = shipped(LANGFANG, **{CAPS: f"caps:\n{ONCE}  # whether"})
    claim = here.submit(here.open(here.use(), here.use(), facts=NEWCOMER))
    left = [20_000_000, 10_000_000]
    assert nets(here, claim) == left
    left[line - 1] = (15_000_000, 7_500_000)[line - 1]
    assert credit(here, claim, line, 5_000_000) == left


def test_other_public_money_stays_on_the_orders_it_fell_on(shipped: Callable[..., AfterUse]) -> None:
    """250,000.00 of other aid: all of the first order, 50,000.00 of the second, under "the higher of both".

    So the first gets nothing and the second 100,000.00 less 50,000.00. A note of 40,000.00 on the second
    makes it 160,000.00 × 50 % less 50,000.00; were the aid to begin anew there, nothing would change for it.
    """
    here = shipped(LANGFANG)
    registry.enter_aid(
        actor=here.claimant.actor,
        organisation_id=here.claimant.organisation.id,
        authority="langfang",
        scope="contract",
        amount_fen=25_000_000,
        contract_number="HT-2026-001",
        proof=registry.Proof(issuer="langfang", valid_from=USED.date() - timedelta(days=9)),
    )
    both = here.use(), here.use()
    claim = here.submit(here.open_with_all(*both, facts=SETTLED))
    assert nets(here, claim) == [0, 5_000_000]
    assert credit(here, claim, 2, 4_000_000) == [0, 3_000_000]


# --- A limit that counts claims counts the claim, whichever of its orders is left ---


def refuse(here: AfterUse, claim: Claim, line: int) -> None:
    """The claimant disputes a line; an approver finds it wrong."""
    told: dict[str, Any] = {"claim_id": claim.id, "line": line}
    disputing.dispute(actor=here.claimant.actor, dispute_id=new_id(), reason="not mine", **told)
    disputing.resolve(actor=here.second.actor, outcome="refused", finding="not theirs", **told)


@pytest.fixture
def once(shipped: Callable[..., AfterUse]) -> tuple[AfterUse, Claim]:
    """One claim a year, and a claim of three orders."""
    here = shipped(LANGFANG, **{CAPS: f"caps:\n{ONCE}  # whether"})
    here.road.pay_in(COST_FEN, "d-more")
    return here, here.submit(here.open_with_all(*(here.use() for _ in range(3)), facts=SETTLED))


def once_stands(here: AfterUse) -> tuple[int, int]:
    """What the limit on claims has counted and holds; a claim is 1.00."""
    book = accounts.caps_ledger_of(LANGFANG)
    [row] = [one for one in Account.objects.filter(ledger=book, kind="cap") if "claims:" in one.key]
    return row.debits_posted, row.debits_pending


@pytest.mark.parametrize("gone", ["disputed", "credited"])
def test_the_claim_stays_counted_when_its_first_order_is_gone(
    once: tuple[AfterUse, Claim], gone: str
) -> None:
    here, claim = once
    for line in (1, 2):
        if gone == "disputed":
            refuse(here, claim, line)
        else:
            credit(here, claim, line, COST_FEN)
        assert once_stands(here) == (0, 100)
    with pytest.raises(Refused, match=r"claim\.nothing_paid"):
        here.open(here.use(), facts=SETTLED)
    here.approve(claim)
    assert once_stands(here) == (100, 0)


def test_the_claim_is_counted_when_the_order_that_held_it_is_refused_last(
    once: tuple[AfterUse, Claim],
) -> None:
    here, claim = once
    told: dict[str, Any] = {"claim_id": claim.id, "line": 1}
    disputing.dispute(actor=here.claimant.actor, dispute_id=new_id(), reason="not mine", **told)
    here.approve(claim)
    assert once_stands(here) == (0, 100)
    disputing.resolve(actor=here.second.actor, outcome="refused", finding="not theirs", **told)
    assert once_stands(here) == (100, 0)


@pytest.mark.parametrize("gone", ["disputed", "credited"])
def test_a_claim_of_which_nothing_is_left_counts_no_more(once: tuple[AfterUse, Claim], gone: str) -> None:
    here, claim = once
    for line in (2, 1, 3):
        if gone == "disputed":
            refuse(here, claim, line)
        else:
            credit(here, claim, line, COST_FEN)
    assert once_stands(here) == (0, 0)
    assert here.open(here.use(), facts=SETTLED).state == "DRAFT"


# --- What a note raised, and what is left when the claim comes back ---


def test_a_claim_whose_raised_line_would_now_get_less_than_was_raised_is_refused(
    shipped: Callable[..., AfterUse],
) -> None:
    """Of 100,000.00 a year the orders get 60,000.00 and 40,000.00; a note on the first raises the second.

    Returned, and another claim takes 60,000.00 meanwhile: the second order now comes to 10,000.00, less than
    the 20,000.00 that were added to it. The control is that it is submitted while nothing was taken.
    """
    cap = {'limit: "2000000.00", counts: redeemed': 'limit: "100000.00", counts: redeemed'}
    here = shipped(NANNING, **cap)
    here.road.pay_in(COST_FEN, "d-more")
    both, third = (here.use(), here.use()), here.use()
    here.clock.at = CLAIMED
    claim = here.submit(here.open(*both, facts=WHOLE))
    assert nets(here, claim) == [6_000_000, 4_000_000]
    assert credit(here, claim, 1, COST_FEN // 2) == [3_000_000, 6_000_000]
    back = {"actor": here.reviewer.actor, "claim_id": claim.id, "reason": "not legible"}
    claim_review.send_back(**back)
    assert nets(here, here.submit(claim)) == [3_000_000, 6_000_000]
    claim_review.send_back(**back)
    here.submit(here.open(third, facts=WHOLE))
    with pytest.raises(Refused, match=r"claim\.adjusted_otherwise") as refused:
        here.submit(claim)
    assert refused.value.facts["decided"] == "¥10,000.00"
