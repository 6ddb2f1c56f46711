"""Where one claim cut into two gets more than whole, found in the rules and proven by deciding both.

A tier's own ``cap``, ``ordinal_cap`` and ``lump_sum`` and the base's ``max`` are for each claim: step 6 of
the order of evaluation knows one claim, and what is kept by key and window is written under ``caps``.
Rounding is for each claim too. Whoever cuts a claim in two passes such a limit twice. That is a rule's own
effect and keeps nothing from being activated; the office is told from which amount on it gains, and how much.

A candidate is tried as one claim and as two in a row, with the counters of the first when the second is
decided: an invoice cut in two under its contract, then a contract cut in two. What is reported has happened
in these decisions. Where a limit under ``caps`` holds both pieces together nothing is gained and nothing is
told. A change of tier between the whole and its pieces is a cliff, and told as one (:mod:`.cliffs`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import product

from hesuan.errors import declare
from hesuan.money import round_fen
from hesuan.policy import names_zh
from hesuan.policy.book import Book
from hesuan.policy.cliffs import AMOUNTS, PLENTY_FEN, UNITS, entry, fixed, points, request_of, taken
from hesuan.policy.decision import BUDGET_EXHAUSTED, Decision, yuan
from hesuan.policy.evaluator import decide
from hesuan.policy.finding import Finding, found
from hesuan.policy.keys import BY_CLAIM, budget_limit, needed
from hesuan.policy.predicates import All, FactValue
from hesuan.policy.programme import Budget, Programme, Tier
from hesuan.policy.satisfiability import Demand, is_possible, satisfy
from hesuan.policy.tier_checks import MOST_TIERS, is_condition

SPLIT_GAINS = declare(
    "policy.split_gains",
    en="`{field}` holds each claim by itself: from {at} on, splitting gains. One claim of {whole} gets"
    " {together}; as {first} and {second} it gets {apart}, {gain} more. To count it by key and window, write"
    " it under `caps`.",
    zh="“{field}”按每次申领单独计算：自 {at} 起，拆分可获利。一次申领 {whole} 得 {together}；"
    "拆为 {first} 和 {second} 得 {apart}，多得 {gain}。若应按主体和期间累计，请写入“caps”。",
)
SPLIT_BY_ROUNDING = declare(
    "policy.split_by_rounding",
    en="Each claim is rounded by itself ({mode} to {quantum}), so each piece of a claim cut up may gain up to"
    " {most}. Rounding `floor` gains nothing.",
    zh="每次申领单独取整（{mode_zh}，单位 {quantum}），故拆分后的每一份至多可多得 {most}。"
    "向下取整则无从获利。",
)
SPLIT_AT_EXHAUSTION = declare(
    "policy.split_at_exhaustion",
    en="Budget `{budget}` pays nothing of a claim above what it has left: with {left} left, one that is worth"
    " {worth} gets nothing, and cut in two it gets {apart}.",
    zh="预算“{budget}”对超过余额的申领一概不付：尚余 {left} 时，应得 {worth} 的申领得零，"
    "拆为两份则得 {apart}。",
)

WORTH_FEN = (100_000_00, 10_000_000_00, 1_000_000_000_00)
"""Claims that are tried where a budget is short; the first that proves it is told."""


@dataclass(frozen=True, slots=True)
class Split:
    """One claim, and the same cut in two, both decided."""

    field: str
    """The rule that holds each claim by itself."""
    at_fen: int
    """The amount of the claim from which on splitting gains."""
    pieces_fen: tuple[int, ...]
    whole: Decision
    pieces: tuple[Decision, ...]

    @property
    def gain_fen(self) -> int:
        """What is got more by splitting."""
        return sum(one.subsidy_fen for one in self.pieces) - self.whole.subsidy_fen


def check_splitting(programme: Programme) -> Iterator[Finding]:
    """A warning for each rule that splitting passes, for rounding, for budgets of all or nothing."""
    for one in splits(programme):
        yield found(
            programme,
            SPLIT_GAINS,
            one.field,
            blocks=False,
            at_fen=one.at_fen,
            gain_fen=one.gain_fen,
            at=yuan(one.at_fen, programme.unit),
            whole=yuan(sum(one.pieces_fen), programme.unit),
            together=yuan(one.whole.subsidy_fen, programme.unit),
            first=yuan(one.pieces_fen[0], programme.unit),
            second=yuan(one.pieces_fen[1], programme.unit),
            apart=yuan(one.whole.subsidy_fen + one.gain_fen, programme.unit),
            gain=yuan(one.gain_fen, programme.unit),
        )
    yield from _check_rounding(programme)
    for budget in programme.budgets:
        yield from _check_exhaustion(programme, budget)


def splits(programme: Programme) -> tuple[Split, ...]:
    """The best split that was proven for each rule that holds a claim by itself, in the document's order."""
    if len(programme.tiers) > MOST_TIERS or not all(is_condition(one.when) for one in programme.tiers):
        return ()
    best: dict[str, Split] = {}
    beyond = [fen + 1 for fen in points(programme)]
    for tier in programme.tiers:
        for field, limit_fen in _places(programme, tier):
            least_fen = max(limit_fen, _least(programme))
            for at_fen in sorted({least_fen, *(fen for fen in beyond if fen > least_fen)}):
                for split in _tried(programme, tier, field, at_fen):
                    if split.gain_fen > 0 and (field not in best or _rank(best[field]) < _rank(split)):
                        best[field] = split
    return tuple(best.values())


