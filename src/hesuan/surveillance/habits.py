"""Odd habits of redemption (A14): bursts beyond one's own custom, one person behind several firms."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from hesuan.surveillance.cancelling import percentile
from hesuan.surveillance.facts import EPOCH, Facts, Redemption, day_of
from hesuan.surveillance.flags import Action, Flag, flag
from hesuan.surveillance.thresholds import Thresholds

HOUR = timedelta(hours=1)


def a14_odd_redemptions(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """Redemptions in an hour above a firm's own custom; an identity that redeems for strangers."""
    firms: defaultdict[str, list[Redemption]] = defaultdict(list)
    people: defaultdict[str, list[Redemption]] = defaultdict(list)
    for one in sorted(facts.redemptions, key=lambda row: (row.at, row.id)):
        firms[facts.controller(one.firm)].append(one)
        if one.by and (one.by, one.firm) not in facts.agents:
            people[one.by].append(one)
    for controller, rows in sorted(firms.items()):
        yield from _bursts(facts, controller, rows, limits)
    for person, rows in sorted(people.items()):
        yield from _shared(facts, person, rows, limits)


def _bursts(facts: Facts, controller: str, rows: Sequence[Redemption], limits: Thresholds) -> Iterator[Flag]:
    hours: defaultdict[int, list[Redemption]] = defaultdict(list)
    for one in rows:
        hours[_hour(one.at)].append(one)
    for hour, found in sorted(hours.items()):
        if len(found) < limits.a14_least:
            continue
        span = limits.a14_past_days * 24
        past = sorted(len(hours[one]) for one in hours if hour - span <= one < hour)
        usual = percentile([0] * (span - len(past)) + past, limits.a14_permille)
        if len(found) > usual:
            yield flag(
                "A14",
                Action.FLAG,
                f"firm:{controller}",
                window=f"{EPOCH + hour * HOUR:%Y-%m-%dT%HZ}",
                keys=[f"firm:{firm}" for firm in facts.firms_of(controller)],
                refs=[one.id for one in found],
                redemptions=len(found),
                usual=usual,
                limit_least=limits.a14_least,
            )


def _hour(at: datetime) -> int:
    return (at - EPOCH) // HOUR


def _shared(facts: Facts, person: str, rows: Sequence[Redemption], limits: Thresholds) -> Iterator[Flag]:
    if len({facts.controller(one.firm) for one in rows}) < limits.a14_identity_firms:
        return
    moments = [one.at for one in rows]
    told: set[str] = set()
    for place, one in enumerate(rows):
        first = bisect_left(moments, one.at - timedelta(days=limits.a14_identity_days))
        recent = rows[first : place + 1]
        controllers = {facts.controller(row.firm) for row in recent}
        month = f"{day_of(one.at):%Y-%m}"
        if len(controllers) >= limits.a14_identity_firms and month not in told:
            told.add(month)
            yield flag(
                "A14",
                Action.FLAG,
                f"identity:{person}",
                window=month,
                keys=[f"firm:{row.firm}" for row in recent],
                refs=[row.id for row in recent],
                controllers=len(controllers),
                limit_controllers=limits.a14_identity_firms,
            )
