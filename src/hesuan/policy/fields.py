"""Reading typed fields out of a document: all faults at once, each with its place, and ``"?"`` kept as such.

A schema asks a mapping for each of its keys by name and type. What was never asked for is an unknown key, so
the list of known keys cannot drift from what is read. A field that says ``"?"`` becomes :class:`Open`, unless
an interpretation fills it; then the interpretation's value is read in its stead, by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import TypeVar

from hesuan.errors import InputFault, declare, unknown_key
from hesuan.money import parse_ratio, parse_yuan
from hesuan.policy.nodes import Mapping, Mark, Node, Plain, Scalar, Sequence, plain

T = TypeVar("T")

UNKNOWN = "?"

MISSING_KEY = declare(
    "policy.missing_key",
    en='`{key}` is missing. Where the published rule does not say, write "?".',
    zh='缺少“{key}”。公布的规则没有写明时，请写 "?"。',
)
WRONG_SHAPE = declare(
    "policy.wrong_shape",
    en="`{key}` must be {expected}.",
    zh="“{key}”应为 {expected}。",
)
NOT_A_CHOICE = declare(
    "policy.not_a_choice",
    en="`{value}` is not one of {options}.",
    zh="“{value}”不在可选值之内：{options}。",
)
NOT_A_DATE = declare(
    "policy.not_a_date",
    en="`{value}` is not a date. Write year-month-day, such as 2026-01-31.",
    zh="“{value}”不是日期。请写年-月-日，如 2026-01-31。",
)
NOT_A_NAME = declare(
    "policy.not_a_name",
    en="`{value}` is not a name: small letters, digits, - and _, at most 32 characters.",
    zh="“{value}”不是名称：须为小写字母、数字、- 和 _，至多 32 个字符。",
)
NAME_TWICE = declare(
    "policy.name_twice",
    en="`{value}` names two entries of `{key}`.",
    zh="“{key}”中有两项都叫“{value}”。",
)

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Open:
    """A field whose published rule does not say; ``money``: deciding about money needs it."""

    path: str
    mark: Mark
    money: bool


@dataclass(frozen=True, slots=True)
class Unexecuted:
    """Something the schema knows and this version of the engine does not carry out."""

    path: str
    mark: Mark
    value: str


@dataclass(frozen=True, slots=True)
class Interpretation:
    """A recorded decision that fills one open field."""

    path: str
    value: Node
    decided_by: str
    decided_at: date
    citing: str
    source: str
    mark: Mark

    @property
    def where(self) -> str:
        """``file:line``."""
        return f"{self.source}:{self.mark.line}"


@dataclass(slots=True)
class Reading:
    """What is collected while one document is read."""

    source: str
    interpretations: dict[str, Interpretation] = field(default_factory=dict)
    faults: list[InputFault] = field(default_factory=list)
    opens: list[Open] = field(default_factory=list)
    filled: dict[str, Interpretation] = field(default_factory=dict)
    """Path → the interpretation that filled it."""
    unexecuted: list[Unexecuted] = field(default_factory=list)
    places: dict[str, Mark] = field(default_factory=dict)
    """Path → where its value stands, an interpretation's where there is one."""

    def where(self, mark: Mark) -> str:
        """``file:line:column``."""
        return f"{self.source}:{mark}"

    def fault(self, fault: InputFault) -> None:
        """Adds one fault."""
        self.faults.append(fault)


