"""Ordering to cancel: the share (A3), the number (A4), the speed (A5); and flooding the API (A15)."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

from hesuan.surveillance.facts import Calls, Facts, Order, day_of, start_of
from hesuan.surveillance.flags import Action, Flag, flag
from hesuan.surveillance.thresholds import Thresholds

FirmDay = tuple[str, date]


def a3_order_and_cancel(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """On one day half of what was ordered is cancelled; on several days of a month it holds settlement."""
    days: defaultdict[str, list[date]] = defaultdict(list)
    for (controller, day), orders in _cancelling_days(facts, limits).items():
        keys = _keys(facts, controller)
        cancelled = [one for one in orders if _same_day(one)]
        yield flag(
            "A3",
            Action.FLAG,
            f"firm:{controller}",
            window=day.isoformat(),
            keys=keys,
            refs=[one.id for one in cancelled],
            orders=len(orders),
            ordered_fen=sum(one.fen for one in orders),
            cancelled_fen=sum(one.fen for one in cancelled),
            limit_percent=limits.a3_cancelled_percent,
        )
        recent = [one for one in days[controller] if (day - one).days < limits.a3_hold_within_days]
        days[controller] = [*recent, day]
        if len(days[controller]) >= limits.a3_hold_days:
            yield flag(
                "A3",
                Action.HOLD,
                f"firm:{controller}",
                window=f"{day.isoformat()} repeated",
                keys=keys,
                refs=[one.isoformat() for one in days[controller]],
                days=len(days[controller]),
                limit_days=limits.a3_hold_days,
            )
            days[controller] = []


def a5_instant_cancel(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """Cancelled within seconds of getting the nodes, again and again, on a day of A3."""
    for (controller, day), orders in _cancelling_days(facts, limits).items():
        instant = [one for one in orders if _is_instant(one, limits.a5_seconds)]
        if len(instant) >= limits.a5_cancels:
            yield flag(
                "A5",
                Action.FLAG,
                f"firm:{controller}",
                window=day.isoformat(),
                keys=_keys(facts, controller),
                refs=[one.id for one in instant],
                cancels=len(instant),
                limit_cancels=limits.a5_cancels,
                within_s=limits.a5_seconds,
            )


def _cancelling_days(facts: Facts, limits: Thresholds) -> dict[FirmDay, list[Order]]:
    found: dict[FirmDay, list[Order]] = {}
    for key, orders in sorted(_by_firm_day(facts).items()):
        ordered = sum(one.fen for one in orders)
        cancelled = sum(one.fen for one in orders if _same_day(one))
        enough = len(orders) >= limits.a3_least_orders
        if enough and cancelled * 100 >= limits.a3_cancelled_percent * ordered:
            found[key] = orders
    return found


def _by_firm_day(facts: Facts) -> dict[FirmDay, list[Order]]:
    days: defaultdict[FirmDay, list[Order]] = defaultdict(list)
    for one in facts.orders:
        days[facts.controller(one.firm), day_of(one.placed_at)].append(one)
    return days


def _same_day(order: Order) -> bool:
    return order.cancelled_at is not None and day_of(order.cancelled_at) == day_of(order.placed_at)


def _is_instant(order: Order, seconds: int) -> bool:
    if order.cancelled_at is None or order.given_at is None:
        return False
    return timedelta(0) <= order.cancelled_at - order.given_at <= timedelta(seconds=seconds)


def a4_frequent_cancel(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """Many cancels of one SKU on one day, or some of large orders."""
    cancels: defaultdict[tuple[str, str, date], list[Order]] = defaultdict(list)
    by_sku: defaultdict[str, list[Order]] = defaultdict(list)
    for one in facts.orders:
        by_sku[one.sku].append(one)
        if one.cancelled_at:
            cancels[facts.controller(one.firm), one.sku, day_of(one.cancelled_at)].append(one)
    past = {sku: sorted((one.placed_at, one.fen) for one in orders) for sku, orders in by_sku.items()}
    for (controller, sku, day), orders in sorted(cancels.items()):
        large_fen = 0
        large: list[Order] = []
        if len(orders) >= limits.a4_large:
            large_fen = _large_fen(past[sku], day, limits)
            large = [one for one in orders if large_fen and one.fen > large_fen]
        if len(orders) >= limits.a4_cancels or len(large) >= limits.a4_large:
            yield flag(
                "A4",
                Action.FLAG,
                f"firm:{controller}",
                window=f"{day.isoformat()} {sku}",
                keys=_keys(facts, controller),
                refs=[one.id for one in orders],
                cancels=len(orders),
                limit_cancels=limits.a4_cancels,
                large=len(large),
                limit_large=limits.a4_large,
                large_fen=large_fen,
            )


def _large_fen(past: Sequence[tuple[datetime, int]], day: date, limits: Thresholds) -> int:
    """Above which an order of the SKU is large, by the orders of the days before; 0: too few to say."""
    begin = bisect_left(past, (start_of(day - timedelta(days=limits.a4_past_days)), 0))
    end = bisect_left(past, (start_of(day), 0))
    amounts = sorted(fen for _, fen in past[begin:end])
    if len(amounts) < limits.a4_least_past:
        return 0
    return percentile(amounts, limits.a4_large_percentile * 10)


def percentile(ordered: Sequence[int], permille: int) -> int:
    """Of an ordered sequence, by nearest rank."""
    rank = -(-permille * len(ordered) // 1000)
    return ordered[max(rank, 1) - 1]


def a15_flooding(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """More submissions and cancellations by one account than any person makes."""
    days: defaultdict[tuple[str, date], list[Calls]] = defaultdict(list)
    for one in facts.calls:
        days[one.account, day_of(one.at)].append(one)
    for (account, day), seconds in sorted(days.items()):
        total = sum(one.count for one in seconds)
        peak = max(one.count for one in seconds)
        if peak >= limits.a15_per_second or total >= limits.a15_per_day:
            yield flag(
                "A15",
                Action.STOP,
                f"account:{account}",
                window=day.isoformat(),
                refs=[one.at.isoformat() for one in seconds if one.count == peak],
                peak_per_second=peak,
                limit_per_second=limits.a15_per_second,
                in_the_day=total,
                limit_per_day=limits.a15_per_day,
            )


def _keys(facts: Facts, controller: str) -> list[str]:
    return [f"firm:{firm}" for firm in facts.firms_of(controller)]
