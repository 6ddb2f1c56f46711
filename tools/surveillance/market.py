"""An honest market: 500 firms, 5 centres, a year, from one seed. Near misses are part of it.

Honest does not mean tidy: firms start late, cancel, burst, buy from each other, share agents and addresses,
and a few have habits that a rule will call odd. What a rule says of these is a false flag.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

from hesuan.hub.registry.rules import Tie, distance
from hesuan.hub.registry.rules import related as related_by
from hesuan.surveillance.facts import (
    EPOCH,
    Calls,
    Claim,
    Facts,
    Grant,
    Hold,
    Inventory,
    Limit,
    NumberUse,
    Order,
    Payment,
    Redemption,
    Relationship,
    Usage,
)

FIRMS, CENTRES, SKUS = 500, 5, 3
MONTHS = 12
BEGIN = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=8)
"""Midnight of 1 January at the programmes' place."""
END = datetime(2027, 1, 1, tzinfo=UTC) - timedelta(hours=8)
PROGRAMMES = ("city", "province")
LIMIT_FEN = 20_000_000
HOUR = timedelta(hours=1)


@dataclass
class Firm:
    """One firm and its habits."""

    id: str
    programme: str
    centres: list[str]
    people: list[str]
    pace: float
    """Orders a month."""
    late: int = 0
    """Days before it starts."""
    exempt: bool = False
    batch: bool = False
    """Places many orders on some days."""
    busy: tuple[int, int] = (300_000, 900_000)
    grant: Grant | None = None


