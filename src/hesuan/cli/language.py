"""The language a command speaks: ``--lang``, else what the environment says, else English.

Only the standard library, so that a bare installation has it too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Literal

from hesuan.errors import InputFault, declare

Language = Literal["en", "zh"]

NOT_A_LANGUAGE = declare(
    "cli.not_a_language",
    en="`{value}` is not a language of this command; `--lang` takes en or zh.",
    zh="“{value}”不是本命令的语言；`--lang` 只能是 en 或 zh。",
)

_CHOSEN: ContextVar[Language | None] = ContextVar("hesuan_language", default=None)


def current() -> Language:
    """The language chosen for this command."""
    return _CHOSEN.get() or of_environment(os.environ)


def choose(language: Language | None) -> None:
    """Sets the language of this command; ``None`` leaves it to the environment."""
    _CHOSEN.set(language)


def said(*, en: str, zh: str) -> str:
    """One of two texts, in the current language."""
    return zh if current() == "zh" else en


KINDS_ZH = {
    "measured": "实测",
    "calibrated": "校准",
    "estimated": "估计",
    "published": "公开",
    "assumed": "假定",
}


def kind(word: str) -> str:
    """The kind of a figure in the current language."""
    return said(en=word, zh=KINDS_ZH.get(word, word))


def accept_language() -> str:
    """The current language as the HTTP header ``Accept-Language`` names it."""
    return "zh-Hans" if current() == "zh" else "en"


def of_environment(environ: Mapping[str, str]) -> Language:
    """The language of ``LC_ALL``, ``LC_MESSAGES`` or ``LANG``, in POSIX's order."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def take(argv: Sequence[str]) -> tuple[Language | None, list[str]]:
    """Takes ``--lang VALUE`` or ``--lang=VALUE`` out of the words before any ``--``.

    Raises:
        InputFault: ``cli.not_a_language``.
    """
    language: Language | None = None
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            return language, [*rest, word, *words]
        name, equals, value = word.partition("=")
        if name != "--lang":
            rest.append(word)
            continue
        language = _parse(value if equals else next(words, ""))
    return language, rest


def _parse(value: str) -> Language:
    lowered = value.lower()
    if lowered.startswith("zh"):
        return "zh"
    if lowered.startswith("en"):
        return "en"
    raise InputFault(NOT_A_LANGUAGE, value=value)
