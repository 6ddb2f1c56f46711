"""Vouchers and limits held by an order, and what ends those holds. Part of :mod:`.services`.

What an order may redeem is set aside when it is placed: on its vouchers, and on every limit that counts what
is redeemed or held. So nothing that others do meanwhile takes back what a quote promised, and at settlement
the same journal that captures the voucher counts the limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.selectors import TransferRow
from hesuan.hub.programmes import accounts, counting, errors, rules
from hesuan.hub.programmes.claimtime import claims_over
from hesuan.hub.programmes.engine import programme_of
from hesuan.hub.programmes.life import FROZEN, SPENDABLE, after_use, locked
from hesuan.hub.programmes.models import Count, Voucher
from hesuan.hub.programmes.redemption import Charge, use_facts
from hesuan.hub.programmes.rules import COMPUTING, Item, Use, VoucherShare


def hold(
    *,
    uses: Sequence[Use],
    charge_fen: int,
    centre_id: str,
    at: datetime,
    item: Item = COMPUTING,
    also: Iterable[tuple[str, str]] = (),
) -> list[ledger.Event]:
    """The journal entries that set an order's vouchers and limits aside; the caller posts them in one go.

    Every account the journal touches is locked before any is read, so the caller names its own too.

    Args:
        uses: Ids of the holds, the vouchers, and the most each may pay.
        charge_fen: The most that may be charged [fen].
        centre_id: Where the computing is bought.
        at: The moment of the quote.
        item: What is bought.
        also: Accounts of the caller's own entries.

    Raises:
        Refused: ``voucher.not_usable``: it was suspended, given up or ran out since the quote.
    """
    vouchers = {one.id: one for one in (locked(key) for key in sorted({use.voucher_id for use in uses}))}
    now = timezone.now()
    for voucher in vouchers.values():
        over = voucher.ends_at is not None and voucher.ends_at <= now
        if over or voucher.state not in SPENDABLE:
            state = Voucher.State.EXPIRED if over else voucher.state
            raise Refused(errors.NOT_USABLE, voucher=voucher.code, state=state)
    charge = Charge(charge_fen, centre_id, at, item)
    cases = [(use, vouchers[use.voucher_id]) for use in uses]
    facts = {use.voucher_id: use_facts(voucher, charge) for use, voucher in cases}
    own = [_hold(use, voucher, centre_id) for use, voucher in cases]
    refs = {ref for event in own for ref in ((event.ledger, event.debit), (event.ledger, event.credit))}
    for use, voucher in cases:
        refs |= set(counting.refs(programme_of(voucher.programme_version), facts[use.voucher_id]))
    rows = ledger.lock(refs | set(also))
    events, prepared = list(own), set[str]()
    for use, voucher in cases:
        took = counting.taken(programme_of(voucher.programme_version), facts[use.voucher_id], rows)
        if took.book not in prepared:  # two vouchers of one programme share its limits
            prepared.add(took.book)
            events += took.preparing(use.hold_id)
        events += took.holding(use.most_fen, f"{use.hold_id}:count")
    return events


def need_drawable(voucher_id: str) -> None:
    """Locks a voucher that a claim draws on, so that it cannot be suspended meanwhile.

    Its state decides, not its last day: what was used before that day may be claimed after it, as long as
    the claim time lasts, and the ledger knows what is left.

    Raises:
        Refused: ``voucher.not_drawn_on``: it is frozen or given back, or its claim time is over.
    """
    _refuse(voucher_id, (*FROZEN, Voucher.State.SURRENDERED, Voucher.State.CLOSED))
    voucher, now = locked(voucher_id), timezone.now()
    ended = voucher.ends_at is not None and voucher.ends_at <= now
    if ended and claims_over(voucher, now):
        raise Refused(errors.NOT_DRAWN_ON, voucher=voucher.code, state=Voucher.State.EXPIRED)


def need_unfrozen(voucher_id: str) -> None:
    """Locks a voucher out of which a claim is about to be paid.

    Raises:
        Refused: ``voucher.not_drawn_on``: it is suspended or revoked, and so is what was drawn on it before.
    """
    _refuse(voucher_id, FROZEN)


def _refuse(voucher_id: str, states: Sequence[str]) -> None:
    voucher = locked(voucher_id)
    if voucher.state in states:
        raise Refused(errors.NOT_DRAWN_ON, voucher=voucher.code, state=voucher.state)


def lock_vouchers(uses: Sequence[Use]) -> list[Voucher]:
    """The rows of an order's vouchers, in the order of use, before anything of theirs is posted."""
    rows = {key: locked(key) for key in sorted({use.voucher_id for use in uses})}
    return [rows[use.voucher_id] for use in uses]


def end_counts(
    uses: Sequence[Use], vouchers: Sequence[Voucher], shares: Sequence[VoucherShare]
) -> list[ledger.Event]:
    """The journal entries that count what an order redeemed and give back what it did not.

    Args:
        uses: What the order held.
        vouchers: Their rows, from :func:`lock_vouchers`.
        shares: What was redeemed of each; none where nothing was.
    """
    counted = {share.voucher_id: dict(share.counted) for share in shares}
    events = []
    for use, voucher in zip(uses, vouchers, strict=True):
        book = accounts.caps_ledger_of(voucher.programme_version.programme_id)
        for row in _counter_holds(use):
            fen = min(counted.get(voucher.id, {}).get(row.debit, 0), row.amount_fen)
            events.append(
                ledger.Event(
                    id=row.id.removesuffix("hold") + "end",
                    kind="capture" if fen else "release",
                    ledger=book,
                    amount_fen=fen,
                    code="capture" if fen else "release",
                    pending_id=row.id,
                )
            )
    return events


def note_redeemed(
    uses: Sequence[Use],
    vouchers: Sequence[Voucher],
    shares: Sequence[VoucherShare],
    events: Sequence[ledger.Event],
) -> None:
    """Writes down what :func:`end_counts` counted, by which rule, once it is posted; and which vouchers are
    used up."""
    now = timezone.now()
    rules_of = {
        share.voucher_id: {key: (rule, counts) for key, rule, counts in share.limits} for share in shares
    }
    captured = {event.pending_id: event for event in events if event.kind == "capture"}
    Count.objects.bulk_create(
        Count(
            id=captured[row.id].id,
            programme_id=voucher.programme_version.programme_id,
            voucher=voucher,
            rule=rules_of[voucher.id][row.debit][0],
            counts=rules_of[voucher.id][row.debit][1],
            account=row.debit,
            day=rules.programme_day(now),
            amount_fen=captured[row.id].amount_fen,
            at=now,
        )
        for use, voucher in zip(uses, vouchers, strict=True)
        for row in _counter_holds(use)
        if row.id in captured
    )
    after_use(vouchers)


def _counter_holds(use: Use) -> list[TransferRow]:
    start = f"{use.hold_id}:count:"
    return [row for row in balances.journal(use.hold_id) if row.kind == "hold" and row.id.startswith(start)]


def _hold(use: Use, voucher: Voucher, centre_id: str) -> ledger.Event:
    return ledger.Event(
        id=use.hold_id,
        kind="hold",
        ledger=accounts.ledger_of(voucher.programme_version.programme_id),
        amount_fen=use.most_fen,
        code="hold",
        debit=accounts.voucher_account(voucher.id),
        credit=accounts.centre_account(centre_id),
    )