class Fields:
    """One mapping being read. Ask for every key it may have, then :meth:`finish`."""

    def __init__(self, reading: Reading, node: Node, path: str) -> None:
        self.reading = reading
        self.path = path
        self.mark = node.mark
        self._asked: set[str] = set()
        self._node = node if isinstance(node, Mapping) else Mapping((), node.mark)
        self._usable = isinstance(node, Mapping)
        if not self._usable:
            reading.fault(
                InputFault(WRONG_SHAPE, where=reading.where(node.mark), key=path, expected="a mapping {…}")
            )

    def finish(self) -> None:
        """Reports every key that nobody asked for."""
        for member in self._node:
            if member.key.text not in self._asked:
                where = self.reading.where(member.key.mark)
                self.reading.fault(unknown_key(member.key.text, self._asked, where=where))

    def path_of(self, key: str) -> str:
        """The path of one of this mapping's fields."""
        return f"{self.path}.{key}" if self.path else key

    # --- Scalars; each answers ``None`` where the key is absent or its value was a fault ---

    def text(self, key: str, *, required: bool = True, money: bool = False) -> str | Open | None:
        """Any text that is not empty."""
        return self._scalar(key, lambda text, _: text, required=required, money=money)

    def name(self, key: str) -> str:
        """A short name that other fields refer to; never open."""
        value = self._scalar(key, _parse_name, required=True, money=False)
        if isinstance(value, Open):
            self.reading.fault(InputFault(NOT_A_NAME, where=self.reading.where(value.mark), value=UNKNOWN))
        return value if isinstance(value, str) else ""

    def money(self, key: str, *, required: bool = True) -> int | Open | None:
        """An amount [fen]."""
        return self._scalar(
            key, lambda text, where: parse_yuan(text, where=where), required=required, money=True
        )

    def ratio(self, key: str, *, required: bool = True) -> Fraction | Open | None:
        """An exact ratio."""
        return self._scalar(
            key, lambda text, where: parse_ratio(text, where=where), required=required, money=True
        )

    def date(self, key: str, *, required: bool = True, money: bool = True) -> date | Open | None:
        """A calendar date."""
        return self._scalar(key, parse_date, required=required, money=money)

    def choice(
        self,
        key: str,
        options: Collection[str],
        *,
        executed: Collection[str] | None = None,
        required: bool = True,
        money: bool = True,
    ) -> str | Open | None:
        """One of the options; one outside ``executed`` is noted as known and not carried out."""
        value = self._scalar(
            key, lambda text, where: parse_choice(text, options, where), required=required, money=money
        )
        if isinstance(value, str) and executed is not None and value not in executed:
            self.note_unexecuted(key, value)
        return value

    def boolean(self, key: str, *, required: bool = False, money: bool = False) -> bool | Open | None:
        """``true`` or ``false``."""
        return self._scalar(
            key,
            lambda text, where: parse_choice(text, ("true", "false"), where) == "true",
            required=required,
            money=money,
        )

    def custom(
        self, key: str, parse: Callable[[str, str], T], *, required: bool = True, money: bool = True
    ) -> T | Open | None:
        """A scalar read by ``parse(text, where)``, which raises InputFault."""
        return self._scalar(key, parse, required=required, money=money)

    # --- Lists and mappings ---

    def names(
        self, key: str, options: Collection[str] | None = None, *, required: bool = True, money: bool = True
    ) -> tuple[str, ...] | Open | None:
        """A list of names, from ``options`` where given. A list that holds ``"?"`` is open as a whole."""
        node = self.take(key, required=required, money=money)
        if node is None or isinstance(node, Open):
            return node
        if not isinstance(node, Sequence):
            self._wrong(key, node, "a list […]")
            return None
        values = []
        for item in node.items:
            if not isinstance(item, Scalar):
                self._wrong(key, item, "a list of names")
                return None
            try:
                where = self.reading.where(item.mark)
                values.append(
                    _parse_name(item.text, where)
                    if options is None
                    else parse_choice(item.text, options, where)
                )
            except InputFault as fault:
                self.reading.fault(fault)
        return tuple(values)

    def entries(
        self,
        key: str,
        read: Callable[[Fields], T],
        *,
        name_key: str | None = None,
        required: bool = True,
        money: bool = True,
    ) -> tuple[T, ...]:
        """A list of mappings; their paths are ``key[name]``, or ``key[0]`` where they have no name."""
        node = self.take(key, required=required, money=money)
        if node is None or isinstance(node, Open):
            return ()
        if not isinstance(node, Sequence):
            self._wrong(key, node, "a list […]")
            return ()
        result, seen = [], set()
        for index, item in enumerate(node.items):
            label = item.get(name_key) if name_key and isinstance(item, Mapping) else None
            name = label.text if isinstance(label, Scalar) else str(index)
            if name in seen:
                self.reading.fault(
                    InputFault(NAME_TWICE, where=self.reading.where(item.mark), value=name, key=key)
                )
            seen.add(name)
            self.reading.places.setdefault(f"{self.path_of(key)}[{name}]", item.mark)
            result.append(self._read_entry(item, f"{self.path_of(key)}[{name}]", read))
        return tuple(result)

    def section(
        self, key: str, read: Callable[[Fields], T], *, required: bool = True, money: bool = True
    ) -> T | None:
        """One mapping."""
        node = self.take(key, required=required, money=money)
        if node is None or isinstance(node, Open):
            return None
        return self._read_entry(node, self.path_of(key), read)

    def table(
        self, key: str, parse: Callable[[str, str], T], *, required: bool = False
    ) -> dict[str, T | Open]:
        """A mapping whose keys the document chooses (tiers, resources, states), each with one value."""

        def read(inner: Fields) -> dict[str, T | Open]:
            found = {name: inner.custom(name, parse) for name in inner.written()}
            return {name: value for name, value in found.items() if value is not None}

        return self.section(key, read, required=required) or {}

    def written(self) -> tuple[str, ...]:
        """The keys that are written."""
        return tuple(member.key.text for member in self._node)

    def recorded(self, *keys: str) -> dict[str, Plain]:
        """Keys that people act on and the engine only keeps; a ``"?"`` inside is noted, not as money."""
        kept = {}
        for key in keys:
            node = self.take(key, required=False, money=False)
            if node is not None and not isinstance(node, Open):
                kept[key] = plain(node)
                _note_opens(self.reading, node, self.path_of(key))
        return kept

    def later(self, *keys: str) -> None:
        """Keys of the schema that this version does not carry out."""
        for key in keys:
            if self.take(key, required=False, money=True) is not None:
                self.note_unexecuted(key, key)

    def note_unexecuted(self, key: str, value: str) -> None:
        """Notes that a field says something this version does not carry out."""
        path = self.path_of(key)
        self.reading.unexecuted.append(Unexecuted(path, self.reading.places[path], value))

    def take(self, key: str, *, required: bool, money: bool) -> Node | Open | None:
        """The value of a key, filled by an interpretation where it says ``"?"``."""
        self._asked.add(key)
        path, node = self.path_of(key), self._node.get(key)
        if node is None:
            if required and self._usable:
                where = self.reading.where(self.mark)
                self.reading.fault(InputFault(MISSING_KEY, where=where, key=path))
            return None
        self.reading.places[path] = node.mark
        if not is_open(node):
            return node
        interpretation = self.reading.interpretations.get(path)
        if interpretation is None:
            self.reading.opens.append(Open(path, node.mark, money))
            return self.reading.opens[-1]
        self.reading.filled[path] = interpretation
        self.reading.places[path] = interpretation.value.mark
        return interpretation.value

    def _read_entry(self, node: Node, path: str, read: Callable[[Fields], T]) -> T:
        fields = Fields(self.reading, node, path)
        value = read(fields)
        fields.finish()
        return value

    def _scalar(
        self, key: str, parse: Callable[[str, str], T], *, required: bool, money: bool
    ) -> T | Open | None:
        node = self.take(key, required=required, money=money)
        if node is None or isinstance(node, Open):
            return node
        if not isinstance(node, Scalar) or not node.text:
            self._wrong(key, node, "one value")
            return None
        try:
            return parse(node.text, self.reading.where(node.mark))
        except InputFault as fault:
            self.reading.fault(fault)
            return None

    def _wrong(self, key: str, node: Node, expected: str) -> None:
        where = self.reading.where(node.mark)
        self.reading.fault(InputFault(WRONG_SHAPE, where=where, key=self.path_of(key), expected=expected))


def is_open(node: Node) -> bool:
    """Whether a field says ``"?"``, alone or as a member of a list."""
    if isinstance(node, Sequence):
        return any(isinstance(item, Scalar) and item.text == UNKNOWN for item in node.items)
    return isinstance(node, Scalar) and node.text == UNKNOWN


def parse_date(text: str, where: str) -> date:
    """``2026-01-31``."""
    try:
        if len(text) == len("2026-01-31"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InputFault(NOT_A_DATE, where=where, value=text)


def parse_choice(text: str, options: Collection[str], where: str) -> str:
    """One of the options."""
    if text not in options:
        raise InputFault(NOT_A_CHOICE, where=where, value=text, options=", ".join(options))
    return text


def _parse_name(text: str, where: str) -> str:
    if not _NAME.fullmatch(text):
        raise InputFault(NOT_A_NAME, where=where, value=text)
    return text


def _note_opens(reading: Reading, node: Node, path: str) -> None:
    if is_open(node):
        reading.places[path] = node.mark
        reading.opens.append(Open(path, node.mark, money=False))
        return
    if isinstance(node, Mapping):
        for member in node:
            _note_opens(reading, member.value, f"{path}.{member.key.text}")
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            _note_opens(reading, item, f"{path}[{index}]")
