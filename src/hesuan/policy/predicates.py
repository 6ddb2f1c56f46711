"""Conditions of programmes: a closed language over typed facts. Nothing is evaluated as code.

::

    Pred := {all: [Pred]} | {any: [Pred]} | {not: Pred} | "<fact> <op> <literal>"
    op   := == != < <= > >= in has

Which facts exist and of what type each is stands in :mod:`.facts`; a literal is read as the fact's type, so
``500000.00`` is money beside ``year.base_total`` and text nowhere. A fact that nobody stated makes a
condition *unknown*, and unknown is not true, under ``not`` neither (Kleene's three values).
"""

from __future__ import annotations

import operator as operators
import re
from collections.abc import Callable
from collections.abc import Mapping as Facts
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hesuan.errors import InputFault, declare, unknown_key
from hesuan.money import decimal_yuan, parse_yuan
from hesuan.policy.facts import FACTS, Type
from hesuan.policy.nodes import Mapping, Mark, Node, Scalar, Sequence

__all__ = ["FACTS", "Type"]

FactValue = str | bool | int | Fraction | date | frozenset[str]

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    "<=": operators.le,
    ">": operators.gt,
    ">=": operators.ge,
}
_COMPARE = tuple(_COMPARISONS)
OPERATORS: dict[Type, tuple[str, ...]] = {
    Type.TEXT: ("==", "!=", "in"),
    Type.NAMES: ("has",),
    Type.BOOLEAN: ("==", "!="),
    Type.NUMBER: _COMPARE,
    Type.MONEY: _COMPARE,
    Type.DATE: _COMPARE,
}

NOT_A_CONDITION = declare(
    "policy.not_a_condition",
    en="`{text}` is not a condition. Write a fact, an operator and a value, such as"
    " project.level == national; or all, any, not.",
    zh="“{text}”不是条件。请写“事实 运算符 值”，如 project.level == national；或用 all、any、not。",
)
WRONG_OPERATOR = declare(
    "policy.wrong_operator",
    en="`{fact}` is a {type}; `{operator}` cannot be asked of it. Use one of {operators}.",
    zh="“{fact}”的类型是 {type}，不能用 `{operator}`。可用：{operators}。",
)
WRONG_TYPE = declare(
    "policy.wrong_type",
    en="`{value}` is not a {type}, which `{fact}` is.",
    zh="“{value}”不是 {type}，而“{fact}”的类型是 {type}。",
)

_NAME = re.compile(r"[\w.-]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")
_RATIO = re.compile(r"(?:0|[1-9][0-9]{0,8})/[1-9][0-9]{0,8}")
"""Two thirds are a number, and have no decimals."""
_CONDITION = re.compile(r"([a-z_]+(?:\.[a-z_]+)*) +(==|!=|<=|>=|<|>|in|has) +(\S.*)")


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of one fact."""

    fact: str
    operator: str
    literals: tuple[FactValue, ...]
    """One, except for ``in``."""
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class All:
    """True when every part is; true when there is none."""

    parts: tuple[Pred, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when one part is."""

    parts: tuple[Pred, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false; unknown stays unknown."""

    part: Pred


Pred = Condition | All | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Unmet:
    """One condition that kept a predicate from being true."""

    text: str
    mark: Mark
    fact: str
    value: str | None
    """The fact as stated, or ``None`` where nobody stated it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """``truth`` is ``None`` where facts are missing; ``unmet`` names what stood in the way."""

    truth: bool | None
    unmet: tuple[Unmet, ...] = ()


# --- Reading ---


def parse(node: Node, *, source: str, faults: list[InputFault]) -> Pred:
    """Reads a predicate; what is wrong is added to ``faults`` and becomes an empty ``All``."""
    match node:
        case Scalar():
            return _parse_condition(node, source, faults)
        case Mapping(members=(member,)) if member.key.text == "not":
            return Not(parse(member.value, source=source, faults=faults))
        case Mapping(members=(member,)) if member.key.text in ("all", "any"):
            if isinstance(member.value, Sequence):
                parts = tuple(parse(item, source=source, faults=faults) for item in member.value.items)
                return All(parts) if member.key.text == "all" else AnyOf(parts)
    text = "…" if not isinstance(node, Mapping) else ", ".join(member.key.text for member in node)
    faults.append(InputFault(NOT_A_CONDITION, where=f"{source}:{node.mark}", text=text))
    return All(())


def _parse_condition(node: Scalar, source: str, faults: list[InputFault]) -> Pred:
    where = f"{source}:{node.mark}"
    match = _CONDITION.fullmatch(node.text)
    if match is None:
        faults.append(InputFault(NOT_A_CONDITION, where=where, text=node.text))
        return All(())
    fact, operator, literal = match.groups()
    if fact not in FACTS:
        faults.append(unknown_key(fact, FACTS, where=where))
        return All(())
    kind = FACTS[fact]
    if operator not in OPERATORS[kind]:
        possible = " ".join(OPERATORS[kind])
        faults.append(
            InputFault(
                WRONG_OPERATOR, where=where, fact=fact, type=kind, operator=operator, operators=possible
            )
        )
        return All(())
    try:
        literals = _literals(fact, operator, literal.strip(), where)
    except InputFault as fault:
        faults.append(fault)
        return All(())
    return Condition(fact, operator, literals, node.text, node.mark)


def _literals(fact: str, operator: str, text: str, where: str) -> tuple[FactValue, ...]:
    if operator != "in":
        kind = Type.TEXT if operator == "has" else FACTS[fact]
        return (_parse_value(fact, kind, text, where),)
    if not (text.startswith("[") and text.endswith("]")):
        raise InputFault(WRONG_TYPE, where=where, value=text, type="list [a, b]", fact=fact)
    return tuple(_parse_value(fact, Type.TEXT, part.strip(), where) for part in text[1:-1].split(","))


def parse_fact(name: str, value: object, *, where: str = "") -> FactValue:
    """A stated fact as its type; text for money and dates, whole numbers or decimal text for numbers.

    Raises:
        InputFault: ``input.unknown_key`` or ``policy.wrong_type``.
    """
    where = where or name
    if name not in FACTS:
        raise unknown_key(name, FACTS, where=where)
    kind = FACTS[name]
    if kind is Type.NAMES and isinstance(value, list | tuple):
        return frozenset(str(_parse_value(name, Type.TEXT, item, where)) for item in value)
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int):
        value = str(value)
    return _parse_value(name, kind, value, where)


