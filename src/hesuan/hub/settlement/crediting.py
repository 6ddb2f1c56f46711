"""Credit notes (红字发票): negative lines on a claim; later lines are decided anew, nothing is edited.

What comes out otherwise is an adjustment beside its line. Not yet paid: the difference goes back to the
voucher (or to the budget once the voucher has ended). Paid: it has to come back. Where a later line now gets
more, the difference is taken from its voucher and is payable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Max
from django.utils import timezone

from hesuan.errors import Conflict
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.identity.readers import for_everybody
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes.claimtime import claims_over
from hesuan.hub.programmes.life import OVER, give_back
from hesuan.hub.programmes.models import Count, Voucher
from hesuan.hub.programmes.paying import Difference, PastLine, differences_after
from hesuan.hub.programmes.recounting import Change, has_room, lock_limits, recount
from hesuan.hub.programmes.redemption import available_fen
from hesuan.hub.programmes.rules import Item, programme_day
from hesuan.hub.programmes.versions import lock
from hesuan.hub.registry import services as recording
from hesuan.hub.settlement import accounts, clawing, drawn, gate, holds, limits
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement.claims import locked, source_account
from hesuan.hub.settlement.models import Adjustment, Claim, ClaimLine, CreditNote, RedemptionStep
from hesuan.hub.settlement.payables import as_json, move, net_shares, with_adjustments
from hesuan.hub.settlement.taken import check, taken_by_line
from hesuan.wire.ids import new_id

State = Claim.State
Line = ClaimLine.State
Effect = Adjustment.Effect
BOOKABLE = (
    State.MATCHED,
    State.MISMATCH,
    State.VERIFIED,
    State.SAMPLED_AUDIT,
    State.APPROVED,
    State.PUBLICISED,
    State.PAYABLE,
    State.PAID,
    State.RECONCILED,
)


def book_credit_note(
    *, actor: Actor, note_id: str, claim_id: str, number: str, lines: Mapping[int, int], reason: str
) -> CreditNote:
    """Books a credit note, and decides every later line of the programme anew, and its orders' other ones.

    Args:
        actor: The claimant's owner or operator, or a reviewer of the office.
        note_id: Chosen by the caller; the same id again is the same note.
        claim_id: The claim whose invoice it corrects.
        number: The red-letter invoice's number.
        lines: Line number → what is taken off it [fen].
        reason: Why.

    Raises:
        NotFound: ``claim.not_found``, ``claim.line_not_found``.
        Refused: ``claim.role_missing``, ``claim.wrong_state``, ``credit_note.above_line``,
            ``credit_note.booked_beside``: on another programme's claim on the same order, which counts it.
        Conflict: ``credit_note.id_taken``.
        InputFault: ``claim.amount_wrong``, ``claim.reason_missing``.
    """
    verb = ("Booking a credit note", "登记红字发票")
    gate.need_reason(reason, verb)
    with ledger.atomic():
        claim = locked(actor, claim_id)
        _need_part(actor, claim, verb)
        wanted = [{"line": line, "fen": fen} for line, fen in sorted(lines.items())]
        found = CreditNote.objects.filter(pk=note_id).first()
        if found is not None:
            if (found.claim_id, found.lines) != (claim.id, wanted):
                raise Conflict(errors.NOTE_TAKEN, note=note_id)
            return found
        gate.need_state(claim, BOOKABLE, verb)
        # One note after another: each decides what the notes before it left.
        with for_everybody():
            own = claim.programme_version.programme_id
            vouchers = _lock_vouchers([own, *drawn.sharing(own)])
            for programme_id in sorted(vouchers):
                lock(programme_id)
            before = {programme_id: taken_by_line(programme_id) for programme_id in vouchers}
            check(claim, lines, number, before[own])
        note = CreditNote.objects.create(
            id=note_id,
            claim=claim,
            number=number,
            lines=wanted,
            reason=reason,
            booked_by=actor.identity_id,
            booked_at=timezone.now(),
        )
        recording.note_number(
            kind="invoice",
            number=number,
            organisation_id=claim.holder_id,
            used_by=f"credit_note:{note.id}",
            programme=claim.programme_version.programme_id,
        )
        with for_everybody():  # later lines of others come out otherwise too
            changed = _adjust(note, before, vouchers, actor=actor)
        audit.record(
            kind="credit_note.booked",
            subject=claim.id,
            actor=actor.identity_id,
            public={"taken_fen": sum(lines.values()), "adjusted_lines": changed},
            private={"number": number, "reason": reason},
        )
    return note


def _adjust(
    note: CreditNote,
    before: Mapping[str, Mapping[str, int]],
    vouchers: Mapping[str, Sequence[Voucher]],
    *,
    actor: Actor,
) -> int:
    """Writes every adjustment that follows, under the note's programme and beside it; how many there are."""
    own = note.claim.programme_version.programme_id
    past = {programme_id: _past(programme_id) for programme_id in vouchers}
    found = differences_after(past[own], before=before[own], now=taken_by_line(own))
    for programme_id in sorted(vouchers):
        lock_limits(programme_id, _limits(found if programme_id == own else (), vouchers[programme_id]))
    changed = sum(_carry_out(note, one, actor=actor) for one in found)
    for other in sorted(set(vouchers) - {own}):
        changed += _beside(note, other, past[other], before[other], actor=actor)
    for voucher in (one for rows in vouchers.values() for one in rows):
        if _is_over(voucher):
            give_back(voucher, None, subject=f"note:{note.id}:{voucher.id}")
    return changed


