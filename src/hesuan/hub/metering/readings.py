"""Storing what meters say while a run goes on, and whether it agrees with what the run is charged for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.metering import meters
from hesuan.hub.metering.findings import note_finding
from hesuan.hub.metering.models import MeterReading
from hesuan.hub.runs.models import Run
from hesuan.hub.runs.services import locked_run, moment, take_over
from hesuan.wire.canonical import Json, digest

NO_REASON = declare(
    "meter.rebase_without_reason",
    en="A re-base says why the counter of run {run} began anew; this one does not.",
    zh="重设基数须说明运行 {run} 的计数器为何重新开始；此消息未说明。",
)
NOT_TAKEN_OVER = declare(
    "meter.not_taken_over",
    en="Run {run} is agent {agent}'s. Another agent of its centre takes it over by a re-base, once that one"
    " is revoked.",
    zh="运行 {run} 属于站点代理 {agent}。须在其被撤销后，由同一中心的另一代理以重设基数接管。",
)


def store_reading(*, agent_id: str, message_id: str, body: Mapping[str, Json]) -> MeterReading:
    """Stores a ``meter`` message; the same again is the same, another under its number is a finding.

    Args:
        agent_id: Who signed the message.
        message_id: The inbox message's id.
        body: The message's body.

    Raises:
        NotFound: ``run.not_found``.
        Refused: ``run.of_another_agent``.
    """
    with transaction.atomic():
        run = locked_run(agent_id=agent_id, run_id=body.get("run"))
        return _store(run, agent_id, message_id, body)


def store_rebase(*, agent_id: str, message_id: str, body: Mapping[str, Json]) -> MeterReading:
    """Stores a ``rebase`` message: the counter began anew. It is signed, and a fact of the log.

    By it an agent of the same centre takes over a run of one that was revoked.

    Raises:
        NotFound: ``run.not_found``.
        Refused: ``meter.not_taken_over``.
        InputFault: ``meter.rebase_without_reason``.
    """
    if not str(body.get("reason") or "").strip():
        raise InputFault(NO_REASON, where="reason", run=body.get("run"))
    with transaction.atomic():
        run, is_theirs = take_over(agent_id=agent_id, run_id=body.get("run"))
        if not is_theirs:
            raise Refused(NOT_TAKEN_OVER, run=run.id, agent=run.agent_id)
        made = _store(run, agent_id, message_id, body)
        if made.message_id == message_id:
            audit.record(
                kind="meter.rebased",
                subject=run.id,
                actor=agent_id,
                public={"seq": made.seq, "before_ms": made.before_ms, "counter_ms": made.counter_ms},
                private={"reason": made.reason},
            )
        return made


def _store(run: Run, agent_id: str, message_id: str, body: Mapping[str, Json]) -> MeterReading:
    values: Mapping[str, Any] = body
    fingerprint = digest({name: value for name, value in body.items() if name != "at"})
    found = MeterReading.objects.filter(run=run, seq=values["seq"]).first()
    if found is not None:
        if found.digest != fingerprint:
            facts: dict[str, Json] = {"stands": found.digest, "body": dict(body)}
            note_finding(run_id=run.id, kind="meter.differs", facts=facts)
        return found
    made = MeterReading.objects.create(
        run=run,
        seq=values["seq"],
        counter_ms=values["counter_ms"],
        before_ms=values.get("before_ms"),
        reason=str(body.get("reason") or ""),
        agent_id=agent_id,
        at=moment(body, "at"),
        message_id=message_id,
        digest=fingerprint,
        recorded_at=timezone.now(),
    )
    told(run.id)
    return made


def told(run_id: str) -> meters.Metered:
    """What the readings of a run come to; readings that contradict each other become findings."""
    rows = MeterReading.objects.filter(run_id=run_id).order_by("seq")
    found = meters.metered(meters.Reading(one.seq, one.counter_ms, one.before_ms) for one in rows)
    for one in found.faults:
        facts: dict[str, Json] = {
            "seq": one.seq,
            "counter_ms": one.counter_ms,
            "at_least_ms": one.at_least_ms,
        }
        note_finding(run_id=run_id, kind="meter.went_back", facts=facts)
    return found


def contradicts(run_id: str, wall_ms: int) -> bool:
    """Whether a run may not be settled by this usage: the readings contradict each other or it [ms].

    A usage above the latest reading is the time since; below it, somebody's figure is false.
    """
    found = told(run_id)
    if wall_ms < found.total_ms:
        facts: dict[str, Json] = {"wall_ms": wall_ms, "metered_ms": found.total_ms}
        note_finding(run_id=run_id, kind="usage.below_meter", facts=facts)
        return True
    return bool(found.faults)
