"""What a run printed: pieces taken in up to a bound, and read again.

A site sends at most what it says itself; the hub keeps no more of one run than ``RUN_LOG_BYTES``, whatever
the site sends. A piece beyond that is dropped and never refused: a refusal would hold up what the agent has
to say of the run's end. That something was dropped, and where, stands in the log and on the run. The signed
message itself stays in the inbox as every message does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction

from hesuan.errors import InputFault
from hesuan.hub.runs.models import Run, RunLog
from hesuan.hub.runs.services import MALFORMED, locked_run
from hesuan.wire.canonical import Json
from hesuan.wire.logs import cut_mark

_FIELDS = ("log_bytes", "log_cut_at", "log_total_bytes")


def append_log(*, agent_id: str, body: Mapping[str, Json]) -> None:
    """Takes in a ``log`` message; a piece at an offset already taken changes nothing.

    Raises:
        NotFound: ``run.not_found``.
        Refused: ``run.of_another_agent``.
        InputFault: ``run.message_malformed``.
    """
    offset, text = _whole(body, "offset"), body.get("text")
    if not isinstance(text, str):
        raise InputFault(MALFORMED, where="text", field="text", value=type(text).__name__, wanted="text")
    cut: Any = body.get("cut")
    with transaction.atomic():
        run = locked_run(agent_id=agent_id, run_id=body.get("run"))
        if isinstance(cut, Mapping):
            total = _whole(cut, "total_bytes") if cut.get("total_bytes") is not None else None
            _note_cut(run, _whole(cut, "at_bytes"), total)
        _keep(run, offset, text)
        run.save(update_fields=_FIELDS)


def _keep(run: Run, offset: int, text: str) -> None:
    """Keeps a piece, or notes that it was dropped; the first one that is leaves a mark in its place."""
    if RunLog.objects.filter(run=run, offset=offset).exists():
        return
    size, kept = len(text.encode()), run.log_bytes or 0
    if max(offset, kept) + size > settings.RUN_LOG_BYTES:
        first = run.log_cut_at is None
        _note_cut(run, offset, offset + size)
        if not first:
            return
        text = cut_mark(offset)
        size = len(text.encode())
    RunLog.objects.create(run=run, offset=offset, text=text)
    run.log_bytes = kept + size


def _note_cut(run: Run, at_bytes: int, total_bytes: int | None) -> None:
    """The first place and the largest size stand, in whatever order they are told."""
    run.log_cut_at = at_bytes if run.log_cut_at is None else min(run.log_cut_at, at_bytes)
    if total_bytes is not None:
        run.log_total_bytes = max(run.log_total_bytes or 0, total_bytes)


def _whole(body: Mapping[str, Any], field: str) -> int:
    value = body.get(field)
    if type(value) is not int or value < 0:
        raise InputFault(MALFORMED, where=field, field=field, value=value, wanted="0, 1, 2, …")
    return value
