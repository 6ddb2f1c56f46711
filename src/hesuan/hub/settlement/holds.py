"""What a user's claim holds: the voucher it draws on and every limit its lines use up, line by line.

A line's hold is named after the line and the round (how often the claim was submitted, or its rate set);
where a credit note changes what the line gets, the hold is ended and made anew under the next number, so that
what it gives back is free at once. What is open is read from the ledger, never kept beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.ledger.selectors import TransferRow
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.drawing import Drawn, Wish, hold_of, limit_holds
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.recounting import Change
from hesuan.hub.programmes.rules import Item, part, programme_day
from hesuan.hub.settlement import accounts, gate, stating
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement.models import Claim, ClaimLine, Settlement
from hesuan.money import format_yuan
from hesuan.wire.canonical import Json

RATE_SET = "rate_set"
"""The step at which somebody set a claim's rate."""
COUNT = ":count:"
"""Between the id of a hold on a voucher and the place of the limit that is held with it."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a line holds now."""

    money: TransferRow | None
    limits: tuple[TransferRow, ...]

    @property
    def rows(self) -> list[TransferRow]:
        """All of it."""
        return [*([self.money] if self.money else []), *self.limits]


def wish_of(settlement: Settlement, hold_id: str, *, credited_fen: int = 0) -> Wish:
    """A settled order as something that a voucher may pay its part of."""
    quote = settlement.order.quote
    return Wish(
        hold_id,
        settlement.charge_fen,
        settlement.order.centre_id,
        quote.request.created_at,
        Item.of_quote(quote.document),
        credited_fen,
    )


def hold_anew(claim: Claim, actor: Actor, award: Mapping[str, Json] | None = None) -> list[Drawn]:
    """Decides a claim's lines, fixes their amounts, and holds voucher and limits for them in one journal.

    Where nothing was issued beforehand, that journal makes the entitlement too.

    Args:
        claim: A draft; what it held before is released.
        actor: Who submits it, or sets its rate.
        award: What somebody set for a claim that was submitted; all else stays as it was then.

    Raises:
        Refused: ``voucher.not_drawn_on``; ``claim.nothing_paid`` where nothing is left of voucher or limits;
            ``programme.not_active``, ``call.none_open``.
        Faults: of the facts that a claim states.
    """
    key = accounts.user_account(claim.claimant_id)
    ledger.open_account(
        ledger=programme_accounts.ledger_of(claim.programme_version.programme_id), key=key, kind="user"
    )
    number = round_of(claim) + 1
    rows = claim.lines.filter(live=True).select_related("settlement__order__quote__request")
    lines = list(rows.prefetch_related("adjustments").order_by("number"))
    taken = _credited(claim)
    wishes = [
        wish_of(line.settlement, f"claim:{line.id}:hold:{number}", credited_fen=taken[line.number])
        for line in lines
    ]
    day = programme_day(timezone.now())
    if claim.voucher_id is not None:
        programmes.need_drawable(claim.voucher_id)
        drawn, events = programmes.draw(claim.voucher_id, wishes, day=day, to=key)
    else:
        asking = replace(stating.asking_of(claim), award=award or {})
        voucher, drawn, events = programmes.entitle(asking, wishes, actor=actor, to=key)
        for line in lines:
            line.voucher = voucher
    need_something(drawn)
    for line, one in zip(lines, drawn, strict=True):
        _fix(line, one)
    ledger.post_or_raise(events)
    return drawn


def need_something(drawn: Sequence[Drawn]) -> None:
    """Raises: Refused: ``claim.nothing_paid``, with the last reason."""
    if not any(one.share.subsidy_fen for one in drawn):
        why = " ".join(line.en for line in drawn[-1].share.trace[-1:])
        raise Refused(errors.NOTHING_PAID, subsidy=format_yuan(0), why=why)


def shares_of(drawn: Drawn) -> list[dict[str, Json]]:
    """Who pays which part, as rows keep it."""
    return [{"payer": one.payer, "fen": one.fen} for one in drawn.share.shares]


