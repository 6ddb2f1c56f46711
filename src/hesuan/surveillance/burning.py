"""Metering that cannot be (A9), machines held and not used (A10), a rush before expiry (A13)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from hesuan.surveillance.facts import Facts, Inventory, Redemption, Usage
from hesuan.surveillance.flags import Action, Flag, flag
from hesuan.surveillance.thresholds import Thresholds


def a9_impossible_metering(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """More card-hours than cards times time; more cards at once than the centre has."""
    for one in facts.usage:
        most = one.cards * one.wall_ms
        if one.held_card_ms * 1000 > most * (1000 + limits.a9_slack_permille):
            yield flag(
                "A9",
                Action.STOP,
                f"order:{one.order}",
                window="held",
                keys=[f"run:{one.id}"],
                refs=[one.id],
                held_card_ms=one.held_card_ms,
                most_card_ms=most,
                limit_permille=limits.a9_slack_permille,
            )
    yield from _more_than_there_is(facts)


def _more_than_there_is(facts: Facts) -> Iterator[Flag]:
    stock: defaultdict[str, list[Inventory]] = defaultdict(list)
    for row in facts.inventories:
        stock[row.centre].append(row)
    runs: defaultdict[str, list[Usage]] = defaultdict(list)
    for one in facts.usage:
        if one.ended_at > one.started_at:
            runs[one.centre].append(one)
    for centre, usage in sorted(runs.items()):
        if centre in stock:
            yield from _at_once(centre, usage, sorted(stock[centre], key=lambda row: (row.since, row.id)))


def _at_once(centre: str, usage: Sequence[Usage], stock: Sequence[Inventory]) -> Iterator[Flag]:
    """Sweeps one centre's runs; from where the sum passes the stock until it is below again is one flag.

    Which of the runs is made up, nobody can tell from the sum: all that ran at its highest are named.
    """
    events = sorted(
        [(one.ended_at, 0, one.id, one) for one in usage]
        + [(one.started_at, 1, one.id, one) for one in usage]
    )
    running: dict[str, Usage] = {}
    held, place, limit = 0, 0, 0
    worst: tuple[int, int, datetime, list[Usage]] | None = None
    for moment, begins, _, one in events:
        while place + 1 < len(stock) and stock[place + 1].since <= moment:
            place += 1
        limit = stock[place].cards
        if begins:
            running[one.id] = one
            held += one.cards
        else:
            held -= running.pop(one.id).cards
        above = held > limit and stock[place].since <= moment
        if above and (worst is None or held > worst[0]):
            begun = worst[2] if worst else moment
            worst = (held, limit, begun, list(running.values()))
        if not above and worst is not None:
            yield _above_stock(centre, *worst)
            worst = None
    if worst is not None:
        yield _above_stock(centre, *worst)


def _above_stock(centre: str, held: int, limit: int, begun: datetime, runs: Sequence[Usage]) -> Flag:
    return flag(
        "A9",
        Action.STOP,
        f"site:{centre}",
        window=begun.astimezone(UTC).isoformat(),
        keys=[f"order:{one.order}" for one in runs],
        refs=[one.id for one in runs],
        cards_at_once=held,
        limit_cards=limit,
    )


def a10_empty_burn(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """A voucher's job holds machines for a day and hardly uses them."""
    for one in facts.usage:
        if is_empty(one, limits):
            yield flag(
                "A10",
                Action.FLAG,
                f"run:{one.id}",
                keys=[f"order:{one.order}", f"firm:{one.firm}"],
                refs=[one.id],
                busy_ppm=one.busy_ppm or 0,
                limit_percent=limits.a10_busy_percent,
                wall_ms=one.wall_ms,
                limit_hours=limits.a10_hours,
            )


def is_empty(one: Usage, limits: Thresholds) -> bool:
    """Whether a voucher's job ran long and did little; what nobody measured is not called empty."""
    long = one.wall_ms > limits.a10_hours * 3_600_000
    idle = one.busy_ppm is not None and one.busy_ppm < limits.a10_busy_percent * 10_000
    return bool(one.programme) and long and idle


def a13_expiry_rush(facts: Facts, limits: Thresholds) -> Iterator[Flag]:
    """Much of a grant goes in the last part of its life, and into machines that do nothing."""
    used: defaultdict[str, list[Redemption]] = defaultdict(list)
    for row in facts.redemptions:
        used[row.grant].append(row)
    empty: defaultdict[tuple[str, str], list[Usage]] = defaultdict(list)
    for one in facts.usage:
        if is_empty(one, limits):
            empty[one.firm, one.programme].append(one)
    for grant in facts.grants:
        begins = grant.ends - (grant.ends - grant.begins) * limits.a13_life_percent // 100
        late = [row for row in used[grant.id] if begins <= row.at <= grant.ends]
        idle = [one for one in empty[grant.firm, grant.programme] if _within(one, begins, grant.ends)]
        fen = sum(row.fen for row in late)
        if idle and fen * 100 >= limits.a13_share_percent * grant.fen:
            yield flag(
                "A13",
                Action.FLAG,
                f"grant:{grant.id}",
                keys=[f"firm:{grant.firm}"],
                refs=[*(row.id for row in late), *(one.id for one in idle)],
                granted_fen=grant.fen,
                late_fen=fen,
                limit_percent=limits.a13_share_percent,
                empty_runs=len(idle),
            )


def _within(one: Usage, begins: datetime, ends: datetime) -> bool:
    return one.ended_at >= begins and one.started_at <= ends
