"""The metering room's verb: store the usage of a run once.

The first record stands. A second one with other content is kept beside it as a finding and told to the log;
it never overwrites, and what was charged by the first does not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.metering import rules
from hesuan.hub.metering.models import Finding, UsageRecord
from hesuan.hub.runs.models import Run
from hesuan.hub.runs.services import locked_run, moment
from hesuan.wire.canonical import Json, digest


def store_usage(*, agent_id: str, message_id: str, body: Mapping[str, Json]) -> UsageRecord:
    """Stores a ``usage`` message; the same body again is the same record, another body is a finding.

    Args:
        agent_id: Who signed the message.
        message_id: The inbox message's id, so that the record leads to its evidence.
        body: The message's body.

    Raises:
        NotFound: ``run.not_found``.
        Refused: ``run.of_another_agent``.
        Faults: every ``usage.malformed``.
    """
    rules.check(body)
    fingerprint = digest(dict(body))
    with transaction.atomic():
        run = locked_run(agent_id=agent_id, run_id=body.get("run"))
        record = UsageRecord.objects.filter(run=run).first()
        if record is None:
            return _store(run, body, fingerprint, message_id)
        if record.digest != fingerprint:
            _find(run, "usage.differs", fingerprint, {"stands": record.digest, "body": dict(body)})
        return record


def _store(run: Run, body: Mapping[str, Json], fingerprint: str, message_id: str) -> UsageRecord:
    values: Mapping[str, Any] = body
    record = UsageRecord.objects.create(
        run=run,
        attempt=values["attempt"],
        state=values["state"],
        exit_status=values.get("exit_status"),
        signal=values.get("signal"),
        started_at=_moment(body, "started_at"),
        ended_at=_moment(body, "ended_at"),
        wall_ms=values["wall_ms"],
        cpu_ms=values["cpu_ms"],
        cores=values["cores"],
        held_core_s=rules.held_core_s(values["wall_ms"], values["cores"]),
        peak_memory_bytes=values["peak_memory_bytes"],
        evidence=values["evidence"],
        result=dict(values["result"]),
        output_digest=values.get("output_digest") or "",
        raw=dict(body),
        digest=fingerprint,
        message_id=message_id,
        recorded_at=timezone.now(),
    )
    audit.record(
        kind="usage.recorded",
        subject=run.id,
        actor=run.agent_id,
        public={"order": run.order_id, "usage": fingerprint, "held_core_s": record.held_core_s},
        private={"usage": dict(body)},
    )
    return record


def note_finding(*, run_id: str, kind: str, facts: Mapping[str, Json]) -> Finding:
    """Keeps what does not add up about a run, once by its content."""
    with transaction.atomic():
        run = Run.objects.get(pk=run_id)
        return _find(run, kind, digest(dict(facts)), facts)


def _find(run: Run, kind: str, fingerprint: str, facts: Mapping[str, Json]) -> Finding:
    finding, is_new = Finding.objects.get_or_create(
        run=run,
        kind=kind,
        digest=fingerprint,
        defaults={"facts": dict(facts), "found_at": timezone.now()},
    )
    if is_new:
        audit.record(
            kind="finding.raised",
            subject=run.id,
            actor="system",
            public={"finding": kind, "digest": fingerprint},
            private=dict(facts),
        )
    return finding


def _moment(body: Mapping[str, Json], field: str) -> datetime | None:
    return None if body.get(field) is None else moment(body, field)
