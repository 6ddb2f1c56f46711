"""Canonical JSON (RFC 8785, JCS) for the values Hesuan signs and logs, and their SHA-256 digest.

Only what money and evidence need is allowed: objects with string keys, arrays, strings, booleans, null and
integers within ±(2**53 − 1). A float is refused: it has no place in a signed document; a decimal travels
as a string with its unit.
"""

from __future__ import annotations

import hashlib
import json

from hesuan.errors import InputFault, declare

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64
"""Objects and arrays within one another; more is an attack on the reader, not a document."""

NOT_CANONICAL = declare(
    "wire.not_canonical",
    en="{value} cannot be signed: a document holds objects, arrays, strings, booleans, null"
    " and integers within ±9007199254740991.",
    zh="{value} 无法签名：文档只能包含对象、数组、字符串、布尔值、null 和 ±9007199254740991 以内的整数。",
)

TOO_DEEP = declare(
    "wire.too_deep",
    en="More than {limit} objects and arrays stand within one another; nothing that Hesuan signs is so deep.",
    zh="对象与数组嵌套超过 {limit} 层；合算签名的文档没有这么深。",
)

_STANDARD = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, check_circular=False)
"""Canonical for every value that :func:`_is_plain`, and several times faster than the walk below."""

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


def canonical(value: object) -> bytes:
    """The canonical bytes of a value: keys sorted by UTF-16 code units, no white space, UTF-8.

    Raises:
        InputFault: ``wire.not_canonical`` or ``wire.too_deep``, naming the place as ``$.a.0.b``.
    """
    if _is_plain(value, 0):
        try:
            return _STANDARD.encode(value).encode()
        except UnicodeEncodeError:
            pass  # half a surrogate pair: the walk names its place
    return _encode(value, "$", 0).encode()


def digest(value: object) -> str:
    """``sha256:`` and the hexadecimal SHA-256 of the canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def _is_plain(value: object, depth: int) -> bool:
    """Whether all may be signed and no key needs UTF-16's order: below U+D800 characters have the same."""
    if depth > MAX_DEPTH:
        return False
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return abs(value) <= MAX_INTEGER  # type: ignore[arg-type]
    if kind is dict:
        members = value.items()  # type: ignore[attr-defined]
        return all(_is_plain_key(key) and _is_plain(item, depth + 1) for key, item in members)
    if kind is list or kind is tuple:
        return all(_is_plain(item, depth + 1) for item in value)  # type: ignore[attr-defined]
    return False


def _is_plain_key(key: object) -> bool:
    return type(key) is str and (key.isascii() or max(key) < "\ud800")


def _encode(value: object, where: str, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise InputFault(TOO_DEEP, where=where[:80], limit=MAX_DEPTH)
    match value:
        case None | bool() | str():
            return _scalar(value, where)
        case int() if abs(value) <= MAX_INTEGER:
            return int.__repr__(value)
        case list() | tuple():
            items = [_encode(item, f"{where}.{i}", depth + 1) for i, item in enumerate(value)]
            return "[" + ",".join(items) + "]"
        case dict():
            return "{" + ",".join(_members(value, where, depth)) + "}"
        case _:
            raise InputFault(NOT_CANONICAL, where=where, value=_shown(value))


def _members(value: dict[object, object], where: str, depth: int) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise InputFault(NOT_CANONICAL, where=where, value=f"key {_shown(key)}")
    ordered = sorted(value.items(), key=lambda member: str(member[0]).encode("utf-16-be", "surrogatepass"))
    return [
        f"{_scalar(str(key), where)}:{_encode(item, f'{where}.{key}', depth + 1)}" for key, item in ordered
    ]


def _scalar(value: bool | str | None, where: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputFault(NOT_CANONICAL, where=where, value=_shown(value)) from None
    return text


def _shown(value: object) -> str:
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    text = ascii(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
