"""What a document is made of: scalars, sequences and mappings, each with the place it stands at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, always: what it means (money, a ratio, a date) is for the schema to say."""

    text: str
    mark: Mark
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """An ordered list."""

    items: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Member:
    """One ``key: value`` of a mapping."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Members in the order they are written; no key twice."""

    members: tuple[Member, ...]
    mark: Mark

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def get(self, key: str) -> Node | None:
        """The value of a key, or ``None`` where the key is not written."""
        return next((member.value for member in self.members if member.key.text == key), None)


Node = Scalar | Sequence | Mapping

Plain = str | list["Plain"] | dict[str, "Plain"]


def plain(node: Node) -> Plain:
    """The same without places: ``str``, ``list`` and ``dict``."""
    match node:
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(members=members):
            return {member.key.text: plain(member.value) for member in members}
