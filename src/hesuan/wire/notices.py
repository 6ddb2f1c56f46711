"""What a log says besides money: incidents, restores of its database, private records that were erased.

None of them is in a sum. An ``incident`` says in ``what`` what a person put on record; a ``restore`` that a
database taken from a backup was compared with all that had been published, up to leaf ``last``, and found
to have it; a ``correction`` with ``what`` = ``erased`` that the salts behind the leaves ``of`` were
destroyed: those leaves stay as they are, and nobody can open them any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hesuan.errors import declare
from hesuan.wire.reading import shown
from hesuan.wire.sum_faults import Fault

INCIDENT, RESTORE, CORRECTION = "incident", "restore", "correction"
ERASED = "erased"
MAX_NAMED = 5

AHEAD = declare(
    "notices.ahead",
    en="Leaf {leaf} ({kind}): it speaks of leaf {named}; only leaves before it can have been meant.",
    zh="第 {leaf} 条（{kind}）：所指为第 {named} 条；只能指其之前的条目。",
)


class Notices:
    """Takes every leaf of one log in order."""

    def __init__(self) -> None:
        self.incidents: list[tuple[int, str]] = []
        self.restores: list[int] = []
        self.erased: set[int] = set()

    def take(self, index: int, leaf: dict[str, Any]) -> Iterator[Fault]:
        """What is wrong with such a leaf; nothing for any other."""
        if leaf["v"] == 1:
            return
        named: list[int] = []
        match leaf["k"]:
            case "incident":
                self.incidents.append((index, shown(leaf.get("what", "–"), 200)))
            case "restore":
                self.restores.append(index)
                named = [leaf.get("last", index)]
            case "correction" if leaf.get("what") == ERASED:
                named = leaf.get("of", [index])
                self.erased.update(named)
        for one in named:
            if one >= index:
                yield Fault(AHEAD, {"leaf": index, "kind": leaf["k"], "named": one})

    def lines(self) -> Iterator[tuple[str, str]]:
        """What there is to say, in both languages."""
        for index, what in self.incidents[-MAX_NAMED:]:
            yield f"Incident, leaf {index}: {what}", f"事件，第 {index} 条：{what}"
        if len(self.incidents) > MAX_NAMED:
            count = len(self.incidents) - MAX_NAMED
            yield f"{count} earlier incidents.", f"更早的事件 {count} 起。"
        if self.restores:
            count, last = len(self.restores), self.restores[-1]
            yield (
                f"Restored from a backup: {count} times, last at leaf {last}, nothing published missing.",
                f"自备份恢复 {count} 次，最近一次在第 {last} 条，已公布的全部条目均在。",
            )
        if self.erased:
            count, some = len(self.erased), ", ".join(str(one) for one in sorted(self.erased)[:MAX_NAMED])
            yield (
                f"Erased: the private records of {count} leaves ({some}{', …' if count > MAX_NAMED else ''});"
                " the leaves stand.",
                f"已抹去 {count} 条的私有记录（{some}{' 等' if count > MAX_NAMED else ''}）；条目仍在。",
            )
