"""From bytes to JSON, strictly: what a signature can be checked over, and nothing else.

Python's parser takes floats, NaN, a key twice in one object and nesting as deep as its stack; each has been
somebody's hole: two readers of one document must not see two documents.
"""

from __future__ import annotations

import json
from typing import NoReturn

from hesuan.errors import InputFault, declare
from hesuan.wire.canonical import Json

LARGEST_BODY_BYTES = 1024 * 1024
DEEPEST = 32

NOT_JSON = declare(
    "gateway.not_json",
    en="The body is not JSON that can be signed: {why}.",
    zh="请求体不是可签名的 JSON：{why}。",
)


def read_json(data: bytes) -> Json:
    """The one value in a body.

    Raises:
        InputFault: ``gateway.not_json``.
    """
    try:
        value: Json = json.loads(
            data.decode("utf-8"),
            parse_float=_no_float,
            parse_constant=_no_float,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise InputFault(NOT_JSON, why=f"it is nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        raise InputFault(NOT_JSON, why=str(error)) from None
    if _deeper_than(value, DEEPEST):
        raise InputFault(NOT_JSON, why=f"it is nested deeper than {DEEPEST} levels")
    return value


def storable(value: Json) -> Json:
    """The same value with U+0000, which PostgreSQL's JSON cannot hold, written U+FFFD; raw bytes keep it."""
    match value:
        case str():
            return value.replace("\x00", "\ufffd")
        case list():
            return [storable(item) for item in value]
        case dict():
            return {key.replace("\x00", "\ufffd"): storable(item) for key, item in value.items()}
        case _:
            return value


def _deeper_than(value: Json, levels: int) -> bool:
    match value:
        case list():
            return levels == 0 or any(_deeper_than(item, levels - 1) for item in value)
        case dict():
            return levels == 0 or any(_deeper_than(item, levels - 1) for item in value.values())
        case _:
            return False


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a whole number")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return members
