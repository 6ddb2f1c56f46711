"""The metering room's verb: store the usage of a run once, with a row for each of its attempts.

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
from hesuan.hub.metering import attempts, findings, rules
from hesuan.hub.metering.models import UsageRecord
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
            facts: dict[str, Json] = {"stands": record.digest, "body": dict(body)}
            findings.find(run, "usage.differs", fingerprint, facts)
            attempts.compare(run, body)
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
    attempts.keep(run, body, message_id)
    audit.record(
        kind="usage.recorded",
        subject=run.id,
        actor=run.agent_id,
        public={"held_core_s": record.held_core_s},
        private={"order": run.order_id, "usage": dict(body), "digest": fingerprint},
    )
    return record


def _moment(body: Mapping[str, Json], field: str) -> datetime | None:
    return None if body.get(field) is None else moment(body, field)
