"""Reads of the metering room; who sees an order sees its usage."""

from __future__ import annotations

from hesuan.hub.identity.actors import Actor
from hesuan.hub.metering.models import Attempt, Finding, UsageRecord
from hesuan.hub.runs import selectors as runs
from hesuan.wire.canonical import digest
from hesuan.wire.messages import format_at


def usage(actor: Actor, run_id: str) -> UsageRecord | None:
    """The usage record of a run, None while it has not arrived.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    return UsageRecord.objects.filter(run=runs.run(actor, run_id)).first()


def output_digest(run_id: str) -> str | None:
    """The digest of what a run has left, as its usage says; None while no usage has come. For the gateway."""
    return UsageRecord.objects.filter(run_id=run_id).values_list("output_digest", flat=True).first()


def attempts(actor: Actor, run_id: str) -> list[Attempt]:
    """Each time that a run was run, oldest first; empty while its usage has not arrived.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    return list(Attempt.objects.filter(run=runs.run(actor, run_id)).order_by("started_at", "key"))


def findings(actor: Actor, run_id: str) -> list[Finding]:
    """What did not agree about a run.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    return list(Finding.objects.filter(run=runs.run(actor, run_id)).order_by("found_at", "id"))


def readings_of(record: UsageRecord) -> frozenset[str]:
    """What the meter said of a run and would say of no other: two runs that share one are one run told twice.

    Its times, processor time and memory to the byte, and each time that a scheduler ran the job by the name
    it has in the scheduler's books. What the program says of itself is no reading, nor is who told it; and a
    run that held nothing has none, since it is like every other such run.
    """
    if not record.wall_ms:
        return frozenset()
    moments = [None if at is None else format_at(at) for at in (record.started_at, record.ended_at)]
    measured = [*moments, record.wall_ms, record.cpu_ms, record.cores, record.peak_memory_bytes]
    booked = record.raw.get("accounting")
    attempts = [one for one in booked if isinstance(one, dict)] if isinstance(booked, list) else []
    return frozenset([digest(measured), *(f"attempt:{one['key']}" for one in attempts if one.get("key"))])