def _rank(split: Split) -> tuple[int, int]:
    """The least amount from which on splitting gains, and there the most."""
    return -split.at_fen, split.gain_fen


# --- Where to look ---


def _places(programme: Programme, tier: Tier) -> Iterator[tuple[str, int]]:
    """Each rule that holds one claim under a tier, and the base from which on it does [fen]."""
    rate = tier.rate if isinstance(tier.rate, Fraction) and tier.rate > 0 else Fraction(1)
    if isinstance(tier.lump_sum_fen, int):
        yield f"{tier.path}.lump_sum", tier.lump_sum_fen  # at most the invoice is paid
        rate = Fraction(1)
    if isinstance(tier.cap_fen, int):
        yield f"{tier.path}.cap", math.ceil(tier.cap_fen / rate)
    ordinal = [one.cap_fen for one in tier.ordinal_caps if isinstance(one.cap_fen, int)]
    if ordinal and len(ordinal) == len(tier.ordinal_caps):
        yield f"{tier.path}.ordinal_cap", math.ceil(ordinal[0] / rate)
    if programme.base is not None and isinstance(programme.base.max_fen, int):
        yield "base.max", programme.base.max_fen
    for cap in programme.caps:
        by_contract = isinstance(cap.key, tuple) and "contract" in cap.key and cap.counts not in BY_CLAIM
        if by_contract and isinstance(cap.limit_fen, int):
            yield cap.path, math.ceil(cap.limit_fen / rate)


def _tried(programme: Programme, tier: Tier, field: str, at_fen: int) -> Iterator[Split]:
    """The whole, that a tier takes, and its pieces; the first of them may be another tier's."""
    if not 0 < at_fen < PLENTY_FEN:
        return
    ways = (
        (pieces_fen, stated)
        for pieces_fen in _shapes(programme, at_fen)
        for _, stated in examples(programme, sum(pieces_fen), pieces_fen[0])
    )
    for pieces_fen, stated in ways:
        for by_contract in (False, True):
            [whole] = decide_in_turn(programme, stated, (sum(pieces_fen),), by_contract=by_contract)
            pieces = decide_in_turn(programme, stated, pieces_fen, by_contract=by_contract)
            if whole.granted and (whole.tier == tier.id or programme.select == "max"):
                yield Split(field, at_fen, pieces_fen, whole, tuple(pieces))


def _shapes(programme: Programme, at_fen: int) -> Iterator[tuple[int, int]]:
    """A claim that reaches the rule beside another: as large, twice as large, and the least there may be."""
    yield at_fen, at_fen
    yield at_fen, 2 * at_fen
    rates = [one.rate for one in programme.tiers if isinstance(one.rate, Fraction) and one.rate > 0]
    subsidies = [one.min_fen for one in programme.floors if one.on == "subsidy"]
    least = max([0, *(one for one in subsidies if isinstance(one, int))])
    least = max(_least(programme), math.ceil(least / min(rates, default=Fraction(1))))
    if 0 < least < at_fen:
        yield at_fen, least


def _least(programme: Programme) -> int:
    """The least base that is not refused for being too small, before it is rounded [fen]."""
    floors = [programme.base.min_fen] if programme.base is not None else []
    floors += [one.min_fen for one in programme.floors if one.on == "base"]
    least, rule = max([0, *(one for one in floors if isinstance(one, int))]), programme.rounding
    if rule is None or not isinstance(rule.quantum_fen, int) or not isinstance(rule.stages, tuple):
        return least
    quantum_fen = rule.quantum_fen if "base" in rule.stages else 1
    return round_fen(Fraction(least), quantum_fen=quantum_fen, mode="ceil")


# --- Proving ---


def examples(
    programme: Programme, whole_fen: int, piece_fen: int
) -> Iterator[tuple[Tier, dict[str, FactValue]]]:
    """For each tier that takes the smaller amount: what somebody states who may claim either of the two."""
    eligible = programme.eligible if is_condition(programme.eligible) else All(())
    demands = [*entry(programme), *((fixed(eligible, fen), True) for fen in (whole_fen, piece_fen))]
    for tier, asked in taken(programme, piece_fen, demands):
        others = _others(programme, tier, piece_fen, asked) if programme.select == "max" else []
        answer = satisfy([*asked, *others])
        if answer.possible:
            yield tier, answer.example


def _others(programme: Programme, tier: Tier, fen: int, asked: list[Demand]) -> list[Demand]:
    """What the tiers beside ask for, denied where it can be: where the best is taken, each is judged."""
    found: list[Demand] = []
    for other in programme.tiers:
        if other is tier or not is_condition(other.when):
            continue
        when = fixed(other.when, fen)
        denied = is_possible(*asked, *found, (when, False)) is not False
        found.append((when, not denied))
    return found


