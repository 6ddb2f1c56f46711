"""Dealing with oneself: related parties (A6), round trips of money (A7), prices (A11)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from hesuan.surveillance.facts import Facts, Order, Payment, Relationship, day_of
from hesuan.surveillance.flags import Action, Flag, flag
from hesuan.surveillance.thresholds import Thresholds


def a6_related_parties(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """A voucher is used at a centre that the firm is related to; near stops, farther holds."""
    related: dict[tuple[str, str], Relationship] = {}
    for one in facts.relationships:
        for pair in ((one.firm, one.other), (one.other, one.firm)):
            known = related.get(pair)
            if known is None or (one.distance, one.ties) < (known.distance, known.ties):
                related[pair] = one
    months: defaultdict[tuple[str, str, str], list[Order]] = defaultdict(list)
    for order in facts.orders:
        tie = related.get((order.firm, order.centre))
        if tie and order.voucher_fen > 0 and order.placed_at >= tie.since:
            months[order.firm, order.centre, f"{day_of(order.placed_at):%Y-%m}"].append(order)
    for (firm, centre, month), orders in sorted(months.items()):
        tie = related[firm, centre]
        if tie.distance > limits.a6_hold_distance:
            continue
        near = tie.distance <= limits.a6_stop_distance
        yield flag(
            "A6",
            Action.STOP if near else Action.HOLD,
            f"pair:{firm}:{centre}",
            window=month,
            keys=[f"order:{one.id}" for one in orders],
            refs=[*tie.ties, *(one.id for one in orders)],
            distance=tie.distance,
            limit_distance=limits.a6_stop_distance if near else limits.a6_hold_distance,
            voucher_fen=sum(one.voucher_fen for one in orders),
        )


def a7_round_trip(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """A firm's own share comes back to it, or to who controls it, through a few hands within a month."""
    leaving: defaultdict[str, list[Payment]] = defaultdict(list)
    back: set[str] = set()
    for one in sorted(facts.payments, key=lambda row: (row.at, row.id)):
        leaving[facts.controller(one.payer)].append(one)
        back.add(facts.controller(one.payee))
    for controller, payments in sorted(leaving.items()):
        shares = [one for one in payments if one.own_share]
        if controller in back and shares:
            yield from _round_trips(facts, controller, shares, leaving, limits)


def _round_trips(
    facts: Facts,
    controller: str,
    shares: Sequence[Payment],
    leaving: dict[str, list[Payment]],
    limits: Thresholds,
) -> Iterator[Flag]:
    """One share that comes back whole, or all that was paid to one payee within the days."""
    told: set[str] = set()
    for share in shares:
        last = share.at + timedelta(days=limits.a7_days)
        returned: dict[str, tuple[int, tuple[Payment, ...]]] = {}
        for path in _ways_back(facts, controller, (share,), last, leaving, limits.a7_hops):
            carried = min(one.fen for one in path[1:])
            if carried > returned.get(path[-1].id, (0, ()))[0]:
                returned[path[-1].id] = carried, path
        if not returned:
            continue
        back = sum(fen for fen, _ in returned.values())
        paid = sum(one.fen for one in shares if one.payee == share.payee and share.at <= one.at <= last)
        large = share.fen * 100 >= paid * limits.a7_part_percent
        alone = (
            large and share.fen * limits.a7_back_percent <= back * 100 <= share.fen * limits.a7_most_percent
        )
        month = f"{day_of(share.at):%Y-%m}"
        whole = back * 100 >= limits.a7_back_percent * paid
        if (alone or whole) and share.payee + month not in told:
            told.add(share.payee + month)
            yield flag(
                "A7",
                Action.HOLD,
                f"pair:{share.payer}:{share.payee}",
                version="2",
                window=month,
                keys=[f"firm:{firm}" for firm in facts.firms_of(controller)],
                refs=[one.id for _, path in returned.values() for one in path],
                share_fen=share.fen,
                paid_fen=paid,
                back_fen=back,
                limit_percent=limits.a7_back_percent,
            )


def _ways_back(  # noqa: PLR0917 - the state of the walk
    facts: Facts,
    controller: str,
    path: tuple[Payment, ...],
    last: datetime,
    leaving: dict[str, list[Payment]],
    hops: int,
) -> Iterator[tuple[Payment, ...]]:
    """Payments that follow each other in time, from the one who was paid back to the controller."""
    here = facts.controller(path[-1].payee)
    if here == controller or len(path) >= hops:
        return
    seen = {facts.controller(one.payer) for one in path}
    rows = leaving.get(here, [])
    for one in rows[bisect_left(rows, path[-1].at, key=lambda row: row.at) :]:
        if one.at > last:
            break
        to = facts.controller(one.payee)
        if to == controller:
            yield (*path, one)
        elif to not in seen and to != here:
            yield from _ways_back(facts, controller, (*path, one), last, leaving, hops)


def a11_price(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """Who pays with a voucher pays more than the list, or than others pay with their own money."""
    own: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for one in facts.orders:
        if not one.voucher_fen and not one.cancelled_at:
            own[one.sku].append((one.placed_at, one.unit_fen))
    for sales in own.values():
        sales.sort()
    for order in facts.orders:
        if not order.voucher_fen:
            continue
        median = _median(own[order.sku], order.placed_at, limits)
        above_list = 0 < order.list_fen < order.unit_fen
        above_median = median and order.unit_fen * 100 > limits.a11_median_percent * median
        if above_list or above_median:
            yield flag(
                "A11",
                Action.HOLD,
                f"order:{order.id}",
                refs=[order.id],
                unit_fen=order.unit_fen,
                list_fen=order.list_fen,
                median_fen=median,
                limit_percent=limits.a11_median_percent,
            )


def _median(sales: Sequence[tuple[datetime, int]], at: datetime, limits: Thresholds) -> int:
    """Of the sales in the days before, the lower of two in the middle; 0: too few."""
    begin = bisect_left(sales, (at - timedelta(days=limits.a11_days), 0))
    prices = sorted(fen for _, fen in sales[begin : bisect_right(sales, (at, -1))])
    return prices[(len(prices) - 1) // 2] if len(prices) >= limits.a11_least_sales else 0
