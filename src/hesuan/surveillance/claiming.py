"""Claiming: the same thing twice (A8), amounts that keep just below a limit (A12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from hesuan.surveillance.facts import Application, Claim, Facts, NumberUse, day_of
from hesuan.surveillance.flags import Action, Flag, flag
from hesuan.surveillance.thresholds import Thresholds

INSTALMENTS = "contract"
"""The kind of number that one firm may use again under one programme: a contract paid in parts."""


def a8_double_claim(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """An invoice, a contract, a job or a meter's reading is used again; or two claims are as good as one."""
    yield from _used_again(facts)
    yield from _near(facts, limits)


def _used_again(facts: Facts) -> Iterator[Flag]:
    uses: defaultdict[tuple[str, str], list[NumberUse]] = defaultdict(list)
    for one in facts.numbers:
        uses[one.kind, one.key].append(one)
    for (kind, _), rows in sorted(uses.items()):
        ordered = sorted(rows, key=lambda row: (row.at, row.used_by))
        for place, later in enumerate(ordered):
            before = [one for one in ordered[:place] if is_double(one, later)]
            if before:
                yield flag(
                    "A8",
                    Action.STOP,
                    later.used_by,
                    version="3",
                    window=f"{kind} {later.key[:16]}",
                    refs=[later.used_by, *(one.used_by for one in before)],
                    uses_before=len(before),
                    limit=1,
                )


def is_double(first: NumberUse, second: NumberUse) -> bool:
    """Whether two uses of one number are a double; instalments of one contract are none, and neither is what
    several programmes lawfully paid together."""
    if first.used_by == second.used_by or first.used_by in second.beside:
        return False
    same = first.firm == second.firm and first.programme == second.programme
    return not (first.kind == INSTALMENTS and same)


def _near(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    claims: defaultdict[str, list[Claim]] = defaultdict(list)
    for one in facts.claims:
        claims[facts.controller(one.firm)].append(one)
    for _, rows in sorted(claims.items()):
        ordered = sorted(rows, key=lambda row: (row.at, row.id))
        for place, later in enumerate(ordered):
            for before in reversed(ordered[:place]):
                if (day_of(later.at) - day_of(before.at)).days > limits.a8_near_days:
                    break
                near = abs(later.fen - before.fen) * 1000 <= limits.a8_near_permille * before.fen
                if near and not _told_apart(before, later):
                    yield _near_flag(before, later, limits)
                    break


def _told_apart(first: Claim, second: Claim) -> bool:
    """Two runs of one series cost the same on the same day; their meters say that they are two, unless one
    was not metered or the same reading stands under both. What several programmes lawfully paid together
    costs each of them the same."""
    if first.id in second.beside:
        return True
    metered = bool(first.readings and second.readings)
    return metered and first.programme == second.programme and first.readings.isdisjoint(second.readings)


def _near_flag(before: Claim, later: Claim, limits: Thresholds) -> Flag:
    return flag(
        "A8",
        Action.HOLD,
        f"claim:{later.id}",
        version="3",
        window="near",
        refs=[before.id, later.id],
        before_fen=before.fen,
        fen=later.fen,
        days=(day_of(later.at) - day_of(before.at)).days,
        limit_permille=limits.a8_near_permille,
    )


def a12_under_the_limit(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """Several claims, or applications, of one controller in a month keep a few per cent under a limit."""
    amounts: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
    for one in facts.limits:
        amounts[one.of, one.programme].add(one.fen)
    asked: list[tuple[str, Claim | Application]] = [
        *(("claim", claim) for claim in facts.claims),
        *(("application", application) for application in facts.applications),
    ]
    near: defaultdict[tuple[str, str, str, int], list[Claim | Application]] = defaultdict(list)
    for what, row in sorted(asked, key=lambda pair: (pair[1].at, pair[1].id)):
        for limit in amounts[what, row.programme]:
            if limit * (100 - limits.a12_under_percent) <= row.fen * 100 <= limit * 100:
                near[facts.controller(row.firm), row.programme, what, limit].append(row)
    for (controller, programme, what, limit), rows in sorted(near.items()):
        yield from _crowded(controller, f"{programme} {limit}", what, limit, rows, limits)


def _crowded(  # noqa: PLR0917 - the parts of one verdict
    controller: str,
    where: str,
    what: str,
    limit: int,
    rows: Sequence[Claim | Application],
    limits: Thresholds,
) -> Iterator[Flag]:
    recent: list[Claim | Application] = []
    for row in rows:
        since = row.at - timedelta(days=limits.a12_days)
        recent = [*(one for one in recent if one.at > since), row]
        if len(recent) >= limits.a12_least:
            yield flag(
                "A12",
                Action.FLAG,
                f"firm:{controller}",
                version="2",
                window=f"{day_of(row.at).isoformat()} {where}",
                keys=[f"{what}:{one.id}" for one in recent],
                refs=[one.id for one in recent],
                claims=len(recent),
                limit_claims=limits.a12_least,
                limit_fen=limit,
                under_percent=limits.a12_under_percent,
            )
            recent = []
