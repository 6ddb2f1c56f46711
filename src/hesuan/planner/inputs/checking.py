"""What an input may be: every fault of one object, with the path of its field, raised together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from hesuan.errors import Faults, InputFault, declare

NOT_POSITIVE = declare(
    "planner.not_positive",
    en="`{field}` is {found}; it must be above 0.",
    zh="“{field}”为 {found}；须大于 0。",
)
NEGATIVE = declare(
    "planner.negative",
    en="`{field}` is {found}; it must be 0 or above.",
    zh="“{field}”为 {found}；不得小于 0。",
)
NOT_DIVISIBLE = declare(
    "planner.not_divisible",
    en="`{field}` is {found}; {of} = {whole} is not divisible by it. The nearest that divides is {near}.",
    zh="“{field}”为 {found}；{of} = {whole} 不能被它整除。最接近的可用值为 {near}。",
)
OUT_OF_RANGE = declare(
    "planner.out_of_range",
    en="`{field}` is {found}; it must lie between {low} and {high}.",
    zh="“{field}”为 {found}；须在 {low} 与 {high} 之间。",
)


class Checker:
    """Collects the faults of one object; ``done`` raises them together."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.faults: list[InputFault] = []

    def positive(self, thing: Any, names: Iterable[str]) -> None:
        """Each named field is a finite number above zero."""
        for name in names:
            value = getattr(thing, name)
            if not (math.isfinite(value) and value > 0):
                self.add(InputFault(NOT_POSITIVE, where=f"{self.owner}.{name}", field=name, found=value))

    def not_negative(self, thing: Any, names: Iterable[str]) -> None:
        """Each named field is a finite number, zero or above."""
        for name in names:
            value = getattr(thing, name)
            if not (math.isfinite(value) and value >= 0):
                self.add(InputFault(NEGATIVE, where=f"{self.owner}.{name}", field=name, found=value))

    def within(self, thing: Any, name: str, low: float, high: float) -> None:
        """The named field lies between both bounds, both allowed."""
        value = getattr(thing, name)
        if not low <= value <= high:
            where = f"{self.owner}.{name}"
            self.add(InputFault(OUT_OF_RANGE, where=where, field=name, found=value, low=low, high=high))

    def divides(self, name: str, value: int, *, of: str, whole: int) -> None:
        """``value`` divides ``whole``; the fault names the nearest divisor."""
        if value > 0 and whole % value:
            where = f"{self.owner}.{name}"
            near = nearest_divisor(whole, value)
            self.add(
                InputFault(NOT_DIVISIBLE, where=where, field=name, found=value, of=of, whole=whole, near=near)
            )

    def add(self, fault: InputFault) -> None:
        """Adds a fault."""
        self.faults.append(fault)

    def done(self) -> None:
        """Raises all faults together, if there are any."""
        if self.faults:
            raise Faults(self.faults)


def nearest_divisor(whole: int, value: int) -> int:
    """The divisor of ``whole`` nearest to ``value``; of two equally near, the smaller."""
    divisors = [d for d in range(1, math.isqrt(max(whole, 1)) + 1) if whole % d == 0]
    divisors += [whole // d for d in divisors]
    return min(divisors, key=lambda d: (abs(d - value), d))
