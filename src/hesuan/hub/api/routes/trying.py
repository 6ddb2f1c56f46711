"""A year of claims through a version: what it would grant, to whom, and under other rates and caps."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.shapes import Body, Sentence, Shape, Title, Yuan
from hesuan.hub.programmes import trying

router = Router()


class NewTrial(Body):
    """Claims as CSV: `claim`, `on`, `kind`, `amount`, and a column for each fact that the rules ask for."""

    file_name: Title
    content: Annotated[str, Field(max_length=2_000_000)]


class MonthShape(Shape):
    """One calendar month; `running_yuan` is everything granted up to its end."""

    month: str
    claims: int
    granted: int
    asked_yuan: Yuan
    subsidy_yuan: Yuan
    running_yuan: Yuan


class UsedShape(Shape):
    """One budget in one window; `gone_on`: the first day on which it was gone or short."""

    budget: str
    window: str
    limit_yuan: Yuan
    used_yuan: Yuan
    gone_on: date | None


class NothingShape(Shape):
    """Why claims get nothing, with the rule's `file:line`."""

    sentence: Sentence
    where: str
    claims: int
    asked_yuan: Yuan


class TopShape(Shape):
    """One of the applicants that get most; `permille` of everything granted."""

    applicant: str
    subsidy_yuan: Yuan
    permille: int


class CellShape(Shape):
    """The same claims, `rate_permille` added to each rate and each cap at `cap_permille` of itself."""

    rate_permille: int
    cap_permille: int
    granted: int
    subsidy_yuan: Yuan
    gone_on: date | None
    is_written: bool
    """The programme as it stands."""


class TrialShape(Shape):
    """What a version does with a year of claims; `grid` is empty for a long table."""

    claims: int
    granted: int
    asked_yuan: Yuan
    subsidy_yuan: Yuan
    gone_on: date | None
    months: list[MonthShape]
    budgets: list[UsedShape]
    reasons: list[NothingShape]
    top: list[TopShape]
    grid: list[CellShape]


@router.post("/programme-versions/{version_id}/simulate", response=TrialShape)
def simulate(request: HttpRequest, version_id: str, body: NewTrial) -> HttpResponse:
    """Decides every claim of a table under a version, drafts too; for its office. Nothing is stored."""
    actor = actor_of(request)

    def work(_: str) -> TrialShape:
        tried = trying.try_claims(
            actor, version_id, file_name=body.file_name, content=body.content.encode("utf-8", "replace")
        )
        return _trial(tried)

    return once(request, work, status=200)


def _trial(tried: trying.Tried) -> TrialShape:
    return TrialShape(
        claims=tried.claims,
        granted=tried.granted,
        asked_yuan=tried.asked_fen,
        subsidy_yuan=tried.subsidy_fen,
        gone_on=tried.gone_on,
        months=[
            MonthShape(
                month=one.name,
                claims=one.claims,
                granted=one.granted,
                asked_yuan=one.asked_fen,
                subsidy_yuan=one.subsidy_fen,
                running_yuan=one.running_fen,
            )
            for one in tried.months
        ],
        budgets=[
            UsedShape(
                budget=one.id,
                window=one.window,
                limit_yuan=one.limit_fen,
                used_yuan=one.used_fen,
                gone_on=one.gone_on,
            )
            for one in tried.budgets
        ],
        reasons=[
            NothingShape(
                sentence=Sentence(en=one.en, zh=one.zh),
                where=one.where,
                claims=one.claims,
                asked_yuan=one.asked_fen,
            )
            for one in tried.reasons
        ],
        top=[
            TopShape(applicant=one.applicant, subsidy_yuan=one.subsidy_fen, permille=one.permille)
            for one in tried.top
        ],
        grid=[_cell(row, cell) for row in tried.grid for cell in row.cells],
    )


def _cell(row: trying.GridRow, cell: trying.Cell) -> CellShape:
    return CellShape(
        rate_permille=row.rate_permille,
        cap_permille=cell.cap_permille,
        granted=cell.granted,
        subsidy_yuan=cell.subsidy_fen,
        gone_on=cell.gone_on,
        is_written=cell.is_written,
    )
