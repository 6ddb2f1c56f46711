"""Errors: what is wrong, with both numbers — where — what to do.

A room declares its codes once, at module level, with one sentence in each language::

    AVAILABLE_EXCEEDED = declare(
        "voucher.available_exceeded",
        en="Hold of {asked} is above the {available} available on voucher {voucher}.",
        zh="冻结 {asked} 超出算力券 {voucher} 的可用额 {available}。",
    )
    raise Refused(AVAILABLE_EXCEEDED, asked="¥1,200.00", available="¥950.00", voucher="HS-7KQ2")

The tree::

    HesuanError
    ├── InputFault    a user's data is wrong in one place (collect many into Faults)
    ├── Faults        every fault of one input, together
    ├── Refused       the data is sound, a rule or a promise says no
    │   └── Conflict  the same id or key came before with other content
    ├── NotFound      no such object, or none that this actor may know of
    └── Unavailable   something outside did not answer; trying again later may help

The code is stable and for programs, the sentence is for people, the facts travel beside both.
A broken *program* asserts; it does not raise these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A stable error code with its sentence in both languages; ``{name}`` marks where a fact goes."""

    name: str
    en: str
    zh: str


REGISTRY: dict[str, Code] = {}


def declare(name: str, *, en: str, zh: str) -> Code:
    """Registers a code. Declaring one name twice with different sentences is a broken program."""
    code = Code(name, en, zh)
    assert REGISTRY.setdefault(name, code) == code, f"error code {name} is declared twice"
    return code


class HesuanError(Exception):
    """One code, the facts that fill its sentence, and the place (``file:line`` or a field's path)."""

    def __init__(self, code: Code, *, where: str = "", **facts: object) -> None:
        self.code = code
        self.where = where
        self.facts = facts
        super().__init__(self.sentence())

    def sentence(self, language: str = "en") -> str:
        """The sentence for people, the place in front of it when there is one."""
        template = self.code.zh if language.startswith("zh") else self.code.en
        text = template.format_map(self.facts)
        return f"{self.where}: {text}" if self.where else text

    def __str__(self) -> str:
        return f"{self.code.name} {self.sentence()}"


class InputFault(HesuanError):
    """A user's data is wrong in one place."""


class Refused(HesuanError):
    """The data is sound; a rule or a promise says no."""


class Conflict(Refused):
    """The same id or key came before with other content."""


class NotFound(HesuanError):
    """No such object, or none that this actor may know of; the two are told alike."""


class Unavailable(HesuanError):
    """Something outside did not answer."""


class Faults(Exception):
    """Every fault of one input, returned together so that a person mends them in one go."""

    def __init__(self, faults: Iterable[InputFault]) -> None:
        self.faults = tuple(faults)
        assert self.faults, "Faults without a fault"
        super().__init__("\n".join(str(fault) for fault in self.faults))


UNKNOWN_KEY = declare(
    "input.unknown_key",
    en="`{key}` is not a key here. Did you mean `{near}`?",
    zh="“{key}”不是这里的键。是否想写 `{near}`？",
)
_NOTHING_NEAR = Code(
    UNKNOWN_KEY.name,
    en="`{key}` is not a key here. Keys here: {keys}.",
    zh="“{key}”不是这里的键。这里的键有：{keys}。",
)


def unknown_key(key: str, known: Iterable[str], *, where: str) -> InputFault:
    """The fault for a key nobody knows, naming the nearest right one when there is one."""
    candidates = sorted(known)
    near = difflib.get_close_matches(key, candidates, n=1)
    if near:
        return InputFault(UNKNOWN_KEY, where=where, key=key, near=near[0])
    return InputFault(_NOTHING_NEAR, where=where, key=key, keys=", ".join(candidates))
