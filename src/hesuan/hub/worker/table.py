"""The one visible table: which handler takes which message, and which handler takes which fact.

News travels upward here and nowhere else. A room below records a fact; the worker, which stands above them
all, hands it on. Every handler is safe to call twice and in any order: two workers, a retry and a late
message are ordinary days.
"""

from __future__ import annotations

from collections.abc import Callable

from hesuan.errors import declare
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres import services as centres
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.metering import readings
from hesuan.hub.metering import services as metering
from hesuan.hub.runs import logs
from hesuan.hub.runs import services as runs
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement import services as settlement
from hesuan.hub.surveillance import services as surveillance

UNKNOWN_KIND = declare(
    "worker.unknown_kind",
    en="Nobody handles messages of kind `{kind}`; known are {known}.",
    zh="没有处理“{kind}”类消息的程序；已知类型：{known}。",
)

MessageHandler = Callable[[InboxMessage], None]
FactHandler = Callable[[Fact], None]


def _inventory(message: InboxMessage) -> None:
    centres.record_inventory(agent_id=message.agent_id, message_id=message.id, body=message.body)


def _capacity(message: InboxMessage) -> None:
    centres.record_capacity(agent_id=message.agent_id, body=message.body)


def _benchmark(message: InboxMessage) -> None:
    centres.record_benchmark(agent_id=message.agent_id, message_id=message.id, body=message.body)


def _run_state(message: InboxMessage) -> None:
    runs.apply_state(agent_id=message.agent_id, body=message.body)


def _log(message: InboxMessage) -> None:
    logs.append_log(agent_id=message.agent_id, body=message.body)


def _usage(message: InboxMessage) -> None:
    metering.store_usage(agent_id=message.agent_id, message_id=message.id, body=message.body)


def _meter(message: InboxMessage) -> None:
    readings.store_reading(agent_id=message.agent_id, message_id=message.id, body=message.body)


def _rebase(message: InboxMessage) -> None:
    readings.store_rebase(agent_id=message.agent_id, message_id=message.id, body=message.body)


def _countersign(message: InboxMessage) -> None:
    settlement.attach_signature(agent_id=message.agent_id, body=message.body)


def _countersign_refused(message: InboxMessage) -> None:
    settlement.note_refused_signature(agent_id=message.agent_id, body=message.body)


def _drain_state(message: InboxMessage) -> None:
    centres.record_drain_state(agent_id=message.agent_id, seq=message.seq, body=message.body)


def _report(message: InboxMessage) -> None:
    centres.record_report(agent_id=message.agent_id, seq=message.seq, body=message.body)


def _heartbeat(_message: InboxMessage) -> None:
    """The gateway has noted that the agent was seen; what runs is told by run states."""


def _settle(fact: Fact) -> None:
    """A run ended, or its usage came: settle when both are there."""
    settlement.settle(Run.objects.values_list("order_id", flat=True).get(pk=fact.subject))


def _learn(fact: Fact) -> None:
    """A settled run is a new measured figure."""
    settlement.learn(fact.subject)


def _watch(fact: Fact) -> None:
    """A claim is judged before anybody verifies it."""
    surveillance.look_at_claim(fact.subject)


MESSAGES: dict[str, MessageHandler] = {
    "inventory": _inventory,
    "capacity": _capacity,
    "benchmark": _benchmark,
    "run_state": _run_state,
    "log": _log,
    "usage": _usage,
    "meter": _meter,
    "rebase": _rebase,
    "countersign": _countersign,
    "countersign_refused": _countersign_refused,
    "drain_state": _drain_state,
    "report": _report,
    "heartbeat": _heartbeat,
}

FACTS: dict[str, tuple[FactHandler, ...]] = {
    "run.finished": (_settle,),
    "usage.recorded": (_settle,),
    "meter.rebased": (_settle,),
    "order.settled": (_learn,),
    "claim.submitted": (_watch,),
}
