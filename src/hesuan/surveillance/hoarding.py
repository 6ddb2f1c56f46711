"""Hoarding: a grant that nobody uses (A1), holds that nobody captures (A2)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import accumulate

from hesuan.surveillance.facts import Facts, Grant, Hold, Redemption, day_of, start_of
from hesuan.surveillance.flags import Action, Flag, flag
from hesuan.surveillance.thresholds import Thresholds


def a1_hoarded_grants(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """At a quarter's end hardly anything was used of what was planned: propose to take back a part."""
    used: defaultdict[str, list[Redemption]] = defaultdict(list)
    for one in facts.redemptions:
        used[one.grant].append(one)
    for grant in facts.grants:
        for number, end in enumerate(_quarter_ends(grant, facts.until, limits), start=1):
            if found := _at_quarter_end(grant, used[grant.id], number, end, limits):
                yield found


def _at_quarter_end(
    grant: Grant, used: Sequence[Redemption], number: int, end: datetime, limits: Thresholds
) -> Flag | None:
    asked = grant.exempted_at
    exempt = timedelta(days=limits.a1_exempt_days)
    if asked is not None and end - timedelta(days=92) <= asked <= end - exempt:
        return None
    planned = grant.fen * min(100, limits.a1_plan_percent * number) // 100
    before = [one for one in used if one.at < end]
    spent = sum(one.fen for one in before)
    if spent * 100 > limits.a1_high_percent * planned:
        return None
    low = spent * 100 <= limits.a1_low_percent * planned
    take = limits.a1_take_low_percent if low else limits.a1_take_high_percent
    return flag(
        "A1",
        Action.FLAG,
        f"grant:{grant.id}",
        window=_quarter(day_of(end - timedelta(seconds=1))),
        keys=[f"firm:{grant.firm}"],
        refs=[grant.id, *(one.id for one in before)],
        granted_fen=grant.fen,
        planned_fen=planned,
        used_fen=spent,
        limit_percent=limits.a1_high_percent,
        propose_fen=(grant.fen - spent) * take // 100,
    )


def _quarter_ends(grant: Grant, until: datetime, limits: Thresholds) -> Iterator[datetime]:
    """The ends of calendar quarters in a grant's life, the first ones too early for a verdict left out."""
    first = day_of(grant.begins)
    month = (first.month - 1) // 3 * 3 + 4
    end = date(first.year + (month > 12), (month - 1) % 12 + 1, 1)
    while (moment := start_of(end)) <= min(until, grant.ends):
        if moment - grant.begins >= timedelta(days=limits.a1_not_before_days):
            yield moment
        end = date(end.year + (end.month == 10), (end.month + 2) % 12 + 1, 1)


def _quarter(day: date) -> str:
    return f"{day.year}-Q{(day.month + 2) // 3}"


def a2_hoarded_holds(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """Much is held, little captured: within some days, or against what is used at all; by controller."""
    held: defaultdict[str, list[Hold]] = defaultdict(list)
    for one in facts.holds:
        held[facts.controller(one.firm)].append(one)
    for controller, holds in sorted(held.items()):
        keys = [f"firm:{firm}" for firm in facts.firms_of(controller)]
        yield from _hardly_captured(controller, holds, keys, limits)
        yield from _much_open(controller, holds, keys, facts.until, limits)


def _hardly_captured(
    controller: str, holds: Sequence[Hold], keys: list[str], limits: Thresholds
) -> Iterator[Flag]:
    ended = sorted((one for one in holds if one.ended_at), key=lambda one: (_end(one), one.id))
    ends = [_end(one) for one in ended]
    total = [0, *accumulate(one.fen for one in ended)]
    taken = [0, *accumulate(one.captured_fen for one in ended)]
    told: set[str] = set()
    for last, moment in enumerate(ends):
        first = bisect_left(ends, moment - timedelta(days=limits.a2_days))
        if last + 1 - first < limits.a2_least_holds:
            continue
        fen, captured = total[last + 1] - total[first], taken[last + 1] - taken[first]
        week = _week(moment)
        if captured * 100 < limits.a2_captured_percent * fen and week not in told:
            told.add(week)
            yield flag(
                "A2",
                Action.FLAG,
                f"firm:{controller}",
                window=f"{week} captured",
                keys=keys,
                refs=[one.id for one in ended[first : last + 1]],
                holds=last + 1 - first,
                held_fen=fen,
                captured_fen=captured,
                limit_percent=limits.a2_captured_percent,
            )


def _much_open(
    controller: str, holds: Sequence[Hold], keys: list[str], until: datetime, limits: Thresholds
) -> Iterator[Flag]:
    """Asked at each week's end, of who has been there for as long as the use is counted."""
    crossing = [one for one in holds if one.ended_at is None or _week(one.opened_at) != _week(one.ended_at)]
    if len(crossing) < limits.a2_least_holds:
        return
    begun = min(one.opened_at for one in holds) + timedelta(days=limits.a2_use_days)
    day = day_of(begun)
    end = start_of(day + timedelta(days=7 - day.weekday()))
    while end <= until:
        still = [
            one for one in crossing if one.opened_at < end and (one.ended_at is None or one.ended_at > end)
        ]
        since = end - timedelta(days=limits.a2_use_days)
        used = sum(one.captured_fen for one in holds if one.ended_at and since <= one.ended_at <= end)
        fen = sum(one.fen for one in still)
        if len(still) >= limits.a2_least_holds and fen > limits.a2_open_times * used:
            yield flag(
                "A2",
                Action.FLAG,
                f"firm:{controller}",
                window=f"{_week(end - timedelta(seconds=1))} open",
                keys=keys,
                refs=[one.id for one in still],
                open_fen=fen,
                used_fen=used,
                limit_times=limits.a2_open_times,
            )
        end += timedelta(days=7)


def _end(hold: Hold) -> datetime:
    assert hold.ended_at is not None
    return hold.ended_at


def _week(moment: datetime) -> str:
    year, week, _ = day_of(moment).isocalendar()
    return f"{year}-W{week:02}"
