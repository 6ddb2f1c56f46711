"""What is payable on a claim, line by line and payer by payer; the ledger moves with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.rules import Code
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes.paying import PayingTerms
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.programmes.services import need_unfrozen, note_counted
from hesuan.hub.settlement import accounts, gate, holds
from hesuan.hub.settlement.claims import ledger_of, source_account
from hesuan.hub.settlement.models import Adjustment, Batch, Claim, ClaimLine, Dispute, Payment

Line = ClaimLine.State
SINGLE = ("", "per_claim", "once")
"""Cadences under which a user's claim is paid by itself."""


def make(claim: Claim, terms: PayingTerms, actor: Actor) -> None:
    """Makes every undisputed line payable, and puts the claim into the quarter's batch where one is kept."""
    for line in with_adjustments(claim):
        if line.state == Line.CLAIMED and not is_disputed(line):
            line_payable(claim, line)
    if claim.batch_id is None and not (claim.flow in gate.USER_FLOWS and terms.cadence in SINGLE):
        claim.batch = _open_batch(claim, actor)
    due_fen = sum(due(claim).values())
    told = {"batch": claim.batch_id}
    gate.move(
        claim,
        Claim.State.PAYABLE,
        trigger="payable",
        actor=actor,
        public={"payable_fen": due_fen},
        private=told,
    )


def line_payable(claim: Claim, line: ClaimLine) -> None:
    """One line becomes payable: what was captured for it goes to the payers' accounts, share by share.

    The limits that a user's line held are counted in the same journal.
    """
    net = net_shares(line)
    events = []
    held = holds.Held(None, ())
    if claim.flow in gate.USER_FLOWS:
        need_unfrozen(line.drawn_on)
        held = holds.open_holds(line)
        events += _capture(claim, line, held, sum(net.values()))
    for payer, fen in net.items():
        events += move(
            claim,
            f"claim:{line.id}:payable:{payer}",
            source_account(claim),
            accounts.payable_account(payer),
            fen,
        )
    if events:
        ledger.post_or_raise(events)
    if held.limits:
        note_counted(line.drawn_on, held.limits, events, day=holds.day_of(claim))
    line.state = Line.PAYABLE
    line.save(update_fields=["state"])


def due(claim: Claim) -> dict[str, int]:
    """Payer → what is payable on the claim and not paid [fen]; payers of nothing are left out."""
    return due_of(with_adjustments(claim), claim.payments.all())


def due_of(lines: Iterable[ClaimLine], payments: Iterable[Payment]) -> dict[str, int]:
    """The same of lines with their adjustments, and of payments, that the caller has read."""
    owed: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        if line.state in (Line.PAYABLE, Line.PAID):
            for payer, fen in posted_shares(line).items():
                owed[payer] += fen
    for payment in payments:
        owed[payment.payer] -= payment.amount_fen
    return {payer: fen for payer, fen in owed.items() if fen}


def net_shares(line: ClaimLine) -> dict[str, int]:
    """A line's shares after every credit note; payer → fen."""
    return _added(line, lambda _adjustment, _fen: True)


def posted_shares(line: ClaimLine) -> dict[str, int]:
    """A line's shares as they stand with the payers: what has to come back by clawback is still in."""
    return _added(line, lambda adjustment, fen: fen > 0 or adjustment.effect != Adjustment.Effect.CLAWBACK)


def _added(line: ClaimLine, counts: Any) -> dict[str, int]:
    found = {share["payer"]: int(share["fen"]) for share in line.shares}
    for adjustment in line.adjustments.all():
        for share in adjustment.shares:
            if counts(adjustment, share["fen"]):
                found[share["payer"]] = found.get(share["payer"], 0) + share["fen"]
    return found


def with_adjustments(claim: Claim) -> list[ClaimLine]:
    """The claim's living lines with their adjustments and disputes."""
    return list(living(claim.lines.all()).select_related("claim", "voucher"))


def living(rows: QuerySet[ClaimLine]) -> QuerySet[ClaimLine]:
    """Of some lines the living ones, with their adjustments and disputes, in order."""
    return (
        rows.filter(live=True)
        .prefetch_related(
            Prefetch("adjustments", Adjustment.objects.order_by("id")),
            Prefetch("disputes", Dispute.objects.order_by("opened_at")),
        )
        .order_by("claim_id", "number")
    )


def is_disputed(line: ClaimLine) -> bool:
    """Whether a dispute about the line is open."""
    return any(one.resolved_at is None for one in line.disputes.all())


def move(  # noqa: PLR0917 - a transfer has this many parts
    claim: Claim, event_id: str, debit: str, credit: str, amount_fen: int, code: Code = "settle"
) -> list[ledger.Event]:
    """One transfer in the claim's ledger, its credited account opened; nothing for an amount of 0."""
    if not amount_fen:
        return []
    book = ledger_of(claim)
    for key in (debit, credit):
        ledger.open_account(ledger=book, key=key, kind=key.partition(":")[0])
    return [
        ledger.Event(
            id=event_id,
            kind="transfer",
            ledger=book,
            amount_fen=amount_fen,
            code=code,
            debit=debit,
            credit=credit,
        )
    ]


def _capture(claim: Claim, line: ClaimLine, held: holds.Held, net_fen: int) -> list[ledger.Event]:
    """Ends the hold on a user's voucher; what it held too little of is taken beside it."""
    if held.money is None:
        return []
    captured = min(net_fen, held.money.amount_fen)
    more = move(
        claim,
        f"claim:{line.id}:more",
        programme_accounts.voucher_account(line.drawn_on),
        source_account(claim),
        net_fen - captured,
    )
    return [*holds.capture(line, held, captured), *more]


def _open_batch(claim: Claim, actor: Actor) -> Batch:
    """The programme's open batch of this quarter, opened by its first claim.

    A quarter has one batch, so that its centres have one instruction each: once it is closed, what becomes
    payable goes into the next quarter's.
    """
    now = timezone.now()
    programme = claim.programme_version.programme
    period = gate.quarter_of(programme_day(now))
    gone = set(programme.batches.exclude(state=Batch.State.OPEN).values_list("period", flat=True))
    while period in gone:
        period = gate.next_quarter(period)
    batch, made = Batch.objects.get_or_create(
        programme=programme, period=period, state=Batch.State.OPEN, defaults={"opened_at": now}
    )
    if made:
        gate.move(batch, Batch.State.OPEN, trigger="opened", actor=actor, public={"period": period})
    return batch


def as_json(shares: Mapping[str, int]) -> list[dict[str, Any]]:
    """Shares as rows keep them."""
    return [{"payer": payer, "fen": fen} for payer, fen in shares.items() if fen]


def total(shares: Sequence[Mapping[str, Any]]) -> int:
    """What shares come to [fen]."""
    return sum(int(share["fen"]) for share in shares)
