"""Reading a request: strict JSON in, and every fault with its place out.

A number with a fraction or an exponent is refused wherever it stands: money, ratios and measures travel as
text (``"1200.00"``) or as integers of the smallest unit, so that no amount ever passes through a float.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pydantic
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from ninja.parser import Parser
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from hesuan.errors import Faults, InputFault, declare, unknown_key

MAX_BODY_BYTES = 1024 * 1024
"""Largest request body [byte]; a programme's text is the largest honest one, some 20 kB."""

NOT_JSON = declare(
    "api.not_json",
    en="The body is not JSON as this hub reads it: {reason}.",
    zh="请求体不是平台可读取的 JSON：{reason}。",
)
FRACTION = declare(
    "api.fraction_refused",
    en='{text} is a number with a fraction. Write amounts and ratios as text in quotes, such as "{text}".',
    zh='{text} 是带小数的数字。金额与比率请写成带引号的文本，如 "{text}"。',
)
TWICE = declare(
    "api.key_twice",
    en="The key `{key}` stands twice in one object; only one of them can be meant.",
    zh="键“{key}”在同一对象中出现两次；只能保留一个。",
)
NOT_TEXT = declare(
    "api.not_text",
    en="A text holds the character {character}, which cannot be kept. Take it out.",
    zh="文本含有无法保存的字符 {character}。请删去。",
)
MISSING = declare("api.missing", en="`{key}` is missing.", zh="缺少“{key}”。")
WRONG_FORM = declare(
    "api.wrong_form",
    en="The value does not have the form asked for: {reason}.",
    zh="值的形式不符合要求：{reason}。",
)


@dataclass(frozen=True, slots=True)
class _Fraction:
    text: str


@dataclass(frozen=True, slots=True)
class _Twice:
    key: str


class StrictParser(Parser):
    """JSON without floats, NaN or doubled keys, and not above :data:`MAX_BODY_BYTES`."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        """The body's value.

        Raises:
            InputFault: ``api.not_json``.
            Faults: ``api.fraction_refused``, ``api.key_twice``.
        """
        if len(request.body) > MAX_BODY_BYTES:
            raise RequestDataTooBig
        return cast("dict[str, Any]", read_json(request.body))


def read_json(body: bytes) -> Any:
    """Strict JSON; see :meth:`StrictParser.parse_body`."""
    try:
        value = json.loads(body, parse_float=_Fraction, parse_constant=_Fraction, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise InputFault(NOT_JSON, reason=str(error)) from None
    if found := list(_walk(value, "")):
        raise Faults(found)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                members[key] = _Twice(key)
            seen.add(key)
    return members


def _walk(value: object, where: str) -> Iterator[InputFault]:
    match value:
        case _Fraction(text):
            yield InputFault(FRACTION, where=where, text=text)
        case _Twice(key):
            yield InputFault(TWICE, where=where, key=key)
        case str() if found := not_text(value):
            yield InputFault(NOT_TEXT, where=where, character=found)
        case list():
            for index, item in enumerate(value):
                yield from _walk(item, f"{where}.{index}".lstrip("."))
        case dict():
            for key, item in value.items():
                if found := not_text(key):
                    yield InputFault(NOT_TEXT, where=where, character=found)
                yield from _walk(item, f"{where}.{key}".lstrip("."))
        case _:
            pass


def not_text(value: str) -> str:
    """The first character that no database keeps as text: NUL, or half of a pair; empty: there is none."""
    found = next((one for one in value if one == "\0" or "\ud800" <= one <= "\udfff"), "")
    return f"U+{ord(found):04X}" if found else ""


def from_pydantic(error: pydantic.ValidationError, model: type[BaseModel], source: str) -> list[InputFault]:
    """Our faults, each with its place, for what pydantic found in one part of the request."""
    return [_fault(one, model, source) for one in error.errors(include_url=False)]


def _fault(error: ErrorDetails, model: type[BaseModel], source: str) -> InputFault:
    place = error["loc"]
    shown = place[1:] if source == "body" else place
    where = ".".join(map(str, shown)) or source
    match error["type"]:
        case "extra_forbidden":
            return unknown_key(str(place[-1]), _known_keys(model, place), where=where)
        case "missing":
            return InputFault(MISSING, where=where, key=str(place[-1]) if shown else source)
        case "value_error":
            return _own(error, where)
        case _:
            return InputFault(WRONG_FORM, where=where, reason=error["msg"])


def _own(error: ErrorDetails, where: str) -> InputFault:
    """The fault that one of our own field types raised inside a ``ValueError``."""
    cause = error.get("ctx", {}).get("error")
    fault = cause.args[0] if isinstance(cause, ValueError) and cause.args else None
    if isinstance(fault, InputFault):
        return InputFault(fault.code, where=where, **fault.facts)
    return InputFault(WRONG_FORM, where=where, reason=error["msg"])


def _known_keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The keys of the object in which ``place`` ends, found by walking the model."""
    here: object = model
    for step in place[:-1]:
        if not (isinstance(here, type) and issubclass(here, BaseModel)):
            return []
        field = here.model_fields.get(str(step))
        here = field.annotation if field else None
    if isinstance(here, type) and issubclass(here, BaseModel):
        return list(here.model_fields)
    return []
