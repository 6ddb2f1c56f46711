"""The facts of organisations: their names, what each value is, how it is written. Pure.

The names are those conditions use behind ``applicant.`` and the types agree with the policy engine's (a test
holds the two together; this room does not know the engine). Values are kept as an applicant would state them:
text, whole numbers or decimal text, ``true``, a date as ``2026-01-31``, money as decimal text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from enum import StrEnum

from hesuan.errors import InputFault
from hesuan.hub.registry import errors
from hesuan.money import parse_yuan
from hesuan.wire.canonical import Json


class Type(StrEnum):
    """What a fact's value is."""

    TEXT = "text"
    NAMES = "names"
    BOOLEAN = "boolean"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"


FACT_TYPES: dict[str, Type] = {
    "kind": Type.TEXT,
    "registered_in": Type.TEXT,
    "industry": Type.TEXT,
    "size": Type.TEXT,
    "stage": Type.TEXT,
    "user_class": Type.TEXT,
    "group": Type.TEXT,
    "tags": Type.NAMES,
    "employees": Type.NUMBER,
    "revenue": Type.MONEY,
    "founded_on": Type.DATE,
    "is_legal_person": Type.BOOLEAN,
    "is_independent_legal_person": Type.BOOLEAN,
    "is_eligible_pi": Type.BOOLEAN,
    "is_newly_landed": Type.BOOLEAN,
    "in_incubator": Type.BOOLEAN,
    "has_series_a": Type.BOOLEAN,
    "finance_sound": Type.BOOLEAN,
    "is_dishonest": Type.BOOLEAN,
    "major_penalty_within_three_years": Type.BOOLEAN,
    "major_accident_within_three_years": Type.BOOLEAN,
}

_NAME = re.compile(r"[\w.-]{1,100}")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")


def parse(name: str, value: object) -> Json:
    """A value in the form in which it is kept.

    Raises:
        InputFault: ``registry.fact_unknown``, ``registry.fact_wrong_type``, ``money.…``.
    """
    if name not in FACT_TYPES:
        known = ", ".join(FACT_TYPES)
        raise InputFault(errors.FACT_UNKNOWN, where="name", fact=name[:64], known=known)
    kind = FACT_TYPES[name]
    if not _FITS[kind](value):
        shown = str(value)[:60]
        raise InputFault(errors.FACT_WRONG_TYPE, where="value", fact=name, value=shown, type=kind.value)
    if isinstance(value, list):
        return sorted(set(value))
    assert isinstance(value, str | int)
    return value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _are_names(value: object) -> bool:
    return isinstance(value, list) and 0 < len(value) <= 100 and all(map(_is_name, value))


def _is_number(value: object) -> bool:
    return isinstance(value, str | int) and type(value) is not bool and bool(_NUMBER.fullmatch(str(value)))


def _is_money(value: object) -> bool:
    try:
        parse_yuan(value)
    except InputFault:
        return False
    return True


def _is_date(value: object) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_FITS: dict[Type, Callable[[object], bool]] = {
    Type.TEXT: _is_name,
    Type.NAMES: _are_names,
    Type.BOOLEAN: lambda value: isinstance(value, bool),
    Type.NUMBER: _is_number,
    Type.MONEY: _is_money,
    Type.DATE: _is_date,
}
