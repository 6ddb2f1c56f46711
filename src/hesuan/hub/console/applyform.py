"""The form of an application for a voucher: raw texts in, arguments or faults beside their fields out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.hub.console.faults import FaultLine, lines
from hesuan.money import parse_yuan
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

FACTS_UNREADABLE = declare(
    "console.facts_unreadable",
    en="These lines cannot be read as facts ({reason})."
    ' Write one a line, such as: project.level = "national"',
    zh='事实无法读取（{reason}）。请每行写一项，例如：project.level = "national"',
)
FIELDS = ("organisation", "planned", "facts", "application_id")


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
    return {name: str(sent.get(name, defaults.get(name, ""))) for name in FIELDS}


def values(texts: Mapping[str, str]) -> Values:
    """The arguments that the texts say.

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
        facts = _facts(texts["facts"])
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


def by_field(error: HesuanError | Faults) -> dict[str, tuple[FaultLine, ...]]:
    """The faults under the field that each speaks of; ``""`` where there is none."""
    found: dict[str, tuple[FaultLine, ...]] = {}
    for line in lines(error):
        first = line.where.partition(".")[0]
        name = first if first in FIELDS else ""
        found[name] = (*found.get(name, ()), line)
    return found
