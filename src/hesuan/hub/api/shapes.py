"""Field types and base shapes that every route shares.

Bodies are strict and know their keys. Money enters as a decimal string in yuan, is an ``int`` of fen inside,
and leaves as it entered. Signed or hashed documents (quote, usage, receipt) leave untouched, in fen.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from hesuan.errors import InputFault
from hesuan.money import decimal_yuan, parse_yuan


class Body(BaseModel):
    """What a request brings: an unknown key is a fault, and no text passes for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shape(BaseModel):
    """What an answer holds."""


def _fen(value: object) -> int:
    try:
        return parse_yuan(value)
    except InputFault as fault:
        raise ValueError(fault) from None


def rfc3339(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_YUAN_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]{1,2})?$",
    "examples": ["1200.00"],
}

YuanIn = Annotated[int, BeforeValidator(_fen), WithJsonSchema(_YUAN_SCHEMA)]
"""A decimal string such as ``"1200.00"`` in the body; fen inside."""

Yuan = Annotated[
    int,
    PlainSerializer(decimal_yuan, return_type=str),
    WithJsonSchema(_YUAN_SCHEMA, mode="serialization"),
]
"""Fen inside; a decimal string in the answer."""

Time = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]

Day = Annotated[date, Field(strict=False)]
"""A day such as ``"2026-11-21"``: text in a body, which is otherwise strict."""

TimeIn = Annotated[AwareDatetime, Field(strict=False)]
"""RFC 3339 with its offset; a time without one is refused."""

Id = Annotated[str, Field(min_length=1, max_length=64)]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Note = Annotated[str, Field(max_length=2000)]

JsonObject = dict[str, Any]
"""A JSON object that is passed on as it came; the room it is for checks it."""


class Sentence(Shape):
    """One sentence in both languages."""

    en: str
    zh: str
