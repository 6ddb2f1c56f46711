"""The three-way match: contract, invoice and meter must tell one story. Pure; differences name both sides.

What was delivered is the meter's to say: amounts come from signed receipts, and the kind of a line from what
was metered, never from an invoice's text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hesuan.errors import Code, declare
from hesuan.hub.settlement.papers import Paper
from hesuan.money import format_yuan

PAPER_MISSING = declare(
    "match.paper_missing",
    en="The programme asks for {paper}, and the claim has none.",
    zh="该计划要求提供 {paper}，而本次申请未提供。",
)
AMOUNT_DIFFERS = declare(
    "match.amount_differs",
    en="{what} says {found}; {against} says {expected}. The difference is {difference}, {tolerance} is let"
    " pass.",
    zh="{what_zh} 为 {found}，{against_zh} 为 {expected}；相差 {difference}，允许误差 {tolerance}。",
)
ABOVE_CONTRACT = declare(
    "match.above_contract",
    en="With this claim {found} is invoiced on the contract; the contract is of {expected}.",
    zh="含本次申请，该合同累计开票 {found}；合同金额为 {expected}。",
)
PARTY_DIFFERS = declare(
    "match.party_differs",
    en="The {side} of the {paper} is `{found}`; the orders are of `{expected}`.",
    zh="{paper} 的 {side} 为“{found}”；订单的相应方为“{expected}”。",
)
DATES_DISAGREE = declare(
    "match.dates_disagree",
    en="{earlier} of {first} is to come before {later} of {second}.",
    zh="{earlier_zh}（{first}）应不晚于 {later_zh}（{second}）。",
)
KIND_DIFFERS = declare(
    "match.kind_differs",
    en="The invoice says {found} of `{kind}`; the meter counted {expected} of it.",
    zh="发票中“{kind}”为 {found}；计量为 {expected}。",
)
KIND_NOT_PAID = declare(
    "match.kind_not_paid",
    en="Line {line} is of kind `{kind}`; the programme pays for {kinds}.",
    zh="第 {line} 行的类别为“{kind}”；本计划只支付 {kinds}。",
)
METER_UNSIGNED = declare(
    "match.meter_unsigned",
    en="Line {line} has no receipt countersigned by the centre, so its amount is nobody's word.",
    zh="第 {line} 行没有算力中心副署的回执，其金额无人确认。",
)
NUMBER_USED = declare(
    "match.number_used",
    en="The {kind}'s number {number} was used {count} time(s) before: {uses}.",
    zh="{kind} 编号 {number} 此前已使用 {count} 次：{uses}。",
)

WORDS = {
    "contract": "合同",
    "invoice": "发票",
    "payment": "付款凭证",
    "delivery_proof": "交付凭证",
    "meter": "计量",
}


@dataclass(frozen=True, slots=True)
class MeterLine:
    """One settled order as it was metered."""

    number: int
    kind: str
    charge_fen: int
    subsidy_fen: int
    began: date
    ended: date
    signed: bool
    beside_fen: int = 0
    """What vouchers of other programmes paid of the same order."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the papers are held against."""

    buyer: str
    seller: str
    required: tuple[str, ...]
    kinds: tuple[str, ...]
    full_face: bool
    """Whether the invoice is of the whole charge or of what the user paid of it."""
    user_pays_all: bool
    invoiced_before_fen: int = 0
    """On the same contract, by earlier claims."""
    uses: Mapping[str, tuple[str, ...]] | None = None
    """``contract``, ``invoice`` → where else the number was used."""
    tolerance_fen: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """What does not agree, where, and both sides of it."""

    code: Code
    where: str
    facts: Mapping[str, object]

    def sentence(self, language: str = "en") -> str:
        """For people."""
        return (self.code.zh if language.startswith("zh") else self.code.en).format_map(self.facts)

    def document(self) -> dict[str, str]:
        """As it is stored."""
        return {
            "code": self.code.name,
            "where": self.where,
            "en": self.sentence("en"),
            "zh": self.sentence("zh"),
        }


def compare(papers: Mapping[str, Paper], lines: Sequence[MeterLine], expected: Expected) -> list[Difference]:
    """Every difference; none: they match."""
    return [
        *_missing(papers, expected),
        *_amounts(papers, lines, expected),
        *_parties(papers, expected),
        *_dates(papers, lines),
        *_kinds(papers, lines, expected),
        *_doubles(papers, expected),
    ]


def _missing(papers: Mapping[str, Paper], expected: Expected) -> Iterator[Difference]:
    for kind in expected.required:
        if kind in WORDS and kind not in papers and kind != "meter":
            yield Difference(PAPER_MISSING, f"papers.{kind}", {"paper": f"{kind} / {WORDS[kind]}"})


