"""What a claim's lines counted of limits on use, and what a credit note or a recovery makes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Sum

from hesuan.hub.market import accounts as market_accounts
from hesuan.hub.programmes import rules
from hesuan.hub.programmes.recounting import Recount, lock_limits, recount, standing, taken_back
from hesuan.hub.settlement import gate, holds
from hesuan.hub.settlement.models import ClaimLine, Clawback, ClawbackPart
from hesuan.hub.settlement.payables import net_shares, with_adjustments

COUNTED = (ClaimLine.State.PAYABLE, ClaimLine.State.PAID)


def names_of(line: ClaimLine) -> list[str]:
    """How the ids of a line's events on limits begin: its claim's own, and those of the order that drew."""
    names = [f"claim:{line.id}:"]
    if line.claim.flow in gate.SUPPLIER_FLOWS:
        draw = line.settlement.draws.filter(voucher_id=line.drawn_on).first()
        if draw is not None:
            hold = market_accounts.voucher_hold_id(line.settlement.order_id, draw.place)
            names.append(f"{hold}{holds.COUNT}")
    return names


def given_back(clawback: Clawback, fen: int, part: int) -> Recount:
    """What limits get back of money that came back, over the claim's lines in proportion to what each brings.

    A clawback that follows from a credit note gives nothing back: the note did, when it was booked.

    Args:
        clawback: Of which a part came back.
        fen: How much [fen].
        part: Its number, by which the entries are named.
    """
    made = Recount()
    if clawback.note_id is not None:
        return made
    lines = [(line, sum(net_shares(line).values())) for line in _lines(clawback)]
    was = _came_back(clawback)
    becomes, total, before = was + fen, sum(net for _, net in lines), 0
    for line, net in lines:
        # By what came back in all, so that many small parts give back what one large part does.
        old, new = (rules.part(all_fen, total, before_fen=before, now_fen=net) for all_fen in (was, becomes))
        before += net
        names = names_of(line)
        changes = taken_back(line.drawn_on, names, new - old)
        subject = f"claim:{line.id}:back:{clawback.id}:{part}"
        made.add(recount(line.drawn_on, names, changes, subject=subject, day=holds.day_of(line.claim)))
    return made


def _came_back(clawback: Clawback) -> int:
    """What came back of all that was demanded of the claim, without what followed from credit notes [fen]."""
    parts = ClawbackPart.objects.filter(clawback__claim_id=clawback.claim_id, clawback__note=None)
    back = parts.exclude(how=Clawback.State.WRITTEN_OFF)
    return back.aggregate(fen=Sum("amount_fen"))["fen"] or 0


def lock_counted(clawbacks: Iterable[Clawback]) -> None:
    """Locks the limits that the recovery of some clawbacks gives back, those of one programme all at once."""
    keys = defaultdict[str, set[str]](set)
    for clawback in clawbacks:
        if clawback.note_id is None:
            rows = [standing(line.drawn_on, names_of(line)) for line in _lines(clawback)]
            programme_id = clawback.claim.programme_version.programme_id
            keys[programme_id] |= {key for one in rows for key in one.values_list("account", flat=True)}
    for programme_id in sorted(keys):
        if keys[programme_id]:
            lock_limits(programme_id, keys[programme_id])


def _lines(clawback: Clawback) -> list[ClaimLine]:
    return [line for line in with_adjustments(clawback.claim) if line.state in COUNTED]
