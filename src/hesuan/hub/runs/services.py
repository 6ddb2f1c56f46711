"""The runs room's verbs: place an order with its run, take in states and log, cancel.

Messages come from an agent, and an agent speaks of its own runs only: a message about another centre's run
is refused (a stolen key, or somebody trying), and the worker records that refusal as a fact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import selectors as centres
from hesuan.hub.centres import services as centres_services
from hesuan.hub.centres.models import Agent
from hesuan.hub.files import services as files
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market
from hesuan.hub.market import services as market_services
from hesuan.hub.market.checks import need_role
from hesuan.hub.market.models import Order
from hesuan.hub.market.work import parse_work
from hesuan.hub.runs import rules
from hesuan.hub.runs.models import Run, RunState
from hesuan.hub.runs.selectors import NO_RUN
from hesuan.wire.canonical import Json

NO_AGENT = declare(
    "order.no_agent",
    en="{centre} has no site agent today that could run this order. Nothing was held; try another quote.",
    zh="{centre} 目前没有可运行本订单的站点代理。未冻结任何金额；请选择其他报价。",
)
DRAINING = declare(
    "order.centre_draining",
    en="{centre} takes no new work at present: its site agent drains. Nothing was held; ask for new quotes.",
    zh="{centre} 目前不接收新的作业：其站点代理正在排空。未冻结任何金额；请重新询价。",
)
FOREIGN_RUN = declare(
    "run.of_another_agent",
    en="Agent {agent} spoke of run {run}, which belongs to another agent. The message was refused"
    " and recorded.",
    zh="站点代理 {agent} 提及的运行 {run} 属于另一代理。该消息已被拒绝并记录。",
)
MALFORMED = declare(
    "run.message_malformed",
    en="{field} is {value}, which is not {wanted}.",
    zh="{field} 为 {value}，不是 {wanted}。",
)

SAYS_WHOSE = 2
"""From this version of orders on, an agent is told whose work it runs."""
_DAWN = datetime.min.replace(tzinfo=UTC)
"""Any word of an agent is later than this, however its clock runs."""
_REPORTED_FIELDS = ("state", "state_at", "reason", "exit_status", "signal", "started_at", "ended_at")


def place_order(*, actor: Actor, quote_id: str, order_id: str) -> Order:
    """Accepts a quote, creates its run and leaves the agent's command, all in one transaction.

    The same ``order_id`` again is the same order, run and command.

    Raises:
        As :func:`hesuan.hub.market.services.accept_quote`; and
        Refused: ``order.no_agent``, ``order.centre_draining``, ``file.not_here``.
    """
    with market_services.accepting(actor, quote_id):
        order = market_services.take_quote(actor=actor, quote_id=quote_id, order_id=order_id)
        if not Run.objects.filter(order=order).exists():
            _create_run(order)
        return order


def _create_run(order: Order) -> Run:
    agent = centres.agent_for(order.centre_id)
    if agent is None:
        raise Refused(NO_AGENT, centre=order.centre.name)
    if not centres.takes_work(agent):
        raise Refused(DRAINING, centre=order.centre.name)
    document, now = order.quote.document, timezone.now()
    run = Run.objects.create(
        order=order,
        agent=agent,
        cores=document["cores"],
        time_limit_s=document["time_limit_s"],
        created_at=now,
    )
    work = parse_work(document["work"])
    if work.inputs:
        needed = [one.file for one in work.inputs]
        files.hold(organisation_id=order.organisation_id, run_id=run.id, file_ids=needed)
    says_whose = centres.takes_orders(order.centre_id) >= SAYS_WHOSE
    centres_services.command(
        agent_id=agent.id,
        command_id=f"run:{run.id}",
        kind="run",
        body={
            "run": run.id,
            "work": work.for_agent(),
            "cores": run.cores,
            "time_limit_s": run.time_limit_s,
            "app_digest": document["app_digest"],
            **({"organisation": order.organisation_id} if says_whose else {}),
        },
    )
    return run


def locked_run(*, agent_id: str, run_id: object) -> Run:
    """A run, locked, for a message of its own agent.

    Raises:
        NotFound: ``run.not_found``.
        Refused: ``run.of_another_agent``.
    """
    run = Run.objects.select_for_update(of=("self",)).select_related("order").filter(pk=str(run_id)).first()
    if run is None:
        raise NotFound(NO_RUN, run=run_id)
    if run.agent_id != agent_id:
        raise Refused(FOREIGN_RUN, agent=agent_id, run=run.id)
    return run


def take_over(*, agent_id: str, run_id: object) -> tuple[Run, bool]:
    """A run, locked, for a message by which an agent may take it over, and whether it is that agent's now.

    It passes from an agent that was revoked to another one of its centre, which goes on where that one
    stopped. What the first one said stands.

    Raises:
        NotFound: ``run.not_found``.
    """
    run = Run.objects.select_for_update(of=("self",)).select_related("order", "agent").filter(pk=str(run_id))
    found = run.first()
    if found is None:
        raise NotFound(NO_RUN, run=run_id)
    if found.agent_id == agent_id:
        return found, True
    before, by = found.agent, Agent.objects.get(pk=agent_id)
    same_centre = before.centre_id == by.centre_id
    if before.revoked_at is None or by.revoked_at is not None or not same_centre:
        return found, False
    if rules.is_final(found.state):
        return found, False
    found.agent = by
    found.save(update_fields=["agent"])
    audit.record(
        kind="run.taken_over",
        subject=found.id,
        actor=agent_id,
        private={"order": found.order_id, "from": before.id, "to": by.id},
    )
    return found, True


def apply_state(*, agent_id: str, body: Mapping[str, Json]) -> Run:
    """Takes in a ``run_state`` message; repeated, late and reordered ones change nothing.

    Raises:
        NotFound: ``run.not_found``.
        Refused: ``run.of_another_agent``.
        InputFault: ``run.message_malformed``.
    """
    reported = rules.Report(_state(body), moment(body, "at"))
    reason = str(body.get("reason") or "")
    with transaction.atomic():
        run = locked_run(agent_id=agent_id, run_id=body.get("run"))
        moved = rules.moves(rules.Report(run.state, run.state_at or _DAWN), reported)
        before = run.state
        _note(run, reported, reason, moved=moved)
        if reported.state == "RUNNING":
            run.started_at = min(run.started_at or reported.at, reported.at)
        if moved:
            run.state, run.state_at, run.reason = reported.state, reported.at, reason
        if moved and rules.is_final(run.state):
            run.ended_at = reported.at
            run.exit_status, run.signal = _number(body, "exit_status"), _number(body, "signal")
        run.save(update_fields=_REPORTED_FIELDS)
        if moved and rules.is_final(run.state):
            _record_end(run)
        elif rules.contradicts(before, reported.state):
            _record_contradiction(run, reported)
    return run


def _note(run: Run, reported: rules.Report, reason: str, *, moved: bool) -> None:
    RunState.objects.get_or_create(
        run=run,
        state=reported.state,
        at=reported.at,
        defaults={"reason": reason, "received_at": timezone.now(), "moved": moved},
    )


def _record_end(run: Run) -> None:
    files.let_go(run.id)
    audit.record(
        kind="run.finished",
        subject=run.id,
        actor=run.agent_id,
        public={"state": run.state},
        private={"order": run.order_id},
    )


def _record_contradiction(run: Run, reported: rules.Report) -> None:
    audit.record(
        kind="run.contradicted",
        subject=run.id,
        actor=run.agent_id,
        public={"stands": run.state, "reported": reported.state},
    )


def cancel(*, actor: Actor, order_id: str) -> Run:
    """Asks the agent to end the run. The run's state changes when the agent says so, not before.

    A run that has ended is returned as it is; asking twice is asking once.

    Raises:
        NotFound: ``order.not_found``, for strangers too.
        Refused: ``market.role_missing``: only an owner of the organisation cancels.
    """
    with transaction.atomic():
        order = market.order(actor, order_id)
        need_role(actor, "owner", order.organisation_id, ("Cancelling an order", "取消订单"))
        run = Run.objects.select_for_update(of=("self",)).select_related("order").get(order=order)
        if rules.is_final(run.state) or run.cancel_requested_at is not None:
            return run
        run.cancel_requested_at = timezone.now()
        run.save(update_fields=["cancel_requested_at"])
        _command_cancel(run, run.agent)
        audit.record(kind="run.cancel_requested", subject=run.id, actor=actor.identity_id)
    return run


def _command_cancel(run: Run, agent: Agent) -> None:
    centres_services.command(
        agent_id=agent.id, command_id=f"cancel:{run.id}", kind="cancel", body={"run": run.id}
    )


def _state(body: Mapping[str, Json]) -> str:
    state = body.get("state")
    if state not in rules.REPORTED:
        wanted = ", ".join(sorted(rules.REPORTED))
        raise InputFault(MALFORMED, where="state", field="state", value=state, wanted=wanted)
    return str(state)


def moment(body: Mapping[str, Json], field: str) -> datetime:
    """A time in a message: RFC 3339 with its zone.

    Raises:
        InputFault: ``run.message_malformed``.
    """
    value = body.get(field)
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InputFault(MALFORMED, where=field, field=field, value=value, wanted="2026-11-20T21:46:00Z")
    return at.astimezone(UTC)


def _number(body: Mapping[str, Json], field: str) -> int | None:
    value = body.get(field)
    if value is not None and type(value) is not int:
        raise InputFault(MALFORMED, where=field, field=field, value=value, wanted="0, 1, 2, … / null")
    return value