def decide_in_turn(
    programme: Programme,
    stated: Mapping[str, FactValue],
    pieces_fen: Sequence[int],
    *,
    by_contract: bool = False,
    book: Book | None = None,
) -> list[Decision]:
    """What one applicant gets for claims made one after another on one day.

    Args:
        programme: One version.
        stated: What is the same for all of them.
        pieces_fen: The amount of each, of one kind of line.
        by_contract: Whether each is a contract of its own; else all are invoices under one contract.
        book: What was counted before; nothing without.
    """
    book = Book() if book is None else book
    whole_fen, year_fen, granted_fen, grants = sum(pieces_fen), 0, 0, 0
    begin = stated.get("request.ordinal", Fraction(1))
    decisions: list[Decision] = []
    for at, fen in enumerate(pieces_fen):
        amounts: dict[str, FactValue] = dict.fromkeys(AMOUNTS, whole_fen)
        amounts |= {"year.base_total": year_fen + fen, UNITS: Fraction(fen, 100)}
        if by_contract:
            amounts |= {"contract.amount": fen, "contract.id": f"contract {at}"}
        ordinal = begin + grants if isinstance(begin, Fraction) else Fraction(1 + grants)
        amounts |= {"year.granted_total": granted_fen, "request.ordinal": ordinal}
        facts = request_of(programme, fen, {**stated, **amounts})
        decision = decide(programme, facts, book.counters(needed(programme, facts)))
        decisions.append(decision)
        book.add(decision, facts.on)
        if decision.subsidy_fen:
            year_fen, grants = year_fen + fen, grants + 1
            granted_fen += decision.subsidy_fen
    return decisions


# --- Rounding and the last of a budget ---


def rounding_gain(programme: Programme) -> Fraction:
    """What one piece may gain by rounding, at most [fen, exact]; nothing where amounts are rounded down."""
    rule = programme.rounding
    if rule is None or not isinstance(rule.quantum_fen, int) or not isinstance(rule.stages, tuple):
        return Fraction(0)
    by_mode = {"ceil": Fraction(1), "half_up": Fraction(1, 2), "half_even": Fraction(1, 2)}
    part = by_mode.get(str(rule.mode), Fraction(0)) * rule.quantum_fen
    rates = [one.rate if isinstance(one.rate, Fraction) else Fraction(1) for one in programme.tiers]
    at_base = part * max(rates, default=Fraction(1)) if "base" in rule.stages else Fraction(0)
    return at_base + (part if "subsidy" in rule.stages else 0)


def _check_rounding(programme: Programme) -> Iterator[Finding]:
    gain, rule = rounding_gain(programme), programme.rounding
    if gain == 0 or rule is None or not isinstance(rule.quantum_fen, int):
        return
    yield found(
        programme,
        SPLIT_BY_ROUNDING,
        "rounding.mode",
        blocks=False,
        shown_at="rounding",
        mode=rule.mode,
        mode_zh=names_zh.ROUNDING[str(rule.mode)],
        quantum=yuan(rule.quantum_fen, programme.unit),
        most=yuan(gain, programme.unit),
    )


def _check_exhaustion(programme: Programme, budget: Budget) -> Iterator[Finding]:
    """Proven with so much used that one claim is worth more than what is left, and half of it is not."""
    limit = budget_limit(programme, budget)
    if budget.on_exhaust != "reject" or limit is None:
        return
    rule = programme.rounding
    quantum = rule.quantum_fen if rule is not None and isinstance(rule.quantum_fen, int) else 0
    fens = [*WORTH_FEN, *(limit * times for times in (2, 3, 4, 6, 8, 12, 20))]
    ways = ((fen, stated) for fen in fens for _, stated in examples(programme, fen, fen // 2))
    for (fen, stated), more in product(ways, (0, quantum)):
        cut_fens = fen // 2, fen - fen // 2
        half, *_ = decide_in_turn(programme, stated, cut_fens)
        # A budget is compared before rounding: what half a claim is worth exactly has to be left.
        left_fen = min(limit, half.subsidy_fen + more)
        [whole] = decide_in_turn(programme, stated, (fen,), book=_short(half, budget, left_fen))
        cut = decide_in_turn(programme, stated, cut_fens, book=_short(half, budget, left_fen))
        apart, refusals = sum(one.subsidy_fen for one in cut), whole.failures
        if apart and [one.code for one in refusals] == [BUDGET_EXHAUSTED]:
            yield found(
                programme,
                SPLIT_AT_EXHAUSTION,
                budget.path,
                blocks=False,
                budget=budget.id,
                left=yuan(left_fen, programme.unit),
                worth=refusals[0].facts["asked"],
                apart=yuan(apart, programme.unit),
            )
            return


def _short(half: Decision, budget: Budget, left_fen: int) -> Book:
    """A book in which a budget, counted as half a claim counts it, has so much left."""
    book = Book()
    for one, _ in half.counted:
        if one.kind == "budget" and one.id == budget.id and one.limit_fen is not None:
            book.count(one, one.limit_fen - left_fen, date.min)
    return book
