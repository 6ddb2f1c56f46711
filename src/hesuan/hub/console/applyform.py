"""The form of an application for a voucher: raw texts in, arguments or faults beside their fields out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.hub.console.faults import FaultLine, lines
from hesuan.hub.programmes.asking import AskedFact
from hesuan.money import decimal_yuan, parse_yuan
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

FACTS_UNREADABLE = declare(
    "console.facts_unreadable",
    en="These lines cannot be read as facts ({reason})."
    ' Write one a line, such as: project.level = "national"',
    zh='事实无法读取（{reason}）。请每行写一项，例如：project.level = "national"',
)
FIELDS = ("organisation", "planned", "facts", "application_id")
FACT = "facts."
"""A fact with a field of its own is sent under ``facts.`` and its name, as faults say where it is wrong."""
_COMMA = re.compile(r"\s*[,，、]\s*")


@dataclass(frozen=True, slots=True)
class ApplyForm:
    """What was typed, and what is wrong with it, by field; ``""`` holds what belongs to no field."""

    texts: Mapping[str, str]
    faults: Mapping[str, tuple[FaultLine, ...]] = field(default_factory=dict)


class Values(TypedDict):
    """What the programmes room is asked with."""

    organisation_id: str
    planned_fen: int
    facts: dict[str, Json]
    application_id: str


def typed(sent: Mapping[str, str], organisation_id: str) -> dict[str, str]:
    """The texts as sent, or those of an empty form with a fresh id: sent twice, it is one application."""
    defaults = {"organisation": organisation_id, "application_id": new_id()}
    texts = {name: str(sent.get(name, defaults.get(name, ""))) for name in FIELDS}
    return texts | {name: str(text).strip() for name, text in sent.items() if name.startswith(FACT)}


def written(planned_fen: int, facts: Mapping[str, Json], organisation_id: str) -> dict[str, str]:
    """The texts of an application that exists: what a draft, or one that was returned, says so far."""
    texts = typed({"planned": decimal_yuan(planned_fen)}, organisation_id)
    return texts | {FACT + name: _text(value) for name, value in facts.items()}


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def values(texts: Mapping[str, str], asked: Iterable[AskedFact] = ()) -> Values:
    """The arguments that the texts say; a fact's field that is empty states nothing.

    Raises:
        Faults: ``money.not_an_amount``, ``console.facts_unreadable``, both where both are wrong.
    """
    faults: list[InputFault] = []
    planned_fen, facts = 0, {}
    try:
        amount = texts["planned"].replace(",", "").replace("¥", "").strip()
        planned_fen = parse_yuan(amount, where="planned")
    except InputFault as fault:
        faults.append(fault)
    try:
        facts = _facts(texts["facts"]) | _fields(texts, asked)
    except InputFault as fault:
        faults.append(fault)
    if faults:
        raise Faults(faults)
    return Values(
        organisation_id=texts["organisation"],
        planned_fen=planned_fen,
        facts=facts,
        application_id=texts["application_id"],
    )


def readable_facts(texts: Mapping[str, str], asked: Iterable[AskedFact]) -> dict[str, Json]:
    """The facts of the fields alone: they can be looked at although an amount or a line is wrong."""
    return _fields(texts, asked)


def _fields(texts: Mapping[str, str], asked: Iterable[AskedFact]) -> dict[str, Json]:
    """The facts that have fields of their own; of names that stand in a list, the list."""
    listed = {fact.name for fact in asked if fact.kind == "names"}
    found: dict[str, Json] = {}
    for key, text in texts.items():
        name = key.removeprefix(FACT)
        if not key.startswith(FACT) or not text:
            continue
        parts: list[Json] = [part for part in _COMMA.split(text) if part]
        found[name] = parts if name in listed else text
    return found


def _facts(text: str) -> dict[str, Json]:
    """``project.level = "national"`` a line → ``{"project.level": "national"}``."""
    try:
        return _flat(tomllib.loads(text), "")
    except tomllib.TOMLDecodeError as error:
        raise InputFault(FACTS_UNREADABLE, where="facts", reason=str(error)) from None


def _flat(table: Mapping[str, Json], prefix: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def by_field(error: HesuanError | Faults, fields: Collection[str] = ()) -> dict[str, tuple[FaultLine, ...]]:
    """The faults under the field that each speaks of; ``""`` where there is none.

    A fact's faults stand under its own field where it has one (``fields``), else under the lines of facts.
    """
    found: dict[str, tuple[FaultLine, ...]] = {}
    for line in lines(error):
        first = line.where.partition(".")[0]
        name = line.where if line.where in fields else first if first in FIELDS else ""
        found[name] = (*found.get(name, ()), line)
    return found