def open_holds(line: ClaimLine) -> Held:
    """What a line of the present round holds and nothing has ended yet."""
    names = [hold_id(line)]
    names += [f"{names[0]}:{number}" for number in range(1, line.adjustments.count() + 1)]
    # A limit that came from another line of the claim (:func:`drop`) stands in a journal of its own.
    places = range(programmes.count_of_limits(line.claim.programme_version))
    inherited = [f"{name}{COUNT}{place}" for name in names for place in places]
    money, limits = None, []
    for row in balances.open_holds([*names, *inherited]):
        if row.id in names:
            money = row
        elif row.id.rpartition(COUNT)[0] in names:
            limits.append(row)
    return Held(money, tuple(limits))


def release(line: ClaimLine) -> list[ledger.Event]:
    """The entries that give all of a line's holds back."""
    book = programme_accounts.ledger_of(line.claim.programme_version.programme_id)
    caps = programme_accounts.caps_ledger_of(line.claim.programme_version.programme_id)
    return [
        ledger.Event(
            f"{row.id}:end", "release", caps if COUNT in row.id else book, 0, "release", pending_id=row.id
        )
        for row in open_holds(line).rows
    ]


def drop(line: ClaimLine) -> None:
    """Ends what one line holds while its claim goes on.

    A limit that counts claims counts the claim, whichever of its lines came first: the claim's next line
    holds it from now on, and where all the others are payable already, it is counted.
    """
    held, programme_id = open_holds(line), line.claim.programme_version.programme_id
    caps = programme_accounts.caps_ledger_of(programme_id)
    claims = [one for one in held.limits if programmes.counts_claims(line.claim.programme_version, one.id)]
    others = line.claim.lines.filter(live=True).exclude(pk=line.pk)
    heirs = [hold for one in others.order_by("number") if (hold := open_holds(one).money) is not None]
    paid = others.filter(state__in=(ClaimLine.State.PAYABLE, ClaimLine.State.PAID)).exists()
    counted = claims if paid and not heirs else []
    events = [one for one in release(line) if one.pending_id not in {row.id for row in counted}]
    events += [_end(row, caps, row.amount_fen) for row in counted]
    if heirs:
        told = [(int(row.id.rpartition(":")[2]), row.debit, row.amount_fen) for row in claims]
        events += limit_holds(heirs[0].id, programme_id, told)
    if events:
        ledger.post_or_raise(events)
        programmes.note_counted(line.drawn_on, counted, events, day=day_of(line.claim))


def release_holds(claim: Claim, *, actor: Actor, reason: str, refused: bool = False) -> None:
    """Gives a user's held voucher back, and the limits with it; an entitlement of the claim's own ends.

    Args:
        claim: The claim; a supplier's holds nothing.
        actor: Who takes it back, returns or refuses it.
        reason: Why.
        refused: Whether the office refuses it for good.
    """
    if claim.flow not in gate.USER_FLOWS or not round_of(claim):
        return
    lines = claim.lines.filter(state=ClaimLine.State.CLAIMED).select_related("claim__programme_version")
    events = [event for line in lines for event in release(line)]
    own = {line.voucher_id for line in lines if line.voucher_id} if claim.voucher_id is None else set()
    for voucher_id in own:
        to = Voucher.State.REVOKED if refused else Voucher.State.SURRENDERED
        programmes.undo(voucher_id, events, actor=actor, to=to, reason=reason)
    if events and not own:
        ledger.post_or_raise(events)


