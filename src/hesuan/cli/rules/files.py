"""Reading what the verbs of ``hesuan programme`` are given, and printing JSON that no float is in."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from hesuan.errors import InputFault, declare

UNREADABLE_FILE = declare(
    "programme.file_unreadable",
    en="{path} cannot be read as UTF-8 text: {problem}.",
    zh="无法以 UTF-8 文本读取 {path}：{problem}。",
)

Json = str | int | bool | None | list["Json"] | dict[str, "Json"]


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        InputFault: ``programme.file_unreadable``.
    """
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputFault(UNREADABLE_FILE, path=path, problem=error) from None


def read_text_or_input(path: Path) -> tuple[str, str]:
    """A file's text and its name for faults; ``-`` is the standard input.

    Raises:
        InputFault: ``programme.file_unreadable``.
    """
    if str(path) != "-":
        return read_text(path), path.name
    try:
        return sys.stdin.buffer.read().decode(), "stdin"
    except UnicodeDecodeError as error:
        raise InputFault(UNREADABLE_FILE, path="stdin", problem=error) from None


def plain_facts(facts: Mapping[str, object]) -> dict[str, Json]:
    """The facts of a finding or a refusal: whole numbers as such, everything else as text."""
    return {
        name: value if isinstance(value, int | str) or value is None else str(value)
        for name, value in facts.items()
    }


def print_json(value: Json) -> None:
    """Prints an answer for programs: UTF-8, keys in the order they are made."""
    print(json.dumps(value, ensure_ascii=False, indent=2))
