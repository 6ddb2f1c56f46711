"""Cases of units: what a metered use is charged, what of an award is released, what a checkpoint takes back.

::

    charges:
      - id: gpu_vm
        source: "32 vCPUs, 2 an hour each, 100 hours"
        resource: jetstream2_gpu
        on: 2026-03-01
        usage: [{state: running, hours: 100, reserved: 32}]
        exchanged: "10000.00"
        expect: {charge: "6400.00", left: "3600.00"}
    releases:
      - id: first_half
        source: "half of 1,500,000"
        on: 2026-03-01
        award: "1500000.00"
        expect: {released: "750000.00", locked: "750000.00"}
    reductions:
      - id: first_checkpoint
        source: "8 % used of 1,000,000: 25 % of 920,000"
        checkpoint: 2026-11-01
        original: "1000000.00"
        current: "1000000.00"
        used: "80000.00"
        expect: {removed: "230000.00"}

``refused`` names the code where nothing is decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Protocol

from hesuan.errors import HesuanError
from hesuan.money import decimal_yuan
from hesuan.policy.decay import Holding, reduce
from hesuan.policy.exchange import Usage, charge
from hesuan.policy.fields import Fields
from hesuan.policy.programme import Programme
from hesuan.policy.sections import parse_number
from hesuan.policy.tranches import pieces


class UnitCase(Protocol):
    """One case of whatever kind."""

    @property
    def id(self) -> str:
        """Its name, for people."""

    @property
    def where(self) -> str:
        """``file:line:column``."""

    @property
    def reading(self) -> str:
        """Under which other decision of open rules it was worked; empty: the document's own."""

    def differences(self, programme: Programme) -> list[str]:
        """Every difference from what was expected, one line each."""


@dataclass(frozen=True, slots=True)
class Head:
    """What every case of units has."""

    id: str
    where: str
    reading: str
    expect: dict[str, str]

    def compare(self, got: dict[str, str]) -> list[str]:
        """Every difference, one line each; what is not expected is not compared."""
        return [
            f"{self.where}: {self.id}: {name} is {got.get(name, 'absent')}, expected {wanted}"
            for name, wanted in self.expect.items()
            if got.get(name) != wanted
        ]


@dataclass(frozen=True, slots=True)
class ChargeCase(Head):
    """A metered use of a resource, and what it costs."""

    resource: str
    on: date
    usage: tuple[Usage, ...]
    exchanged_fen: int | None
    """What had been exchanged for the resource before."""

    def differences(self, programme: Programme) -> list[str]:
        """Compares ``charge``, ``left`` of what was exchanged (negative where it does not suffice)."""
        try:
            made = charge(programme, self.resource, self.usage, on=self.on)
        except HesuanError as error:
            return self.compare({"refused": error.code.name})
        left = {} if self.exchanged_fen is None else {"left": decimal_yuan(self.exchanged_fen - made.fen)}
        return self.compare({"charge": decimal_yuan(made.fen), "rate": str(made.rate), **left})


@dataclass(frozen=True, slots=True)
class ReleaseCase(Head):
    """An award, what has happened since, and what of it may be spent."""

    on: date
    award_fen: int
    events: tuple[str, ...]

    def differences(self, programme: Programme) -> list[str]:
        """Compares ``released`` and ``locked``."""
        found = pieces(programme, self.award_fen, on=self.on, events=self.events)
        released = sum(one.fen for one in found if one.released)
        locked = self.award_fen - released
        return self.compare({"released": decimal_yuan(released), "locked": decimal_yuan(locked)})


@dataclass(frozen=True, slots=True)
class ReductionCase(Head):
    """An allocation on the day of a checkpoint, and what is taken of it."""

    checkpoint: date
    holding: Holding
    exempted_by: str

    def differences(self, programme: Programme) -> list[str]:
        """Compares ``removed``, ``left`` (unused afterwards) and ``refused``."""
        expiry = programme.terms.expiry
        points = [one for one in (expiry.checkpoints if expiry else ()) if one.on == self.checkpoint]
        if not points:
            return [f"{self.where}: {self.id}: no checkpoint on {self.checkpoint}"]
        taken = reduce(programme, points[0], self.holding, exempted_by=self.exempted_by, reason=self.id)
        got = {
            "removed": decimal_yuan(taken.removed_fen),
            "left": decimal_yuan(self.holding.unused_fen - taken.removed_fen),
        }
        return self.compare(got | ({"refused": taken.refused.name} if taken.refused else {}))


def charge_case(fields: Fields) -> ChargeCase:
    """One of ``charges``."""
    resource, on, exchanged = (
        fields.text("resource"),
        fields.date("on"),
        fields.money("exchanged", required=False),
    )
    usage = fields.entries("usage", _usage)
    head = _head(fields, ("charge", "left", "rate", "refused"))
    return ChargeCase(
        *head,
        resource=resource if isinstance(resource, str) else "",
        on=on if isinstance(on, date) else date.min,
        usage=usage,
        exchanged_fen=exchanged if isinstance(exchanged, int) else None,
    )


def _usage(fields: Fields) -> Usage:
    state = fields.text("state")
    hours, reserved = fields.custom("hours", parse_number), fields.custom("reserved", parse_number)
    used = fields.custom("used", parse_number, required=False)
    return Usage(
        state=state if isinstance(state, str) else "",
        hours=hours if isinstance(hours, Fraction) else Fraction(0),
        reserved=reserved if isinstance(reserved, Fraction) else Fraction(0),
        used=used if isinstance(used, Fraction) else None,
    )


def release_case(fields: Fields) -> ReleaseCase:
    """One of ``releases``."""
    on, award, events = fields.date("on"), fields.money("award"), fields.names("events", required=False)
    return ReleaseCase(
        *_head(fields, ("released", "locked")),
        on=on if isinstance(on, date) else date.min,
        award_fen=award if isinstance(award, int) else 0,
        events=events if isinstance(events, tuple) else (),
    )


def reduction_case(fields: Fields) -> ReductionCase:
    """One of ``reductions``."""
    on, role = fields.date("checkpoint"), fields.text("exempted_by", required=False)
    original, current, used = (fields.money(key) for key in ("original", "current", "used"))
    return ReductionCase(
        *_head(fields, ("removed", "left", "refused")),
        checkpoint=on if isinstance(on, date) else date.min,
        holding=Holding(
            original if isinstance(original, int) else 0,
            current if isinstance(current, int) else 0,
            used if isinstance(used, int) else 0,
        ),
        exempted_by=role if isinstance(role, str) else "",
    )


def _head(fields: Fields, expected: tuple[str, ...]) -> tuple[str, str, str, dict[str, str]]:
    fields.text("source")
    name, reading = fields.name("id"), fields.text("reading", required=False)
    expect = fields.section("expect", lambda inner: _expect(inner, expected)) or {}
    where = fields.reading.where(fields.mark)
    return name, where, reading if isinstance(reading, str) else "", expect


def _expect(fields: Fields, expected: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name in expected if isinstance(value := fields.text(name, required=False), str)}
