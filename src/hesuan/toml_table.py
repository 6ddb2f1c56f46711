"""Reading a TOML document strictly: every fault with its file and line, all of them together.

The standard library's reader gives values without places, so the line of a key is found again by a small
scan of the text: table headers and bare assignments, which is all our files are written in. An application's
manifest and a planner's RUN.toml are read with it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from hesuan.errors import Faults, InputFault, declare, unknown_key

NOT_TOML = declare(
    "input.not_toml",
    en="This is not TOML: {problem}.",
    zh="这不是有效的 TOML：{problem}。",
)
KEY_MISSING = declare(
    "input.key_missing",
    en="`{key}` is missing. It is needed.",
    zh="缺少“{key}”，此键必填。",
)
WRONG_TYPE = declare(
    "input.wrong_type",
    en="`{key}` is {found}; {wanted} is needed.",
    zh="“{key}”为 {found}；应为 {wanted}。",
)

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?")
_ASSIGNMENT = re.compile(r"\s*([A-Za-z0-9_.\-\"' ]+?)\s*=")
Path_ = tuple[str, ...]


def places(text: str) -> dict[Path_, int]:
    """The line, from 1, of every table header and every key written in a TOML text."""
    found: dict[Path_, int] = {}
    table: Path_ = ()
    depth = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if depth == 0:
            if header := _HEADER.fullmatch(line):
                table = _split(header[1])
                for length in range(1, len(table) + 1):
                    found.setdefault(table[:length], number)
                continue
            if assignment := _ASSIGNMENT.match(line):
                found.setdefault((*table, *_split(assignment[1])), number)
        depth = max(0, depth + _opened(line))
    return found


def _split(dotted: str) -> Path_:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _opened(line: str) -> int:
    """Brackets opened less brackets closed in a line, outside of strings and comments."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'[^\']*\'', "", line).partition("#")[0]
    return bare.count("[") + bare.count("{") - bare.count("]") - bare.count("}")


@dataclass(slots=True)
class Document:
    """One file being read, with the faults found so far."""

    name: str
    places: Mapping[Path_, int]
    faults: list[InputFault] = field(default_factory=list)

    def where(self, path: Path_) -> str:
        """``file:line`` of a key, or of the nearest table around it."""
        for length in range(len(path), 0, -1):
            if (line := self.places.get(path[:length])) is not None:
                return f"{self.name}:{line}"
        return self.name

    def finish(self) -> None:
        """Raises all faults together, if there are any."""
        if self.faults:
            raise Faults(self.faults)


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the document; each accessor names a key that may be there, ``close`` refuses the rest."""

    document: Document
    values: Mapping[str, Any]
    path: Path_ = ()
    asked: set[str] = field(default_factory=set)

    def fault(self, fault: InputFault) -> None:
        """Adds a fault."""
        self.document.faults.append(fault)

    def where(self, key: str) -> str:
        """``file:line`` of a key of this table."""
        return self.document.where((*self.path, key))

    def get(self, key: str, kind: type | tuple[type, ...], wanted: str, default: Any = None) -> Any:
        """A value of a type; with no ``default`` the key is needed. On a fault, None or an empty value."""
        self.asked.add(key)
        if key not in self.values:
            if default is None:
                self.fault(InputFault(KEY_MISSING, where=self.document.where(self.path), key=self._full(key)))
            return default
        value = self.values[key]
        wrong_bool = isinstance(value, bool) and kind is int
        if not isinstance(value, kind) or wrong_bool:
            found = f"{type(value).__name__} `{value}`"
            self.fault(
                InputFault(WRONG_TYPE, where=self.where(key), key=self._full(key), found=found, wanted=wanted)
            )
            return default
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        return cast(str, self.get(key, str, "a text", default) or "")

    def number(self, key: str, default: float | None = None) -> float:
        """A number, whole or not."""
        value = self.get(key, (int, float), "a number", default)
        if isinstance(value, bool):
            found = f"bool `{value}`"
            where = self.where(key)
            self.fault(
                InputFault(WRONG_TYPE, where=where, key=self._full(key), found=found, wanted="a number")
            )
            return default or 0.0
        return float(value or 0.0)

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number."""
        return cast(int, self.get(key, int, "a whole number", default) or 0)

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        return self._list(key, str, "a list of texts", default)

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list of whole numbers."""
        return self._list(key, int, "a list of whole numbers", default)

    def _list(self, key: str, kind: type, wanted: str, default: tuple[Any, ...] | None) -> tuple[Any, ...]:
        value = self.get(key, (list, tuple), wanted, default) or ()
        if any(not isinstance(item, kind) or isinstance(item, bool) for item in value):
            where, found = self.where(key), f"`{value}`"
            self.fault(InputFault(WRONG_TYPE, where=where, key=self._full(key), found=found, wanted=wanted))
            return ()
        return tuple(value)

    def table(self, key: str, *, needed: bool = True) -> Table:
        """A table inside this one; an empty one where it is absent."""
        value = self.get(key, dict, "a table", None if needed else {}) or {}
        return Table(self.document, value, (*self.path, key))

    def tables(self, key: str) -> dict[str, Table]:
        """A table of named tables."""
        outer = self.table(key, needed=False)
        return {name: outer.table(name) for name in outer.values}

    def close(self) -> None:
        """Refuses every key that was not asked for, naming the nearest right one."""
        for key in self.values:
            if key not in self.asked:
                self.fault(unknown_key(key, self.asked, where=self.where(key)))

    def _full(self, key: str) -> str:
        return ".".join((*self.path, key))


def read(path: Path, *, name: str = "") -> Table:
    """The outermost table of a file.

    Raises:
        Faults: ``input.not_toml``.
        OSError: the file cannot be read.
    """
    shown = name or str(path)
    data = path.read_bytes()
    try:
        text = data.decode()
        values = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Faults([InputFault(NOT_TOML, where=shown, problem=error)]) from None
    return Table(Document(shown, places(text)), values)


def list_of(values: Iterable[object]) -> str:
    """``a, b, c`` for a sentence."""
    return ", ".join(map(str, values))
