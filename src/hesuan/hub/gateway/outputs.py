"""What an agent sends of a run's files: a list, then pieces; answered at once, and not kept as messages."""

from __future__ import annotations

import base64
from typing import Any

from hesuan.errors import Faults, InputFault
from hesuan.hub.centres.shapes import WRONG_SHAPE
from hesuan.hub.gateway import services, shapes
from hesuan.hub.metering import selectors as metering
from hesuan.hub.runs import outputs
from hesuan.wire.canonical import Json
from hesuan.wire.outputs import Listed


def announce(sealed: Json) -> dict[str, Json]:
    """A sealed list in; what the hub waits for out, or that it has not come to the run's usage yet.

    Raises:
        As :func:`hesuan.hub.gateway.services.open_request` and :func:`hesuan.hub.runs.outputs.announce`.
    """
    message = services.open_request(sealed=sealed, kind="output", shape=shapes.OUTPUT)
    told = _told(message.body)
    digest = metering.output_digest(told.run_id)
    if digest is None:
        return {"state": "later", "awaited": []}
    awaited = outputs.announce(agent_id=message.agent, told=told, output_digest=digest)
    listed: list[Json] = [{"number": one.number, "offset": one.offset} for one in awaited]
    return {"state": "taken", "awaited": listed}


def append(sealed: Json) -> dict[str, Json]:
    """A sealed piece in; how far the hub has come with its file out.

    Raises:
        As :func:`hesuan.hub.gateway.services.open_request` and :func:`hesuan.hub.runs.outputs.append`.
    """
    message = services.open_request(sealed=sealed, kind="output_piece", shape=shapes.OUTPUT_PIECE)
    body: Any = message.body
    try:
        data = base64.b64decode(body["data"], validate=True)
    except ValueError:
        wanted, found = "standard base 64", f"{body['data'][:40]!r}"
        raise Faults([InputFault(WRONG_SHAPE, where="body.data", wanted=wanted, found=found)]) from None
    stand = outputs.append(
        agent_id=message.agent, run_id=body["run"], number=body["number"], offset=body["offset"], data=data
    )
    return {"offset": stand.offset, "complete": stand.complete, "left_out": stand.left_out or None}


def _told(body: Any) -> outputs.Told:
    withheld, files = body["withheld"] or "", body["files"] or []
    if bool(withheld) == (body["files"] is not None):
        wanted = "a list where `withheld` is null, else null"
        raise Faults([InputFault(WRONG_SHAPE, where="body.files", wanted=wanted, found=type(files).__name__)])
    return outputs.Told(
        run_id=body["run"],
        bound_bytes=body["bound_bytes"],
        files_count=body["files_count"],
        total_bytes=body["total_bytes"],
        withheld=withheld,
        listed=tuple(Listed(one["path"], one["bytes"], one["sha256"]) for one in files),
    )
