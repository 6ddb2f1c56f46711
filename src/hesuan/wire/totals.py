"""What the public recomputes from a log with no trust in anybody: sums, and promises that sums must keep.

One pass over the leaves. Every fault names the leaf that broke the promise and both figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hesuan.errors import Code
from hesuan.money import format_yuan
from hesuan.wire.batches import Batches
from hesuan.wire.beside import Beside
from hesuan.wire.payouts import Payouts
from hesuan.wire.reading import shown
from hesuan.wire.sum_faults import (
    ABOVE_CAP,
    ABOVE_ISSUED,
    ABOVE_REF,
    GAP,
    HELD_ABOVE,
    NO_AMOUNT,
    NO_REF,
    NO_SUCH_REF,
    OTHER_LOG,
    PAY_DIFFERS,
    SETTLE_DIFFERS,
    SETTLED_ABOVE,
    TWICE,
    Fault,
)

MAX_FAULTS = 20
"""Faults kept by name; the rest are counted."""
LAPSE = "lapse"
"""What no longer belongs to the programme: its window is over."""
FLOATS = ("float", "float_back")
"""Money ahead of claims: not a payment of what was settled."""
RECEIPT = "receipt.issued"


WITHOUT_AMOUNT = ("programme", "void")
"""A version of a programme may bring no money; what a void gives back stands in its hold."""


@dataclass(slots=True)
class _Money:
    """A leaf that moved money and may be resolved or settled later."""

    kind: str
    amount: int
    centre: str
    by: int | None = None
    """The leaf that resolved it."""
    refunded: int = 0
    settled: bool = False


class Totals:
    """Takes every leaf of one log in order."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.cap_fen: int | None = None
        self.issued_fen = 0
        self.returned_fen = 0
        """Expired, surrendered, and taken back before it was used."""
        self.captured_fen: Counter[str] = Counter()
        self.refunded_fen: Counter[str] = Counter()
        self.settled_fen: Counter[str] = Counter()
        self.paid_fen = 0
        self.held_fen = 0
        """Of open holds."""
        self.receipts_fen = 0
        self.entries = 0
        """Leaves that move money."""
        self.fault_count = 0
        self.faults: list[Fault] = []
        self.payouts = Payouts(self._fault)
        self.beside = Beside()
        self.batches = Batches(self._fault)
        self._programme: str | None = None
        self._money: dict[int, _Money] = {}

    def take(self, index: int, leaf: dict[str, Any]) -> None:
        """Adds one leaf, read by :func:`hesuan.wire.leaves.read_leaf`."""
        kind = leaf["kind"] if leaf["v"] == 1 else leaf["k"]
        self.kinds[kind] += 1
        if kind == RECEIPT:
            self._take_receipt(index, leaf)
        if leaf["v"] == 1:
            return
        if leaf["s"] != index:
            self._fault(GAP, leaf=index, written=leaf["s"])
        if self._programme is None:
            self._programme = leaf["p"]
        elif leaf["p"] != self._programme:
            self._fault(OTHER_LOG, leaf=index, written=leaf["p"], expected=self._programme)
        step = _STEPS.get(leaf["k"])
        if leaf["k"] == "correction":
            self.beside.correct(leaf)
        if step is not None:
            self.entries += 1
            if "a" not in leaf and leaf["k"] not in WITHOUT_AMOUNT:
                self._fault(NO_AMOUNT, leaf=index, kind=leaf["k"], member="a")
            step(self, index, leaf)

    def _take_receipt(self, index: int, leaf: dict[str, Any]) -> None:
        charge = leaf.get("charge_fen")
        if type(charge) is int and charge >= 0:
            self.receipts_fen += charge
        else:
            self._fault(NO_AMOUNT, leaf=index, kind=RECEIPT, member="charge_fen")

    @property
    def open_holds(self) -> tuple[int, int]:
        """How many holds nothing resolved, and their sum [fen]."""
        still = [one.amount for one in self._money.values() if one.kind == "hold" and one.by is None]
        return len(still), sum(still)

    def document(self) -> dict[str, Any]:
        """The totals for programs."""
        holds, holds_fen = self.open_holds
        return {
            "leaves": dict(sorted(self.kinds.items())),
            "cap_fen": self.cap_fen,
            "issued_fen": self.issued_fen,
            "returned_fen": self.returned_fen,
            "open_holds": holds,
            "open_holds_fen": holds_fen,
            **self.beside.document(),
            "captured_fen": dict(sorted(self.captured_fen.items())),
            "refunded_fen": dict(sorted(self.refunded_fen.items())),
            "settled_fen": dict(sorted(self.settled_fen.items())),
            "paid_fen": self.paid_fen,
            "clawed_back_fen": sum(self.payouts.demanded_fen.values()),
            "recovered_fen": sum(self.payouts.recovered_fen.values()),
            **self.batches.document(),
            "floats_fen": {name: fen for name, fen in sorted(self.payouts.floats_fen.items()) if fen},
            "receipts_fen": self.receipts_fen,
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """The totals for people, each in both languages."""
        if self.entries:
            cap_en = "no cap stated" if self.cap_fen is None else f"at most {format_yuan(self.cap_fen)}"
            cap_zh = "未载明上限" if self.cap_fen is None else f"上限 {format_yuan(self.cap_fen)}"
            issued, returned = format_yuan(self.issued_fen), format_yuan(self.returned_fen)
            yield (
                f"Issued {issued} ({cap_en}); returned unused {returned}.",
                f"累计发放 {issued}（{cap_zh}）；未用退回 {returned}。",
            )
            count, held = self.open_holds
            yield (
                f"Open holds: {count}, {format_yuan(held)}; none resolved twice.",
                f"未了结冻结 {count} 笔，{format_yuan(held)}；无一重复了结。",
            )
            yield from self._centres()
            yield from self._payers()
            yield from self.batches.lines()
        yield from self.beside.lines()
        if self.receipts_fen or self.kinds[RECEIPT]:
            count, total = self.kinds[RECEIPT], format_yuan(self.receipts_fen)
            yield f"Receipts: {count}, {total}.", f"回执 {count} 份，{total}。"

    def _centres(self) -> Iterator[tuple[str, str]]:
        for centre in sorted(self.captured_fen):
            captured, refunded = self.captured_fen[centre], self.refunded_fen[centre]
            settled = self.settled_fen[centre]
            waiting = captured - refunded - settled
            figures = [format_yuan(one) for one in (captured, refunded, settled, waiting)]
            yield (
                "Centre {}: captured {} − refunds {} = settled {} + not settled yet {}.".format(
                    centre, *figures
                ),
                "算力中心 {}：扣划 {} − 退回 {} = 已结算 {} + 待结算 {}。".format(centre, *figures),
            )

    def _payers(self) -> Iterator[tuple[str, str]]:
        owed = Counter[str]()
        for (_, payer), fen in self.payouts.settled_fen.items():
            owed[payer] += fen
        paid = Counter[str]()
        for (_, payer), fen in self.payouts.paid_fen.items():
            paid[payer] += fen
        for payer in sorted(owed):
            figures = [format_yuan(one) for one in (owed[payer], paid[payer], owed[payer] - paid[payer])]
            yield (
                "Payer {}: settled {} = paid {} + not paid yet {}.".format(shown(payer), *figures),
                "出资方 {}：已结算 {} = 已支付 {} + 待支付 {}。".format(shown(payer), *figures),
            )
        demanded, back = self.payouts.demanded_fen.total(), self.payouts.recovered_fen.total()
        if demanded:
            told, settled = format_yuan(demanded), format_yuan(back)
            yield (
                f"Clawed back: {told} demanded of what was paid; {settled} returned, set off or written off.",
                f"追缴：就已支付款项要求退回 {told}；已退回、抵扣或核销 {settled}。",
            )

    def _fault(self, code: Code, **facts: object) -> None:
        self.fault_count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(code, facts))

    def _programme_leaf(self, index: int, leaf: dict[str, Any]) -> None:
        if "a" in leaf:
            sign = -1 if leaf.get("what") == LAPSE else 1
            self.cap_fen = (self.cap_fen or 0) + sign * leaf["a"]
            self._within_cap(index)

    def _grant(self, index: int, leaf: dict[str, Any]) -> None:
        self.issued_fen += leaf.get("a", 0)
        self._within_cap(index)

    def _within_cap(self, index: int) -> None:
        net = self.issued_fen - self.returned_fen
        if self.cap_fen is not None and net > self.cap_fen:
            self._fault(ABOVE_CAP, leaf=index, total=format_yuan(net), limit=format_yuan(self.cap_fen))

    def _within_issued(self, index: int, leaf: dict[str, Any]) -> None:
        used = self.captured_fen.total() - self.refunded_fen.total()
        limit = self.issued_fen - self.returned_fen
        for code, total in ((ABOVE_ISSUED, used), (HELD_ABOVE, used + self.held_fen)):
            if total > limit:
                figures = {"total": format_yuan(total), "limit": format_yuan(limit)}
                self._fault(code, leaf=index, kind=leaf["k"], **figures)
                return

    def _within_captured(self, index: int, leaf: dict[str, Any]) -> None:
        centre = leaf.get("c", "")
        settled = self.settled_fen[centre]
        limit = self.captured_fen[centre] - self.refunded_fen[centre]
        if settled > limit:
            figures = {"total": format_yuan(settled), "limit": format_yuan(limit)}
            self._fault(SETTLED_ABOVE, leaf=index, kind=leaf["k"], centre=shown(centre), **figures)

    def _hold(self, index: int, leaf: dict[str, Any]) -> None:
        amount = leaf.get("a", 0)
        self._money[index] = _Money("hold", amount, leaf.get("c", ""))
        self.held_fen += amount
        self._within_issued(index, leaf)

    def _capture(self, index: int, leaf: dict[str, Any]) -> None:
        amount, centre = leaf.get("a", 0), leaf.get("c", "")
        if "ref" in leaf:
            self._resolve(index, leaf)
        elif "m" in leaf:
            self.beside.capture(leaf)
        else:
            self._unfounded(index, leaf, "`ref`, `m`")
        self.captured_fen[centre] += amount
        self._money[index] = _Money("capture", amount, centre)
        self._within_issued(index, leaf)

    def _release(self, index: int, leaf: dict[str, Any]) -> None:
        if "ref" in leaf:
            self._resolve(index, leaf)
            return
        if leaf["k"] == "void":
            self._unfounded(index, leaf, "`ref`")
            return
        self._return(index, leaf)
        if leaf.get("what") == LAPSE and self.cap_fen is not None:
            self.cap_fen -= leaf.get("a", 0)
            self._within_cap(index)

    def _clawback(self, index: int, leaf: dict[str, Any]) -> None:
        if "payer" in leaf:
            self.payouts.clawback(index, leaf)
        else:
            self._return(index, leaf)

    def _return(self, index: int, leaf: dict[str, Any]) -> None:
        self.returned_fen += leaf.get("a", 0)
        self._within_issued(index, leaf)

    def _refund(self, index: int, leaf: dict[str, Any]) -> None:
        amount, centre = leaf.get("a", 0), leaf.get("c", "")
        self.refunded_fen[centre] += amount
        self._money[index] = _Money("refund", amount, centre)
        if "payer" in leaf:  # it had been settled already
            self.settled_fen[centre] -= amount
            self.payouts.refund(index, leaf)
        self._within_captured(index, leaf)
        if "ref" not in leaf:
            return
        captured = self._referred(index, leaf, "capture")
        if captured is not None:
            captured.refunded += amount
            if captured.refunded > captured.amount:
                self._above(index, leaf, captured.refunded, captured.amount)

    def _settle(self, index: int, leaf: dict[str, Any]) -> None:
        if Batches.is_one(leaf):
            self.batches.settle(index, leaf)
            return
        centre, amount = leaf.get("c", ""), leaf.get("a", 0)
        self.settled_fen[centre] += amount
        self._within_captured(index, leaf)
        if "payer" in leaf:
            self.payouts.settle(leaf)
            return
        numbers = leaf.get("of")
        if numbers is None:
            numbers = range(leaf.get("first", 0), min(leaf.get("last", -1), index) + 1)
        found = [self._money.get(number) for number in numbers]
        mine = [one for one in found if one and one.kind in ("capture", "refund") and one.centre == centre]
        fresh = [one for one in mine if not one.settled]
        total = sum(one.amount if one.kind == "capture" else -one.amount for one in fresh)
        if (len(fresh), total) != (leaf.get("n"), amount):
            self._fault(
                SETTLE_DIFFERS,
                leaf=index,
                centre=centre,
                n=leaf.get("n"),
                amount=format_yuan(amount),
                found_n=len(fresh),
                found=format_yuan(total),
            )
        for one in fresh:
            one.settled = True
        self._money[index] = _Money("settle", amount, centre)

    def _pay(self, index: int, leaf: dict[str, Any]) -> None:
        amount = leaf.get("a", 0)
        if leaf.get("what") in FLOATS:
            self.payouts.float_(index, leaf)
            return
        self.paid_fen += amount
        self.batches.pay(index, leaf)
        if "payer" in leaf:
            self.payouts.pay(index, leaf)
        if "ref" not in leaf:
            if not {"payer", "m"} <= leaf.keys():
                self._unfounded(index, leaf, "`ref`, `payer` + `m`")
            return
        settled = self._resolve(index, leaf, "settle")
        if settled is not None and settled.amount != amount:
            self._fault(
                PAY_DIFFERS,
                leaf=index,
                ref=leaf["ref"],
                amount=format_yuan(amount),
                limit=format_yuan(settled.amount),
            )

    def _resolve(self, index: int, leaf: dict[str, Any], wanted: str = "hold") -> _Money | None:
        one = self._referred(index, leaf, wanted)
        if one is None:
            return None
        if one.by is not None:
            self._fault(TWICE, leaf=index, kind=leaf["k"], ref=leaf["ref"], by=one.by)
            return None
        one.by = index
        if wanted == "hold":
            self.held_fen -= one.amount
        if wanted == "hold" and leaf.get("a", 0) > one.amount:
            self._above(index, leaf, leaf["a"], one.amount)
        return one

    def _referred(self, index: int, leaf: dict[str, Any], wanted: str) -> _Money | None:
        one = self._money.get(leaf["ref"])
        if one is None or one.kind != wanted:
            self._fault(NO_SUCH_REF, leaf=index, kind=leaf["k"], ref=leaf["ref"], wanted=wanted)
            return None
        return one

    def _unfounded(self, index: int, leaf: dict[str, Any], wanted: str) -> None:
        amount = format_yuan(leaf.get("a", 0))
        self._fault(NO_REF, leaf=index, kind=leaf["k"], amount=amount, wanted=wanted)

    def _above(self, index: int, leaf: dict[str, Any], amount: int, limit: int) -> None:
        self._fault(
            ABOVE_REF,
            leaf=index,
            kind=leaf["k"],
            ref=leaf["ref"],
            amount=format_yuan(amount),
            limit=format_yuan(limit),
        )


_STEPS = {
    "programme": Totals._programme_leaf,
    "grant": Totals._grant,
    "hold": Totals._hold,
    "capture": Totals._capture,
    "void": Totals._release,
    "expire": Totals._release,
    "refund": Totals._refund,
    "clawback": Totals._clawback,
    "settle": Totals._settle,
    "pay": Totals._pay,
}