def _beside(
    note: CreditNote,
    programme_id: str,
    past: Sequence[PastLine],
    before: Mapping[str, int],
    *,
    actor: Actor,
) -> int:
    """Another programme's lines on the same orders, decided anew on what the note left of their charge, and
    beside what it left of this one's money.

    More is given only where this programme's rule goes on to give what it gives, beside the more.
    """
    orders = {
        line.id: line.settlement_id for line in ClaimLine.objects.filter(pk__in=[one.id for one in past])
    }
    beside = {key: drawn.beside(order, programme_id) for key, order in orders.items()}
    found = differences_after(past, before=before, now=taken_by_line(programme_id), beside=beside)
    more = {orders[one.id]: one.fen for one in found if one.fen > 0}
    if more and _stands_against(note.claim.programme_version.programme_id, programme_id, more):
        found = tuple(one for one in found if one.fen <= 0)
    return sum(_carry_out(note, one, actor=actor) for one in found)


def _stands_against(own: str, other: str, more: Mapping[str, int]) -> bool:
    """Whether a programme's rule would give less of an order beside more of another one's money."""
    past = _past(own)
    lines = ClaimLine.objects.filter(pk__in=[one.id for one in past], settlement_id__in=more)
    orders = dict(lines.values_list("id", "settlement_id"))
    beside = {
        one.id: {**dict(one.beside), other: dict(one.beside).get(other, 0) + more[orders[one.id]]}
        for one in past
        if one.id in orders
    }
    taken = taken_by_line(own)
    return any(one.fen < 0 for one in differences_after(past, before=taken, now=taken, beside=beside))


def _past(programme_id: str) -> list[PastLine]:
    """A programme's submitted lines under lock, in the order in which they were decided."""
    rows = (
        ClaimLine.objects.select_for_update(of=("self",))
        .filter(claim__programme_version__programme_id=programme_id, live=True)
        .exclude(claim__period="")
        # A user's claim that came back holds nothing; submitting it anew decides it with every note.
        .exclude(claim__state=State.DRAFT, claim__flow__in=gate.USER_FLOWS)
        .select_related("settlement__order__quote__request", "voucher", "claim")
    )
    submitted = _submissions(programme_id)
    places = _places(programme_id)
    return [
        PastLine(
            id=row.id,
            voucher_id=row.drawn_on,
            centre_id=row.settlement.order.centre_id,
            charge_fen=row.charge_fen,
            at=row.settlement.order.quote.request.created_at,
            item=Item.of_quote(row.settlement.order.quote.document),
            order_id=row.settlement.order_id,
            beside=tuple(drawn.beside(row.settlement_id, programme_id).items()),
            counted_on=programme_day(submitted[row.claim_id]) if row.claim_id in submitted else None,
            claim_id=row.claim_id if row.claim_id in submitted else "",
            nth=places[row.id][0],
            before_fen=places[row.id][1],
        )
        for row in sorted(rows, key=lambda row: _decided_at(row, submitted))
    ]


