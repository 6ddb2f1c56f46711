"""Whether conditions can all be true at once: a decision over the closed language, fact by fact.

A request states one value for each fact, so conditions on different facts never hinder each other, and those
on one fact leave it an interval (numbers, money, dates), a set (text, booleans) or names it must and must not
have. ``all``, ``any`` and ``not`` are taken apart until only such conditions are left; alternatives are tried
one by one, up to :data:`MOST_STEPS`. Beyond that the answer is that it cannot be told: nothing is ever called
impossible that is possible. Three-valued judging does not disturb this: stating more facts never makes a
true predicate untrue, so one that some statement makes true is made true by a complete one.

Left aside: what facts have to do with each other (a contract ends after it starts).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction

from hesuan.money import MAX_FEN
from hesuan.policy.facts import FACTS, Type
from hesuan.policy.predicates import All, AnyOf, Condition, FactValue, Not, Pred

MOST_STEPS = 4000
"""Conditions looked at before the answer is that it cannot be told."""

Demand = tuple[Pred, bool]
"""A predicate and what it has to be."""
Number = int | Fraction

NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


@dataclass(frozen=True, slots=True)
class Answer:
    """``possible`` is ``None`` where it cannot be told; ``example`` states facts that make it so."""

    possible: bool | None
    example: dict[str, FactValue] = field(default_factory=dict)


class _TooMany(Exception):
    """More alternatives than anybody waits for."""


def satisfy(demands: Iterable[Demand]) -> Answer:
    """Whether one request can meet every demand, and such a request."""
    search = _Search()
    try:
        found = search.run(list(demands), [], {})
    except _TooMany:
        return Answer(None)
    if found is None:
        return Answer(False)
    return Answer(True, {fact: domain.example() for fact, domain in found.items()})


def is_possible(*demands: Demand) -> bool | None:
    """Whether one request can meet every demand; ``None`` where it cannot be told."""
    return satisfy(demands).possible


class _Search:
    """Depth first; what needs no choice before what does."""

    def __init__(self) -> None:
        self.steps = 0

    def run(
        self, sure: list[Demand], choices: list[tuple[tuple[Pred, ...], bool]], domains: dict[str, Domain]
    ) -> dict[str, Domain] | None:
        while sure:
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise _TooMany
            pred, wanted = sure.pop()
            match pred:
                case Condition():
                    narrowed = domains.get(pred.fact, _whole(pred.fact)).narrow(pred, wanted)
                    if narrowed is None:
                        return None
                    domains = {**domains, pred.fact: narrowed}
                case Not(part=part):
                    sure.append((part, not wanted))
                case All(parts=parts) | AnyOf(parts=parts):
                    if isinstance(pred, All) is wanted:
                        sure.extend((part, wanted) for part in parts)
                    else:
                        choices = [*choices, (parts, wanted)]
        if not choices:
            return domains
        *rest, (parts, wanted) = choices
        found = (self.run([(part, wanted)], list(rest), domains) for part in parts)
        return next((one for one in found if one is not None), None)


# --- What is left of a fact's values ---


@dataclass(frozen=True, slots=True)
class Choice:
    """Text or a boolean: one of ``allowed``, or anything but ``excluded``."""

    allowed: frozenset[FactValue] | None
    excluded: frozenset[FactValue] = frozenset()

    def narrow(self, condition: Condition, wanted: bool) -> Choice | None:
        named = frozenset(condition.literals)
        if (condition.operator != "!=") is wanted:
            left = replace(self, allowed=named if self.allowed is None else self.allowed & named)
        else:
            left = replace(self, excluded=self.excluded | named)
        return left if left.allowed is None or left.allowed - left.excluded else None

    def example(self) -> FactValue:
        if self.allowed is not None:
            return min(self.allowed - self.excluded, key=str)
        names = ("other", *(f"other-{at}" for at in range(len(self.excluded))))
        return next(name for name in names if name not in self.excluded)


@dataclass(frozen=True, slots=True)
class Names:
    """A set of names: those it has and those it lacks."""

    has: frozenset[FactValue] = frozenset()
    lacks: frozenset[FactValue] = frozenset()

    def narrow(self, condition: Condition, wanted: bool) -> Names | None:
        name = frozenset(condition.literals)
        left = replace(self, has=self.has | name) if wanted else replace(self, lacks=self.lacks | name)
        return None if left.has & left.lacks else left

    def example(self) -> FactValue:
        return frozenset(str(name) for name in self.has)


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers between two ends, ``None`` for none; money and days are whole."""

    kind: Type
    low: Number | None = None
    low_open: bool = False
    high: Number | None = None
    high_open: bool = False
    excluded: frozenset[Number] = frozenset()

    def narrow(self, condition: Condition, wanted: bool) -> Interval | None:
        [literal] = condition.literals
        assert isinstance(literal, int | Fraction | date)
        value: Number = literal.toordinal() if isinstance(literal, date) else literal
        match condition.operator if wanted else NEGATED[condition.operator]:
            case "==":
                left = self.above(value, False).below(value, False)
            case "!=":
                left = replace(self, excluded=self.excluded | {value})
            case "<" | "<=" as operator:
                left = self.below(value, operator == "<")
            case operator:
                left = self.above(value, operator == ">")
        return left if next(left.values(), None) is not None else None

    def above(self, value: Number, is_open: bool) -> Interval:
        """The part above a value."""
        if self.kind is not Type.NUMBER:
            value, is_open = math.floor(value) + 1 if is_open else math.ceil(value), False
        if self.low is not None and (self.low, self.low_open) >= (value, is_open):
            return self
        return replace(self, low=value, low_open=is_open)

    def below(self, value: Number, is_open: bool) -> Interval:
        """The part below a value."""
        if self.kind is not Type.NUMBER:
            value, is_open = math.ceil(value) - 1 if is_open else math.floor(value), False
        if self.high is not None and (self.high, not self.high_open) <= (value, not is_open):
            return self
        return replace(self, high=value, high_open=is_open)

    def values(self) -> Iterator[Number]:
        """Some of its values, and at least one where there is any."""
        return (value for value in self._candidates() if self._holds(value))

    def _candidates(self) -> Iterator[Number]:
        """More of them than are excluded: whole ones from zero and from the ends, then ever between."""
        more = range(len(self.excluded) + 2)
        yield from (0, 1)
        if self.low is not None:
            yield from (math.ceil(self.low) + at for at in more)
            yield self.low
        if self.high is not None:
            yield from (math.floor(self.high) - at for at in more)
        if self.low is not None and self.high is not None and self.kind is Type.NUMBER:
            width = Fraction(self.high - self.low)
            yield from (self.low + width * (at + 1) / (len(more) + 1) for at in more)
        if self.low is None and self.high is None:
            yield from more

    def _holds(self, value: Number) -> bool:
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below and value not in self.excluded

    def example(self) -> FactValue:
        value = next(self.values())
        match self.kind:
            case Type.DATE:
                return date.fromordinal(int(value))
            case Type.MONEY:
                return int(value)
        return Fraction(value)


Domain = Choice | Names | Interval


def _whole(fact: str) -> Domain:
    """Every value a fact may have."""
    match FACTS[fact]:
        case Type.TEXT:
            return Choice(None)
        case Type.BOOLEAN:
            return Choice(frozenset({False, True}))
        case Type.NAMES:
            return Names()
        case Type.MONEY:
            return Interval(Type.MONEY, low=0, high=MAX_FEN)
        case Type.DATE:
            return Interval(Type.DATE, low=date.min.toordinal(), high=date.max.toordinal())
    return Interval(Type.NUMBER)
