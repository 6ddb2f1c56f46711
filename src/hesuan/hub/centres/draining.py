"""An agent that takes no new work: what the operator asks, what the agent says. Part of :mod:`.services`.

The wish counts at once: no quote and no order goes to the agent any more. Its end counts when the agent has
said so. What was sent before and had not begun is refused by the agent, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import rules, selectors, shapes
from hesuan.hub.centres.access import operated_centre
from hesuan.hub.centres.commands import command
from hesuan.hub.centres.models import Agent, Command
from hesuan.hub.identity.actors import Actor
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id
from hesuan.wire.messages import format_at

REVOKED = declare(
    "centre.agent_revoked",
    en="Agent {agent} was revoked: it takes no commands any more.",
    zh="站点代理 {agent} 已被吊销，不再接受指令。",
)
REASON_NEEDED = declare(
    "centre.drain_reason",
    en="The reason has {found} characters; 1 to {most} are needed. The users of refused runs read it.",
    zh="原因为 {found} 个字符；应为 1 至 {most} 个字符。被拒绝的运行的用户会看到它。",
)


def drain_agent(*, actor: Actor, agent_id: str, reason: str) -> Agent:
    """Asks an agent to take no new work; twice is once, the first reason stands.

    Raises:
        NotFound: to a stranger.
        Refused: ``centre.role_missing``, ``centre.agent_revoked``.
        InputFault: ``centre.drain_reason``.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= shapes.LONGEST_REASON:
        raise InputFault(REASON_NEEDED, where="reason", found=len(reason), most=shapes.LONGEST_REASON)
    with transaction.atomic():
        agent = commanded_agent(actor, agent_id)
        if agent.drain_asked is not None:
            return agent
        asked: dict[str, Json] = {"since": format_at(timezone.now()), "reason": reason}
        return _ask(agent, actor, Command.Kind.DRAIN, asked)


def resume_agent(*, actor: Actor, agent_id: str) -> Agent:
    """Takes back what :func:`drain_agent` asked; twice is once. What was said at the site itself stands.

    Raises:
        NotFound: to a stranger.
        Refused: ``centre.role_missing``, ``centre.agent_revoked``.
    """
    with transaction.atomic():
        agent = commanded_agent(actor, agent_id)
        if agent.drain_asked is None:
            return agent
        return _ask(agent, actor, Command.Kind.RESUME, None)


def record_drain_state(*, agent_id: str, seq: int, body: Mapping[str, Json]) -> Agent:
    """What an agent says of itself; repeated and late words change nothing.

    Args:
        agent_id: Who says it.
        seq: The message's number: of two the later one counts, whichever comes first.
        body: ``{"hub", "site"}``, each ``{"since", "reason"}`` or null.

    Raises:
        Faults: every fault of the body.
    """
    rules.check_drain_state(body)
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
        if agent.drain_seq is not None and seq <= agent.drain_seq:
            return agent
        before = rules.takes_work(None, agent.drain_told)
        agent.drain_told, agent.drain_seq = dict(body), seq
        agent.save(update_fields=["drain_told", "drain_seq"])
        now = rules.takes_work(None, agent.drain_told)
        if before != now:
            audit.record(
                kind="agent.resumed" if now else "agent.drained",
                subject=agent.id,
                actor=agent.id,
                public={"c": f"centre:{agent.centre_id}"},
                private={"told": dict(body)},
            )
        return agent


def commanded_agent(actor: Actor, agent_id: str) -> Agent:
    """An agent, locked, for who may leave it commands.

    Raises:
        NotFound: to a stranger.
        Refused: ``centre.role_missing``, ``centre.agent_revoked``.
    """
    agent = Agent.objects.select_for_update().filter(pk=agent_id).first()
    if agent is None:
        raise NotFound(selectors.AGENT_NOT_FOUND, agent=agent_id)
    operated_centre(actor, agent.centre_id)
    if agent.revoked_at is not None:
        raise Refused(REVOKED, agent=agent.name)
    return agent


def _ask(agent: Agent, actor: Actor, kind: str, asked: dict[str, Json] | None) -> Agent:
    """Leaves the command, notes the wish and records both."""
    reason: dict[str, Json] = {"reason": asked["reason"]} if asked else {}
    command(agent_id=agent.id, command_id=f"{kind}:{new_id()}", kind=kind, body=reason)
    agent.refresh_from_db(fields=["last_command_seq"])
    agent.drain_asked = asked
    agent.save(update_fields=["drain_asked"])
    audit.record(
        kind=f"agent.{kind}_requested",
        subject=agent.id,
        actor=actor.identity_id,
        public={"c": f"centre:{agent.centre_id}"},
        private=reason,
    )
    return agent
