"""Vouchers that a holder's claim draws on: decided on live counters, held with every limit it uses up.

Where a document pays its users back, no order holds anything: the claim is the first to touch voucher and
limits. A draft is decided on what the books say at that moment (:func:`preview`). Submitting decides anew
under one lock, and holds voucher and limits by exactly the amounts decided (:func:`draw`), so that no two
claims are promised the same room. Supplier, period and relation are judged on the order's day, as with every
use; caps and budgets are those of the day of the claim, since that is when public money is asked for. So a
rolling limit is never asked about a day that it has left behind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction

from django.utils import timezone

from hesuan.hub.identity.readers import for_everybody
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.selectors import TransferRow
from hesuan.hub.programmes import accounts, counting
from hesuan.hub.programmes.counting import Ref, Taken
from hesuan.hub.programmes.engine import programme_of
from hesuan.hub.programmes.models import Count, ProgrammeVersion, Voucher
from hesuan.hub.programmes.redemption import Charge, available_fen, share_of, use_facts
from hesuan.hub.programmes.rules import COMPUTING, Item, VoucherShare
from hesuan.policy.credit_notes import credited
from hesuan.policy.decision import Decision, Facts
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import BY_CLAIM, Needed, counted_as
from hesuan.policy.programme import Budget, Cap, Programme


@dataclass(frozen=True, slots=True)
class Wish:
    """An order of which a claim wants a voucher to pay its part."""

    id: str
    """The ledger's id of the hold on the voucher; those on limits are named after it."""
    charge_fen: int
    centre_id: str
    at: datetime
    """The moment of the agreement."""
    item: Item = COMPUTING
    credited_fen: int = 0
    """What credit notes took off the charge since [fen]."""
    nth: int = 0
    """How many orders of the same claim come before it."""
    before_fen: int = 0
    """What those were charged [fen]."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a wish gets."""

    wish: Wish
    share: VoucherShare
    limits: tuple[tuple[int, str, int], ...]
    """Place of the limit in the document, its account, what it counts there [fen]; nothing of 0."""
    rate: Fraction | None = None
    """What its tier paid; ``None`` for a lump sum, or where nothing is paid."""


def preview(voucher_id: str, wishes: Sequence[Wish], *, day: date) -> list[Drawn]:
    """What each of a claim's orders would get now, each seeing what the ones before it leave. Reads only.

    Args:
        voucher_id: The voucher; the caller has checked whose it is.
        wishes: In the order of the claim's lines.
        day: The day whose caps and budgets count it.
    """
    voucher = _voucher(voucher_id)
    case = Case(voucher, programme_of(voucher.programme_version), day)
    return case.preview(wishes, available_fen(voucher))


def draw(
    voucher_id: str, wishes: Sequence[Wish], *, day: date, to: str
) -> tuple[list[Drawn], list[ledger.Event]]:
    """Decides each order under the lock of voucher and limits; the entries that hold what was decided.

    The caller holds the voucher's row and posts the entries in one journal, before anything else of its own.

    Args:
        voucher_id: The voucher.
        wishes: In the order of the claim's lines.
        day: The day whose caps and budgets count it.
        to: The account that the voucher's money is held for; open.
    """
    voucher = _voucher(voucher_id)
    return deciding(Case(voucher, programme_of(voucher.programme_version), day), wishes, to=to)


def deciding(
    case: Case, wishes: Sequence[Wish], *, to: str, also: Iterable[Ref] = ()
) -> tuple[list[Drawn], list[ledger.Event]]:
    """:func:`draw` on a voucher that exists, or on one to be made of what is decided.

    Args:
        case: The voucher; one that has no account yet is bounded by nothing but caps and budgets.
        wishes: In the order of the claim's lines.
        to: The account that the voucher's money is held for; open.
        also: Further accounts of the journal.
    """
    book, source = accounts.ledger_of(case.document.id), accounts.voucher_account(case.voucher.id)
    facts = [case.facts(one) for one in wishes]
    refs: set[Ref] = {(book, source), (book, to), *also}
    for one in facts:
        refs |= set(counting.refs(case.document, one))
    rows = ledger.lock(refs)
    with for_everybody():  # a limit is everybody's, and so are the rows that say what left its window
        took = [counting.taken(case.document, one, rows) for one in facts]
    left_fen = rows[book, source].available_fen if (book, source) in rows else None
    drawn = case.decide(wishes, took, left_fen)
    events, prepared = list[ledger.Event](), set[str]()
    for wish, limits in zip(wishes, took, strict=True):
        events += limits.preparing(wish.id, prepared)
        prepared |= {standing.account for standing in limits.standings}
    for got in drawn:
        money = hold_of(got.wish.id, book, source, to, got.share.subsidy_fen)
        events += [*money, *limit_holds(got.wish.id, case.document.id, got.limits)]
    held = any(event.kind == "hold" for event in events)
    return drawn, events if held else []


def hold_of(hold_id: str, book: str, debit: str, credit: str, fen: int) -> list[ledger.Event]:
    """A hold of one amount; none of 0."""
    if not fen:
        return []
    return [
        ledger.Event(
            id=hold_id, kind="hold", ledger=book, amount_fen=fen, code="hold", debit=debit, credit=credit
        )
    ]