@dataclass
class Market:
    """What happened, row by row; frauds add to it."""

    random: Random
    firms: list[Firm] = field(default_factory=list)
    centres: list[str] = field(default_factory=list)
    unit_fen: dict[str, int] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    redemptions: list[Redemption] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    numbers: list[NumberUse] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)
    ghosts: list[Usage] = field(default_factory=list)
    """Usage for which the machines do not exist."""
    ties: list[Tie] = field(default_factory=list)
    calls: list[Calls] = field(default_factory=list)
    controllers: dict[str, str] = field(default_factory=dict)
    agents: set[tuple[str, str]] = field(default_factory=set)
    count: int = 0

    def id(self, kind: str) -> str:
        """The next id."""
        self.count += 1
        return f"{kind}-{self.count:06}"

    def moment(self, begin: datetime, end: datetime) -> datetime:
        """A whole second between two moments."""
        return begin + timedelta(seconds=self.random.randrange(max(1, int((end - begin).total_seconds()))))

    def list_fen(self, sku: str, at: datetime) -> int:
        """The list price of a quarter."""
        quarter = min(3, (at - BEGIN).days // 92)
        return self.unit_fen[sku] * (100, 102, 101, 104)[quarter] // 100

    def facts(self) -> Facts:
        """Everything, with machines for all that honestly ran, and for not one card more."""
        usage = [*self.usage, *self.ghosts]
        return Facts(
            until=END,
            orders=tuple(self.orders),
            holds=tuple(self.holds),
            grants=tuple(one.grant for one in self.firms if one.grant),
            redemptions=tuple(self.redemptions),
            payments=tuple(self.payments),
            claims=tuple(self.claims),
            numbers=tuple(self.numbers),
            usage=tuple(usage),
            inventories=tuple(
                Inventory(f"stock-{centre}", centre, self.peak(centre), BEGIN - HOUR)
                for centre in self.centres
            ),
            relationships=self.relationships(),
            limits=tuple(Limit(programme, LIMIT_FEN) for programme in PROGRAMMES),
            calls=tuple(self.calls),
            controllers=self.controllers,
            agents=frozenset(self.agents),
        )

    def peak(self, centre: str) -> int:
        """The most cards that ran at once."""
        events = sorted(
            event
            for one in self.usage
            if one.centre == centre
            for event in ((one.started_at, 1, one.cards), (one.ended_at, 0, -one.cards))
        )
        held = most = 0
        for _, _, cards in events:
            held += cards
            most = max(most, held)
        return most

    def relationships(self) -> tuple[Relationship, ...]:
        """Asked of the registry's own rule, for every firm and centre that deal with each other."""
        at: defaultdict[str, list[Tie]] = defaultdict(list)
        for tie in self.ties:
            at[tie.left].append(tie)
            at[tie.right].append(tie)
        found = []
        for firm, centre in sorted({(one.firm, one.centre) for one in self.orders}):
            near = [*at[f"organisation:{firm}"], *at[f"organisation:{centre}"]]
            around = {tie.relation_id: tie for one in near for tie in (*at[one.left], *at[one.right])}
            path = related_by(around.values(), f"organisation:{firm}", f"organisation:{centre}")
            if path is not None:
                ties = tuple(sorted(tie.relation_id for tie in path.ties))
                found.append(Relationship(firm, centre, distance(path), ties, EPOCH))
        return tuple(found)

    def trade(self, firm: Firm, at: datetime, **said: Any) -> Order:
        """One order through to its payment; ``said`` overrules what chance would choose."""
        random = self.random
        centre = said.get("centre") or random.choice(firm.centres)
        sku = said.get("sku") or f"{centre}/{random.randrange(SKUS)}"
        cards = said.setdefault("cards", random.choice((1, 2, 4, 8)))
        hours = said.get("hours", random.randrange(60, 1200) / 60)
        listed = self.list_fen(sku, at)
        unit = said.get("unit_fen", listed * random.randrange(97, 101) // 100)
        voucher = said.get("voucher", random.random() < 0.6)
        fen = int(cards * hours * unit * 1.3) + 1
        share = fen * 30 // 100
        given = at + timedelta(seconds=random.randrange(20, 3 * 3600))
        cancelled = at + timedelta(seconds=random.randrange(5, 7200)) if random.random() < 0.06 else None
        if "cancelled_s" in said:
            cancelled = at + timedelta(seconds=said["cancelled_s"])
            given = at + timedelta(seconds=said.get("given_s", 10**6))
        if "keep" in said:
            cancelled = None
        order = Order(
            id=self.id("order"),
            firm=firm.id,
            centre=centre,
            programme=firm.programme if voucher else "",
            sku=sku,
            fen=fen,
            unit_fen=unit,
            list_fen=said.get("list_fen", listed),
            voucher_fen=share if voucher else 0,
            placed_at=at,
            given_at=given if cancelled is None or given <= cancelled else None,
            cancelled_at=cancelled,
        )
        self.orders.append(order)
        self._carry_out(firm, order, given, timedelta(hours=hours), said)
        return order

    def _carry_out(
        self, firm: Firm, order: Order, given: datetime, long: timedelta, said: dict[str, Any]
    ) -> None:
        ended = order.cancelled_at or given + timedelta(seconds=int(long.total_seconds()))
        taken = 0 if order.cancelled_at else order.voucher_fen * self.random.randrange(62, 90) // 100
        if order.voucher_fen:
            self.holds.append(
                Hold(
                    self.id("hold"),
                    firm.id,
                    order.programme,
                    order.voucher_fen,
                    order.placed_at,
                    ended,
                    taken,
                )
            )
        if order.cancelled_at:
            return
        cards = said["cards"]
        held = cards * ((ended - given) // timedelta(milliseconds=1))
        run = Usage(
            id=self.id("run"),
            order=order.id,
            firm=firm.id,
            centre=order.centre,
            programme=order.programme,
            cards=cards,
            held_card_ms=held * said.get("metered_percent", 100) // 100,
            started_at=given,
            ended_at=ended,
            busy_ppm=said.get("busy_ppm", self.random.randrange(*firm.busy)),
        )
        self.usage.append(run)
        settled = ended + timedelta(seconds=self.random.randrange(30, 1200))
        if order.voucher_fen and firm.grant:
            by = said.get("by", self.random.choice(firm.people))
            self.redemptions.append(
                Redemption(self.id("redemption"), firm.id, order.programme, firm.grant.id, taken, settled, by)
            )
        own = order.fen * 3 // 4 - taken
        self.payments.append(
            Payment(self.id("payment"), firm.id, order.centre, max(1, own), settled, own_share=bool(taken))
        )

    def claim(self, firm: Firm, fen: int, at: datetime, **said: str) -> Claim:
        """A claim with its numbers."""
        made = Claim(self.id("claim"), firm.id, said.get("programme", firm.programme), fen, at)
        self.claims.append(made)
        numbers = {
            "contract": f"contract {firm.id} {said.get('centre', firm.centres[0])}",
            "invoice": f"invoice {made.id}",
            "job": f"job {made.id}",
            "meter": f"meter {made.id}",
        }
        for kind, key in {**numbers, **said}.items():
            if kind in numbers:
                use = NumberUse(f"claim:{made.id}", kind, key, firm.id, made.programme, at)
                self.numbers.append(use)
        return made


def honest_market(seed: int) -> Market:
    """The market before anybody cheats."""
    made = Market(Random(f"hesuan surveillance {seed}"))  # noqa: S311 - a simulation
    made.centres = [f"centre{number}" for number in range(CENTRES)]
    for centre in made.centres:
        for number in range(SKUS):
            made.unit_fen[f"{centre}/{number}"] = made.random.randrange(300, 900)
    made.firms = [_firm(made, number) for number in range(FIRMS)]
    _groups_and_agents(made)
    return made


def _firm(market: Market, number: int) -> Firm:
    random = market.random
    firm = Firm(
        id=f"firm{number:03}",
        programme=random.choice(PROGRAMMES),
        centres=random.sample(market.centres, 2),
        people=[f"person{number:03}.{one}" for one in range(random.randrange(1, 4))],
        pace=random.uniform(3, 8),
        batch=number % 50 == 7,
    )
    if number % 60 == 11:
        firm.late = random.randrange(95, 130)
        firm.exempt = number % 120 == 11
    if number % 45 == 3:
        firm.busy = (55_000, 120_000)
    return firm


def _groups_and_agents(market: Market) -> None:
    """Thirty pairs under one control, five agents for ten firms each, and shares too small to matter."""
    for number in range(440, 500, 2):
        first, second = market.firms[number], market.firms[number + 1]
        market.controllers |= {first.id: first.id, second.id: first.id}
    for number in range(5):
        for firm in market.firms[380 + number * 10 : 390 + number * 10]:
            firm.people = [f"agent{number}"]
            market.agents.add((f"agent{number}", firm.id))
    for number, firm in enumerate(market.firms[:300]):
        other = firm.centres[0] if number % 3 == 0 else market.random.choice(market.firms[:300]).id
        if other != firm.id:
            tie(market, "shareholding", firm.id, f"organisation:{other}", Fraction(1, 5))


def tie(market: Market, kind: str, organisation: str, node: str, ratio: Fraction | None = None) -> str:
    """A proved relation; returns its id."""
    made = Tie(market.id("relation"), kind, f"organisation:{organisation}", node, ratio)
    market.ties.append(made)
    return made.relation_id


def live(market: Market, firm: Firm) -> None:
    """One firm's honest year."""
    random = market.random
    begins = BEGIN + timedelta(days=random.randrange(5, 40))
    firm.grant = Grant(
        id=f"grant-{firm.id}",
        firm=firm.id,
        programme=firm.programme,
        fen=int(firm.pace * 11 * 6_000),
        begins=begins,
        ends=begins + timedelta(days=365),
        exempted_at=BEGIN + timedelta(days=60) if firm.exempt else None,
    )
    start = begins + timedelta(days=firm.late)
    months = (END - start) / timedelta(days=30)
    for _ in range(int(firm.pace * months)):
        market.trade(firm, market.moment(start, END - timedelta(days=2)))
    if firm.batch:
        for _ in range(10):
            day = market.moment(start, END - timedelta(days=5))
            for _ in range(random.randrange(10, 18)):
                market.trade(firm, day + timedelta(seconds=random.randrange(6 * 3600)))
    for month in range(MONTHS):
        at = BEGIN + timedelta(days=30 * month + random.randrange(30), hours=random.randrange(9, 18))
        if at > start + timedelta(days=15):
            market.claim(firm, int(LIMIT_FEN * random.lognormvariate(-0.7, 0.8)), at)


def habits(market: Market) -> None:
    """What honest firms do that looks like something else: rebates, services, cheap sales, many calls."""
    random = market.random
    for firm in market.firms[100:180]:
        paid = [one for one in market.payments if one.payer == firm.id and one.own_share][:3]
        for one in paid:
            back = one.fen * random.randrange(5, 60) // 100
            at = one.at + timedelta(days=random.randrange(1, 28))
            market.payments.append(Payment(market.id("payment"), one.payee, firm.id, max(1, back), at))
    for firm in market.firms[180:185]:
        for month in range(MONTHS):
            at = BEGIN + timedelta(days=30 * month + 3)
            market.claim(firm, int(LIMIT_FEN * 0.93), at)
    for firm in market.firms[185:190]:
        at = BEGIN + timedelta(days=200)
        market.claim(firm, 7_000_000, at)
        market.claim(firm, 7_010_000, at + timedelta(days=3))
    for number in range(20):
        for _ in range(200):
            at = market.moment(BEGIN, END).replace(microsecond=0)
            market.calls.append(Calls(f"account{number}", at, random.randrange(1, 250)))
