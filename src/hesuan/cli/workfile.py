"""A work order in a TOML file: what it says, and on which line each key stands.

What a work order may say is the hub's to judge; this module only turns the hub's places, such as
``work.parameters.sed``, into ``file:line``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hesuan.errors import Faults, InputFault, declare

MAX_BYTES = 256 * 1024

NO_FILE = declare(
    "cli.file_unreadable",
    en="The file cannot be read: {reason}.",
    zh="无法读取文件：{reason}。",
)
NOT_TOML = declare("cli.not_toml", en="This is not TOML: {reason}.", zh="不是有效的 TOML：{reason}。")
NOT_JSON_VALUE = declare(
    "cli.not_a_json_value",
    en="{value} has no place in a work order: write text, whole numbers, true/false, lists and tables.",
    zh="工作单中不能写 {value}：只能是文本、整数、true/false、列表和表。",
)

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True)
class WorkFile:
    """A file's value and the line of each of its keys, by dotted path."""

    name: str
    value: dict[str, Any]
    lines: dict[str, int]

    def place(self, where: str) -> str:
        """``work.parameters.sed`` → ``WORK.toml:7``; the nearest known key above, else the file."""
        path = where.removeprefix("work").lstrip(".")
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return f"{self.name}:{self.lines[path]}" if path else self.name

    def placed(self, faults: Faults) -> Faults:
        """The same faults at their lines."""
        return Faults(
            InputFault(fault.code, where=self.place(fault.where), **fault.facts)
            if fault.where.startswith("work")
            else fault
            for fault in faults.faults
        )


def read_work(path: Path) -> WorkFile:
    """Reads a work order.

    Raises:
        InputFault: ``cli.file_unreadable``, ``cli.not_toml``.
        Faults: ``cli.not_a_json_value``, each at its line.
    """
    text = _text(path)
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        line = _AT_LINE.search(reason)
        where = f"{path}:{line[1]}" if line else str(path)
        raise InputFault(NOT_TOML, where=where, reason=_AT_LINE.sub("", reason)) from None
    work = WorkFile(str(path), value, key_lines(text))
    found = [
        InputFault(NOT_JSON_VALUE, where=work.place(f"work.{place}"), value=item)
        for place, item in _foreign(value, "")
    ]
    if found:
        raise Faults(found)
    return work


def key_lines(text: str) -> dict[str, int]:
    """The line on which each key (and table head) of a TOML text stands, by dotted path; the first wins.

    Reads line by line: a key inside an inline table or a multi-line text is not found, its owner is.
    """
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _dotted(header[1])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            path = _dotted(key[1])
            lines.setdefault(f"{table}.{path}" if table else path, number)
    return lines


def _dotted(path: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in path.split("."))


def _text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputFault(NO_FILE, where=str(path), reason=f"{size} > {MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else "not UTF-8"
        raise InputFault(NO_FILE, where=str(path), reason=reason) from None


def _foreign(value: object, place: str) -> Iterator[tuple[str, object]]:
    """What TOML has and a work order has not: fractions, dates and times."""
    match value:
        case dict():
            for key, item in value.items():
                yield from _foreign(item, f"{place}.{key}".lstrip("."))
        case list():
            for item in value:
                yield from _foreign(item, place)
        case None | bool() | int() | str():
            pass
        case _:
            yield place, value