def _places(programme_id: str) -> dict[str, tuple[int, int]]:
    """Line → how many orders of its claim were decided before it, and what those were charged [fen].

    Lines that were decided together draw on one voucher; one that was refused since was among them, and one
    that was refused before the claim came back draws on an earlier one.
    """
    rows = ClaimLine.objects.filter(claim__programme_version__programme_id=programme_id)
    found: dict[str, tuple[int, int]] = {}
    before: dict[tuple[str, str | None], tuple[int, int]] = {}
    for row in rows.order_by("claim_id", "number").only("id", "claim_id", "voucher_id", "charge_fen"):
        nth, fen = found[row.id] = before.get((row.claim_id, row.voucher_id), (0, 0))
        before[row.claim_id, row.voucher_id] = nth + 1, fen + row.charge_fen
    return found


def _submissions(programme_id: str) -> dict[str, datetime]:
    """Claim → when it was last submitted, of claims that drew on their voucher then."""
    steps = RedemptionStep.objects.filter(
        trigger="submitted",
        claim__programme_version__programme_id=programme_id,
        claim__flow__in=gate.USER_FLOWS,
    )
    return dict(steps.order_by().values_list("claim_id").annotate(last=Max("at")))


def _decided_at(line: ClaimLine, submitted: Mapping[str, datetime]) -> tuple[datetime, str, int]:
    """The order in which lines found vouchers and limits: as orders were settled, or claims submitted."""
    at = submitted.get(line.claim_id)
    if at is not None:
        return at, line.claim_id, line.number
    return line.settlement.settled_at, line.settlement_id, line.number


def _limits(found: Iterable[Difference], vouchers: Iterable[Voucher]) -> set[str]:
    """Every limit that the journals of a note may touch."""
    own = {change.account for difference in found for change in difference.counted}
    ids = [voucher.id for voucher in vouchers]
    return own | set(Count.objects.filter(voucher_id__in=ids).values_list("account", flat=True))


def _lock_vouchers(programme_ids: Sequence[str]) -> dict[str, list[Voucher]]:
    """The vouchers of programmes' claims by programme, taken before their rows as everywhere else."""
    lines = ClaimLine.objects.filter(claim__programme_version__programme_id__in=programme_ids)
    rows = Voucher.objects.select_for_update(of=("self",)).select_related("programme_version__programme")
    found: dict[str, list[Voucher]] = {programme_id: [] for programme_id in programme_ids}
    for voucher in rows.filter(pk__in=lines.values("voucher_id")).order_by("id"):
        found[voucher.programme_version.programme_id].append(voucher)
    return found


def _is_over(voucher: Voucher) -> bool:
    """What comes back to such a voucher, and no later line of it takes, goes on to the budget.

    A suspended one keeps its money until it is decided, also past its last day.
    """
    now = timezone.now()
    if voucher.state == Voucher.State.SUSPENDED:
        return False
    if voucher.state in (*OVER, Voucher.State.CLOSED) and voucher.state != Voucher.State.EXPIRED:
        return True
    return voucher.ends_at is not None and voucher.ends_at <= now and claims_over(voucher, now)


