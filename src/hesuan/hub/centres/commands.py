"""Commands for agents. Part of :mod:`.services`, which is what other rooms import.

Commands are numbered under a lock on their agent's row that is held until the commit, so the order of the
numbers is the order of the commits: an agent that asks for everything after n can never miss one that
commits late.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from hesuan.errors import Conflict, NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import selectors
from hesuan.hub.centres.access import operated_centre
from hesuan.hub.centres.models import Agent, Centre, Command
from hesuan.hub.files import selectors as files
from hesuan.hub.identity.actors import Actor
from hesuan.wire.canonical import Json, canonical, digest

COMMAND_CONFLICT = declare(
    "centre.command_conflict",
    en="Command {command} was given before as {before}, now as {now}. A new command needs a new id.",
    zh="指令 {command} 先前内容为 {before}，现为 {now}。新指令须使用新的 id。",
)
NO_AGENT = declare(
    "centre.no_agent",
    en="{centre} has no site agent at present. Enrol one first.",
    zh="{centre} 目前没有站点代理。请先注册。",
)


NOT_PUBLISHED = declare(
    "centre.app_not_published",
    en="Neither has {centre} an application `{app}` with the digest {digest}, nor is one published here.",
    zh="{centre} 没有摘要为 {digest} 的应用“{app}”，平台也未发布该应用。",
)
NO_DELIVERIES = declare(
    "centre.takes_no_deliveries",
    en="{centre} does not let applications be delivered. Its operator allows that in the site's settings"
    " (`deliver_applications`), or puts the folder there.",
    zh="{centre} 不接受下发应用。其运营人员可在站点设置中允许（deliver_applications），或自行放置文件夹。",
)


def command(*, agent_id: str, command_id: str, kind: str, body: Mapping[str, Json]) -> Command:
    """Leaves one command for an agent, inside the caller's transaction or its own; idempotent by id.

    Raises:
        Conflict: ``centre.command_conflict`` when the id came before with another kind, body or agent.
        InputFault: ``wire.not_canonical``.
    """
    content: dict[str, Json] = {"agent": agent_id, "kind": kind, "body": dict(body)}
    canonical(content)
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
        known = Command.objects.filter(pk=command_id).first()
        if known is not None:
            before: dict[str, Json] = {"agent": known.agent_id, "kind": known.kind, "body": known.body}
            if digest(before) != digest(content):
                raise Conflict(
                    COMMAND_CONFLICT, command=command_id, before=digest(before), now=digest(content)
                )
            return known
        assert kind in Command.Kind.values, kind
        agent.last_command_seq += 1
        agent.save(update_fields=["last_command_seq"])
        return Command.objects.create(
            id=command_id, agent=agent, seq=agent.last_command_seq, kind=kind, body=dict(body)
        )


def commands_after(agent_id: str, seq: int) -> list[Command]:
    """Every command an agent does not hold yet, oldest first. Reads only."""
    return selectors.commands_after(agent_id, seq)


def request_benchmark(
    *, actor: Actor, centre_id: str, app: str, request_id: str, app_digest: str = ""
) -> Command:
    """The operator has an app measured, such as after a repair; the same request id is once.

    With ``app_digest`` it is that very content; a site that has it not fetches it from here, if its operator
    allows that, and offers the application from then on.

    Raises:
        NotFound: to a stranger; ``centre.no_agent``; ``centre.app_not_published``.
        Refused: ``centre.role_missing``, ``centre.takes_no_deliveries``.
        Conflict: ``centre.command_conflict``.
    """
    with transaction.atomic():
        centre = operated_centre(actor, centre_id)
        agent = selectors.agent_for(centre_id)
        if agent is None:
            raise NotFound(NO_AGENT, centre=centre.name)
        known = Command.objects.filter(pk=f"benchmark:{request_id}").exists()
        body: dict[str, Json] = {"app": app, **({"app_digest": app_digest} if app_digest else {})}
        if app_digest and not known and selectors.app_digest_at(centre_id, app) != app_digest:
            _need_delivery(centre, app, app_digest)
        left = command(agent_id=agent.id, command_id=f"benchmark:{request_id}", kind="benchmark", body=body)
        if not known:
            audit.record(
                kind="centre.benchmark_requested",
                subject=centre_id,
                actor=actor.identity_id,
                public={"c": f"centre:{centre_id}", **body},
            )
        return left


def _need_delivery(centre: Centre, app: str, app_digest: str) -> None:
    """Whether the centre can get an application that it does not have."""
    published = files.app_of(app_digest)
    if published is None or published.withdrawn_at is not None or published.name != app:
        raise NotFound(NOT_PUBLISHED, centre=centre.name, app=app, digest=app_digest)
    if not selectors.takes_deliveries(centre.id):
        raise Refused(NO_DELIVERIES, centre=centre.name)