def _parse_value(fact: str, kind: Type, value: object, where: str) -> FactValue:
    fault = InputFault(WRONG_TYPE, where=where, value=value, type=kind.value, fact=fact)
    if not isinstance(value, str):
        raise fault
    match kind:
        case Type.TEXT if _NAME.fullmatch(value):
            return value
        case Type.BOOLEAN if value in ("true", "false"):
            return value == "true"
        case Type.NUMBER if _NUMBER.fullmatch(value):
            return Fraction(Decimal(value))
        case Type.NUMBER if _RATIO.fullmatch(value):
            return Fraction(value)
        case Type.MONEY:
            return parse_yuan(value, where=where)
        case Type.DATE:
            try:
                return date.fromisoformat(value)
            except ValueError:
                raise fault from None
    raise fault


# --- Judging ---


def judge(pred: Pred, facts: Facts[str, FactValue]) -> Judgement:
    """Whether a predicate is true of stated facts, and every condition that stood in the way."""
    match pred:
        case Condition():
            return _judge_condition(pred, facts)
        case Not(part=part):
            inner = judge(part, facts)
            truth = None if inner.truth is None else not inner.truth
            return Judgement(truth, () if truth else _negated(part, inner, facts))
        case All(parts=parts):
            judged = [judge(part, facts) for part in parts]
            truths = [one.truth for one in judged]
            truth = False if False in truths else None if None in truths else True
        case AnyOf(parts=parts):
            judged = [judge(part, facts) for part in parts]
            truths = [one.truth for one in judged]
            truth = True if True in truths else None if None in truths else False
    unmet = () if truth else tuple(one for part in judged for one in part.unmet)
    return Judgement(truth, unmet)


def _judge_condition(condition: Condition, facts: Facts[str, FactValue]) -> Judgement:
    value = facts.get(condition.fact)
    truth = None if value is None else _holds(condition.operator, value, condition.literals)
    if truth:
        return Judgement(True)
    stated = None if value is None else show(condition.fact, value)
    return Judgement(truth, (Unmet(condition.text, condition.mark, condition.fact, stated),))


def _negated(part: Pred, inner: Judgement, facts: Facts[str, FactValue]) -> tuple[Unmet, ...]:
    """Why ``not`` is not true: the missing facts inside it, or the conditions that were met."""
    if inner.truth is None:
        return inner.unmet
    return tuple(
        Unmet(f"not ({one.text})", one.mark, one.fact, show(one.fact, facts[one.fact]))
        for one in conditions(part)
        if one.fact in facts
    )


def conditions(pred: Pred) -> list[Condition]:
    """Every condition inside a predicate."""
    match pred:
        case Condition():
            return [pred]
        case Not(part=part):
            return conditions(part)
        case All(parts=parts) | AnyOf(parts=parts):
            return [condition for part in parts for condition in conditions(part)]


def _holds(operator: str, value: FactValue, literals: tuple[FactValue, ...]) -> bool:
    if operator == "in":
        return value in literals
    literal = literals[0]
    if operator == "has":
        assert isinstance(value, frozenset)
        return literal in value
    compare = _COMPARISONS[operator]
    return bool(compare(value, literal))


def show(fact: str, value: FactValue) -> str:
    """A fact's value as people read it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset):
        return "[" + ", ".join(sorted(value)) + "]"
    if FACTS.get(fact) is Type.MONEY and isinstance(value, int):
        return decimal_yuan(value)
    return str(value)
