"""What the public recomputes from a log with no trust in anybody: sums, and promises that sums must keep.

One pass over the leaves. Every fault names the leaf that broke the promise and both figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hesuan.errors import Code, declare
from hesuan.money import format_yuan

MAX_FAULTS = 20
"""Faults kept by name; the rest are counted."""

GAP = declare(
    "totals.gap",
    en="Leaf {leaf}: it calls itself number {written}; it stands at {leaf}.",
    zh="第 {leaf} 条：自称编号 {written}，实际位于 {leaf}。",
)
OTHER_LOG = declare(
    "totals.other_log",
    en="Leaf {leaf}: it is of programme {written}; this log is of {expected}.",
    zh="第 {leaf} 条：属于计划 {written}；本日志属于 {expected}。",
)
ABOVE_CAP = declare(
    "totals.above_cap",
    en="Leaf {leaf}: issued {total} in all, above the cap of {limit}.",
    zh="第 {leaf} 条：累计发放 {total}，超过上限 {limit}。",
)
NO_SUCH_REF = declare(
    "totals.no_such_ref",
    en="Leaf {leaf} ({kind}): it resolves leaf {ref}, which is no {wanted} before it.",
    zh="第 {leaf} 条（{kind}）：所指第 {ref} 条并非其之前的 {wanted}。",
)
TWICE = declare(
    "totals.resolved_twice",
    en="Leaf {leaf} ({kind}): leaf {ref} was resolved before, by leaf {by}.",
    zh="第 {leaf} 条（{kind}）：第 {ref} 条此前已由第 {by} 条了结。",
)
ABOVE_REF = declare(
    "totals.above_ref",
    en="Leaf {leaf} ({kind}): {amount} is above the {limit} of leaf {ref}.",
    zh="第 {leaf} 条（{kind}）：{amount} 超过第 {ref} 条的 {limit}。",
)
SETTLE_DIFFERS = declare(
    "totals.settle_differs",
    en="Leaf {leaf} (settle {centre}): written {n} leaves and {amount}; recomputed {found_n} and {found}.",
    zh="第 {leaf} 条（结算 {centre}）：所写 {n} 条、{amount}；重算为 {found_n} 条、{found}。",
)
PAY_DIFFERS = declare(
    "totals.pay_differs",
    en="Leaf {leaf} (pay): paid {amount}; settled by leaf {ref} were {limit}.",
    zh="第 {leaf} 条（支付）：支付 {amount}；第 {ref} 条结算为 {limit}。",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken promise."""

    code: Code
    facts: dict[str, object]


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
        """Expired and clawed back."""
        self.captured_fen: Counter[str] = Counter()
        self.refunded_fen: Counter[str] = Counter()
        self.settled_fen: Counter[str] = Counter()
        self.paid_fen = 0
        self.receipts_fen = 0
        self.entries = 0
        self.fault_count = 0
        self.faults: list[Fault] = []
        self._programme: str | None = None
        self._money: dict[int, _Money] = {}

    def take(self, index: int, leaf: dict[str, Any]) -> None:
        """Adds one leaf, read by :func:`hesuan.wire.leaves.read_leaf`."""
        if leaf["v"] == 1:
            self.kinds[leaf["kind"]] += 1
            charge = leaf.get("charge_fen")
            if leaf["kind"] == "receipt.issued" and type(charge) is int:
                self.receipts_fen += charge
            return
        self.kinds[leaf["k"]] += 1
        self.entries += 1
        if leaf["s"] != index:
            self._fault(GAP, leaf=index, written=leaf["s"])
        if self._programme is None:
            self._programme = leaf["p"]
        elif leaf["p"] != self._programme:
            self._fault(OTHER_LOG, leaf=index, written=leaf["p"], expected=self._programme)
        step = _STEPS.get(leaf["k"])
        if step is not None:
            step(self, index, leaf)

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
            "captured_fen": dict(sorted(self.captured_fen.items())),
            "refunded_fen": dict(sorted(self.refunded_fen.items())),
            "settled_fen": dict(sorted(self.settled_fen.items())),
            "paid_fen": self.paid_fen,
            "receipts_fen": self.receipts_fen,
        }

    def lines(self) -> Iterator[tuple[str, str]]:
        """The totals for people, each in both languages."""
        if self.entries:
            cap_en = "no cap stated" if self.cap_fen is None else f"at most {format_yuan(self.cap_fen)}"
            cap_zh = "未载明上限" if self.cap_fen is None else f"上限 {format_yuan(self.cap_fen)}"
            issued, returned = format_yuan(self.issued_fen), format_yuan(self.returned_fen)
            yield (
                f"Issued {issued} ({cap_en}); expired and clawed back {returned}.",
                f"累计发放 {issued}（{cap_zh}）；到期与追回 {returned}。",
            )
            count, held = self.open_holds
            yield (
                f"Open holds: {count}, {format_yuan(held)}; none resolved twice.",
                f"未了结冻结 {count} 笔，{format_yuan(held)}；无一重复了结。",
            )
            yield from self._centres()
        if self.receipts_fen or self.kinds["receipt.issued"]:
            count, total = self.kinds["receipt.issued"], format_yuan(self.receipts_fen)
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

    def _fault(self, code: Code, **facts: object) -> None:
        self.fault_count += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(code, facts))

    def _programme_leaf(self, index: int, leaf: dict[str, Any]) -> None:
        del index
        if "a" in leaf:
            self.cap_fen = (self.cap_fen or 0) + leaf["a"]

    def _grant(self, index: int, leaf: dict[str, Any]) -> None:
        self.issued_fen += leaf.get("a", 0)
        net = self.issued_fen - self.returned_fen
        if self.cap_fen is not None and net > self.cap_fen:
            self._fault(ABOVE_CAP, leaf=index, total=format_yuan(net), limit=format_yuan(self.cap_fen))

    def _hold(self, index: int, leaf: dict[str, Any]) -> None:
        self._money[index] = _Money("hold", leaf.get("a", 0), leaf.get("c", ""))

    def _capture(self, index: int, leaf: dict[str, Any]) -> None:
        amount, centre = leaf.get("a", 0), leaf.get("c", "")
        if "ref" in leaf:
            self._resolve(index, leaf)
        self.captured_fen[centre] += amount
        self._money[index] = _Money("capture", amount, centre)

    def _release(self, index: int, leaf: dict[str, Any]) -> None:
        if "ref" in leaf:
            self._resolve(index, leaf)
        else:
            self.returned_fen += leaf.get("a", 0)

    def _clawback(self, index: int, leaf: dict[str, Any]) -> None:
        del index
        self.returned_fen += leaf.get("a", 0)

    def _refund(self, index: int, leaf: dict[str, Any]) -> None:
        amount, centre = leaf.get("a", 0), leaf.get("c", "")
        self.refunded_fen[centre] += amount
        self._money[index] = _Money("refund", amount, centre)
        if "ref" not in leaf:
            return
        captured = self._referred(index, leaf, "capture")
        if captured is not None:
            captured.refunded += amount
            if captured.refunded > captured.amount:
                self._above(index, leaf, captured.refunded, captured.amount)

    def _settle(self, index: int, leaf: dict[str, Any]) -> None:
        centre, amount = leaf.get("c", ""), leaf.get("a", 0)
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
        self.settled_fen[centre] += amount
        self._money[index] = _Money("settle", amount, centre)

    def _pay(self, index: int, leaf: dict[str, Any]) -> None:
        amount = leaf.get("a", 0)
        self.paid_fen += amount
        if "ref" not in leaf:
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
        if wanted == "hold" and leaf.get("a", 0) > one.amount:
            self._above(index, leaf, leaf["a"], one.amount)
        return one

    def _referred(self, index: int, leaf: dict[str, Any], wanted: str) -> _Money | None:
        one = self._money.get(leaf["ref"])
        if one is None or one.kind != wanted:
            self._fault(NO_SUCH_REF, leaf=index, kind=leaf["k"], ref=leaf["ref"], wanted=wanted)
            return None
        return one

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
