"""The form of a work order: raw texts in, a work order or faults beside their fields out.

Nothing typed is lost: the form shows the texts as they were sent. Checking is the market's; here only texts
become values (whole numbers, words of a command, lines of parameters).
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.hub.console.faults import FaultLine, plain_sentence
from hesuan.wire.canonical import Json

PARAMETERS_UNREADABLE = declare(
    "console.parameters_unreadable",
    en="These lines cannot be read as parameters ({reason}). Write one a line, such as: seed = 7",
    zh="参数无法读取（{reason}）。请每行写一项，例如：seed = 7",
)
COMMAND_UNREADABLE = declare(
    "console.command_unreadable",
    en="This line cannot be read as a command: a quotation mark is never closed.",
    zh="命令行无法读取：引号没有成对。",
)

APP_FIELDS = ("app", "units", "parameters", "cores", "time_limit_s")
SCRIPT_FIELDS = ("command", "cores", "time_limit_s")
NUMBERS = frozenset({"units", "cores", "time_limit_s"})
FIELDS = ("kind", "organisation", "app", "units", "parameters", "command", "cores", "time_limit_s", "inputs")
_WHOLE = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class WorkForm:
    """What was typed, and what is wrong with it, by field; ``""`` holds what belongs to no field."""

    texts: Mapping[str, str]
    faults: Mapping[str, tuple[FaultLine, ...]] = field(default_factory=dict)
    inputs: Collection[str] = ()
    """The files that were ticked, by id."""


def typed(sent: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    """The texts of the form: what was sent, else the defaults."""
    return {name: str(sent.get(name, defaults.get(name, ""))) for name in FIELDS}


def work_order(texts: Mapping[str, str], inputs: Mapping[str, str]) -> dict[str, Json]:
    """The work order that the texts describe, not yet checked by the market.

    Args:
        texts: As :func:`typed` gives them.
        inputs: The chosen files' names by id; a run finds each by its name.

    Raises:
        Faults: ``console.parameters_unreadable``, ``console.command_unreadable``.
    """
    kind = texts["kind"]
    work: dict[str, Json] = {"kind": kind}
    faults: list[InputFault] = []
    for name in SCRIPT_FIELDS if kind == "script" else APP_FIELDS:
        text = texts[name].strip()
        if not text:
            continue
        try:
            work[name] = _value(name, text)
        except InputFault as fault:
            faults.append(fault)
    if faults:
        raise Faults(faults)
    if inputs:
        work["inputs"] = [{"file": file, "path": name} for file, name in inputs.items()]
    return work


def _value(name: str, text: str) -> Json:
    if name in NUMBERS:
        digits = text.replace(",", "").replace(" ", "")
        return int(digits) if _WHOLE.fullmatch(digits) else text
    if name == "parameters":
        return _parameters(text)
    return _words(text) if name == "command" else text


def _parameters(text: str) -> Json:
    try:
        read: dict[str, Json] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputFault(PARAMETERS_UNREADABLE, where="work.parameters", reason=str(error)) from None
    return read


def _words(text: str) -> Json:
    try:
        words: list[Json] = list(shlex.split(text))
    except ValueError:
        raise InputFault(COMMAND_UNREADABLE, where="work.command") from None
    return words


def by_field(error: HesuanError | Faults) -> dict[str, tuple[FaultLine, ...]]:
    """The faults under the field that each speaks of; ``""`` where there is none."""
    found: dict[str, tuple[FaultLine, ...]] = {}
    for fault in error.faults if isinstance(error, Faults) else (error,):
        name = _field_of(fault)
        where = "" if name else fault.where
        line = FaultLine(fault.code.name, plain_sentence(fault), where)
        found[name] = (*found.get(name, ()), line)
    return found


def _field_of(fault: HesuanError) -> str:
    """``work.units`` and a missing key ``units`` both belong to the field ``units``."""
    candidates: Iterable[str] = (*reversed(fault.where.split(".")), str(fault.facts.get("key", "")))
    return next((name for name in candidates if name in FIELDS), "")