def revise(line: ClaimLine, *, fen: int, changes: Iterable[Change]) -> None:
    """Ends what a line holds and holds another amount instead, so that what is over is free at once.

    Args:
        line: A line that is claimed and not payable yet.
        fen: What it is to hold of the voucher now [fen].
        changes: What it holds more or less of limits.
    """
    if not fen:
        drop(line)
        return
    held, programme_id = open_holds(line), line.claim.programme_version.programme_id
    places = {row.debit: int(row.id.rpartition(":")[2]) for row in held.limits}
    limits = {row.debit: row.amount_fen for row in held.limits}
    for one in changes:
        places[one.account] = one.place
        limits[one.account] = max(0, limits.get(one.account, 0) + one.fen)
    name = f"{hold_id(line)}:{line.adjustments.count() + 1}"
    book, home = programme_accounts.ledger_of(programme_id), programme_accounts.voucher_account(line.drawn_on)
    user = accounts.user_account(line.claim.claimant_id)
    told = [(places[key], key, limit_fen) for key, limit_fen in limits.items()]
    again = [*hold_of(name, book, home, user, fen), *limit_holds(name, programme_id, told)]
    rows = ledger.lock((one.ledger, key) for one in again for key in (one.debit, one.credit))
    frozen = [(book, home)] if rows[book, home].frozen else []
    if frozen:  # a suspended voucher goes on holding what is left of the old hold, and never more than that
        assert held.money is not None and fen <= held.money.amount_fen
    with ledger.thawed(frozen, actor=SYSTEM.identity_id, reason=name):
        ledger.post_or_raise([*release(line), *again])


def capture(line: ClaimLine, held: Held, fen: int) -> list[ledger.Event]:
    """The entries that end a line's holds: so much of the voucher is taken, and of each limit its part."""
    programme_id = line.claim.programme_version.programme_id
    book, caps = programme_accounts.ledger_of(programme_id), programme_accounts.caps_ledger_of(programme_id)
    assert held.money is not None and fen <= held.money.amount_fen
    events = [_end(held.money, book, fen)]
    for row in held.limits:
        counted = part(row.amount_fen, held.money.amount_fen, before_fen=0, now_fen=fen)
        if fen and programmes.counts_claims(line.claim.programme_version, row.id):
            counted = row.amount_fen  # a claim is made or it is not
        events.append(_end(row, caps, counted))
    return events


def hold_id(line: ClaimLine) -> str:
    """Ledger id of a line's hold on the voucher, counted by rounds."""
    return f"claim:{line.id}:hold:{round_of(line.claim)}"


def round_of(claim: Claim) -> int:
    """How often a claim was decided and held: submitted, or its rate set."""
    return claim.steps.filter(trigger__in=("submitted", RATE_SET)).count()


def day_of(claim: Claim) -> date:
    """The day whose caps and budgets a claim uses up: that of its last submission."""
    last = claim.steps.filter(trigger="submitted").order_by("-id").first()
    return programme_day(last.at if last is not None else timezone.now())


def _end(row: TransferRow, book: str, fen: int) -> ledger.Event:
    kind: Literal["capture", "release"] = "capture" if fen else "release"
    return ledger.Event(f"{row.id}:end", kind, book, fen, kind, pending_id=row.id)


def _credited(claim: Claim) -> Counter[int]:
    """Line number → what credit notes took off it before the claim came back [fen]."""
    taken = Counter[int]()
    for note in claim.credit_notes.all():
        taken.update({one["line"]: one["fen"] for one in note.lines})
    return taken


def _fix(line: ClaimLine, drawn: Drawn) -> None:
    """A draft's line becomes what was decided now; the database lets nobody change it afterwards.

    What credit notes changed of a line that came back stays beside it, and is part of what is decided now.
    """
    now = {one.payer: one.fen for one in drawn.share.shares}
    for adjustment in line.adjustments.all():
        for share in adjustment.shares:
            now[share["payer"]] = now.get(share["payer"], 0) - share["fen"]
    fen = sum(now.values())
    if any(one < 0 for one in now.values()) or fen > line.charge_fen:
        raise Refused(
            errors.ADJUSTED_OTHERWISE,
            line=line.number,
            claim=line.claim_id,
            adjusted=format_yuan(fen - drawn.share.subsidy_fen),
            decided=format_yuan(drawn.share.subsidy_fen),
        )
    line.subsidy_fen = fen
    line.shares = [{"payer": payer, "fen": one} for payer, one in now.items()]
    line.save(update_fields=["voucher", "subsidy_fen", "shares"])
