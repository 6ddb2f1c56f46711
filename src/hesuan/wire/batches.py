"""What a batch paid, as its ``settle`` leaf says it: how many payments, their sum, and where they stand.

::

    {"v":2,"p":"chengdu-2026","s":51210,"k":"settle","what":"batch","m":"2026-Q4","b":"VOUCHER",
     "n":412,"a":8412300,"first":50790,"last":51204,"h":"sha256:…","t":"2027-01-08T02:14Z"}

It covers ``n`` leaves of kind ``pay``, ``a`` fen together, all that stand from ``first`` to ``last``. Where
payments of no batch, or of another, stand between them, ``of`` names the runs instead: first and last leaf
of each, one after the other. Leaves of other kinds between them count for nothing. The leaf moves no money
and is in no sum: each payment was settled, claim by claim, by leaves of its own. A batch of very many runs
says so in several such leaves.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hesuan.errors import declare
from hesuan.money import format_yuan
from hesuan.wire.reading import shown

BATCH = "batch"
"""``what`` of such a leaf; a ``settle`` leaf without it is of an earlier form, or one transfer's."""
Run = tuple[int, int]
"""First and last leaf, both among them."""

DIFFERS = declare(
    "batches.differs",
    en="Leaf {leaf} (settle, batch {batch}): written {n} payments and {amount}; recomputed {found_n} and"
    " {found}.",
    zh="第 {leaf} 条（结算，批次 {batch}）：所写 {n} 笔支付、{amount}；重算为 {found_n} 笔、{found}。",
)
RANGE = declare(
    "batches.range",
    en="Leaf {leaf} (settle, batch {batch}): {runs} are no runs of payments before it, each from one payment"
    " to one, one run after the other from `first` to `last`.",
    zh="第 {leaf} 条（结算，批次 {batch}）：{runs} 不是其之前的支付区段；各段首尾须为支付，依次自 `first` 至"
    " `last`。",
)
TWICE = declare(
    "batches.paid_twice",
    en="Leaf {leaf} (settle, batch {batch}): payment {ref} is in a batch already, that of leaf {by}.",
    zh="第 {leaf} 条（结算，批次 {batch}）：第 {ref} 条支付已列入第 {by} 条所载批次。",
)


class Batches:
    """Takes a log's payments and the leaves of its batches, in order."""

    def __init__(self, fault: Callable[..., None]) -> None:
        self.count = 0
        """Leaves of batches."""
        self.paid_n = 0
        self.paid_fen = 0
        """What the payments in batches come to."""
        self._fault = fault
        self._at: list[int] = []
        self._sums: list[int] = [0]
        """What the payments before each come to [fen]."""
        self._by: dict[int, int] = {}
        """Payment → the batch's leaf that covers it."""

    @staticmethod
    def is_one(leaf: dict[str, Any]) -> bool:
        """Whether a ``settle`` leaf speaks of a batch."""
        return leaf.get("what") == BATCH

    def pay(self, index: int, leaf: dict[str, Any]) -> None:
        """A payment, in a batch or by itself; not of a float."""
        self._at.append(index)
        self._sums.append(self._sums[-1] + leaf.get("a", 0))

    def settle(self, index: int, leaf: dict[str, Any]) -> None:
        """Recomputes what the leaf of a batch says."""
        self.count += 1
        places = self._places(index, leaf)
        if places is None:
            told = leaf.get("of", [leaf.get("first", "–"), leaf.get("last", "–")])
            self._tell(RANGE, index, leaf, runs=shown(told))
            return
        n = sum(end - begin for begin, end in places)
        fen = sum(self._sums[end] - self._sums[begin] for begin, end in places)
        if (n, fen) != (leaf.get("n"), leaf.get("a")):
            figures = {"amount": format_yuan(leaf.get("a", 0)), "found": format_yuan(fen)}
            self._tell(DIFFERS, index, leaf, n=leaf.get("n", "–"), found_n=n, **figures)
        self.paid_n, self.paid_fen = self.paid_n + n, self.paid_fen + fen
        for one in (one for begin, end in places for one in self._at[begin:end]):
            by = self._by.setdefault(one, index)
            if by != index:
                self._tell(TWICE, index, leaf, ref=one, by=by)

    def document(self) -> dict[str, int]:
        """The sums for programs."""
        return {"batches": self.count, "paid_in_batches": self.paid_n, "paid_in_batches_fen": self.paid_fen}

    def lines(self) -> Iterator[tuple[str, str]]:
        """The sums for people, in both languages."""
        if not self.count:
            return
        inside = format_yuan(self.paid_fen)
        n, fen = len(self._at) - self.paid_n, format_yuan(self._sums[-1] - self.paid_fen)
        yield (
            f"Batches: {self.count} leaves, {self.paid_n} payments, {inside}; by themselves or not told yet:"
            f" {n}, {fen}.",
            f"批次：{self.count} 条，支付 {self.paid_n} 笔，{inside}；单独支付或尚未载明：{n} 笔，{fen}。",
        )

    def _places(self, index: int, leaf: dict[str, Any]) -> list[Run] | None:
        """Where the payments of each run stand among all payments; ``None`` where they are no such runs."""
        runs = runs_of(leaf)
        if runs is None or (runs[0][0], runs[-1][1]) != (leaf.get("first"), leaf.get("last")):
            return None
        found, before = [], -1
        for first, last in runs:
            begin, end = bisect_left(self._at, first), bisect_right(self._at, last)
            if not before < first <= last < index or begin >= end:
                return None
            if (self._at[begin], self._at[end - 1]) != (first, last):
                return None
            found.append((begin, end))
            before = last
        return found

    def _tell(self, code: Any, index: int, leaf: dict[str, Any], **facts: object) -> None:
        self._fault(code, leaf=index, batch=shown(leaf.get("m", "–")), **facts)


def runs_of(leaf: dict[str, Any]) -> list[Run] | None:
    """The runs that a batch's leaf names; ``None`` where it names none."""
    ends = leaf.get("of", [leaf.get("first"), leaf.get("last")])
    if not ends or len(ends) % 2 or None in ends:
        return None
    return list(zip(ends[::2], ends[1::2], strict=True))


def runs(mine: Sequence[int], others: Sequence[int]) -> list[Run]:
    """The runs in which some payments stand, cut where one that is not among them stands between.

    Args:
        mine: Leaves of the batch's payments, ascending.
        others: Leaves of the other payments between them, ascending.

    >>> runs([3, 4, 7, 9], [5])
    [(3, 4), (7, 9)]
    """
    found: list[Run] = []
    for one in mine:
        if found and bisect_left(others, found[-1][1]) == bisect_left(others, one):
            found[-1] = (found[-1][0], one)
        else:
            found.append((one, one))
    return found
