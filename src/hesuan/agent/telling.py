"""A run's log, told piece by piece up to a bound, and never in the way of anything else.

A job may print more than anybody wants to carry. At most ``bound_bytes`` of its log travel, from the start;
where that is not all, a mark says so in the log itself at that place, and a second one how large the whole
is, once the run has ended. The whole stays at the site. The marks need no language: ``[✂ 16777216 B]`` and
``[✂ 16777216 B / 53687091 B]``.

Pieces are put only while few messages wait, so a state or a usage has at most ``MOST_WAITING`` pieces before
it, and a run's end does not wait for its log: what of it is not told by then follows.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from hesuan.agent.schedulers.contract import Scheduler
from hesuan.agent.spool import KnownRun, Spool
from hesuan.wire.canonical import Json
from hesuan.wire.logs import cut_mark

BOUND_BYTES = 16 << 20
PIECE_BYTES = 16 << 10
PIECES_AT_ONCE = 8
MOST_WAITING = 64
"""Waiting messages from which on logs stay where they are, on disk beside the run."""
_LONGEST_CHARACTER = 4


def printable(data: bytes, *, last: bool) -> tuple[str, int]:
    """Text of a piece of a log, and how many of its bytes it covers.

    A character cut at the end is left for the next piece; what is no UTF-8, and U+0000, which a database may
    not hold, becomes U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = decoder.decode(data, final=last).replace("\0", "\ufffd")
    return text, len(data) - len(decoder.getstate()[0])


@dataclass(frozen=True, slots=True)
class LogTeller:
    """Puts what is new of the logs into the spool."""

    spool: Spool
    scheduler: Scheduler
    bound_bytes: int = BOUND_BYTES

    def tell(self, known: KnownRun, *, ended: bool) -> None:
        """Puts new pieces of a run's log, as many as may wait.

        Raises:
            NotFound, Unavailable: as the engine's ``log``.
        """
        offset = known.log_offset
        for _ in range(MOST_WAITING if ended else PIECES_AT_ONCE):
            if known.log_told or self.spool.waiting_count() >= min(MOST_WAITING, self.spool.full_at):
                return
            limit = min(PIECE_BYTES, self.bound_bytes - offset)
            data = self.scheduler.log(known.run, offset, limit) if limit > 0 else b""
            text, length = printable(data, last=ended and len(data) < limit)
            if not length:
                self._stop(known.run, offset, ended=ended, at_bound=limit < _LONGEST_CHARACTER)
                return
            with self.spool.transaction() as change:
                body: dict[str, Json] = {"run": known.run, "offset": offset, "text": text}
                change.put("log", body, once=f"log:{known.run}:{offset}")
                offset += length
                change.set_log_offset(known.run, offset)

    def _stop(self, run: str, offset: int, *, ended: bool, at_bound: bool) -> None:
        """Nothing more can be told now: the log is not longer, or longer than may travel."""
        if at_bound and self.scheduler.log(run, offset, 1):
            self._tell_cut(run, offset, ended=ended)
        elif ended:
            with self.spool.transaction() as change:
                change.set_log_told(run)

    def _tell_cut(self, run: str, at_bytes: int, *, ended: bool) -> None:
        """Marks the place, once; after the end also how much there is, and that is the last word."""
        total_bytes = log_size(self.scheduler, run, at_bytes) if ended else None
        with self.spool.transaction() as change:
            mark = cut_mark(at_bytes)
            change.put("log", _cut(run, at_bytes, mark, at_bytes, None), once=f"log-cut:{run}")
            if total_bytes is not None:
                behind, whole = at_bytes + len(mark.encode()), cut_mark(at_bytes, total_bytes)
                change.put("log", _cut(run, behind, whole, at_bytes, total_bytes), once=f"log-whole:{run}")
                change.set_log_told(run)


def log_size(scheduler: Scheduler, run: str, at_least: int) -> int:
    """How long a log is [byte], by asking whether there is a byte at a place; it has ended.

    Raises:
        NotFound, Unavailable: as the engine's ``log``.
    """
    low, step = at_least, PIECE_BYTES
    while scheduler.log(run, low + step, 1):
        low, step = low + step, 2 * step
    high = low + step
    while low < high:
        middle = (low + high) // 2
        if scheduler.log(run, middle, 1):
            low = middle + 1
        else:
            high = middle
    return low


def _cut(run: str, offset: int, text: str, at_bytes: int, total_bytes: int | None) -> dict[str, Json]:
    cut: dict[str, Json] = {"at_bytes": at_bytes, "total_bytes": total_bytes}
    return {"run": run, "offset": offset, "text": text, "cut": cut}
