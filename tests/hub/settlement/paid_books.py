"""Claims of one world, acted on by any verb in any order, and every book of theirs compared after each.

Each verb is tried as the person whose it is; what is refused is part of the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from tests.hub.settlement.claim_world import ClaimWorld

from hesuan.errors import Faults, HesuanError
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger.models import Account
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes.models import Count
from hesuan.hub.settlement import (
    batches,
    claim_review,
    claims,
    clawing,
    closing,
    crediting,
    disputing,
    floats,
    payment,
    reconciling,
    sampling,
    soundness,
)
from hesuan.hub.settlement.models import (
    Batch,
    Claim,
    ClaimLine,
    Clawback,
    ClawbackPart,
    Payment,
    Settlement,
)
from hesuan.hub.settlement.payables import net_shares, posted_shares, with_adjustments
from hesuan.money import decimal_yuan
from hesuan.wire.ids import new_id

World = Callable[..., ClaimWorld]
LIMIT_FEN = 100
FLOWS = ("reimburse_user", "deduct_pay_supplier", "prefund_supplier")
VERBS = (
    "claim",
    "claim",
    "approve",
    "approve",
    "pay",
    "pay",
    "withdraw",
    "reject",
    "dispute",
    "resolve",
    "credit",
    "credit",
    "demand",
    "recover",
    "write_off",
    "fund",
    "refund",
    "sample",
    "conclude",
    "reconcile",
    "close",
)
STEPS = st.lists(
    st.tuples(st.sampled_from(VERBS), st.integers(0, 5), st.integers(1, 500)), min_size=6, max_size=16
)


AFTER_PAYMENT = [
    ("reconcile", 0, 1),
    ("reconcile", 1, 1),
    ("sample", 5, 1),
    ("conclude", 0, 7),
    ("demand", 0, 3),
    ("credit", 0, 8),
    ("recover", 0, 1),
    ("write_off", 0, 1),
]
"""The way that chance seldom takes to its end."""


class Undo(Exception):
    """Ends an example, whose rows go back."""


@dataclass
class Books:
    """One example."""

    here: ClaimWorld
    settled: list[Settlement]
    made: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def act(self, verb: str, which: int, fen: int) -> None:
        """One verb, as far as it is allowed; a refusal changes nothing."""
        try:
            with transaction.atomic():
                getattr(self, f"_{verb}")(which, fen)
            self.done.append(verb)
        except (HesuanError, Faults):
            pass

    # --- The verbs ---

    def _claim(self, which: int, fen: int) -> None:
        wanted = [one for place, one in enumerate(self.settled) if (which + 1) >> place & 1]
        self.made.append(self.here.claim(*(wanted or self.settled[:1])).id)

    def _of(self, which: int, *states: str) -> Claim:
        """One of the claims, one in such a state first."""
        if not self.made:
            self._claim(which, 0)
        ready = Claim.objects.filter(pk__in=self.made, state__in=states).order_by("id").first()
        return ready or Claim.objects.get(pk=self.made[which % len(self.made)])

    def _approve(self, which: int, fen: int) -> None:
        self.here.approve(self._of(which, "MATCHED"))

    def _pay(self, which: int, fen: int) -> None:
        claim = self._of(which, "PAYABLE")
        if claim.batch is None or claim.batch.state == Batch.State.PAID:
            payment.pay(actor=self.here.payer.actor, claim_id=claim.id, reference=f"B{fen}")
            return
        batches.close(actor=self.here.officer.actor, batch_id=claim.batch.id)
        batches.review(actor=self.here.second.actor, batch_id=claim.batch.id)
        batches.pay(actor=self.here.payer.actor, batch_id=claim.batch.id, reference=f"B{fen}")

    def _withdraw(self, which: int, fen: int) -> None:
        claims.withdraw(actor=self.here.claimant.actor, claim_id=self._of(which).id, reason="r")

    def _reject(self, which: int, fen: int) -> None:
        claim_review.reject(actor=self.here.second.actor, claim_id=self._of(which).id, reason="r")

    def _dispute(self, which: int, fen: int) -> None:
        disputing.dispute(
            actor=self.here.claimant.actor,
            claim_id=self._of(which).id,
            line=1 + fen % 2,
            reason="meter",
            dispute_id=new_id(),
        )

    def _resolve(self, which: int, fen: int) -> None:
        outcome = "upheld" if fen % 3 else "refused"
        disputing.resolve(
            actor=self.here.third.actor,
            claim_id=self._of(which).id,
            line=1 + fen % 2,
            outcome=outcome,
            finding="f",
        )

    def _credit(self, which: int, fen: int) -> None:
        crediting.book_credit_note(
            actor=self.here.reviewer.actor,
            note_id=new_id(),
            claim_id=self._of(which).id,
            number=f"R-{new_id()}",
            lines={1 + fen % 2: fen},
            reason="r",
        )

    def _demand(self, which: int, fen: int) -> None:
        clawing.demand(
            actor=self.here.approver.actor,
            clawback_id=new_id(),
            claim_id=self._of(which, "PAID", "RECONCILED").id,
            amount_fen=1 + fen % 60,
            reason="r",
        )

    def _recover(self, which: int, fen: int) -> None:
        for clawback in Clawback.objects.filter(state="DUE")[:1]:
            clawing.recover(actor=self.here.officer.actor, clawback_id=clawback.id, reference="r")

    def _write_off(self, which: int, fen: int) -> None:
        for clawback in Clawback.objects.filter(state="DUE")[:1]:
            clawing.write_off(actor=self.here.approver.actor, clawback_id=clawback.id, reason="r")
            clawing.write_off(actor=self.here.second.actor, clawback_id=clawback.id, reason="r")

    def _float(self) -> dict[str, Any]:
        centre = self.here.road.site.agent.centre_id
        told = {"version_id": self.here.version.id, "centre_id": centre, "movement_id": new_id()}
        return {"actor": self.here.approver.actor, **told}

    def _fund(self, which: int, fen: int) -> None:
        floats.fund(amount_fen=1 + fen % 100, **self._float())

    def _refund(self, which: int, fen: int) -> None:
        floats.refund(**self._float())

    def _sample(self, which: int, fen: int) -> None:
        made = sampling.propose_plan(
            actor=self.here.approver.actor,
            plan_id=new_id(),
            programme_id=self.here.version.programme_id,
            share=Fraction(which, 5),
            window_days=0,
            reason="r",
        )
        sampling.agree_plan(actor=self.here.second.actor, plan_id=made.id)
        claim = self._of(which)
        sampling.draw_paid(actor=self.here.officer.actor, programme_id=made.programme_id, period=claim.period)

    def _conclude(self, which: int, fen: int) -> None:
        drawn = Claim.objects.filter(state="SAMPLED_AUDIT").order_by("id").first()
        claim = drawn or self._of(which)
        paid = claim.payments.exists()
        sampling.conclude(
            actor=self.here.third.actor,
            claim_id=claim.id,
            outcome="findings" if fen % 2 else "passed",
            finding="f",
            amount_fen=1 + fen % 40 if paid and fen % 2 else 0,
            clawback_id=new_id(),
        )

    def _reconcile(self, which: int, fen: int) -> None:
        """The bank paid what the books say, or a fen more."""
        today = timezone.now().date()
        payer = ("province", "city")[which % 2]
        more = fen % 4 == 0
        rows = [
            f"{today},x,{decimal_yuan(one.cash_fen + more)},{one.id}"
            for one in Payment.objects.filter(payer=payer, reconciled=None)
            if one.cash_fen
        ]
        reconciling.load_statement(
            actor=self.here.officer.actor,
            statement_id=new_id(),
            programme_id=self.here.version.programme_id,
            payer=payer,
            begins_on=today - timedelta(days=1),
            ends_on=today,
            name="b.csv",
            content="\n".join(["day,reference,amount,payment", *rows]),
        )

    def _close(self, which: int, fen: int) -> None:
        closing.close(actor=self.here.officer.actor, claim_id=self._of(which, "RECONCILED").id)

    # --- What holds after every one of them ---

    def check(self) -> None:
        """Σ paid ≤ Σ captured by claim, voucher and programme; rows, ledger and bank rows agree."""
        assert soundness.check() == []
        rows = list(Claim.objects.filter(pk__in=self.made))
        for claim in rows:
            self._check_claim(claim)
        self._check_vouchers(rows)
        self._check_programme()
        self._check_limit()

    def _check_claim(self, claim: Claim) -> None:
        paid = sum(claim.payments.values_list("amount_fen", flat=True))
        lines = with_adjustments(claim)
        captured = [line for line in lines if line.state in ("PAYABLE", "PAID")]
        assert paid <= sum(sum(posted_shares(line).values()) for line in captured)
        assert paid <= sum(line.charge_fen for line in captured)
        demanded = sum(one.amount_fen for one in claim.clawbacks.all())
        assert paid - demanded >= 0
        for line in lines:
            net = net_shares(line)
            assert all(fen >= 0 for fen in net.values()) and sum(net.values()) <= line.charge_fen
        if claim.state in ("RECONCILED", "CLOSED"):
            assert all(hasattr(one, "reconciled") or not one.cash_fen for one in claim.payments.all())
        steps = list(claim.steps.order_by("id").values_list("from_state", "to_state"))
        assert steps[-1][1] == claim.state, "every transition is a row"
        assert all(one[0] == before[1] for before, one in pairwise(steps))

    def _check_vouchers(self, rows: Iterable[Claim]) -> None:
        """What claims made payable of a voucher was taken from it."""
        book = self._book
        drawn: dict[str, int] = {}
        for claim in rows:
            for line in with_adjustments(claim):
                if line.state in (ClaimLine.State.PAYABLE, ClaimLine.State.PAID):
                    fen = sum(posted_shares(line).values())
                    drawn[line.voucher_id] = drawn.get(line.voucher_id, 0) + fen
        for voucher_id, fen in drawn.items():
            assert fen <= balances.balance(book, programme_accounts.voucher_account(voucher_id)).debits_posted

    def _check_limit(self) -> None:
        """What a limit on use counts and holds is what lines bring, less what came back; the rest is free."""
        caps = programme_accounts.caps_ledger_of(self.here.version.programme_id)
        for row in Account.objects.filter(ledger=caps, key__startswith="cap:redeemed:"):
            back = balances.moved_fen(caps, programme_accounts.COUNTED, to=row.key)
            counted = row.debits_posted - back
            free = row.credits_posted - row.debits_posted - row.debits_pending
            assert LIMIT_FEN - counted - row.debits_pending == free >= 0
            assert counted == sum(Count.objects.filter(account=row.key).values_list("amount_fen", flat=True))
            lines = ClaimLine.objects.filter(live=True).exclude(claim__state="DRAFT")
            nets = dict.fromkeys(ClaimLine.State, 0)
            for line in lines.select_related("claim").prefetch_related("adjustments"):
                nets[ClaimLine.State(line.state)] += sum(net_shares(line).values())
            assert row.debits_pending == nets[ClaimLine.State.CLAIMED]
            parts = ClawbackPart.objects.filter(clawback__note=None).exclude(how="WRITTEN_OFF")
            came = sum(parts.values_list("amount_fen", flat=True))
            brought = nets[ClaimLine.State.PAYABLE] + nets[ClaimLine.State.PAID]
            assert brought - came <= counted <= brought

    def _check_programme(self) -> None:
        paid = sum(Payment.objects.values_list("amount_fen", flat=True))
        assert paid <= self._standing("voucher:", debits=True)
        for payer in ("province", "city"):
            posted, told = reconciling.books_agree(self.here.version.programme_id, payer)
            assert posted == told >= 0
        ended = sum(self._standing(f"{name}:") for name in ("paid", "clawback_receivable", "returned"))
        assert ended + self._standing("written_off:") == paid
        centre = self.here.road.site.agent.centre_id
        out = floats.balance_fen(self.here.version.programme_id, centre)
        assert out == -self._standing("paid_ahead") >= 0

    @property
    def _book(self) -> str:
        return programme_accounts.ledger_of(self.here.version.programme_id)

    def _standing(self, start: str, *, debits: bool = False) -> int:
        rows = Account.objects.filter(ledger=self._book, key__startswith=start)
        return sum(one.debits_posted if debits else one.credits_posted - one.debits_posted for one in rows)
