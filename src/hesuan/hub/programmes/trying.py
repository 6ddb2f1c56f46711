"""A year of claims through a version, before anybody applies: plain values for pages. Nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from hesuan.errors import REGISTRY, InputFault, NotFound, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import access, engine, selectors
from hesuan.hub.programmes.errors import PROGRAMME_NOT_FOUND
from hesuan.policy import simulator
from hesuan.policy.claims import Claim, load_claims
from hesuan.policy.programme import Programme

MOST_ROWS = 10_000
"""Rows tried while somebody waits for a page; the command has no such limit."""

RATE_STEP, CAP_STEP = Fraction(5, 100), Fraction(1, 4)
"""What one step of the grid adds to every rate, and by which part of itself it changes every cap."""
GRIDS = ((400, 2), (1_200, 1))
"""Up to so many rows the year is tried again for so many steps to each side; beyond, not while one waits."""

TOO_MANY_ROWS = declare(
    "programme.too_many_rows",
    en="The table has {rows} rows; the page tries at most {limit}."
    " `hesuan programme simulate` takes any number.",
    zh="表中有 {rows} 行；网页最多试算 {limit} 行。`hesuan programme simulate` 不限行数。",
)
NOT_UTF8 = declare(
    "programme.claims_not_utf8",
    en="`{name}` is not UTF-8 text. Save it as “CSV UTF-8” and send it again.",
    zh="“{name}”不是 UTF-8 文本。请另存为“CSV UTF-8”后重新上传。",
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why claims get nothing."""

    en: str
    zh: str
    where: str
    claims: int
    asked_fen: int


@dataclass(frozen=True, slots=True)
class Used:
    """One budget in one window of the year [fen]."""

    id: str
    window: str
    limit_fen: int
    used_fen: int
    gone_on: date | None
    """The first day on which it was gone or short."""


@dataclass(frozen=True, slots=True)
class Top:
    """One of the applicants that get most."""

    applicant: str
    subsidy_fen: int
    permille: int


@dataclass(frozen=True, slots=True)
class Cell:
    """The year once more, with another rate and other caps."""

    cap_permille: int
    """Of the caps as written."""
    granted: int
    subsidy_fen: int
    gone_on: date | None
    is_written: bool
    """Whether this is the programme as it stands."""


@dataclass(frozen=True, slots=True)
class GridRow:
    """The cells of one rate."""

    rate_permille: int
    """Added to every tier's rate."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """What a version does with a year of claims [fen]."""

    claims: int
    granted: int
    asked_fen: int
    subsidy_fen: int
    gone_on: date | None
    months: tuple[simulator.Month, ...]
    budgets: tuple[Used, ...]
    reasons: tuple[Reason, ...]
    top: tuple[Top, ...]
    grid: tuple[GridRow, ...] = ()
    """By rate and cap, the programme's own in the middle; empty for a long table."""


def try_claims(actor: Actor, version_id: str, *, file_name: str, content: bytes) -> Tried:
    """Decides every claim of a table under a version.

    Args:
        actor: Of the programme's office, or who sees everything.
        version_id: Drafts too.
        file_name: What the table is called; faults name ``file:line:column`` with it.
        content: A CSV as :mod:`hesuan.policy.claims` describes it.

    Raises:
        NotFound: ``programme.not_found``, for strangers to its office too.
        InputFault: ``programme.too_many_rows``, ``programme.claims_not_utf8``.
        Faults: everything that is wrong with the table.
    """
    version = selectors.version(actor, version_id)
    if not (sees_everything(actor) or version.programme.office_id in access.offices(actor)):
        raise NotFound(PROGRAMME_NOT_FOUND, programme=version.programme_id)
    programme = engine.programme_of(version)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputFault(NOT_UTF8, where="file", name=file_name) from None
    if (rows := text.count("\n")) > MOST_ROWS:
        raise InputFault(TOO_MANY_ROWS, where="file", rows=rows, limit=MOST_ROWS)
    claims = load_claims(text, source=file_name, programme=programme)
    return _told(simulator.simulate(programme, claims), _grid(programme, claims))


def _grid(programme: Programme, claims: Sequence[Claim]) -> tuple[GridRow, ...]:
    steps = next((steps for rows, steps in GRIDS if len(claims) <= rows), 0)
    if not steps or not claims:
        return ()
    found = simulator.sensitivity(programme, claims, rate=RATE_STEP, cap=CAP_STEP, steps=steps)
    rates = dict.fromkeys(one.rate for one in found)
    return tuple(
        GridRow(round(rate * 1000), tuple(_cell(one) for one in found if one.rate == rate)) for rate in rates
    )


def _cell(one: simulator.Variant) -> Cell:
    written = one.rate == 0 and one.cap == 1
    return Cell(round(one.cap * 1000), one.granted, one.subsidy_fen, one.gone_on, written)


def _told(year: simulator.Simulation, grid: tuple[GridRow, ...]) -> Tried:
    return Tried(
        claims=len(year.outcomes),
        granted=len(year.granted),
        asked_fen=year.asked_fen,
        subsidy_fen=year.subsidy_fen,
        gone_on=year.gone_on,
        months=simulator.months(year),
        budgets=tuple(
            Used(one.id, one.window, one.limit_fen, one.used_fen, one.gone_on or one.short_on)
            for one in year.budgets
        ),
        reasons=tuple(_reason(one, year) for one in simulator.nothing(year)),
        top=tuple(
            Top(one.applicant, one.subsidy_fen, round(one.share * 1000)) for one in simulator.top(year)
        ),
        grid=grid,
    )


def _reason(one: simulator.Nothing, year: simulator.Simulation) -> Reason:
    """In the words of the first claim that it stands in the way of."""
    failures = next((done.decision.failures for done in year.outcomes if done.claim.id == one.first), ())
    failure = next(
        (each for each in failures if each.code.name == one.code and each.field == one.field), None
    )
    if failure is None:
        assert not one.code or one.code in REGISTRY
        return Reason("Below a floor.", "低于下限。", one.where, one.claims, one.asked_fen)
    return Reason(
        _plain(failure.sentence("en"), one.where),
        _plain(failure.sentence("zh"), one.where),
        one.where,
        one.claims,
        one.asked_fen,
    )


def _plain(sentence: str, where: str) -> str:
    return sentence.removeprefix(f"{where}: ")
