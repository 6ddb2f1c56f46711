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
    return tuple(line for fault in single for line in _with_reasons(fault))


def _with_reasons(error: HesuanError) -> tuple[FaultLine, ...]:
    """The error, then each of the reasons it carries: a refusal may rest on many findings."""
    reasons = error.facts.get("reasons")
    sentence = plain_sentence(error)
    if not isinstance(reasons, list):
        return (FaultLine(error.code.name, sentence, error.where),)
    language = "zh" if (get_language() or "en").startswith("zh") else "en"
    head = FaultLine(error.code.name, sentence.partition("\n")[0], error.where)
    return (
        head,
        *(
            FaultLine(one["code"], one[language].removeprefix(f"{one['where']}: "), one["where"])
            for one in reasons
        ),
    )


def plain_sentence(error: HesuanError) -> str:
    """The sentence without its place, which pages show beside it."""
    sentence = error.sentence(get_language() or "en")
    return sentence.removeprefix(f"{error.where}: ") if error.where else sentence


def status(error: Exception) -> int:
    """HTTP status for an error that a page shows; who asks too often is told so by 429."""
    if isinstance(error, Refused) and error.code.name.startswith("limit."):
        return 429
    return next((number for kind, number in STATUS if isinstance(error, kind)), 500)
