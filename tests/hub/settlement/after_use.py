"""Shipped programmes that issue nothing: the claim after use is the application, by a clock set by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone
from tests.hub.settlement.shipped import Shipped

from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger.models import Account
from hesuan.hub.programmes import accounts
from hesuan.hub.settlement import claims, payment
from hesuan.hub.settlement.models import Claim, Settlement
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

NANNING = "cn.nanning.suanliquan.2025"
USED = datetime(2025, 12, 15, 4, 0, tzinfo=UTC)
CLAIMED = datetime(2026, 1, 10, 4, 0, tzinfo=UTC)
FACTS: dict[str, Json] = {
    "applicant.is_legal_person": True,
    "applicant.major_penalty_within_three_years": False,
    "applicant.is_dishonest": False,
    "relation.related_party": False,
    "contract.starts_on": "2025-01-01",
    "contract.ends_on": "2026-12-31",
}


class Clock:
    """The hub's clock, set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = USED
        monkeypatch.setattr(timezone, "now", lambda: self.at)


class AfterUse(Shipped):
    """A shipped programme that issues nothing."""

    clock: Clock

    def open(
        self, *settled: Settlement, facts: dict[str, Json] | None = None, **papers: dict[str, Json]
    ) -> Claim:
        """A draft on settled orders, with the payment as its paper."""
        said = self.papers(*settled)
        return claims.open_claim(
            actor=self.claimant.actor,
            claim_id=new_id(),
            version_id=self.version.id,
            order_ids=[one.order_id for one in settled],
            papers_said={"payment": said["payment"], **papers},
            facts=FACTS if facts is None else facts,
        )

    def open_with_all(self, *settled: Settlement, facts: dict[str, Json]) -> Claim:
        """A draft with every paper, where the document names none of them."""
        said = self.papers(*settled)
        return self.open(*settled, facts=facts, **{one: said[one] for one in said if one != "payment"})

    def submit(self, claim: Claim) -> Claim:
        """The claimant submits it."""
        return claims.submit(actor=self.claimant.actor, claim_id=claim.id)

    def pay(self, claim: Claim) -> Claim:
        """Verified, approved and paid by three people."""
        return payment.pay(actor=self.payer.actor, claim_id=self.approve(claim).id)

    def limits(self) -> dict[str, tuple[int, int]]:
        """What the programme's caps and budgets have counted and hold, over all accounts [fen]."""
        book, found = accounts.caps_ledger_of(self.version.programme_id), dict[str, tuple[int, int]]()
        for account in Account.objects.filter(ledger=book, kind__in=("cap", "budget")):
            back_fen = balances.moved_fen(book, accounts.COUNTED, to=account.key)
            counted, held = found.get(account.kind, (0, 0))
            found[account.kind] = (
                counted + account.debits_posted - back_fen,
                held + account.debits_pending,
            )
        return found