def _amounts(
    papers: Mapping[str, Paper], lines: Sequence[MeterLine], expected: Expected
) -> Iterator[Difference]:
    metered = sum(line.charge_fen for line in lines)
    if not expected.full_face:
        metered -= sum(line.subsidy_fen + line.beside_fen for line in lines)
    invoice, contract, payment = (papers.get(kind) for kind in ("invoice", "contract", "payment"))
    if invoice and invoice.amount_fen is not None:
        yield from _amount("invoice", invoice.amount_fen, "meter", metered, expected)
    if contract and contract.amount_fen is not None:
        total = expected.invoiced_before_fen + (invoice.amount_fen or 0 if invoice else metered)
        if total > contract.amount_fen + expected.tolerance_fen:
            facts = {"found": format_yuan(total), "expected": format_yuan(contract.amount_fen)}
            yield Difference(ABOVE_CONTRACT, "papers.contract.amount_fen", facts)
    if payment and payment.amount_fen is not None:
        charge = sum(line.charge_fen for line in lines)
        paid = sum(line.subsidy_fen + line.beside_fen for line in lines)
        own = charge if expected.user_pays_all else charge - paid
        yield from _amount("payment", payment.amount_fen, "meter", own, expected)


def _amount(what: str, found: int, against: str, wanted: int, expected: Expected) -> Iterator[Difference]:
    if abs(found - wanted) <= expected.tolerance_fen:
        return
    facts = {
        "what": what,
        "what_zh": WORDS[what],
        "against": against,
        "against_zh": WORDS[against],
        "found": format_yuan(found),
        "expected": format_yuan(wanted),
        "difference": format_yuan(found - wanted),
        "tolerance": format_yuan(expected.tolerance_fen),
    }
    yield Difference(AMOUNT_DIFFERS, f"papers.{what}.amount_fen", facts)


def _parties(papers: Mapping[str, Paper], expected: Expected) -> Iterator[Difference]:
    for kind in ("contract", "invoice"):
        paper = papers.get(kind)
        if paper is None:
            continue
        for side, found, wanted in (
            ("buyer", paper.buyer, expected.buyer),
            ("seller", paper.seller, expected.seller),
        ):
            if _name(found) != _name(wanted):
                facts = {"side": side, "paper": kind, "found": found, "expected": wanted}
                yield Difference(PARTY_DIFFERS, f"papers.{kind}.{side}", facts)


def _name(text: str) -> str:
    return "".join(text.casefold().split())


def _dates(papers: Mapping[str, Paper], lines: Sequence[MeterLine]) -> Iterator[Difference]:
    contract, invoice, payment = (papers.get(kind) for kind in ("contract", "invoice", "payment"))
    first = min((line.began for line in lines), default=None)
    last = max((line.ended for line in lines), default=None)
    signed = contract.day if contract else None
    issued = invoice.day if invoice else None
    for where, earlier, later in (
        ("papers.contract.signed_on", ("the contract", "合同签订日", signed), ("the use", "使用日", first)),
        (
            "papers.contract.starts_on",
            ("the contract's begin", "合同起始日", contract.starts_on if contract else None),
            ("the use", "使用日", first),
        ),
        (
            "papers.contract.ends_on",
            ("the use", "使用日", last),
            ("the contract's end", "合同终止日", contract.ends_on if contract else None),
        ),
        (
            "papers.invoice.issued_on",
            ("the contract", "合同签订日", signed),
            ("the invoice", "开票日", issued),
        ),
        (
            "papers.payment.paid_on",
            ("the contract", "合同签订日", signed),
            ("the payment", "付款日", payment.day if payment else None),
        ),
    ):
        if earlier[2] is not None and later[2] is not None and earlier[2] > later[2]:
            facts = {
                "earlier": earlier[0],
                "earlier_zh": earlier[1],
                "first": earlier[2],
                "later": later[0],
                "later_zh": later[1],
                "second": later[2],
            }
            yield Difference(DATES_DISAGREE, where, facts)


def _kinds(
    papers: Mapping[str, Paper], lines: Sequence[MeterLine], expected: Expected
) -> Iterator[Difference]:
    metered: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        metered[line.kind] += line.charge_fen
        where = f"lines[{line.number}]"
        if expected.kinds and line.kind not in expected.kinds:
            facts = {"line": line.number, "kind": line.kind, "kinds": ", ".join(expected.kinds)}
            yield Difference(KIND_NOT_PAID, where, facts)
        if not line.signed:
            yield Difference(METER_UNSIGNED, where, {"line": line.number})
    invoice = papers.get("invoice")
    for kind, fen in (invoice.kinds if invoice else {}).items():
        if abs(fen - metered[kind]) > expected.tolerance_fen:
            facts = {"kind": kind, "found": format_yuan(fen), "expected": format_yuan(metered[kind])}
            yield Difference(KIND_DIFFERS, f"papers.invoice.kinds.{kind}", facts)


def _doubles(papers: Mapping[str, Paper], expected: Expected) -> Iterator[Difference]:
    for kind, uses in (expected.uses or {}).items():
        if uses:
            facts = {
                "kind": kind,
                "number": papers[kind].number,
                "count": len(uses),
                "uses": "; ".join(uses),
            }
            yield Difference(NUMBER_USED, f"papers.{kind}.number", facts)
