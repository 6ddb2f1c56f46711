"""What an agent fetches: pieces of the files that an open run needs which was commanded to its centre."""

from __future__ import annotations

from base64 import b64encode

from hesuan.errors import NotFound, declare
from hesuan.hub.centres.models import Agent
from hesuan.hub.files import selectors as files
from hesuan.hub.gateway import services, shapes
from hesuan.hub.runs import rules
from hesuan.hub.runs.models import Run
from hesuan.wire.canonical import Json

PIECE_BYTES = 1024 * 1024
"""The most that one answer carries [byte]."""

NO_INPUT = declare(
    "gateway.input_not_found",
    en="No open run {run} of your centre needs a file with the SHA-256 {sha256}.",
    zh="贵中心没有需要 SHA-256 为 {sha256} 的文件的未结束运行 {run}。",
)


def piece(*, sealed: object) -> dict[str, Json]:
    """One piece of one input of a run, from an offset; an empty one lies at or behind the end.

    Raises:
        As :func:`hesuan.hub.gateway.services.open_request`; and
        NotFound: ``gateway.input_not_found``: an unknown run, another centre's, one that has ended and one
            that needs no such file are told alike.
    """
    message = services.open_request(sealed=sealed, kind="input", shape=shapes.INPUT)
    run_id, sha256, offset = (message.body[name] for name in ("run", "sha256", "offset"))
    assert isinstance(run_id, str) and isinstance(sha256, str) and isinstance(offset, int)
    centre_id = Agent.objects.values_list("centre_id", flat=True).get(pk=message.agent)
    run = Run.objects.filter(pk=run_id, agent__centre_id=centre_id).first()
    if run is None or rules.is_final(run.state):
        raise NotFound(NO_INPUT, run=run_id, sha256=sha256)
    found = files.piece_for_run(run.id, sha256, offset, PIECE_BYTES)
    if found is None:
        raise NotFound(NO_INPUT, run=run_id, sha256=sha256)
    return {"offset": offset, "data": b64encode(found[0]).decode(), "size_bytes": found[1]}
