"""The catalogue's data files, read once for each process, and names compared without their punctuation."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Generic, TypeVar

from hesuan.errors import Code, InputFault, declare

UNKNOWN_NAME = declare(
    "planner.unknown_name",
    en="No {what} is called `{name}` in the catalogue. Nearest: {near}.",
    zh="目录中没有名为“{name}”的{what}。相近的有：{near}。",
)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Match(Generic[Found]):
    """What a free text was taken for; ``note`` says what was assumed, empty where nothing was."""

    value: Found
    name: str
    note: str = ""
    kin_only: bool = False
    """The text names nothing in the catalogue; ``value`` is a relative."""

    @property
    def exact(self) -> bool:
        """Whether nothing had to be assumed."""
        return not self.note


@cache
def table(name: str) -> dict[str, Any]:
    """One of the data files beside this module."""
    return tomllib.loads((resources.files(__package__) / name).read_text(encoding="utf-8"))


def squashed(text: str) -> str:
    """``"LLaMA3.1-8B"`` and ``"llama-3.1-8b"`` alike: lower case, letters, digits and dots only."""
    return re.sub(r"[^a-z0-9.]", "", text.lower())


def tokens(text: str) -> list[str]:
    """Words and numbers of a free text, lower case."""
    return re.findall(r"[a-z0-9.]+", text.lower())


def unknown(
    what: str, name: str, known: Iterable[str], *, where: str = "", code: Code = UNKNOWN_NAME
) -> InputFault:
    """The fault for a name nobody knows, with the nearest known ones."""
    by_squash = {squashed(one): one for one in known}
    near = difflib.get_close_matches(squashed(name), by_squash, n=3, cutoff=0.4)
    shown = ", ".join(f"`{by_squash[one]}`" for one in near) or ", ".join(sorted(by_squash.values())[:8])
    return InputFault(code, where=where, what=what, name=name, near=shown)
