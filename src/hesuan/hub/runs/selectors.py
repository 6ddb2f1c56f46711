"""Reads of the runs room; who sees an order sees its run."""

from __future__ import annotations

from dataclasses import dataclass

from hesuan.errors import NotFound, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market
from hesuan.hub.runs.models import Run, RunLog, RunState

NO_RUN = declare(
    "run.not_found",
    en="There is no run {run} that you may see.",
    zh="没有您可以查看的运行 {run}。",
)


_PIECES = 64
"""Read from the database at a time."""
REPLACED = "\ufffd"
"""Shown for bytes that were no UTF-8; where it stands, text and bytes differ in length."""


@dataclass(frozen=True, slots=True)
class LogText:
    """What the run printed behind an offset, as far as it lies there without a gap."""

    text: str
    next_offset: int
    """Where to read on; ask with it again for what comes later."""


LONGEST_READING = 1 << 20
"""Characters after which a reading stops at the end of a piece."""


def run(actor: Actor, run_id: str) -> Run:
    """One run.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    found = Run.objects.select_related("order").filter(pk=run_id).first()
    if found is not None:
        try:
            market.order(actor, found.order_id)
        except NotFound:
            found = None
    if found is None:
        raise NotFound(NO_RUN, run=run_id)
    return found


def run_of_order(actor: Actor, order_id: str) -> Run:
    """The run of an order.

    Raises:
        NotFound: ``order.not_found``, for strangers too.
    """
    order = market.order(actor, order_id)
    return Run.objects.select_related("order").get(order=order)


def states(actor: Actor, run_id: str) -> list[RunState]:
    """Every reported state in the order of its time; ``moved`` says which ones counted."""
    return list(run(actor, run_id).states.order_by("at", "id"))


def log_text(actor: Actor, run_id: str, offset: int = 0) -> LogText:
    """The printed text that lies behind ``offset``, up to the first gap (a piece that has not arrived yet),
    and no more of it than fits into one answer.

    Args:
        actor: Who reads.
        run_id: The run.
        offset: 0, or the ``next_offset`` of the reading before: then only what came since.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    pieces = run(actor, run_id).log_pieces.order_by("offset")
    before = pieces.filter(offset__lt=offset).last()
    reach, next_offset = _reach(before) if before else 0, offset
    parts: list[str] = []
    length = 0
    for piece in pieces.filter(offset__gte=offset).iterator(chunk_size=_PIECES):
        if piece.offset > reach or length >= LONGEST_READING:
            break
        length += len(piece.text)
        parts.append(piece.text)
        reach = _reach(piece)
        next_offset = piece.offset + 1 if REPLACED in piece.text else reach
    return LogText(text="".join(parts), next_offset=next_offset)


def log_tail(actor: Actor, run_id: str, longest: int) -> tuple[str, bool]:
    """The last ``longest`` characters that were printed, and whether there is more before them.

    Only the pieces that are shown are read. In the middle of a log whose next piece has not arrived yet it
    stops at the gap.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    found: list[RunLog] = []
    length = 0
    for piece in run(actor, run_id).log_pieces.order_by("-offset").iterator(chunk_size=_PIECES):
        found.append(piece)
        length += len(piece.text)
        if length > longest:
            break
    parts: list[str] = []
    reach = found[-1].offset if length > longest else 0
    for piece in reversed(found):
        if piece.offset > reach:
            break
        parts.append(piece.text)
        reach = _reach(piece)
    return "".join(parts)[-longest:], length > longest


def _reach(piece: RunLog) -> int:
    """How far a piece can reach at most [bytes]: what was no UTF-8 is shown with more than it covers."""
    return piece.offset + len(piece.text.encode())
