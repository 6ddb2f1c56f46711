"""Draining: this site takes no new work, and what is under way goes on to its end.

Two words stand beside each other, the hub's (a ``drain`` command) and the site's own (``hesuan agent
drain``). While either stands nothing new begins, and each is taken back only by who gave it: the hub cannot
reopen a machine that lies open on a bench, and nobody on the spot undoes what the centre's operator has said
at the hub. They are notes of the spool, and so outlive the agent; each change is one transaction with the
message that tells it.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from hesuan.agent.schedulers.rundir import utc_now
from hesuan.agent.spool import Change, Command, Spool
from hesuan.errors import Refused, declare
from hesuan.wire.canonical import Json

DRAINING = declare(
    "agent.draining",
    en="This site takes no new work since {since} ({reason}). Nothing was started; ask for new quotes.",
    zh="本站点自 {since} 起不接收新的作业（{reason}）。未启动任何内容；请重新询价。",
)
LONGEST_REASON = 500
"""Characters of why a site drains; the users of refused runs read it."""

Who = Literal["hub", "site"]
BOTH: tuple[Who, ...] = ("hub", "site")


def standing(spool: Spool) -> dict[str, Json]:
    """Both words, the body of a ``drain_state`` message: ``{"since", "reason"}``, or null where none is."""
    return {who: _word(spool, who) for who in BOTH}


def objection(spool: Spool) -> Refused | None:
    """Why nothing new begins here; None when the site takes work.

    The site's own reason comes first: who stands beside the machine knows more.
    """
    for who in reversed(BOTH):
        if word := _word(spool, who):
            return Refused(DRAINING, since=word["since"][:16] + "Z", reason=word["reason"])
    return None


def keeps_waiting(spool: Spool, command: Command) -> bool:
    """Whether a command waits for the end of the drain: a benchmark is work too, and nobody pays for it."""
    return command.kind == "benchmark" and objection(spool) is not None


def say(change: Change, who: Who, reason: str | None) -> bool:
    """Gives a word, or takes it back (None); whether that changed anything. What was told first stands."""
    if bool(change.meta(_key(who))) == (reason is not None):
        return False
    word = (
        json.dumps({"since": utc_now(), "reason": reason}, ensure_ascii=False) if reason is not None else ""
    )
    change.set_meta(_key(who), word)
    return True


def tell(change: Change) -> None:
    """Puts what stands now."""
    change.put("drain_state", standing(change.spool))


def at_the_site(spool: Spool, reason: str | None) -> bool:
    """The site's own word, from beside a serving agent too; whether it changed anything."""
    with spool.transaction() as change:
        changed = say(change, "site", reason)
        if changed:
            tell(change)
    return changed


def _key(who: Who) -> str:
    return f"drain:{who}"


def _word(spool: Spool, who: Who) -> dict[str, Any] | None:
    rows = spool.rows("select value from meta where key = ? and value <> ''", _key(who))
    return json.loads(rows[0][0]) if rows else None
