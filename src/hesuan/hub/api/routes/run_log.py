"""What an order's run printed, read piece by piece."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.shapes import Shape
from hesuan.hub.runs import selectors as runs

router = Router()

Offset = Annotated[int, Query(ge=0, description="0, or `next_offset` of the answer before")]


class LogShape(Shape):
    """What the run printed behind an offset, as far as it is here; ask again with `next_offset`.

    `cut_at`: a log is kept up to a bound; here it ends at so many bytes, of `total_bytes` at the site.
    """

    text: str
    next_offset: int
    run_state: str
    cut_at: int | None
    total_bytes: int | None


@router.get("/orders/{order_id}/log", response=LogShape)
def get_log(request: HttpRequest, order_id: str, offset: Offset = 0) -> LogShape:
    """What the run printed."""
    actor = actor_of(request)
    run = runs.run_of_order(actor, order_id)
    log = runs.log_text(actor, run.id, offset)
    return LogShape(
        text=log.text,
        next_offset=log.next_offset,
        run_state=run.state,
        cut_at=run.log_cut_at,
        total_bytes=run.log_total_bytes,
    )
