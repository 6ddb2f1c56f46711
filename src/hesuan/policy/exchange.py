"""Units of a programme and units of a resource: dated rates, states that cost less, and what is charged.

One credit may be one hour of a CPU core and half an hour of a GPU share, and the table changes: Jetstream2
charged its GPUs 4 units an hour on an older page and 2 today. So a rate is always a rate on a day, and an
exchange keeps the version it was made at. Amounts are hundredths of the programme's unit, exact until they
are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import cast

from hesuan.errors import InputFault, Refused, declare
from hesuan.money import round_fen
from hesuan.policy.fields import Open
from hesuan.policy.programme import Programme
from hesuan.policy.terms import Exchange, RateVersion

NO_RATE = declare(
    "policy.no_rate",
    en="`{table}` has no rate for {resource} on {day}.",
    zh="“{table}”在 {day} 没有 {resource} 的兑换率。",
)
NO_FACTOR = declare(
    "policy.no_state_factor",
    en="`{table}` does not say what {state} costs.",
    zh="“{table}”没有写明状态 {state} 的系数。",
)
NOT_REVERSIBLE = declare(
    "policy.not_reversible",
    en="Units exchanged by `{table}` cannot be turned back.",
    zh="按“{table}”兑换的单位不可退回。",
)
UNROUNDED = declare(
    "policy.charge_unrounded",
    en="A charge of {exact} hundredths is not whole, and no rule rounds charges.",
    zh="计费 {exact}（百分之一单位）不是整数，而没有规则规定计费取整。",
)
UNIT_FEN = 100
"""One unit of the programme."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How long something was in one state, and how much of it."""

    state: str
    hours: Fraction
    reserved: Fraction
    """In the resource's own unit (vCPUs, GPUs, nodes)."""
    used: Fraction | None = None
    """The same as far as it was used, where that is metered."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What a use costs."""

    exact: Fraction
    """[hundredths of the programme's unit]"""
    fen: int
    rate: Fraction
    rate_begin: date
    """The day from which the rate that was used holds."""
    parts: tuple[tuple[str, Fraction], ...]
    """State → what it cost [hundredths, exact]."""


def rate_on(rule: Exchange, resource: str, day: date) -> tuple[Fraction, date]:
    """The rate of a resource on a day, and since when it holds.

    Raises:
        Refused: ``policy.no_rate``.
    """
    begun = [one for one in rule.versions if isinstance(one.begin, date) and one.begin <= day]
    newest: RateVersion | None = max(begun, key=lambda one: cast("date", one.begin), default=None)
    rate = newest.rates.get(resource) if newest is not None else None
    if newest is None or not isinstance(rate, Fraction):
        raise Refused(NO_RATE, table=rule.table, resource=resource, day=day)
    return rate, cast("date", newest.begin)


def charge(programme: Programme, resource: str, usage: Sequence[Usage], *, on: date) -> Charge:
    """What a use of a resource costs in the programme's unit, at the rate of a day.

    ``Σ hours · quantity · rate · factor of the state``, at least the least charge, rounded where the rule has
    the stage ``charge``. Without state factors every state costs the whole rate.

    Raises:
        Refused: ``policy.no_rate``, ``policy.no_state_factor``.
    """
    rule = _rule(programme)
    rate, begin = rate_on(rule, resource, on)
    parts = tuple(
        (one.state, UNIT_FEN * one.hours * quantity(rule, one) * rate * factor(rule, one.state))
        for one in usage
    )
    exact = sum((amount for _, amount in parts), Fraction(0))
    if isinstance(rule.min_charge_fen, int) and exact > 0:
        exact = max(exact, Fraction(rule.min_charge_fen))
    return Charge(exact, _rounded(programme, exact), rate, begin, parts)


def quantity(rule: Exchange, usage: Usage) -> Fraction:
    """What was reserved, or what was used of it, as the rule charges."""
    return usage.used if rule.charge_on == "used" and usage.used is not None else usage.reserved


def factor(rule: Exchange, state: str) -> Fraction:
    """What part of the rate a state costs."""
    found = rule.state_factors.get(state, None if rule.state_factors else Fraction(1))
    if found is None or isinstance(found, Open):
        raise Refused(NO_FACTOR, table=rule.table, state=state)
    return found


def node_share(*shares: Fraction) -> Fraction:
    """The part of a node that is reserved: the largest of the shares of its cores, memory and GPUs."""
    return max(shares)


def to_resource(programme: Programme, resource: str, fen: int, *, on: date) -> Fraction:
    """How many units of a resource an amount of the programme's unit buys on a day."""
    rate, _ = rate_on(_rule(programme), resource, on)
    return Fraction(fen, UNIT_FEN) / rate


def back(programme: Programme, resource: str, units: Fraction, *, made_on: date) -> int:
    """What unused units give back, at the rate they were bought at; floored.

    Raises:
        Refused: ``policy.not_reversible``, ``policy.no_rate``.
    """
    rule = _rule(programme)
    if rule.reversible is not True:
        raise Refused(NOT_REVERSIBLE, table=rule.table)
    exact = units * rate_on(rule, resource, made_on)[0] * UNIT_FEN
    return exact.numerator // exact.denominator


def _rule(programme: Programme) -> Exchange:
    assert programme.terms.exchange is not None, "only a programme with an exchange is asked"
    return programme.terms.exchange


def _rounded(programme: Programme, exact: Fraction) -> int:
    """Whole hundredths, by the rule where it rounds charges; a charge that is whole already needs no rule."""
    rounding = programme.rounding
    stages = rounding.stages if rounding is not None and isinstance(rounding.stages, tuple) else ()
    if rounding is not None and "charge" in stages:
        quantum, mode = rounding.quantum_fen, rounding.mode
        if isinstance(quantum, int) and isinstance(mode, str):
            return round_fen(exact, quantum_fen=quantum, mode=mode)
    if exact.denominator == 1:
        return int(exact)
    raise InputFault(UNROUNDED, where=programme.cite("rounding"), exact=exact)
