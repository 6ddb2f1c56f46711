"""Divisor tables: the legal sizes of a parallel group are divisors, so they are listed, never probed."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    """All divisors of a positive whole number, ascending: ``12`` → ``(1, 2, 3, 4, 6, 12)``."""
    assert number > 0
    low, high = [], []
    candidate = 1
    while candidate * candidate <= number:
        if number % candidate == 0:
            low.append(candidate)
            if candidate * candidate != number:
                high.append(number // candidate)
        candidate += 1
    return tuple(low + high[::-1])


def nearest(value: int, legal: tuple[int, ...]) -> int:
    """The legal value nearest to ``value``; of two at one distance the smaller."""
    return min(legal, key=lambda one: (abs(one - value), one))
