"""An award released piece by piece: half when it is issued, half after a progress report.

Each share is floored to whole hundredths and what is left over goes to the first, so that the pieces are the
award; what is not released is held for the holder and cannot be spent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from hesuan.policy.fields import Open
from hesuan.policy.predicates import FactValue, judge
from hesuan.policy.programme import Programme
from hesuan.policy.terms import Tranche

ISSUANCE = "issuance"


@dataclass(frozen=True, slots=True)
class Piece:
    """One tranche of one award."""

    id: str
    fen: int
    released: bool
    citing: str
    en: str
    zh: str


def pieces(
    programme: Programme,
    face_fen: int,
    *,
    on: date,
    events: Collection[str] = (),
    stated: Mapping[str, FactValue] | None = None,
) -> tuple[Piece, ...]:
    """An award's tranches, and which of them are released; one piece, released, where there are none.

    Args:
        programme: The version the award was made under.
        face_fen: The award.
        on: The day asked about.
        events: Names of events that have happened (``progress_report``); issuance has.
        stated: Facts for tranches released by a condition.
    """
    issuance = programme.terms.issuance
    tranches = issuance.tranches if issuance is not None else ()
    if not tranches:
        return (Piece("", face_fen, True, programme.cite("issuance"), "Not in tranches.", "不分期。"),)
    facts: dict[str, FactValue] = {**(stated or {}), "now": on}
    return tuple(
        Piece(
            one.id,
            fen,
            released := is_released(one, on, {ISSUANCE, *events}, facts),
            programme.cite(one.path),
            f"{one.share} of the award is {'released' if released else 'locked'} ({_release(one)}).",
            f"核定额的 {one.share} {'已释放' if released else '锁定'}（{_release(one)}）。",
        )
        for one, fen in zip(tranches, amounts(tranches, face_fen), strict=True)
    )


def amounts(tranches: tuple[Tranche, ...], face_fen: int) -> list[int]:
    """The pieces [fen]; their sum is the award.

    Raises:
        ValueError: a share is open, or the shares are not a whole.
    """
    shares = [one.share for one in tranches]
    known = [share for share in shares if isinstance(share, Fraction)]
    if len(known) != len(shares) or sum(known) != 1:
        raise ValueError("the shares of tranches must be known and add up to 1")
    fens = [face_fen * share.numerator // share.denominator for share in known]
    fens[0] += face_fen - sum(fens)
    return fens


def is_released(tranche: Tranche, on: date, events: Collection[str], facts: Mapping[str, FactValue]) -> bool:
    """Whether what releases a tranche has happened; an open rule and an unknown fact release nothing."""
    match tranche.release:
        case None:
            return False
        case str() as event:
            return event in events
        case date() as day:
            return day <= on
    if isinstance(tranche.release, Open):
        return False
    return judge(tranche.release, facts).truth is True


def _release(tranche: Tranche) -> str:
    release = tranche.release
    return str(release) if isinstance(release, str | date) else "condition"
