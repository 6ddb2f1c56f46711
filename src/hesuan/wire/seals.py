"""The daily seal of a log: one root over every balance of the day, and an SM3 digest of the day's leaves.

A ``seal`` leaf says how things stood when a day was over: ``root`` is the Merkle root (RFC 6962) over one
salted leaf for each account of the programme, ``n`` of them in the order of their names, so that one balance
can be shown without any other; ``first`` and ``last`` are the leaves since the seal before, that one
included, up to the one before this; ``sm3`` is SM3 over those leaves, each followed by a line end. Where the
machine that sealed has no SM3 the member is absent, and the reader is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Protocol

from hesuan.errors import declare
from hesuan.wire import merkle
from hesuan.wire.canonical import Json, canonical
from hesuan.wire.reading import shown
from hesuan.wire.sum_faults import Fault

KIND = "seal"
WITHOUT_SM3 = "without sm3"

RANGE = declare(
    "seals.range",
    en="Leaf {leaf} (seal of {day}): it names leaves {first} to {last}; {expected_first} to {expected_last}"
    " lie between the seal before and this one.",
    zh="第 {leaf} 条（{day} 封存）：所写为第 {first} 至 {last} 条；上次封存至此为第 {expected_first} 至"
    " {expected_last} 条。",
)
DAY = declare(
    "seals.day",
    en="Leaf {leaf} (seal): it is of day {day}; the seal before it is of {before}, and days go forward.",
    zh="第 {leaf} 条（封存）：日期为 {day}；上次封存为 {before}，日期只能向前。",
)
SM3_DIFFERS = declare(
    "seals.sm3",
    en="Leaf {leaf} (seal of {day}): the SM3 digest of leaves {first} to {last} is {computed};"
    " written {found}.",
    zh="第 {leaf} 条（{day} 封存）：第 {first} 至 {last} 条的 SM3 摘要为 {computed}；所写为 {found}。",
)


class Hash(Protocol):
    """What :mod:`hashlib` returns."""

    def update(self, data: bytes, /) -> object: ...

    def hexdigest(self) -> str: ...


def sm3() -> Hash | None:
    """A fresh SM3; ``None`` where OpenSSL has none."""
    try:
        return hashlib.new("sm3")
    except ValueError:
        return None


def sm3_of(leaves: Iterable[bytes]) -> str | None:
    """SM3 over leaves, each followed by a line end, in hexadecimal; ``None`` where there is no SM3."""
    made = sm3()
    if made is None:
        return None
    for leaf in leaves:
        made.update(leaf + b"\n")
    return made.hexdigest()


def balance_leaf(balance: dict[str, Json]) -> bytes:
    """One balance as it stands under a seal's root; its members: :data:`hesuan.wire.balance.BALANCE`."""
    return canonical(balance)


def balance_root(leaves: Iterable[bytes]) -> bytes:
    """The root over balances in the order of their accounts' names."""
    frontier = merkle.Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Seals:
    """Takes every leaf of one log in order, as the bytes that were hashed."""

    def __init__(self) -> None:
        self.count = 0
        self.computed = 0
        """Seals whose SM3 digest was recomputed."""
        self.absent = 0
        """Seals that have none."""
        self.last_day = ""
        self._first = 0
        self._running = sm3()

    def take(self, index: int, leaf: dict[str, Any], raw: bytes) -> Iterator[Fault]:
        """What is wrong with a seal; nothing for any other leaf."""
        if leaf.get("v") == 2 and leaf.get("k") == KIND:
            yield from self._seal(index, leaf)
            self._first, self._running = index, sm3()
        if self._running is not None:
            self._running.update(raw + b"\n")

    def lines(self) -> Iterator[tuple[str, str]]:
        """What there is to say, in both languages."""
        if not self.count:
            return
        here = self.count - self.computed - self.absent
        en = f"Sealed: {self.count} days, the last {shown(self.last_day)}; SM3 recomputed for {self.computed}"
        zh = f"封存：{self.count} 日，最近为 {shown(self.last_day)}；已重算 SM3 {self.computed} 日"
        if self.absent:
            en, zh = f"{en}, absent for {self.absent}", f"{zh}，{self.absent} 日未载 SM3"
        if here:
            en, zh = f"{en}, not checked for {here}: no SM3 here", f"{zh}，{here} 日未核对：本机无 SM3"
        yield f"{en}.", f"{zh}。"

    def _seal(self, index: int, leaf: dict[str, Any]) -> Iterator[Fault]:
        day, first, last = leaf.get("day", ""), leaf.get("first"), leaf.get("last")
        named = {"leaf": index, "day": shown(day)}
        if not _is_day(day) or day <= self.last_day:
            yield Fault(DAY, {**named, "before": self.last_day or "–"})
        if (first, last) != (self._first, index - 1):
            expected = {"expected_first": self._first, "expected_last": index - 1}
            yield Fault(RANGE, {**named, "first": first, "last": last, **expected})
        written = leaf.get("sm3")
        if written is None:
            self.absent += 1
        elif self._running is not None:
            self.computed += 1
            computed = self._running.hexdigest()
            if computed != written:
                figures = {"first": self._first, "last": index - 1, "computed": computed}
                yield Fault(SM3_DIFFERS, {**named, **figures, "found": shown(written)})
        self.count += 1
        self.last_day = max(day, self.last_day)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
