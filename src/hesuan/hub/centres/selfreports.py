"""Reports of agents about themselves: asked for, and kept. Part of :mod:`.services`."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from hesuan.hub.centres import rules, selectors
from hesuan.hub.centres.commands import command
from hesuan.hub.centres.draining import commanded_agent
from hesuan.hub.centres.models import Agent, Command, Report
from hesuan.hub.identity.actors import Actor
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id
from hesuan.wire.messages import parse_at


def request_report(*, actor: Actor, agent_id: str) -> Agent:
    """Asks an agent for a report; while one is on its way, asking again is asking once.

    Raises:
        NotFound: to a stranger.
        Refused: ``centre.role_missing``, ``centre.agent_revoked``.
    """
    with transaction.atomic():
        agent = commanded_agent(actor, agent_id)
        _, is_awaited = selectors.report_of(agent)
        if not is_awaited:
            command(agent_id=agent.id, command_id=f"report:{new_id()}", kind=Command.Kind.REPORT, body={})
        return agent


def record_report(*, agent_id: str, seq: int, body: Mapping[str, Json]) -> Report:
    """What an agent reports, in the place of what it reported before; repeated and late ones change nothing.
    It is no fact of the log: nobody is paid by it, and the signed message itself is kept.

    Raises:
        Faults: every fault of the body.
    """
    rules.check_report(body)
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
        known = Report.objects.filter(agent=agent).first()
        if known is not None and seq <= known.seq:
            return known
        told = {"seq": seq, "body": dict(body), "at": parse_at(body["at"])}
        return Report.objects.update_or_create(agent=agent, defaults=told)[0]
