"""Reads of the runs room; who sees an order sees its run."""

from __future__ import annotations

from dataclasses import dataclass

from hesuan.errors import NotFound, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market
from hesuan.hub.runs.models import Run, RunState

NO_RUN = declare(
    "run.not_found",
    en="There is no run {run} that you may see.",
    zh="没有您可以查看的运行 {run}。",
)


@dataclass(frozen=True, slots=True)
class LogText:
    """What the run printed from an offset on [characters], as far as it lies there without a gap."""

    text: str
    next_offset: int


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
    """The printed text from ``offset`` on, up to the first gap (a piece that has not arrived yet)."""
    parts: list[str] = []
    reached = offset
    for piece in run(actor, run_id).log_pieces.order_by("offset"):
        end = piece.offset + len(piece.text)
        if end <= reached:
            continue
        if piece.offset > reached:
            break
        parts.append(piece.text[reached - piece.offset :])
        reached = end
    return LogText(text="".join(parts), next_offset=reached)
