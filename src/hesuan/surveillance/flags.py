"""A flag: what a rule says of a subject, with everything needed to say it again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a flag does by itself, before anybody looks."""

    STOP = "stop"
    """Nothing that it concerns goes on: the order, quote or claim is refused."""
    HOLD = "hold"
    """The claim it concerns is neither approved nor paid while the flag is open."""
    FLAG = "flag"
    """A person looks at it."""


@dataclass(frozen=True, slots=True, order=True)
class Flag:
    """One verdict. ``rule``, ``version``, ``subject`` and ``window`` name it: it is raised once."""

    rule: str
    version: str
    """Of the rule's definition; a tuned threshold stands among the numbers."""
    subject: str
    """Such as ``firm:01J…``, ``order:01J…``, ``pair:<firm>:<centre>``."""
    window: str
    """The day, week, month or quarter it speaks of; empty where the subject says it all."""
    action: Action
    keys: tuple[str, ...]
    """What it concerns; a claim on any of these is held by it."""
    refs: tuple[str, ...]
    """The rows it was judged by: orders, holds, transfers, entries, runs."""
    numbers: tuple[tuple[str, int], ...]
    """Both sides of the comparison, the threshold among them."""

    def document(self) -> dict[str, object]:
        """As it is stored and told."""
        return {
            "rule": self.rule,
            "version": self.version,
            "subject": self.subject,
            "window": self.window,
            "action": self.action.value,
            "keys": list(self.keys),
            "refs": list(self.refs),
            "numbers": dict(self.numbers),
        }


def flag(
    rule: str,
    action: Action,
    subject: str,
    *,
    version: str = "1",
    window: str = "",
    keys: Iterable[str] = (),
    refs: Iterable[str] = (),
    **numbers: int,
) -> Flag:
    """A flag whose parts stand in one order, whatever order they were found in."""
    return Flag(
        rule=rule,
        version=version,
        subject=subject,
        window=window,
        action=action,
        keys=tuple(sorted({subject, *keys})),
        refs=tuple(sorted(set(refs))),
        numbers=tuple(sorted(numbers.items())),
    )


def as_bytes(flags: Iterable[Flag]) -> bytes:
    """Flags in order, one JSON object a line: two runs over the same facts are compared by this."""
    lines = (json.dumps(one.document(), sort_keys=True, ensure_ascii=False) for one in sorted(flags))
    return "".join(f"{line}\n" for line in lines).encode()
