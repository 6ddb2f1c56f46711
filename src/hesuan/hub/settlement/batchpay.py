"""Paying a whole batch: thousands of claims by few statements, in the one transaction of the caller.

A claim whose claimant owes something back, or was paid in advance, is paid by itself, since what is set off
or drawn depends on the claims before it. All others are read together, posted together and written together.
The outcome is the same, row for row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.settlement import accounts, clawing, floats, gate, instructing, payables, payment
from hesuan.hub.settlement.claims import ledger_of
from hesuan.hub.settlement.models import Batch, Claim, ClaimLine, Clawback, Payment, RedemptionStep

ROWS = 500
"""Rows written, ids asked for, and events posted by one statement."""
State = Claim.State
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read:
    """A claim with what paying it takes."""

    claim: Claim
    due: dict[str, int]
    """Payer → payable and not paid [fen]."""
    waiting: int
    """Lines that stay behind: disputed, or not decided."""
    paid_before: dict[str, int]
    """Payer → how many payments there were."""


def pay_all(batch: Batch, *, actor: Actor, reference: str) -> list[Payment]:
    """Pays everything payable on the claims of a locked batch and instructs the payers' banks.

    Raises:
        Refused: as :func:`hesuan.hub.settlement.payment.need_sound`.
    """
    payment.need_sound()
    rows = Claim.objects.select_for_update(of=("self",)).filter(batch=batch).order_by("id")
    found = read(rows.select_related("programme_version__programme__office", "claimant", "holder", "centre"))
    flagged = gate.flagged_among([one.claim for one in found])
    wanted = [one for one in found if one.claim.id not in flagged]
    alone = _alone(batch, wanted)
    clawing.lock_owed([one.claim for one in wanted if one.claim.id in alone])
    made = _pay(batch, [one for one in wanted if one.claim.id not in alone], actor=actor, reference=reference)
    for one in wanted:
        if one.claim.id in alone:
            made += payment.pay_due(one.claim, actor=actor, reference=reference, batch=batch)
    instructing.of_batch(batch, made, actor=actor, reference=reference)
    return made


def read(claims: QuerySet[Claim]) -> list[Read]:
    """What is due on some claims, by as many statements for a thousand as for one."""
    rows = list(claims)
    lines: defaultdict[str, list[ClaimLine]] = defaultdict(list)
    before: defaultdict[str, list[Payment]] = defaultdict(list)
    for ids in _cut([one.id for one in rows]):
        for line in payables.living(ClaimLine.objects.filter(claim__in=ids)):
            lines[line.claim_id].append(line)
        for one in Payment.objects.filter(claim__in=ids).order_by("id"):
            before[one.claim_id].append(one)
    return [_read(claim, lines[claim.id], before[claim.id]) for claim in rows]


def _read(claim: Claim, lines: Sequence[ClaimLine], before: Sequence[Payment]) -> Read:
    numbers: dict[str, int] = {}
    for one in before:
        numbers[one.payer] = numbers.get(one.payer, 0) + 1
    waits = [one for one in lines if one.state == ClaimLine.State.CLAIMED or payables.is_disputed(one)]
    return Read(claim, payables.due_of(lines, before), len(waits), numbers)


def _alone(batch: Batch, found: Iterable[Read]) -> set[str]:
    owing = set(
        Clawback.objects.filter(
            state=Clawback.State.DUE, claim__programme_version__programme_id=batch.programme_id
        ).values_list("party_id", flat=True)
    )
    return {one.claim.id for one in found if one.claim.flow == floats.FLOW or one.claim.claimant_id in owing}


def _pay(batch: Batch, found: Sequence[Read], *, actor: Actor, reference: str) -> list[Payment]:
    made, events = [], []
    opened = set[str]()
    now = timezone.now()
    for one in found:
        for payer, fen in one.due.items():
            if fen > 0:
                made.append(_payment(batch, one, payer, fen, actor, reference))
                made[-1].paid_at = now
                events.append(_event(made[-1], opened))
    for some in _cut(events):
        ledger.post_or_raise(some)
    Payment.objects.bulk_create(made, batch_size=ROWS)
    _settle_lines(found)
    _move(found, made, actor=actor, reference=reference)
    return made


def _payment(  # noqa: PLR0917 - the columns of one row
    batch: Batch, one: Read, payer: str, fen: int, actor: Actor, reference: str
) -> Payment:
    return Payment(
        id=f"pay:{one.claim.id}:{payer}:{one.paid_before.get(payer, 0) + 1}",
        claim=one.claim,
        batch=batch,
        payer=payer,
        amount_fen=fen,
        reference=reference,
        paid_by=actor.identity_id,
    )


def _event(made: Payment, opened: set[str]) -> ledger.Event:
    book = ledger_of(made.claim)
    debit, credit = accounts.payable_account(made.payer), accounts.paid_account(made.payer)
    if credit not in opened:
        opened.add(credit)
        for key in (debit, credit):
            ledger.open_account(ledger=book, key=key, kind=key.partition(":")[0])
    return ledger.Event(made.id, "transfer", book, made.amount_fen, "settle", debit, credit)


def _settle_lines(found: Sequence[Read]) -> None:
    for ids in _cut([one.claim.id for one in found]):
        rows = ClaimLine.objects.filter(claim__in=ids, live=True, state=ClaimLine.State.PAYABLE)
        rows.update(state=ClaimLine.State.PAID)


def _move(found: Sequence[Read], made: Sequence[Payment], *, actor: Actor, reference: str) -> None:
    """The claims' states, each with its step and its facts, as :func:`gate.move` writes one."""
    paid: defaultdict[str, list[Payment]] = defaultdict(list)
    for each in made:
        paid[each.claim_id].append(each)
    steps, facts = [], []
    moved: defaultdict[str, list[str]] = defaultdict(list)
    for one in found:
        claim, before = one.claim, one.claim.state
        claim.state = State.PAYABLE if one.waiting else State.PAID
        moved[claim.state].append(claim.id)
        steps.append(
            RedemptionStep(
                claim=claim,
                from_state=before,
                to_state=claim.state,
                trigger="paid",
                actor=actor.identity_id,
                reason=reference,
                at=timezone.now(),
            )
        )
        facts += [payment.fact_of(made_now, actor) for made_now in paid[claim.id]]
        facts.append(_fact(one, before, paid[claim.id], actor, reference))
    for state, ids in moved.items():
        for some in _cut(ids):
            Claim.objects.filter(pk__in=some).update(state=state)
    RedemptionStep.objects.bulk_create(steps, batch_size=ROWS)
    audit.record_all(facts)


def _fact(one: Read, before: str, paid: Sequence[Payment], actor: Actor, reference: str) -> Fact:
    return audit.drafted(
        kind="claim.paid",
        subject=one.claim.id,
        actor=actor.identity_id,
        public={
            "from": before,
            "to": one.claim.state,
            "paid_fen": sum(each.amount_fen for each in paid),
            "waiting_lines": one.waiting,
        },
        private={"reason": reference} if reference else None,
    )


def _cut(rows: Sequence[T]) -> Iterable[Sequence[T]]:
    return (rows[at : at + ROWS] for at in range(0, len(rows), ROWS))