def limit_holds(
    hold_id: str, programme_id: str, limits: Iterable[tuple[int, str, int]]
) -> list[ledger.Event]:
    """The holds on limits that go with a hold on a voucher."""
    book = accounts.caps_ledger_of(programme_id)
    return [
        event
        for place, account, fen in limits
        for event in hold_of(f"{hold_id}:count:{place}", book, account, accounts.COUNTED, fen)
    ]


@dataclass(frozen=True, slots=True)
class Case:
    """One voucher, or an entitlement to be, on the day of a claim."""

    voucher: Voucher
    document: Programme
    day: date

    def charge(self, wish: Wish) -> Charge:
        return Charge(
            wish.charge_fen,
            wish.centre_id,
            wish.at,
            wish.item,
            counted_on=self.day,
            nth=wish.nth,
            before_fen=wish.before_fen,
        )

    def facts(self, wish: Wish) -> Facts:
        facts = use_facts(self.voucher, self.charge(wish))
        if not wish.credited_fen:
            return facts
        return credited(facts, (replace(facts.lines[0], amount_fen=wish.credited_fen),))

    def seen(self, facts: Facts) -> Taken:
        with for_everybody():
            return counting.seen(self.document, facts)

    def preview(self, wishes: Sequence[Wish], left_fen: int | None = None) -> list[Drawn]:
        """What each would get now, without a lock."""
        return self.decide(wishes, [self.seen(self.facts(one)) for one in wishes], left_fen)

    def decide(self, wishes: Sequence[Wish], took: Sequence[Taken], left_fen: int | None) -> list[Drawn]:
        """One after another: what one takes of voucher and limits, the next does not find.

        A claim is counted once by limits that count claims, however many orders it has.
        """
        more: defaultdict[str, int] = defaultdict(int)
        by_claim = set[str]()
        made = []
        for wish, limits in zip(wishes, took, strict=True):
            counters = replace(limits.counters_after(more), voucher_fen=left_fen)
            decision = decide(self.document, self.facts(wish), counters)
            counts = [found for found in self.limits(decision, limits) if found[1] not in by_claim]
            share = share_of(self.voucher, self.charge(wish), decision)
            one = Drawn(wish, share, tuple(counts), decision.rate)
            if left_fen is None:
                more[accounts.BUDGET] += decision.subsidy_fen
            else:
                left_fen -= decision.subsidy_fen
            once = {standing.account for standing in limits.standings if standing.needed.counts in BY_CLAIM}
            for _, account, fen in one.limits:
                if account in once:
                    by_claim.add(account)
                else:
                    more[account] += fen
            made.append(one)
        return made

    def limits(self, decision: Decision, took: Taken) -> tuple[tuple[int, str, int], ...]:
        """What a decision counts on the accounts of this ledger; money itself is not counted twice."""
        known = {one.needed: one.account for one in took.standings}
        return tuple(
            (place_of(self.document, need), known[need], fen)
            for need, fen in decision.counted
            if fen and need in known
        )


def note_counted(
    voucher_id: str, held: Sequence[TransferRow], events: Iterable[ledger.Event], *, day: date
) -> None:
    """Writes down what a claim counted, once the entries that end its holds on limits are posted.

    Args:
        voucher_id: The voucher that was drawn on.
        held: The holds, named by :func:`limit_holds`.
        events: The journal that ended them.
        day: The day it counts on.
    """
    taken = {event.pending_id: event for event in events if event.kind == "capture"}
    counted = [(row, taken[row.id]) for row in held if row.id in taken]
    if not counted:
        return
    voucher = _voucher(voucher_id)
    document = programme_of(voucher.programme_version)
    limits: tuple[Cap | Budget, ...] = (*document.caps, *document.budgets)
    now = timezone.now()
    Count.objects.bulk_create(
        Count(
            id=event.id,
            programme_id=document.id,
            voucher=voucher,
            rule=limits[_place(row.id)].id,
            counts=counted_as(document, limits[_place(row.id)].counts, "redeem") or "",
            account=row.debit,
            day=day,
            amount_fen=event.amount_fen,
            at=now,
        )
        for row, event in counted
    )


def counts_claims(version: ProgrammeVersion, hold_id: str) -> bool:
    """Whether a hold on a limit, named by :func:`limit_holds`, is of one that counts claims, not amounts."""
    document = programme_of(version)
    limits: tuple[Cap | Budget, ...] = (*document.caps, *document.budgets)
    return limits[_place(hold_id)].counts in BY_CLAIM


def count_of_limits(version: ProgrammeVersion) -> int:
    """How many caps and budgets a version's document has; the places of :func:`limit_holds` are below it."""
    document = programme_of(version)
    return len(document.caps) + len(document.budgets)


def _place(hold_id: str) -> int:
    return int(hold_id.rpartition(":")[2])


def place_of(document: Programme, need: Needed) -> int:
    """The place of a counter's rule among the document's caps and budgets, which no later version moves."""
    rules = [("cap", one.id) for one in document.caps] + [("budget", one.id) for one in document.budgets]
    return rules.index((need.kind, need.id))


def _voucher(voucher_id: str) -> Voucher:
    return Voucher.objects.select_related("programme_version", "application").get(pk=voucher_id)
