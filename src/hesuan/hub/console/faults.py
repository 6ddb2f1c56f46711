"""Errors as pages show them: code, place, and one sentence in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import get_language

from hesuan.errors import Faults, HesuanError, InputFault, NotFound, Refused, Unavailable

STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (InputFault, 422),
    (Faults, 422),
    (Refused, 409),
    (Unavailable, 503),
)
"""HTTP status of the page that shows an error, first match from the top."""


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One error, ready to be shown."""

    code: str
    sentence: str
    where: str


def lines(error: HesuanError | Faults) -> tuple[FaultLine, ...]:
    """The error, or each fault of one input, in the language of the current request."""
    single = error.faults if isinstance(error, Faults) else (error,)
    return tuple(FaultLine(fault.code.name, plain_sentence(fault), fault.where) for fault in single)


def plain_sentence(error: HesuanError) -> str:
    """The sentence without its place, which pages show beside it."""
    sentence = error.sentence(get_language() or "en")
    return sentence.removeprefix(f"{error.where}: ") if error.where else sentence


def status(error: Exception) -> int:
    """HTTP status for an error that a page shows."""
    return next((number for kind, number in STATUS if isinstance(error, kind)), 500)
