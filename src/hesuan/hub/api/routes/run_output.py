"""What an order's run has left in its output folder: the list, and one file after another."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Path, Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.shapes import Shape
from hesuan.hub.metering import selectors as metering
from hesuan.hub.runs import output_selectors as outputs
from hesuan.hub.runs import selectors as runs
from hesuan.hub.runs.models import RunOutputFile
from hesuan.hub.runs.serving import attachment

router = Router()

Number = Annotated[int, Path(ge=0, description="`number` of the list")]
_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class OutputFileShape(Shape):
    """One name in the output folder.

    `sha256`: null for what is no plain file. `complete`: it is here whole and has that SHA-256. `left_out`:
    why it does not come: `site` or `hub` (beyond the bound), `kind` (no plain file), `name` (one that cannot
    be told safely), `changed` (the site's file is no longer the one that was listed).
    """

    number: int
    path: str
    size_bytes: int
    sha256: str | None
    received_bytes: int
    complete: bool
    left_out: str | None


class OutputShape(Shape):
    """What the run has left.

    `told_at`: when the site told; null while it has not. `output_digest`: of the whole list, as the signed
    usage record has it. `withheld`: why there is no list: `bound` (the site lets no file out), `changed` (the
    folder is no longer the one of the usage record), `too_many` (the list is too long).
    """

    run_state: str
    output_digest: str | None
    told_at: datetime | None
    files_count: int | None
    total_bytes: int | None
    site_bound_bytes: int | None
    hub_bound_bytes: int | None
    withheld: str | None
    files: list[OutputFileShape]


@router.get("/orders/{order_id}/output", response=OutputShape)
def get_output(request: HttpRequest, order_id: str) -> OutputShape:
    """The files the run has left, how far each has come, and what was left out and why."""
    actor = actor_of(request)
    run = runs.run_of_order(actor, order_id)
    told, files = outputs.output(actor, order_id)
    usage = metering.usage(actor, run.id)
    return OutputShape(
        run_state=run.state,
        output_digest=usage.output_digest or None if usage else None,
        told_at=told.told_at if told else None,
        files_count=told.files_count if told else None,
        total_bytes=told.total_bytes if told else None,
        site_bound_bytes=told.site_bound_bytes if told else None,
        hub_bound_bytes=told.hub_bound_bytes if told else None,
        withheld=told.withheld or None if told else None,
        files=[_file(one) for one in files],
    )


@router.get(
    "/orders/{order_id}/output/{number}",
    openapi_extra={"responses": {200: {"description": "The file, as an attachment", "content": _FILE}}},
)
def download_output(request: HttpRequest, order_id: str, number: Number) -> HttpResponseBase:
    """One file, to be saved: an attachment that no browser shows or runs."""
    return attachment(request, outputs.download(actor_of(request), order_id, number))


def _file(row: RunOutputFile) -> OutputFileShape:
    return OutputFileShape(
        number=row.number,
        path=row.path,
        size_bytes=row.size_bytes,
        sha256=row.sha256 if len(row.sha256) == 64 else None,
        received_bytes=row.received_bytes,
        complete=row.completed_at is not None,
        left_out=row.left_out or None,
    )
