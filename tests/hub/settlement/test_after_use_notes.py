"""Credit notes on claims of several orders that made their own entitlement: each order stays what it was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.hub.settlement.after_use import USED, AfterUse

from hesuan.hub.registry import services as registry
from hesuan.hub.settlement import crediting
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
