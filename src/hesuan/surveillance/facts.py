"""What the rules look at: plain rows, each with the id by which a reader finds it again.

Amounts are fen, times are aware, shares are millionths. A day is a day at the programmes' place (UTC+8).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

PLACE = timezone(timedelta(hours=8))
"""Where a firm-day begins and ends: China Standard Time, as the programmes' days."""


def day_of(at: datetime) -> date:
    """The day of a moment at the programmes' place."""
    return at.astimezone(PLACE).date()


def start_of(day: date) -> datetime:
    """The moment at which a day begins at the programmes' place."""
    return datetime(day.year, day.month, day.day, tzinfo=PLACE)


@dataclass(frozen=True, slots=True)
class Order:
    """An accepted quote."""

    id: str
    firm: str
    centre: str
    """The organisation behind the centre."""
    programme: str
    """Of the voucher; empty without one."""
    sku: str
    fen: int
    """What was ordered: the highest charge."""
    unit_fen: int
    list_fen: int
    """The list price of the same unit on that day; 0 where there is none."""
    voucher_fen: int
    placed_at: datetime
    given_at: datetime | None = None
    """When the nodes were given."""
    cancelled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Something set aside on a voucher; ``captured_fen`` counts once it ended."""

    id: str
    firm: str
    programme: str
    fen: int
    opened_at: datetime
    ended_at: datetime | None = None
    captured_fen: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """A voucher with its life."""

    id: str
    firm: str
    programme: str
    fen: int
    begins: datetime
    ends: datetime
    exempted_at: datetime | None = None
    """When an exemption from the pace was asked for."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """A voucher's value used."""

    id: str
    firm: str
    programme: str
    grant: str
    fen: int
    at: datetime
    by: str = ""
    """The identity that caused it."""


@dataclass(frozen=True, slots=True)
class Payment:
    """Own money from one organisation to another; refunds of an order are left out, they are booked so."""

    id: str
    payer: str
    payee: str
    fen: int
    at: datetime
    own_share: bool = False
    """A firm's own part of a subsidised charge."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody asks to be paid."""

    id: str
    firm: str
    """Whose orders they are."""
    programme: str
    fen: int
    at: datetime
    readings: frozenset[str] = frozenset()
    """Of each run it stands on, what its meter says of it and would say of no other; empty where one of them
    was not metered."""
    beside: frozenset[str] = frozenset()
    """Claims to other programmes that lawfully paid the same orders."""


@dataclass(frozen=True, slots=True)
class Application:
    """Somebody asks for a voucher."""

    id: str
    firm: str
    programme: str
    fen: int
    """What the voucher would come to."""
    at: datetime


@dataclass(frozen=True, slots=True)
class NumberUse:
    """A contract, an invoice, a job or a meter's reading was used by something."""

    used_by: str
    """Such as ``claim:01J…``."""
    kind: str
    key: str
    firm: str
    programme: str
    at: datetime
    beside: frozenset[str] = frozenset()
    """Uses of the same number by other programmes that lawfully paid the same orders."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was metered of one run."""

    id: str
    order: str
    firm: str
    centre: str
    programme: str
    cards: int
    """Given to the run."""
    held_card_ms: int
    """Metered."""
    started_at: datetime
    ended_at: datetime
    busy_ppm: int | None = None
    """Mean use while held; ``None`` where nobody measured it."""

    @property
    def wall_ms(self) -> int:
        """From start to end [ms]."""
        return (self.ended_at - self.started_at) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a centre holds from a moment on."""

    id: str
    centre: str
    cards: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Relationship:
    """Two organisations are related; the registry says how, surveillance says only how near."""

    firm: str
    other: str
    distance: int
    """0: one party; 1: one tie, or something shared; 2: through an organisation between them."""
    ties: tuple[str, ...]
    """Ids of the entries on record."""
    since: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount up to which fewer people, or other people, approve."""

    programme: str
    fen: int
    of: str = "claim"
    """What is approved: ``claim`` or ``application``."""


@dataclass(frozen=True, slots=True)
class Calls:
    """How many submissions and cancellations one account sent in one second."""

    account: str
    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the rules look at, up to a moment."""

    until: datetime
    orders: tuple[Order, ...] = ()
    holds: tuple[Hold, ...] = ()
    grants: tuple[Grant, ...] = ()
    redemptions: tuple[Redemption, ...] = ()
    payments: tuple[Payment, ...] = ()
    claims: tuple[Claim, ...] = ()
    applications: tuple[Application, ...] = ()
    numbers: tuple[NumberUse, ...] = ()
    usage: tuple[Usage, ...] = ()
    inventories: tuple[Inventory, ...] = ()
    relationships: tuple[Relationship, ...] = ()
    limits: tuple[Limit, ...] = ()
    calls: tuple[Calls, ...] = ()
    controllers: Mapping[str, str] = field(default_factory=dict)
    """Organisation → its actual controller; one that is missing controls itself."""
    agents: frozenset[tuple[str, str]] = frozenset()
    """``(identity, organisation)``: who acts for whom openly, as an intermediary does."""

    def controller(self, organisation: str) -> str:
        """Under whose control an organisation is."""
        return self.controllers.get(organisation, organisation)

    def firms_of(self, controller: str) -> tuple[str, ...]:
        """Every organisation under one control, itself included."""
        found = {one for one, held in self.controllers.items() if held == controller}
        return tuple(sorted(found | {controller}))

    def of(self, keep: frozenset[str]) -> Facts:
        """The facts of some programmes; what belongs to none (payments, relations, inventories) stays."""
        names = ("orders", "holds", "grants", "redemptions", "claims", "applications", "usage", "limits")
        kept: dict[str, Any] = {
            name: tuple(row for row in getattr(self, name) if row.programme in keep) for name in names
        }
        return replace(self, **kept)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
