"""A programme's text line by line, with what the linter says of each line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import get_language

from hesuan.hub.programmes.selectors import FindingLine

_OPEN = re.compile(r"""(["'])\?\1""")
"""How a document writes what the published rule leaves open."""


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One line of the text.

    ``is_open``: the published rule says nothing here and money depends on it. ``blocks``: something else
    on it stands in the way of activation. ``warned``: the linter warns of something on it. ``decided``: was
    open, and a recorded interpretation fills it.
    """

    number: int
    text: str
    is_open: bool
    blocks: bool
    warned: bool
    decided: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding in the reader's language."""

    line: int
    field: str
    where: str
    sentence: str
    blocks: bool


def findings(found: Sequence[FindingLine]) -> list[Finding]:
    """The findings, those that block activation first, each in the order of the text."""
    language = get_language() or "en"
    lines = [
        Finding(one.line, one.field, one.where, _plain(one.sentence(language), one.where), one.blocks)
        for one in found
    ]
    return sorted(lines, key=lambda line: (not line.blocks, line.line))


def _plain(sentence: str, where: str) -> str:
    """The sentence without its place, which stands beside it."""
    return sentence.removeprefix(f"{where}: ")


def rule_lines(text: str, found: Sequence[FindingLine], *, decided: bool = True) -> list[RuleLine]:
    """Every line of a document, numbered from 1.

    ``decided``: the text could be read, so what is open on a line without a finding was decided elsewhere.
    """
    blocking = {one.line for one in found if one.blocks}
    warned = {one.line for one in found if not one.blocks}
    return [
        _line(number, line, number in blocking, number in warned, decided=decided)
        for number, line in enumerate(text.split("\n"), 1)
    ]


def _line(number: int, text: str, in_the_way: bool, warned: bool, *, decided: bool) -> RuleLine:
    says_open = _says_open(text)
    return RuleLine(
        number=number,
        text=text,
        is_open=in_the_way and says_open,
        blocks=in_the_way and not says_open,
        warned=warned and not in_the_way,
        decided=decided and says_open and not in_the_way and not warned,
    )


def _says_open(line: str) -> bool:
    return _OPEN.search(line.partition(" #")[0]) is not None and not line.lstrip().startswith("#")
