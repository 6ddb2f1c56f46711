"""Reading a document that somebody else wrote: strict JSON, and a shape stated as data.

Nothing here trusts its input. What cannot be read is an :class:`InputFault` that names the place; no input
makes Python raise anything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hesuan.errors import InputFault, declare, unknown_key
from hesuan.wire.canonical import MAX_DEPTH, MAX_INTEGER, TOO_DEEP

MAX_BYTES = 1_048_576
"""Largest document that is read [byte]; a receipt has some six thousand."""
MAX_TEXT = 10_000

TOO_LONG = declare(
    "wire.too_long",
    en="The document has {size:,} bytes; at most {limit:,} are read.",
    zh="文档有 {size:,} 字节；最多读取 {limit:,} 字节。",
)
NOT_UTF8 = declare(
    "wire.not_utf8",
    en="The bytes from here on are not UTF-8 text.",
    zh="自此处起的字节不是 UTF-8 文字。",
)
NOT_JSON = declare(
    "wire.not_json",
    en="From here on this is not JSON ({what}).",
    zh="自此处起不是 JSON（{what}）。",
)
NOT_WHOLE = declare(
    "wire.not_a_whole_number",
    en="The number {text} is not a whole number within ±9007199254740991; a signed document has no other.",
    zh="数字 {text} 不是 ±9007199254740991 以内的整数；签名文档中不会有别的数字。",
)
KEY_TWICE = declare(
    "wire.key_twice",
    en="The key `{key}` stands {count} times in one object; which one counts would be a guess.",
    zh="键“{key}”在同一对象中出现 {count} 次；以哪个为准只能靠猜。",
)
MISSING = declare("wire.missing_key", en="The member `{key}` is missing.", zh="缺少成员“{key}”。")
WRONG_KIND = declare(
    "wire.wrong_kind", en="{wanted} is needed here; found {found}.", zh="此处应为 {wanted}；实际为 {found}。"
)


def read_json(data: bytes) -> object:
    """Parses UTF-8 JSON without floats, repeated keys or oversized numbers.

    Raises:
        InputFault: ``wire.too_long``, ``wire.not_utf8``, ``wire.not_json``, ``wire.not_a_whole_number``,
            ``wire.key_twice``, ``wire.too_deep``; ``where`` is ``byte N``, counted from 1, when it is known.
    """
    if len(data) > MAX_BYTES:
        raise InputFault(TOO_LONG, size=len(data), limit=MAX_BYTES)
    try:
        text = data.decode()
        return json.loads(
            text,
            parse_int=_whole,
            parse_float=_no_float,
            parse_constant=_no_float,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise InputFault(NOT_UTF8, where=f"byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        place = len(text[: error.pos].encode()) + 1
        raise InputFault(NOT_JSON, where=f"byte {place}", what=error.msg) from None
    except RecursionError:
        raise InputFault(TOO_DEEP, limit=MAX_DEPTH) from None


def _whole(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_INTEGER:
        raise InputFault(NOT_WHOLE, text=shown(text, 24))
    return int(text)


def _no_float(text: str) -> int:
    raise InputFault(NOT_WHOLE, text=shown(text, 24))


def _object(members: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(members)
    if len(read) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputFault(KEY_TWICE, key=shown(twice), count=names.count(twice))
    return read


def shown(value: object, limit: int = 80) -> str:
    """A foreign value fit for a terminal: control and direction characters escaped, shortened."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=ascii)
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return safe if len(safe) <= limit else f"{safe[: limit - 1]}…"


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is not empty."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from 0."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """One value and no other."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Listing:
    """An array of alike items."""

    item: Shape


@dataclass(frozen=True, slots=True)
class Perhaps:
    """A value of a shape, or null."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Members:
    """An object with these members; ``others``: it may have more."""

    shapes: Mapping[str, Shape] = field(default_factory=dict)
    others: bool = False


Shape = Text | Whole | Exactly | Listing | Perhaps | Members


def faults(value: object, shape: Shape, where: str) -> Iterator[InputFault]:
    """Every place where a value does not have a shape."""
    match shape:
        case Text():
            if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
                yield _wrong(where, value, "“…”")
        case Whole():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                yield _wrong(where, value, "0, 1, 2, …")
        case Exactly(wanted):
            if value != wanted or type(value) is not type(wanted):
                yield _wrong(where, value, shown(wanted))
        case Perhaps(inner):
            if value is not None:
                yield from faults(value, inner, where)
        case Listing(item):
            yield from _listing_faults(value, item, where)
        case Members():
            yield from _member_faults(value, shape, where)


def _listing_faults(value: object, item: Shape, where: str) -> Iterator[InputFault]:
    if not isinstance(value, list):
        yield _wrong(where, value, "[…]")
        return
    for number, one in enumerate(value):
        yield from faults(one, item, f"{where}.{number}")


def _member_faults(value: object, shape: Members, where: str) -> Iterator[InputFault]:
    if not isinstance(value, dict):
        yield _wrong(where, value, "{…}")
        return
    for key in shape.shapes:
        if key not in value:
            yield InputFault(MISSING, where=where, key=key)
        else:
            yield from faults(value[key], shape.shapes[key], f"{where}.{key}")
    if not shape.others:
        for key in value:
            if key not in shape.shapes:
                yield unknown_key(shown(key), shape.shapes, where=where)


def _wrong(where: str, value: object, wanted: str) -> InputFault:
    found = f"“{shown(value)}”" if isinstance(value, str) else shown(value)
    return InputFault(WRONG_KIND, where=where, wanted=wanted, found=found)
