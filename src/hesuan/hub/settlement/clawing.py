"""Clawback (追缴): money paid that has to come back is due, and is recovered, set off, or written off by two.

Due: ``paid:<payer> → clawback_receivable:<party>``. Recovered or set off: from there to ``returned:<payer>``;
written off: to ``written_off:<payer>``. A clawback's parts are rows; what is left is what the rows leave.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import QuerySet
from django.utils import timezone

from hesuan.errors import InputFault, Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes.recounting import Recount
from hesuan.hub.settlement import accounts, gate, limits
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.claims import locked
from hesuan.hub.settlement.models import Claim, Clawback, ClawbackPart, CreditNote
from hesuan.hub.settlement.payables import as_json, move
from hesuan.money import format_yuan
from hesuan.wire.canonical import Json

State = Clawback.State
UNCLOSED = tuple(state for state in Claim.State.values if state != Claim.State.CLOSED)
"""Nothing is demanded of a claim once it is closed."""


def demand(*, actor: Actor, clawback_id: str, claim_id: str, amount_fen: int, reason: str) -> Clawback:
    """Demands money back of a claim (fraud, aid taken twice, an audit's finding); payers in proportion.

    Args:
        actor: An approver of the programme's office.
        clawback_id: A ULID chosen by the caller; the same id again is the same clawback.
        claim_id: The claim that was paid.
        amount_fen: How much [fen]; at most what was paid and is not demanded yet.
        reason: Why; the party reads it.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``clawback.too_much``.
        InputFault: ``claim.reason_missing``, ``claim.amount_wrong``.
    """
    verb = ("Demanding money back", "追缴")
    gate.need_reason(reason, verb)
    with ledger.atomic():
        claim = locked(actor, claim_id)
        gate.need_office(actor, claim, ("approver",), verb)
        found = Clawback.objects.filter(pk=clawback_id, claim=claim).first()
        if found is not None:
            return found
        gate.need_state(claim, UNCLOSED, verb)
        left = kept(claim)
        if amount_fen <= 0:
            raise InputFault(
                errors.AMOUNT_WRONG,
                where="amount",
                field="amount",
                low=1,
                high=sum(left.values()),
                value=amount_fen,
            )
        if amount_fen > sum(left.values()):
            raise Refused(
                errors.CLAWBACK_TOO_MUCH,
                asked=format_yuan(amount_fen),
                claim=claim.id,
                left=format_yuan(sum(left.values())),
                paid=format_yuan(sum(claim.payments.values_list("amount_fen", flat=True))),
            )
        return make_due(claim, split(amount_fen, left), actor=actor, reason=reason, clawback_id=clawback_id)


def recover(*, actor: Actor, clawback_id: str, reference: str) -> Clawback:
    """The money came back: all that is left of a clawback.

    Raises:
        NotFound: ``clawback.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.wrong_state``.
    """
    verb = ("Booking it as recovered", "登记已追回")
    with ledger.atomic():
        clawback = _for_office(actor, clawback_id, ("programme_officer", "approver"), verb)
        if clawback.state == State.RECOVERED:
            return clawback
        gate.need_state(clawback, (State.DUE,), verb)
        limits.lock_counted([clawback])
        for payer, fen in left_of(clawback).items():
            _part(clawback, State.RECOVERED, payer, fen, actor=actor, reference=reference)
        gate.move(clawback, State.RECOVERED, trigger="recovered", actor=actor, reason=reference)
    return clawback


def write_off(*, actor: Actor, clawback_id: str, reason: str) -> Clawback:
    """Writes off what is left of a clawback: one approver proposes, another one agrees by the same call.

    Raises:
        NotFound: ``clawback.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.wrong_state``.
        InputFault: ``claim.reason_missing``.
    """
    verb = ("Writing it off", "核销")
    gate.need_reason(reason, verb)
    with ledger.atomic():
        clawback = _for_office(actor, clawback_id, ("approver", "programme_officer"), verb)
        if clawback.state == State.WRITTEN_OFF or clawback.proposed_write_off_by == actor.identity_id:
            return clawback
        gate.need_state(clawback, (State.DUE,), verb)
        if not clawback.proposed_write_off_by:
            clawback.proposed_write_off_by = actor.identity_id
            gate.move(clawback, State.DUE, trigger="write_off_proposed", actor=actor, reason=reason)
            return clawback
        for payer, fen in left_of(clawback).items():
            _part(clawback, State.WRITTEN_OFF, payer, fen, actor=actor, reference="")
        gate.move(clawback, State.WRITTEN_OFF, trigger="written_off", actor=actor, reason=reason)
    return clawback


def left_of(clawback: Clawback) -> dict[str, int]:
    """Payer → what is still due [fen]; payers to whom nothing is due are left out."""
    owed: defaultdict[str, int] = defaultdict(int)
    for share in clawback.shares:
        owed[share["payer"]] += share["fen"]
    for part in clawback.parts.all():
        owed[part.payer] -= part.amount_fen
    return {payer: fen for payer, fen in owed.items() if fen}


# --- What other modules of redemption use ---


def kept(claim: Claim) -> dict[str, int]:
    """Payer → what was paid on a claim and is not demanded back [fen]."""
    found: defaultdict[str, int] = defaultdict(int)
    for payment in claim.payments.all():
        found[payment.payer] += payment.amount_fen
    for clawback in claim.clawbacks.all():
        for share in clawback.shares:
            found[share["payer"]] -= share["fen"]
    return {payer: fen for payer, fen in found.items() if fen > 0}


def split(amount_fen: int, left: Mapping[str, int]) -> dict[str, int]:
    """An amount in proportion to what each has, to the fen, never above it; the rest to the first that can.

    >>> split(5, {"province": 3, "city": 3})
    {'province': 3, 'city': 2}
    """
    whole = sum(left.values())
    assert 0 <= amount_fen <= whole
    shares = {payer: amount_fen * fen // whole for payer, fen in left.items()} if whole else {}
    rest = amount_fen - sum(shares.values())
    for payer, fen in left.items():
        more = min(rest, fen - shares[payer])
        shares[payer] += more
        rest -= more
    return shares


def make_due(
    claim: Claim,
    shares: Mapping[str, int],
    *,
    actor: Actor,
    reason: str,
    clawback_id: str,
    note: CreditNote | None = None,
) -> Clawback:
    """A clawback becomes due: what was paid is owed back."""
    events = [
        event
        for payer, fen in shares.items()
        for event in move(
            claim,
            f"clawback:{clawback_id}:due:{payer}",
            accounts.paid_account(payer),
            accounts.receivable_account(claim.claimant_id),
            fen,
            "reverse",
        )
    ]
    ledger.post_or_raise(events)
    clawback = Clawback(
        id=clawback_id,
        claim=claim,
        party=claim.claimant,
        reason=reason,
        amount_fen=sum(shares.values()),
        shares=as_json(shares),
        note=note,
        due_at=timezone.now(),
    )
    clawback.save(force_insert=True)
    public: dict[str, Json] = {"amount_fen": clawback.amount_fen}
    told: dict[str, Json] = {"claim": claim.id}
    gate.move(clawback, State.DUE, trigger="due", actor=actor, reason=reason, public=public, private=told)
    return clawback


def set_off(claim: Claim, payer: str, at_most_fen: int, *, payment_id: str, actor: Actor) -> int:
    """Sets what the claimant owes a payer off against what that payer pays now, oldest first [fen]."""
    rows = _owed([claim]).select_for_update(of=("self",))
    owed = rows.select_related("claim__programme_version__programme").order_by("due_at", "id")
    taken = 0
    for clawback in owed:
        fen = min(at_most_fen - taken, left_of(clawback).get(payer, 0))
        if fen <= 0:
            continue
        _part(clawback, State.OFFSET, payer, fen, actor=actor, reference=payment_id)
        taken += fen
        to = State.DUE if left_of(clawback) else State.OFFSET
        gate.move(clawback, to, trigger="set_off", actor=actor, reason=payment_id)
    return taken


def lock_owed(claims: Sequence[Claim]) -> None:
    """Locks the limits that setting off would give back, before any money of the payments is posted.

    All at once: a batch that came to the next claim's limits with money locked could wait for a claim that
    holds those limits and waits for that money.
    """
    limits.lock_counted(_owed(claims).select_related("claim__programme_version"))


def _owed(claims: Sequence[Claim]) -> QuerySet[Clawback]:
    """What the claimants have to bring back to the programme of their claims."""
    return Clawback.objects.filter(
        party_id__in={one.claimant_id for one in claims},
        state=State.DUE,
        claim__programme_version__programme_id__in={one.programme_version.programme_id for one in claims},
    )


def _part(clawback: Clawback, how: str, payer: str, fen: int, *, actor: Actor, reference: str) -> None:
    """One part of a clawback is done: what came back uses no limit any more, what is written off does."""
    number = clawback.parts.count() + 1
    to = accounts.written_off_account if how == State.WRITTEN_OFF else accounts.returned_account
    events = move(
        clawback.claim,
        f"clawback:{clawback.id}:part:{number}",
        accounts.receivable_account(clawback.party_id),
        to(payer),
        fen,
        "reverse",
    )
    back = Recount() if how == State.WRITTEN_OFF else limits.given_back(clawback, fen, number)
    ledger.post_or_raise([*events, *back.events])
    back.write()
    ClawbackPart.objects.create(
        clawback=clawback,
        how=how,
        payer=payer,
        amount_fen=fen,
        reference=reference,
        booked_by=actor.identity_id,
        at=timezone.now(),
    )


def _for_office(actor: Actor, clawback_id: str, roles: tuple[str, ...], verb: gate.Verb) -> Clawback:
    seen = reads.clawback(actor, clawback_id)
    gate.need_office(actor, seen.claim, roles, verb)
    rows = Clawback.objects.select_for_update(of=("self",)).select_related(
        "claim__programme_version__programme", "party"
    )
    return rows.get(pk=seen.pk)
