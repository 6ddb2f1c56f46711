"""Where several small claims pass a reviewer, or a second approver, that one large claim would meet.

``issuance.auto_approve`` and ``issuance.second_approver_above`` look at one request. Whoever cuts a request
in two may stay below both. That is the rule's own effect and keeps nothing from being activated; the office
is told from which size on, with two requests that were decided. Where a limit refuses the second of them, or
what the rule reads grows over the year, nothing is passed and nothing is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from hesuan.errors import declare
from hesuan.policy.cliffs import AMOUNTS, UNITS, entry, fixed, taken
from hesuan.policy.decision import Decision, yuan
from hesuan.policy.facts import FACTS, Type
from hesuan.policy.finding import Finding, found
from hesuan.policy.predicates import All, Condition, FactValue, Pred, conditions
from hesuan.policy.programme import Programme
from hesuan.policy.satisfiability import Demand, satisfy
from hesuan.policy.splitting import decide_in_turn, examples
from hesuan.policy.tier_checks import MOST_TIERS, is_condition

SPLIT_PASSES_REVIEW = declare(
    "policy.split_passes_review",
    en="`{field}` looks at one request: up to `{fact}` {at} nobody reviews it. One of {whole} is reviewed;"
    " cut into {first} and {second} neither is, and {apart} is given. To hold them together, let it read what"
    " grows over the year (`year.base_total`), or count requests under `caps`.",
    zh="“{field}”只看单份申请：“{fact}”不超过 {at} 时无人审核。{whole} 的一份须审核；"
    "拆为 {first} 和 {second} 则均不审核，共给予 {apart}。若应合并计算，请改用全年累计"
    "（“year.base_total”），或在“caps”中限定次数。",
)
SPLIT_PASSES_APPROVER = declare(
    "policy.split_passes_approver",
    en="`{field}` looks at one request: above {at} a second person approves. One claim of {whole} gets"
    " {together} and meets that person; as {first} and {second} it gets {apart}, and nobody else sees it.",
    zh="“{field}”只看单份申请：超过 {at} 须由第二人批准。一次申领 {whole} 得 {together}，须经第二人；"
    "拆为 {first} 和 {second} 得 {apart}，则不经第二人。",
)
TRIED_FEN = (1_000_00, 100_000_00, 10_000_000_00)
"""Amounts that are tried where the rule reads something else."""
BOUNDS = ("<=", "<")


@dataclass(frozen=True, slots=True)
class _Pair:
    """One request, and the same cut in two."""

    whole: Decision
    pieces: tuple[Decision, ...]

    @property
    def apart_fen(self) -> int:
        """What the pieces get."""
        return sum(one.subsidy_fen for one in self.pieces)

    @property
    def is_paid(self) -> bool:
        """Whether all of it was decided to be given."""
        return self.whole.granted and all(one.granted and one.subsidy_fen for one in self.pieces)


def check_unreviewed(programme: Programme) -> Iterator[Finding]:
    """A warning for each of the two rules that pieces of a request pass."""
    if len(programme.tiers) > MOST_TIERS or not all(is_condition(one.when) for one in programme.tiers):
        return
    yield from _check_approver(programme)
    yield from _check_auto_approval(programme)


# --- The second approver ---


def _check_approver(programme: Programme) -> Iterator[Finding]:
    issuance = programme.terms.issuance
    limit_fen = issuance.second_approver_above_fen if issuance is not None else None
    if not isinstance(limit_fen, int):
        return
    rates = {one.rate for one in programme.tiers if isinstance(one.rate, Fraction) and one.rate > 0}
    for piece_fen in sorted({int(limit_fen / rate) for rate in rates} - {0}):
        for _, stated in examples(programme, 2 * piece_fen, piece_fen):
            pair = _decided(programme, stated, piece_fen)
            below = all(one.subsidy_fen <= limit_fen for one in pair.pieces)
            if pair.is_paid and below and limit_fen < min(pair.apart_fen, pair.whole.subsidy_fen):
                field = "issuance.second_approver_above"
                yield found(
                    programme,
                    SPLIT_PASSES_APPROVER,
                    field,
                    blocks=False,
                    at=yuan(limit_fen, programme.unit),
                    whole=yuan(2 * piece_fen, programme.unit),
                    together=yuan(pair.whole.subsidy_fen, programme.unit),
                    first=yuan(piece_fen, programme.unit),
                    second=yuan(piece_fen, programme.unit),
                    apart=yuan(pair.apart_fen, programme.unit),
                )
                return


# --- Automatic approval ---


def _check_auto_approval(programme: Programme) -> Iterator[Finding]:
    issuance = programme.terms.issuance
    rule = issuance.auto_approve if issuance is not None else None
    if not is_condition(rule):
        return
    assert rule is not None
    bounds = [one for one in conditions(rule) if one.operator in BOUNDS and _measures(one)]
    for bound in bounds:
        for amount_fen, pair in _pairs(programme, rule, bound):
            passes = not pair.whole.auto_approved and all(one.auto_approved for one in pair.pieces)
            if pair.is_paid and passes:
                most = _most(bound)
                yield found(
                    programme,
                    SPLIT_PASSES_REVIEW,
                    "issuance.auto_approve",
                    blocks=False,
                    fact=bound.fact,
                    at=_shown(bound.fact, most, programme),
                    whole=_shown(bound.fact, 2 * most, programme),
                    first=_shown(bound.fact, most, programme),
                    second=_shown(bound.fact, most, programme),
                    apart=yuan(pair.apart_fen, programme.unit),
                    amount_fen=amount_fen,
                )
                break


def _measures(bound: Condition) -> bool:
    """Whether a condition bounds what is asked for, and a piece has less of it."""
    if bound.fact == "request.ordinal" or FACTS[bound.fact] not in (Type.MONEY, Type.NUMBER):
        return False
    return bound.fact.startswith(("request.", "contract.", "project.")) and _most(bound) > 0


def _most(bound: Condition) -> Fraction:
    """The most that a condition lets pass: a hundredth below a bound that it leaves out."""
    literal = Fraction(bound.literals[0])  # type: ignore[arg-type]
    if bound.operator == "<=":
        return literal
    return literal - (1 if FACTS[bound.fact] is Type.MONEY else Fraction(1, 100))


def _pairs(programme: Programme, rule: Pred, bound: Condition) -> Iterator[tuple[int, _Pair]]:
    most = _most(bound)
    by_amount = bound.fact in (*AMOUNTS, UNITS)
    fens = (int(most if bound.fact in AMOUNTS else most * 100),) if by_amount else TRIED_FEN
    for fen in fens:
        for stated in _stated(programme, rule, fen):
            if by_amount:
                yield fen, _decided(programme, stated, fen)
                continue
            [whole] = decide_in_turn(programme, {**stated, bound.fact: _value(bound, 2 * most)}, (2 * fen,))
            pieces = decide_in_turn(programme, {**stated, bound.fact: _value(bound, most)}, (fen, fen))
            yield fen, _Pair(whole, tuple(pieces))


def _stated(programme: Programme, rule: Pred, fen: int) -> Iterator[Mapping[str, FactValue]]:
    """What somebody states whose piece passes without a reviewer, by each tier that takes it."""
    eligible = programme.eligible if is_condition(programme.eligible) else All(())
    assert eligible is not None
    demands: list[Demand] = [
        *entry(programme),
        *((fixed(eligible, one), True) for one in (fen, 2 * fen)),
        (fixed(rule, fen), True),
    ]
    for _, asked in taken(programme, fen, demands):
        answer = satisfy(asked)
        if answer.possible:
            yield answer.example


def _decided(programme: Programme, stated: Mapping[str, FactValue], fen: int) -> _Pair:
    """Each piece under a contract of its own: what is cut is the contract."""
    [whole] = decide_in_turn(programme, stated, (2 * fen,), by_contract=True)
    return _Pair(whole, tuple(decide_in_turn(programme, stated, (fen, fen), by_contract=True)))


def _value(bound: Condition, value: Fraction) -> FactValue:
    return int(value) if FACTS[bound.fact] is Type.MONEY else value


def _shown(fact: str, value: Fraction, programme: Programme) -> str:
    return yuan(value, programme.unit) if FACTS[fact] is Type.MONEY else str(value)
