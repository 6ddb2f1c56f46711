"""``hesuan programme simulate``: a year of claims through a document, as tables, as JSON, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.planning import pictures
from hesuan.cli.planning.progress import showing
from hesuan.cli.planning.terminal import table
from hesuan.cli.rules.answers import exact, percent, points
from hesuan.cli.rules.deciding import read_programme
from hesuan.cli.rules.files import Json, print_json, read_text
from hesuan.cli.rules.picture import draw
from hesuan.errors import Faults, InputFault, declare
from hesuan.money import parse_ratio
from hesuan.policy.claims import day_span, load_claims
from hesuan.policy.decision import yuan
from hesuan.policy.simulator import (
    BudgetUse,
    Simulation,
    Variant,
    months,
    nothing,
    sensitivity,
    simulate,
    top,
)

STEP_TOO_LARGE = declare(
    "programme.step_too_large",
    en="{steps} steps of {cap} would take more than the whole cap away; choose fewer or smaller ones.",
    zh="{steps} 步、每步 {cap} 会使上限低于零；请减少步数或缩小步长。",
)


class Grid(NamedTuple):
    """How the year is varied."""

    rate: Fraction
    cap: Fraction
    steps: int


def read_grid(rate: str, cap: str, steps: int) -> Grid:
    """The steps as ratios.

    Raises:
        Faults: ``money.not_a_ratio``, ``programme.step_too_large``.
    """
    faults: list[InputFault] = []
    found = []
    for name, text in (("--rate", rate), ("--cap", cap)):
        try:
            found.append(parse_ratio(text, where=name))
        except InputFault as fault:
            faults.append(fault)
    if not faults and steps * found[1] > 1:
        faults.append(InputFault(STEP_TOO_LARGE, where="--cap", steps=steps, cap=cap))
    if faults:
        raise Faults(faults)
    return Grid(found[0], found[1], steps)


def run(
    path: Path,
    *,
    claims_path: Path,
    assume: Path | None,
    grid: Grid,
    plot: Path | None,
    as_json: bool,
) -> Exit:
    """Simulates, varies, prints and draws."""
    pictures.check(plot)
    programme = read_programme(path, assume)
    claims = load_claims(read_text(claims_path), source=claims_path.name, programme=programme)
    with showing(said(en="deciding", zh="裁定中")) as progress:
        year = simulate(programme, claims, progress=progress.step)
    variants: tuple[Variant, ...] = ()
    if grid.steps:
        with showing(said(en="varying", zh="变动试算")) as progress:
            variants = sensitivity(programme, claims, **grid._asdict(), progress=progress.step)
    if as_json:
        print_json(year_as_json(year, variants))
    else:
        _show(year, variants)
    if plot is not None:
        pictures.write(draw(year, variants), plot)
    return Exit.DONE


def _show(year: Simulation, variants: Sequence[Variant]) -> None:
    programme, whole = year.programme, len(year.outcomes)
    first, last = day_span([one.claim for one in year.outcomes])
    queued = sum(one.decision.queued for one in year.outcomes)
    spent, asked = _money(year, year.subsidy_fen), _money(year, year.asked_fen)
    given, left_out = len(year.granted), whole - len(year.granted)
    print(
        said(
            en=f"{programme.id} version {programme.version}: {whole} claims, {first} to {last}\n"
            f"{given} get {spent} on invoices of {asked}; {left_out} get nothing, {queued} of them queued.\n",
            zh=f"{programme.id} 版本 {programme.version}：{whole} 笔申领，{first} 至 {last}\n"
            f"{given} 笔共得 {spent}，发票合计 {asked}；{left_out} 笔未获资助，其中排队 {queued} 笔。\n",
        )
    )
    for lines in (_month_lines(year), _budget_lines(year), _nothing_lines(year), _top_lines(year)):
        print("\n".join(lines) + "\n")
    if variants:
        print("\n".join(_variant_lines(year, variants)))


def _month_lines(year: Simulation) -> list[str]:
    heads = (
        (said(en="Month", zh="月份"), "left"),
        (said(en="Claims", zh="申领"), "right"),
        (said(en="Granted", zh="获资助"), "right"),
        (said(en="Subsidy", zh="补贴"), "right"),
        (said(en="So far", zh="累计"), "right"),
    )
    rows = [
        (
            one.name,
            str(one.claims),
            str(one.granted),
            _money(year, one.subsidy_fen),
            _money(year, one.running_fen),
        )
        for one in months(year)
    ]
    return table(heads, rows)


def _budget_lines(year: Simulation) -> list[str]:
    heads = (
        (said(en="Budget", zh="预算"), "left"),
        (said(en="Window", zh="期间"), "left"),
        (said(en="Limit", zh="额度"), "right"),
        (said(en="Used", zh="已用"), "right"),
        (said(en="First short", zh="首次不足"), "left"),
        (said(en="Gone", zh="用完"), "left"),
    )
    rows = [
        (
            budget_name(one),
            one.window,
            _money(year, one.limit_fen),
            _money(year, one.used_fen),
            str(one.short_on or "–"),
            str(one.gone_on or "–"),
        )
        for one in year.budgets
    ]
    return table(heads, rows)


def budget_name(one: BudgetUse) -> str:
    """The budget, and what it is kept apart by."""
    return f"{one.id} ({', '.join(value for _, value in one.key)})" if one.key else one.id


def _nothing_lines(year: Simulation) -> list[str]:
    heads = (
        (said(en="Who gets nothing, and why", zh="未获资助的原因"), "left"),
        (said(en="Rule", zh="规则"), "left"),
        (said(en="Claims", zh="申领"), "right"),
        (said(en="Invoices", zh="发票金额"), "right"),
        (said(en="First", zh="首笔"), "left"),
    )
    rows = [
        (
            one.code or said(en="a floor gives zero", zh="低于下限，计为零"),
            f"{one.field} ({one.where})",
            str(one.claims),
            _money(year, one.asked_fen),
            one.first,
        )
        for one in nothing(year)
    ]
    return table(heads, rows)


def _top_lines(year: Simulation) -> list[str]:
    heads = (
        (said(en="Who gets most", zh="所得最多者"), "left"),
        (said(en="Subsidy", zh="补贴"), "right"),
        (said(en="Share", zh="占比"), "right"),
    )
    shares = top(year)
    rows = [(one.applicant, _money(year, one.subsidy_fen), percent(one.share)) for one in shares]
    together = sum(one.subsidy_fen for one in shares)
    share = sum((one.share for one in shares), Fraction(0))
    rows.append((said(en="together", zh="合计"), _money(year, together), percent(share)))
    return table(heads, rows)


def _variant_lines(year: Simulation, variants: Sequence[Variant]) -> list[str]:
    """Rates down, caps across; a cell says what is spent, for how many, and when a budget is short."""
    caps = list(dict.fromkeys(one.cap for one in variants))
    heads = [(said(en="Rate \\ caps", zh="比例 \\ 上限"), "left"), *((f"× {cap}", "right") for cap in caps)]
    rows = []
    for rate in dict.fromkeys(one.rate for one in variants):
        cells = [one for one in variants if one.rate == rate]
        rows.append([points(rate), *(_money(year, one.subsidy_fen) for one in cells)])
        count = said(en="{} claims, short {}", zh="{} 笔，不足于 {}")
        rows.append(["", *(count.format(one.granted, one.gone_on or "–") for one in cells)])
    return table(heads, rows)


def _money(year: Simulation, fen: int) -> str:
    return yuan(fen, year.programme.unit)


def year_as_json(year: Simulation, variants: Sequence[Variant]) -> Json:
    """Everything for programs; ``*_fen`` whole hundredths, ratios as ``"1/4"``."""
    return {
        "programme": year.programme.id,
        "version": year.programme.version,
        "digest": year.programme.digest,
        "claims": len(year.outcomes),
        "granted": len(year.granted),
        "queued": sum(one.decision.queued for one in year.outcomes),
        "asked_fen": year.asked_fen,
        "subsidy_fen": year.subsidy_fen,
        "months": [
            {
                "month": one.name,
                "claims": one.claims,
                "granted": one.granted,
                "asked_fen": one.asked_fen,
                "subsidy_fen": one.subsidy_fen,
                "running_fen": one.running_fen,
            }
            for one in months(year)
        ],
        "budgets": [
            {
                "id": one.id,
                "key": dict(one.key),
                "window": one.window,
                "limit_fen": one.limit_fen,
                "used_fen": one.used_fen,
                "short_on": None if one.short_on is None else str(one.short_on),
                "gone_on": None if one.gone_on is None else str(one.gone_on),
            }
            for one in year.budgets
        ],
        "nothing": [
            {
                "code": one.code,
                "field": one.field,
                "where": one.where,
                "claims": one.claims,
                "asked_fen": one.asked_fen,
                "first": one.first,
            }
            for one in nothing(year)
        ],
        "top": [
            {"applicant": one.applicant, "subsidy_fen": one.subsidy_fen, "share": exact(one.share)}
            for one in top(year)
        ],
        "sensitivity": [
            {
                "rate": exact(one.rate),
                "cap": exact(one.cap),
                "granted": one.granted,
                "subsidy_fen": one.subsidy_fen,
                "short_on": None if one.gone_on is None else str(one.gone_on),
            }
            for one in variants
        ],
        "outcomes": [
            {
                "claim": one.claim.id,
                "line": one.claim.line,
                "on": str(one.claim.facts.on),
                "applicant": one.applicant,
                "tier": one.decision.tier,
                "subsidy_fen": one.decision.subsidy_fen,
                "queued": one.decision.queued,
                "refused": [{"code": f.code.name, "field": f.field} for f in one.decision.failures],
            }
            for one in year.outcomes
        ],
    }
