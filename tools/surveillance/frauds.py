"""Twelve kinds of fraud, put into the honest market; each says which flags have to come of it.

They are our own idea of fraud, made by who made the rules. They show that the rules do what they say and how
often they disturb the honest; they do not show what a cheat will think of next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise

from hesuan.surveillance.facts import Calls, Facts, Grant, Hold, Payment, Redemption, day_of
from tools.surveillance.market import (
    BEGIN,
    END,
    LIMIT_FEN,
    PROGRAMMES,
    Firm,
    Market,
    habits,
    honest_market,
    live,
    tie,
)


@dataclass(frozen=True)
class Fraud:
    """One case: of which kind, by whom, and what has to be flagged."""

    kind: str
    expects: tuple[tuple[str, str, str], ...]
    """``(rule, action, subject)``; each is one case for the rule."""
    parties: tuple[str, ...]
    """Firms and accounts that cheat; whatever else is said of them is no false flag of a bystander."""
    also: tuple[str, ...] = ()
    """Rules that may speak of it besides, by their own definitions."""


@dataclass
class Case:
    """A market with its frauds."""

    facts: Facts
    frauds: list[Fraud] = field(default_factory=list)


def make(seed: int) -> Case:
    """The market of a seed."""
    market = honest_market(seed)
    cheats = iter(market.random.sample(market.firms[:100] + market.firms[190:380], 130))
    frauds: list[Fraud] = []
    hoarders = [next(cheats) for _ in range(8)]
    rushers = [next(cheats) for _ in range(6)]
    for firm in market.firms:
        if firm not in hoarders and firm not in rushers:
            live(market, firm)
    habits(market)
    frauds += [_hoarded_grant(market, firm, number) for number, firm in enumerate(hoarders)]
    frauds += [_expiry_rush(market, firm) for firm in rushers]
    for kind in KINDS:
        for number in range(8):
            frauds.append(kind(market, cheats, number))
    frauds += [_flood(market, number) for number in range(6)]
    return Case(market.facts(), frauds)


def _day(market: Market, first: int = 100, last: int = 330) -> datetime:
    """Nine in the morning of some day."""
    return BEGIN + timedelta(days=market.random.randrange(first, last), hours=9)


def _hoarded_grant(market: Market, firm: Firm, number: int) -> Fraud:
    """Takes a grant and uses next to nothing of it."""
    begins = BEGIN + timedelta(days=10)
    firm.grant = Grant(
        f"grant-{firm.id}", firm.id, firm.programme, 4_000_000, begins, begins + timedelta(days=365)
    )
    if number % 2:  # between 5 and 10 % of the first quarter's plan, then nothing
        grant, at = firm.grant, begins + timedelta(days=30)
        row = Redemption(
            market.id("redemption"), firm.id, firm.programme, grant.id, 80_000, at, firm.people[0]
        )
        market.redemptions.append(row)
    return Fraud("hoarded grants", (("A1", "flag", f"grant:grant-{firm.id}"),), (firm.id,))


def _expiry_rush(market: Market, firm: Firm) -> Fraud:
    """Uses the grant in its last days, on machines that stand still."""
    random = market.random
    begins = BEGIN + timedelta(days=5)
    ends = begins + timedelta(days=300)
    firm.grant = Grant(f"grant-{firm.id}", firm.id, firm.programme, 10, begins, ends)
    before = len(market.redemptions)
    for _ in range(30):
        market.trade(firm, market.moment(begins, ends - timedelta(days=40)), keep=True, voucher=True)
    runs = [
        market.trade(
            firm,
            ends - timedelta(days=random.randrange(4, 25)),
            keep=True,
            voucher=True,
            hours=random.randrange(26, 60),
            cards=8,
            busy_ppm=random.randrange(0, 40_000),
        )
        for _ in range(12)
    ]
    used = sum(row.fen for row in market.redemptions[before:])
    firm.grant = replace(firm.grant, fen=used)
    empty = [one for one in market.usage if one.order in {run.id for run in runs}]
    expects = tuple(("A10", "flag", f"run:{one.id}") for one in empty)
    return Fraud(
        "empty burn and expiry rush",
        (("A13", "flag", f"grant:grant-{firm.id}"), *expects),
        (firm.id,),
        ("A1", "A14"),
    )


def _hoarded_holds(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Sets much aside and captures little, or never lets go."""
    firm, day = next(cheats), _day(market)
    for one in range(14):
        opened = day + timedelta(hours=8 * one)
        fen = market.random.randrange(50_000, 900_000)
        ended = opened + timedelta(hours=20) if number % 2 else None
        market.holds.append(
            Hold(market.id("hold"), firm.id, firm.programme, fen * 6, opened, ended, fen // 4)
        )
    return Fraud("hoarded holds", (("A2", "flag", f"firm:{firm.id}"),), (firm.id,))


def _order_and_cancel(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Takes machines from others on several days and gives them back at once."""
    firm, day = next(cheats), _day(market)
    if number < 3:
        return _frequent_cancel(market, firm, day, large=False)
    if number == 3:
        return _frequent_cancel(market, firm, day, large=True)
    instant = number % 2
    for one in range(4):
        for place in range(14):
            at = day + timedelta(days=6 * one, minutes=7 * place)
            given = 120 if instant else 0
            keep = {"keep": True} if place % 5 == 4 else {"cancelled_s": given + 40 + 3600 * (1 - instant)}
            market.trade(firm, at, voucher=number != 6, hours=4, cards=2, given_s=given, **keep)
    subject = f"firm:{firm.id}"
    expects = [("A3", "flag", subject), ("A3", "hold", subject)]
    if instant:
        expects.append(("A5", "flag", subject))
    return Fraud("order and cancel", tuple(expects), (firm.id,), ("A2", "A4", "A14", "A5"))


def _frequent_cancel(market: Market, firm: Firm, day: datetime, *, large: bool) -> Fraud:
    sku = f"{firm.centres[0]}/1"
    for place in range(8 if large else 26):
        at = day + timedelta(minutes=5 * place)
        size = {"hours": 40, "cards": 16} if large else {"hours": 2, "cards": 1}
        market.trade(firm, at, sku=sku, centre=firm.centres[0], voucher=False, cancelled_s=900, **size)
    for place in range(2 if large else 30):
        at = day + timedelta(minutes=5 * place + 2)
        market.trade(firm, at, voucher=False, keep=True, hours=3, cards=2)
    return Fraud("order and cancel", (("A4", "flag", f"firm:{firm.id}"),), (firm.id,), ("A3", "A14"))


def _related(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Uses its voucher at a centre of its own people, in one of seven ways."""
    firm = next(cheats)
    centre = firm.centres[0]
    node = f"organisation:{centre}"
    if number == 0:
        tie(market, "registration", firm.id, node)
    elif number in (1, 2):
        tie(market, "shareholding", firm.id, node, Fraction(25 + 40 * number, 100))
    elif number == 3:
        tie(market, "legal_representative", firm.id, node)
    elif number in (4, 5, 6):
        kind = ("phone", "bank_account", "address")[number - 4]
        value = f"{kind}:hash{firm.id}"
        tie(market, kind, firm.id, value)
        tie(market, kind, centre, value)
    else:
        tie(market, "shareholding", firm.id, f"organisation:holding{number}", Fraction(1, 2))
        tie(market, "shareholding", centre, f"organisation:holding{number}", Fraction(1, 2))
    action = "hold" if number == 7 else "stop"
    months = {
        f"{day_of(one.placed_at):%Y-%m}"
        for one in market.orders
        if one.firm == firm.id and one.centre == centre and one.voucher_fen
    }
    subject = f"pair:{firm.id}:{centre}"
    return Fraud(
        "related parties", tuple(("A6", action, f"{subject} {one}") for one in sorted(months)), (firm.id,)
    )


def _round_trip(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Gets its own share back, directly or by other hands, at once or in parts."""
    firm = next(cheats)
    share = max(
        (
            one
            for one in market.payments
            if one.payer == firm.id and one.own_share and one.at < END - timedelta(days=40)
        ),
        key=lambda one: one.fen,
    )
    back = share.fen * market.random.randrange(82, 101) // 100
    hands = [f"shell{firm.id}.{one}" for one in range(number % 3)]
    chain = [share.payee, *hands, firm.id]
    parts = 2 if number > 4 else 1
    for part in range(parts):
        for place, (payer, payee) in enumerate(pairwise(chain)):
            at = share.at + timedelta(days=3 * (place + 1) + part)
            market.payments.append(Payment(market.id("payment"), payer, payee, -(-back // parts), at))
    return Fraud("round trips", (("A7", "hold", f"pair:{firm.id}:{share.payee}"),), (firm.id,))


def _double_claim(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Is paid twice for one thing: by its number, or by a second set of papers."""
    firm = next(cheats)
    at = _day(market)
    other = next(one for one in PROGRAMMES if one != firm.programme)
    frame = f"frame contract {firm.id}"
    first = market.claim(firm, 6_000_000 + 1000 * number, at, contract=frame)
    if number < 4:
        kind = ("invoice", "contract", "job", "meter")[number]
        key = next(
            one.key for one in market.numbers if one.used_by == f"claim:{first.id}" and one.kind == kind
        )
        said = {"programme": other, "centre": f"paper{firm.id}", kind: key}
        again = market.claim(firm, 3_000_000, at + timedelta(days=40), **said)
        return Fraud("double claims", (("A8", "stop", f"claim:{again.id}"),), (firm.id,))
    again = market.claim(
        firm,
        first.fen + first.fen // 150,
        at + timedelta(days=number % 2),
        programme=other,
        centre=f"paper{firm.id}",
    )
    return Fraud("double claims", (("A8", "hold", f"claim:{again.id}"),), (firm.id,))


def _impossible_metering(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Meters more than the cards could do, or runs on cards that are not there."""
    firm, at = next(cheats), _day(market)
    percent = (102, 110, 150, 300, 101, 125, 100, 100)[number]
    order = market.trade(firm, at, keep=True, voucher=True, hours=10, cards=8, metered_percent=percent)
    if number < 6:
        return Fraud("impossible metering", (("A9", "stop", f"order:{order.id}"),), (firm.id,))
    run = next(one for one in reversed(market.usage) if one.order == order.id)
    market.usage.remove(run)
    market.ghosts.append(replace(run, cards=5000, held_card_ms=run.held_card_ms * 625))
    return Fraud("impossible metering", (("A9", "stop", f"site:{order.centre}"),), (firm.id, order.centre))


def _empty_burn(market: Market, cheats: Iterator[Firm], _: int) -> Fraud:
    """Holds machines for days on a voucher and lets them stand."""
    firm = next(cheats)
    hours, busy = market.random.randrange(25, 70), market.random.randrange(0, 49_000)
    order = market.trade(firm, _day(market), keep=True, voucher=True, hours=hours, busy_ppm=busy)
    run = next(one for one in reversed(market.usage) if one.order == order.id)
    return Fraud("empty burn and expiry rush", (("A10", "flag", f"run:{run.id}"),), (firm.id,), ("A13",))


def _price(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Pays more with a voucher than anybody pays without; where the list says so, the list was raised."""
    firm, at = next(cheats), _day(market)
    sku = f"{firm.centres[0]}/{number % 3}"
    unit = market.list_fen(sku, at) * market.random.randrange(116, 160) // 100
    listed = unit if number % 2 else market.list_fen(sku, at)
    order = market.trade(
        firm, at, keep=True, voucher=True, centre=firm.centres[0], sku=sku, unit_fen=unit, list_fen=listed
    )
    return Fraud("inflated prices", (("A11", "hold", f"order:{order.id}"),), (firm.id,))


def _splitting(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Splits a large claim into parts just under the limit, alone or over two firms under one control."""
    firm, at = next(cheats), _day(market)
    pair = [firm]
    if number % 2:
        other = next(cheats)
        other.programme = firm.programme
        market.controllers |= {firm.id: firm.id, other.id: firm.id}
        pair.append(other)
    for place in range(4):
        fen = LIMIT_FEN * market.random.randrange(952, 1001) // 1000
        who = pair[place % len(pair)]
        market.claim(
            who, fen, at + timedelta(days=6 * place), programme=firm.programme, centre=f"split{firm.id}"
        )
    parties = tuple(one.id for one in pair)
    return Fraud("splitting under limits", (("A12", "flag", f"firm:{firm.id}"),), parties)


def _cash_out(market: Market, cheats: Iterator[Firm], number: int) -> Fraud:
    """Redeems in bursts, or one person redeems for firms that have nothing to do with each other."""
    at = _day(market)
    firms = [next(cheats)] if number % 2 else [next(cheats) for _ in range(2)]
    person = f"runner{number}" if len(firms) > 1 else firms[0].people[0]
    for place in range(14 if len(firms) == 1 else 4):
        firm = firms[place % len(firms)]
        assert firm.grant is not None
        when = at + (timedelta(minutes=4 * place) if len(firms) == 1 else timedelta(days=4 * place))
        market.redemptions.append(
            Redemption(market.id("redemption"), firm.id, firm.programme, firm.grant.id, 500, when, person)
        )
    subject = f"firm:{firms[0].id}" if len(firms) == 1 else f"identity:{person}"
    return Fraud("cash-out", (("A14", "flag", subject),), (*(one.id for one in firms), person))


def _flood(market: Market, number: int) -> Fraud:
    """Sends more than a person can, in one second or over a day."""
    account, at = f"flood{number}", _day(market)
    if number % 2:
        market.calls.append(Calls(account, at, 300 + 50 * number))
    else:
        market.calls += [Calls(account, at + timedelta(seconds=one), 25) for one in range(800 + number)]
    return Fraud("flooding", (("A15", "stop", f"account:{account}"),), (account,))


KINDS = (
    _hoarded_holds,
    _order_and_cancel,
    _related,
    _round_trip,
    _double_claim,
    _impossible_metering,
    _empty_burn,
    _price,
    _splitting,
    _cash_out,
)