def _carry_out(note: CreditNote, difference: Difference, *, actor: Actor) -> int:
    row = ClaimLine.objects.select_related("claim").get(pk=difference.id)
    claim = Claim.objects.select_related("programme_version__programme", "claimant").get(pk=row.claim_id)
    if claim.state == State.CLOSED:
        return 0  # what is closed stays as it was decided
    line = next(one for one in with_adjustments(claim) if one.id == row.id)
    net = net_shares(line)
    # Never below nothing: a line that was cut by what its order held has less to lose.
    changes = {one.payer: max(one.fen, -net.get(one.payer, 0)) for one in difference.shares}
    less = {payer: -fen for payer, fen in changes.items() if fen < 0}
    paid = line.state == Line.PAID
    if paid:  # what was demanded before is not demanded again
        kept = clawing.kept(claim)
        less = {payer: due for payer, fen in less.items() if (due := min(fen, kept.get(payer, 0)))}
    more = {payer: fen for payer, fen in changes.items() if fen > 0}
    recounted = list(difference.counted)
    if (
        not more
        or sum(more.values()) > _spendable(line)
        or not has_room(_programme(claim), difference.counted)
    ):
        more, recounted = {}, [one for one in difference.counted if one.fen < 0]
    if sum(less.values()) < -sum(one.fen for one in difference.shares if one.fen < 0):
        # Less comes back than the note alone would take: what was demanded before gives limits back itself.
        recounted = [replace(one, fen=max(one.fen, -sum(less.values()))) for one in recounted]
    if not less and not more:
        return 0
    effect = Effect.RAISED if not less else Effect.CLAWBACK if paid else Effect.REDUCED
    tail = f"note:{note.id}:{line.id}"
    if claim.flow in gate.USER_FLOWS and line.state == Line.CLAIMED:
        after_fen = sum(net.values()) + sum(more.values()) - sum(less.values())
        holds.revise(line, fen=after_fen, changes=recounted)
    else:
        _recount(line, recounted, subject=f"claim:{line.id}:note:{line.adjustments.count() + 1}")
    if more:
        _raise(claim, line, more, tail)
    if less and paid:
        reason = f"{note.number}: {note.reason}"
        clawing.make_due(claim, less, actor=actor, reason=reason, clawback_id=new_id(), note=note)
    elif less:
        _reduce(claim, line, less, tail)
    before_fen = sum(net.values())
    Adjustment.objects.create(
        note=note,
        line=line,
        before_fen=before_fen,
        after_fen=before_fen + sum(more.values()) - sum(less.values()),
        shares=as_json({**{payer: -fen for payer, fen in less.items()}, **more}),
        effect=effect,
        at=timezone.now(),
    )
    return 1


def _recount(line: ClaimLine, changes: Sequence[Change], *, subject: str) -> None:
    """What the line counted of limits on use is as if the note had always been."""
    names = limits.names_of(line)
    made = recount(line.drawn_on, names, changes, subject=subject, day=programme_day(timezone.now()))
    if made.events:
        ledger.post_or_raise(made.events)
        made.write()


def _programme(claim: Claim) -> str:
    return claim.programme_version.programme_id


def _spendable(line: ClaimLine) -> int:
    """What the line's voucher has for more; nothing while its account is frozen."""
    voucher = Voucher.objects.select_related("programme_version").get(pk=line.drawn_on)
    book = programme_accounts.ledger_of(voucher.programme_version.programme_id)
    if balances.is_frozen(book, programme_accounts.voucher_account(voucher.id)):
        return 0
    return available_fen(voucher)


def _reduce(claim: Claim, line: ClaimLine, less: Mapping[str, int], tail: str) -> None:
    """Not yet paid: the difference goes back where it came from."""
    home = programme_accounts.voucher_account(line.drawn_on)
    events = []
    if line.state == Line.PAYABLE:
        for payer, fen in less.items():
            events += move(claim, f"{tail}:{payer}", accounts.payable_account(payer), home, fen, "reverse")
    elif claim.flow in gate.SUPPLIER_FLOWS:
        events += move(claim, tail, source_account(claim), home, sum(less.values()), "reverse")
    # A user's line that only holds its money holds less of it by now.
    if events:
        ledger.post_or_raise(events)


def _raise(claim: Claim, line: ClaimLine, more: Mapping[str, int], tail: str) -> None:
    """The difference is taken from the voucher; where the line is payable, it is payable too."""
    if claim.flow in gate.USER_FLOWS and line.state == Line.CLAIMED:
        return  # held already, and captured when the line becomes payable
    account = programme_accounts.voucher_account(line.drawn_on)
    source = source_account(claim)
    events = move(claim, f"{tail}:more", account, source, sum(more.values()))
    if line.state != Line.CLAIMED:
        for payer, fen in more.items():
            events += move(claim, f"{tail}:more:{payer}", source, accounts.payable_account(payer), fen)
    ledger.post_or_raise(events)
    if claim.state in (State.PAID, State.RECONCILED):
        gate.move(
            claim, State.PAYABLE, trigger="raised", actor=SYSTEM, public={"more_fen": sum(more.values())}
        )


def _need_part(actor: Actor, claim: Claim, verb: gate.Verb) -> None:
    if actor.has("owner", claim.holder_id) or actor.has("centre_operator", claim.centre.organisation_id):
        return
    gate.need_role(actor, claim.programme_version.programme.office, ("reviewer", "approver"), verb)
