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

NOT_CANONICAL = declare(
    "wire.not_canonical",
    en="{value} cannot be signed: a document holds objects, arrays, strings, booleans, null"
    " and integers within ±9007199254740991.",
    zh="{value} 无法签名：文档只能包含对象、数组、字符串、布尔值、null 和 ±9007199254740991 以内的整数。",
)

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


def canonical(value: object) -> bytes:
    """The canonical bytes of a value: keys sorted by UTF-16 code units, no white space, UTF-8.

    Raises:
        InputFault: ``wire.not_canonical``, naming the place as ``$.a.0.b``.
    """
    return _encode(value, "$").encode()


def digest(value: object) -> str:
    """``sha256:`` and the hexadecimal SHA-256 of the canonical bytes."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def _encode(value: object, where: str) -> str:
    match value:
        case None | bool() | str():
            return _scalar(value, where)
        case int() if abs(value) <= MAX_INTEGER:
            return str(value)
        case list() | tuple():
            return "[" + ",".join(_encode(item, f"{where}.{i}") for i, item in enumerate(value)) + "]"
        case dict():
            return "{" + ",".join(_members(value, where)) + "}"
        case _:
            raise InputFault(NOT_CANONICAL, where=where, value=repr(value))


def _members(value: dict[object, object], where: str) -> list[str]:
    for key in value:
        if not isinstance(key, str):
            raise InputFault(NOT_CANONICAL, where=where, value=f"key {key!r}")
    ordered = sorted(value.items(), key=lambda member: str(member[0]).encode("utf-16-be", "surrogatepass"))
    return [f"{_scalar(str(key), where)}:{_encode(item, f'{where}.{key}')}" for key, item in ordered]


def _scalar(value: bool | str | None, where: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputFault(NOT_CANONICAL, where=where, value=ascii(value)) from None
    return text
