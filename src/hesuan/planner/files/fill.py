"""A frozen input from a table: one key a field, types as the field says, faults at their lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from enum import StrEnum
from typing import Any, TypeVar

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.toml_table import Document, Table

NOT_A_CHOICE = declare(
    "planner.not_a_choice",
    en="`{key}` is `{found}`; it is one of {choices}.",
    zh="“{key}”为“{found}”；可选值：{choices}。",
)

Made = TypeVar("Made")
Choice = TypeVar("Choice", bound=StrEnum)
Error = TypeVar("Error", bound=HesuanError)


def values_of(table: Table, made: type, *, only_given: bool = False) -> dict[str, Any]:
    """The values a table gives for the plain fields of a dataclass; what it leaves out keeps its default.

    A field without a default that is left out is a fault, unless ``only_given``.
    """
    found: dict[str, Any] = {}
    for one in fields(made):
        reader = READERS.get(str(one.type))
        if reader is None:
            continue
        table.asked.add(one.name)
        if one.name in table.values or not (only_given or _has_default(one)):
            found[one.name] = reader(table, one.name)
    return found


def choice(table: Table, key: str, choices: type[Choice]) -> dict[str, Choice]:
    """One of an enumeration's words under its key; nothing where the key is left out."""
    table.asked.add(key)
    if key not in table.values:
        return {}
    word = table.text(key)
    if word not in [one.value for one in choices]:
        names = ", ".join(one.value for one in choices)
        table.fault(InputFault(NOT_A_CHOICE, where=table.where(key), key=key, found=word, choices=names))
        return {}
    return {key: choices(word)}


def made_of(table: Table, make: Callable[..., Made], values: Mapping[str, Any]) -> Made | None:
    """The input, or None with its faults kept at their lines; not tried where its table is faulty."""
    if is_faulty(table):
        return None
    try:
        return make(**values)
    except Faults as error:
        table.document.faults.extend(placed(table.document, fault, table) for fault in error.faults)
    except InputFault as fault:
        table.fault(placed(table.document, fault, table))
    return None


def looked_up(table: Table, key: str, find: Callable[[str], Made]) -> Made | None:
    """What the catalogue has under the name at ``key``, or None with the fault kept at that line."""
    name = table.text(key)
    if not name:
        return None
    try:
        return find(name)
    except InputFault as fault:
        table.fault(InputFault(fault.code, where=table.where(key), **fault.facts))
    except Faults as error:
        table.document.faults.extend(
            InputFault(one.code, where=table.where(key), **one.facts) for one in error.faults
        )
    return None


def is_faulty(table: Table) -> bool:
    """Whether a fault lies on one of the table's lines."""
    document, path = table.document, table.path
    lines = {document.where(place) for place in document.places if place[: len(path)] == path}
    return any(fault.where in lines or not lines for fault in document.faults)


def placed(document: Document, error: Error, table: Table | None = None) -> Error:
    """The same error with ``file:line`` for its path; without a path, the line of ``table``."""
    path = tuple(part.strip("`") for part in error.where.split(".") if part)
    where = document.where(path or (table.path if table else ()))
    return type(error)(error.code, where=where, **error.facts)


def _has_default(one: Field[Any]) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def _flag(table: Table, key: str) -> bool:
    return bool(table.get(key, bool, "true or false", False))


READERS: dict[str, Callable[[Table, str], Any]] = {
    "int": lambda table, key: table.integer(key),
    "int | None": lambda table, key: table.integer(key),
    "float": lambda table, key: table.number(key),
    "float | None": lambda table, key: table.number(key),
    "str": lambda table, key: table.text(key),
    "bool": _flag,
}
"""By the field's annotation as written; fields of other types are read by hand."""
