"""What credit notes took off orders, line by line.

A red-letter invoice corrects the order's invoice, whichever programme's claim it was booked on: where two
programmes pay one order, both decide it by what is left of it. Booked on both claims under one number it is
one invoice, and counts once. A claim that was submitted after the note does not know of it: there it is
booked again, under the same number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Min

from hesuan.errors import InputFault, NotFound, Refused
from hesuan.hub.registry.numbers import normal
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement.models import Claim, ClaimLine, CreditNote, RedemptionStep
from hesuan.money import format_yuan


def taken_by_line(programme_id: str) -> dict[str, int]:
    """A programme's line → what all credit notes took off it [fen].

    What was booked on other programmes' claims on the same order stands on the order's first line; the order
    is decided by the sum.
    """
    mine = ClaimLine.objects.filter(claim__programme_version__programme_id=programme_id, live=True)
    lines = list(mine.order_by("settlement_id", "number"))
    submitted = _submitted({line.claim_id for line in lines})
    since = {line.settlement_id: submitted.get(line.claim_id) for line in lines}
    own, foreign = _booked(programme_id, since)
    taken: defaultdict[str, int] = defaultdict(int)
    numbers: defaultdict[tuple[str, str], int] = defaultdict(int)
    left: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        left[line.settlement_id] += line.charge_fen
        for number, fen in own.get(line.id, {}).items():
            taken[line.id] += fen
            numbers[line.settlement_id, number] += fen
            left[line.settlement_id] -= fen
    for line in lines:
        for number, fen in foreign.pop(line.settlement_id, {}).items():
            more = min(max(0, fen - numbers[line.settlement_id, number]), max(0, left[line.settlement_id]))
            taken[line.id] += more
            left[line.settlement_id] -= more
    return {line_id: fen for line_id, fen in taken.items() if fen}


def _submitted(claim_ids: Iterable[str]) -> dict[str, datetime]:
    """Claim → when it was submitted first."""
    steps = RedemptionStep.objects.filter(claim_id__in=list(claim_ids), trigger="submitted").order_by()
    return dict(steps.values_list("claim_id").annotate(first=Min("at")))


def _booked(
    programme_id: str, since: Mapping[str, datetime | None]
) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Own line → number → fen; order → number → the most that another programme's claims say [fen].

    Args:
        programme_id: The programme whose own lines are meant.
        since: Its orders → when its own claim on them was submitted; ``None``: it was not.
    """
    rows = ClaimLine.objects.filter(settlement_id__in=since, live=True, claim__credit_notes__isnull=False)
    by_place = {
        (line.claim_id, line.number): line
        for line in rows.select_related("claim__programme_version").distinct()
    }
    own: dict[str, dict[str, int]] = {}
    others: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for note in CreditNote.objects.filter(claim_id__in={claim_id for claim_id, _ in by_place}):
        for one in note.lines:
            line, number = by_place.get((note.claim_id, one["line"])), normal(note.number)
            if line is None:
                continue
            other = line.claim.programme_version.programme_id
            if other == programme_id:
                found = own.setdefault(line.id, {})
                found[number] = found.get(number, 0) + one["fen"]
            elif (at := since[line.settlement_id]) is not None and at <= note.booked_at:
                others[line.settlement_id, number, other] += one["fen"]
    foreign: dict[str, dict[str, int]] = {}
    for (order, number, _), fen in others.items():
        known = foreign.setdefault(order, {})
        known[number] = max(known.get(number, 0), fen)
    return own, foreign


def check(claim: Claim, lines: Mapping[int, int], number: str, before: Mapping[str, int]) -> None:
    """Whether a note may take so much off a claim's lines, after the notes before it.

    Raises:
        NotFound: ``claim.line_not_found``.
        Refused: ``credit_note.above_line``, ``credit_note.booked_beside``.
        InputFault: ``claim.amount_wrong``.
    """
    rows = {line.number: line for line in claim.lines.filter(live=True)}
    if not lines:
        raise InputFault(errors.AMOUNT_WRONG, where="lines", field="lines", low=1, high=len(rows), value=0)
    _need_new(claim, [row for place, row in rows.items() if place in lines], number)
    for place, fen in lines.items():
        row = rows.get(place)
        if row is None:
            raise NotFound(errors.LINE_NOT_FOUND, claim=claim.id, line=place)
        if fen <= 0:
            raise InputFault(
                errors.AMOUNT_WRONG,
                where=f"lines.{place}",
                field=f"lines.{place}",
                low=1,
                high=row.charge_fen,
                value=fen,
            )
        if fen + before.get(row.id, 0) > row.charge_fen:
            raise Refused(
                errors.NOTE_TOO_LARGE,
                taken=format_yuan(fen + before.get(row.id, 0)),
                line=place,
                charge=format_yuan(row.charge_fen),
            )


def _need_new(claim: Claim, lines: Sequence[ClaimLine], number: str) -> None:
    """The same red-letter invoice on another programme's claim on the same order has been counted already."""
    submitted = _submitted([claim.id]).get(claim.id)
    beside = ClaimLine.objects.filter(settlement__in=[line.settlement_id for line in lines], live=True)
    others = CreditNote.objects.filter(claim__lines__in=beside).exclude(claim=claim).distinct()
    for note in others.select_related("claim__programme_version"):
        if submitted is None or note.booked_at < submitted:
            continue
        if normal(note.number) == normal(number):
            raise Refused(
                errors.NOTE_BESIDE,
                number=number,
                claim=note.claim_id,
                programme=note.claim.programme_version.programme_id,
            )
