"""Whatever happens to vouchers, in whatever order: issued − returned − redeemed − held = free, to the fen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.models import Account
from hesuan.hub.programmes import accounts, services
from hesuan.hub.programmes.life import RETURNS
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher, VoucherStep

from .offices import Office, view

MONEY, CAPS = accounts.ledger_of("test.rules"), accounts.caps_ledger_of("test.rules")
LINES = (
    'budgets: [{id: b, window: lifetime, limit: "20000.00", counts: issued, on_exhaust: partial}]',
    'caps: [{id: c, key: [applicant], window: "rolling(P3Y)", limit: "15000.00", counts: issued}]',
    "issuance: {event: approval, validity: P12M, tranches: [{id: first, share: 1/2, release: issuance},"
    " {id: second, share: 1/2, release: progress_report}]}",
)
VERBS = st.tuples(
    st.sampled_from(
        (
            "issue",
            "release",
            "hold",
            "capture",
            "free",
            "surrender",
            "suspend",
            "reinstate",
            "revoke",
            "expire",
        )
    ),
    st.integers(0, 7),
    st.integers(1, 1_000_000),
)


class Undo(Exception):
    """Ends an example, whose rows go back."""


@dataclass
class Books:
    """One example's vouchers and holds."""

    office: Office
    version: ProgrammeVersion
    vouchers: list[Voucher] = field(default_factory=list)
    holds: list[tuple[str, int]] = field(default_factory=list)
    count: int = 0

    def act(self, verb: str, which: int, fen: int) -> None:
        """One verb, as far as it is allowed; a refusal changes nothing."""
        self.count += 1
        try:
            with transaction.atomic():
                self._act(verb, which, fen)
        except Refused:
            pass

    def _act(self, verb: str, which: int, fen: int) -> None:
        office, say = self.office, {"reason": "r"}
        if verb == "issue":
            self.vouchers.append(office.issue(self.version, fen))
        elif verb in ("capture", "free") and self.holds:
            name, held = self.holds.pop(which % len(self.holds))
            taken = min(fen, held) if verb == "capture" else 0
            kind = "capture" if taken else "release"
            ledger.post_or_raise([ledger.Event(f"{name}:end", kind, MONEY, taken, kind, pending_id=name)])
        elif self.vouchers:
            voucher = self.vouchers[which % len(self.vouchers)]
            at = {"voucher_id": voucher.id}
            if verb == "hold":
                self._hold(voucher, fen)
            elif verb == "release":
                services.release_tranche(actor=office.officer.actor, event="progress_report", **at, **say)
            elif verb == "surrender":
                services.surrender(actor=office.owner.actor, **at, **say)
            elif verb == "suspend":
                services.suspend(actor=office.officer.actor, **at, **say)
                services.answer(actor=office.owner.actor, statement="no", **at)
            elif verb in ("reinstate", "revoke"):
                getattr(services, verb)(actor=office.approver.actor, **at, **say)
            elif verb == "expire":
                assert voucher.expires_at is not None
                services.expire_vouchers(voucher.expires_at - timedelta(days=which % 2))

    def _hold(self, voucher: Voucher, fen: int) -> None:
        """What is suspended or revoked the ledger itself refuses."""
        if Voucher.objects.get(pk=voucher.pk).state not in ("ACTIVE", "REDUCED", "SUSPENDED", "REVOKED"):
            return
        name = f"hold:{self.count}"
        source = accounts.voucher_account(voucher.id)
        ledger.post_or_raise([ledger.Event(name, "hold", MONEY, fen, "hold", source, "centre:x")])
        self.holds.append((name, fen))

    def check(self) -> None:
        """Every voucher's sum, the counters' sum, and where all money is."""
        for voucher in self.vouchers:
            seen = view(voucher)
            steps = VoucherStep.objects.filter(voucher=voucher, trigger__in=RETURNS)
            returned = sum(step.amount_fen for step in steps)
            assert voucher.face_fen - returned - seen.redeemed_fen - seen.held_fen == seen.free_fen
            assert seen.free_fen >= 0 and seen.voucher.state == steps_end(voucher)
            assert seen.voucher.state != "CLOSED" or seen.free_fen == seen.held_fen == 0
            frozen = balances.is_frozen(MONEY, accounts.voucher_account(voucher.id))
            assert (
                frozen == (seen.voucher.state in ("SUSPENDED", "REVOKED")) or seen.voucher.state == "CLOSED"
            )
        given_fen = sum(one.face_fen - view(one).returned_fen for one in self.vouchers)
        counted = balances.balance(CAPS, accounts.COUNTED).posted_fen if self.vouchers else 0
        assert counted == given_fen, "a cap holds what was given and not returned"
        rows = Account.objects.filter(ledger=MONEY).exclude(key=accounts.APPROPRIATION)
        there = sum(one.credits_posted - one.debits_posted for one in rows)
        assert there == -balances.balance(MONEY, accounts.APPROPRIATION).posted_fen == 2_000_000


def steps_end(voucher: Voucher) -> str:
    last = VoucherStep.objects.filter(voucher=voucher).order_by("-id").first()
    assert last is not None
    return last.to_state


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(verbs=st.lists(VERBS, min_size=4, max_size=16))
def test_the_books_close_after_any_sequence_of_verbs(
    office: Office, verbs: list[tuple[str, int, int]]
) -> None:
    with pytest.raises(Undo), transaction.atomic():
        version = office.activate(*LINES)
        ledger.open_account(ledger=MONEY, key="centre:x", kind="centre")
        books = Books(office, version)
        for verb in (("issue", 0, 1_000_000), *verbs):
            books.act(*verb)
            books.check()
        assert checks.check() == []
        raise Undo


def test_the_check_sees_money_that_went_astray(office: Office) -> None:
    """Negative control: a movement that no step tells of breaks the sum."""
    books = Books(office, office.activate(*LINES))
    ledger.open_account(ledger=MONEY, key="centre:x", kind="centre")
    books.act("issue", 0, 1_000_000)
    books.check()
    source = accounts.voucher_account(books.vouchers[0].id)
    ledger.post_or_raise([ledger.Event("astray", "transfer", MONEY, 1, "expire", source, accounts.BUDGET)])
    with pytest.raises(AssertionError):
        books.check()
