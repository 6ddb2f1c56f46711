"""What is said of a centre's machines: inventories and measurements. Part of :mod:`.services`."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Conflict, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import rules, selectors
from hesuan.hub.centres.access import operated_centre
from hesuan.hub.centres.commands import command
from hesuan.hub.centres.models import Agent, Benchmark, Capacity, Command, Inventory
from hesuan.hub.identity.actors import Actor
from hesuan.wire.canonical import Json, digest
from hesuan.wire.ids import new_id
from hesuan.wire.messages import parse_at

EVIDENCE_CONFLICT = declare(
    "centre.evidence_conflict",
    en="Measurement {id} was recorded before with other figures ({before}; now {now}). The first stands.",
    zh="测量 {id} 先前已记录不同数值（{before}；现为 {now}）。以第一次为准。",
)


def declare_inventory(*, actor: Actor, centre_id: str, body: Mapping[str, Json]) -> Inventory:
    """What a person says the centre holds; the same as the newest declared adds nothing.

    Raises:
        NotFound: to a stranger.
        Refused: ``centre.role_missing``.
        Faults: every fault of the body.
    """
    with transaction.atomic():
        centre = operated_centre(actor, centre_id)
        return _add_inventory(
            centre_id=centre.id, agent_id=None, inventory_id=new_id(), body=body, by=actor.identity_id
        )


def record_inventory(*, agent_id: str, message_id: str, body: Mapping[str, Json]) -> Inventory:
    """What an agent observed at its own centre; the same as the newest observed adds nothing.

    Each app that this agent is new to is measured there once, so that the centre's offerings carry evidence:
    a ``benchmark`` command is left, idempotent by agent, app and digest.

    Raises:
        Faults: every fault of the body.
    """
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
        known = Inventory.objects.filter(pk=message_id).first()
        if known is not None:
            return known
        row = _add_inventory(
            centre_id=agent.centre_id, agent_id=agent.id, inventory_id=message_id, body=body, by=agent.id
        )
        for entry in row.body["apps"]:
            asked = Command.objects.filter(agent=agent, kind=Command.Kind.BENCHMARK)
            if asked.filter(body__app_digest=entry["digest"]).exists():
                continue  # a delivered application is measured by the command that had it delivered
            command(
                agent_id=agent.id,
                command_id=rules.first_benchmark_id(agent.id, entry["name"], entry["digest"]),
                kind="benchmark",
                body={"app": entry["name"]},
            )
        return row


def record_capacity(*, agent_id: str, body: Mapping[str, Json]) -> Capacity:
    """What was free when the agent looked, in the place of what it said before. It is no fact of the log:
    nobody is paid by it, and it changes with every job.

    Raises:
        Faults: every fault of the body.
    """
    rules.check_capacity(body)
    agent = Agent.objects.get(pk=agent_id)
    row, _ = Capacity.objects.update_or_create(
        agent=agent, defaults={"centre_id": agent.centre_id, "body": dict(body), "at": parse_at(body["at"])}
    )
    return row


def record_benchmark(*, agent_id: str, message_id: str, body: Mapping[str, Json]) -> Benchmark:
    """The points of one benchmark an agent ran at its own centre, stored once by message id.

    Args:
        agent_id: Who measured.
        message_id: The inbox message's id.
        body: ``{"app", "app_digest", "cores", "points": [{"units", "wall_ms"}], "checked": {…}}``.

    Raises:
        Faults: every fault of the body.
        Conflict: ``centre.evidence_conflict``.
    """
    return _add_evidence(
        agent_id=agent_id,
        evidence_id=message_id,
        source="benchmark",
        kind="centre.benchmarked",
        body=body,
    )


def add_measured_run(
    *,
    run_id: str,
    agent_id: str,
    app: str,
    app_digest: str,
    cores: int,
    units: int,
    wall_ms: int,
) -> Benchmark:
    """One finished run as one measured point, stored once by run id: the next quote is better for it.

    Raises:
        Conflict: ``centre.evidence_conflict``.
    """
    body: dict[str, Json] = {
        "app": app,
        "app_digest": app_digest,
        "cores": cores,
        "points": [{"units": units, "wall_ms": wall_ms}],
        "checked": {},
    }
    return _add_evidence(
        agent_id=agent_id, evidence_id=run_id, source=f"run:{run_id}", kind="centre.run_measured", body=body
    )


def _add_inventory(
    *, centre_id: str, agent_id: str | None, inventory_id: str, body: Mapping[str, Json], by: str
) -> Inventory:
    rules.check_inventory(body)
    source = Inventory.Source.DECLARED if agent_id is None else Inventory.Source.OBSERVED
    newest = selectors.newest_inventory(centre_id, source)
    fingerprint = digest(dict(body))
    if newest is not None and newest.digest == fingerprint:
        return newest
    row = Inventory.objects.create(
        id=inventory_id,
        centre_id=centre_id,
        agent_id=agent_id,
        source=source,
        body=dict(body),
        digest=fingerprint,
        at=timezone.now(),
    )
    audit.record(
        kind=f"centre.inventory_{source}",
        subject=centre_id,
        actor=by,
        public={
            "c": f"centre:{centre_id}",
            "before": newest.digest if newest else None,
            "after": fingerprint,
        },
    )
    return row


def _add_evidence(
    *, agent_id: str, evidence_id: str, source: str, kind: str, body: Mapping[str, Json]
) -> Benchmark:
    rules.check_benchmark(body)
    fingerprint = digest(dict(body))
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
        known = Benchmark.objects.filter(pk=evidence_id).first()
        if known is not None:
            before = selectors.benchmark_body(known)
            if known.agent_id != agent_id or digest(before) != fingerprint:
                raise Conflict(EVIDENCE_CONFLICT, id=evidence_id, before=digest(before), now=fingerprint)
            return known
        row = Benchmark.objects.create(
            id=evidence_id,
            agent=agent,
            centre_id=agent.centre_id,
            source=source,
            at=timezone.now(),
            **dict(body),
        )
        audit.record(
            kind=kind,
            subject=agent.centre_id,
            actor=agent_id,
            public={
                "c": f"centre:{agent.centre_id}",
                "app": row.app,
                "app_digest": row.app_digest,
                "digest": fingerprint,
            },
        )
        return row
