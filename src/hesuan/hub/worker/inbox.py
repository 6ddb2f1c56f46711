"""Draining the inbox: each message once, in each agent's own order, one agent's trouble not another's.

A worker claims the first due message of an agent by its row lock, handles it and marks it, in one
transaction. On PostgreSQL a second worker finds the row locked and goes on to the next agent (``SKIP
LOCKED``); on SQLite it waits for the one write transaction, and then finds the message handled. Killed
half-way, nothing has happened, and the message is there again.

What is wrong with the *message* (a fault in its data, a run of another agent) is final: it is marked handled
with its fault, and the refusal becomes a fact of the log. What is wrong with *us* (anything unexpected) is
tried again with growing waits; later messages pass it by meanwhile, since no handler depends on their order.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Faults, HesuanError, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.gateway import services as gateway
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.worker import rules, table

MOST_SAID = 2_000
log = logging.getLogger(__name__)


def drain() -> int:
    """Handles every message that is due; returns how many were done with."""
    waiting = InboxMessage.objects.filter(handled_at__isnull=True).order_by()
    agents = sorted(set(waiting.values_list("agent_id", flat=True)))
    return sum(_drain_agent(agent_id) for agent_id in agents)


def _drain_agent(agent_id: str) -> int:
    done = 0
    tried: set[str] = set()
    while (message_id := _first_due(agent_id, timezone.now(), tried)) is not None:
        tried.add(message_id)
        outcome = _handle(message_id)
        if outcome is None:
            break
        done += outcome
    return done


def _first_due(agent_id: str, now: datetime, tried: set[str]) -> str | None:
    rows = InboxMessage.objects.filter(agent_id=agent_id, handled_at__isnull=True).order_by("seq")
    for pk, since, attempts in rows.values_list("id", "received_at", "attempts").iterator(chunk_size=200):
        if pk not in tried and rules.is_due(since=since, attempts=attempts, now=now):
            return str(pk)
    return None


def _handle(message_id: str) -> int | None:
    """1: done with; 0: it failed, or was handled meanwhile; None: another worker has it."""
    with transaction.atomic():
        rows = InboxMessage.objects.select_for_update(of=("self",), skip_locked=True)
        message = rows.filter(pk=message_id).first()
        if message is None:
            return None
        if message.handled_at is not None:
            return 0
        return _try(message)


def _try(message: InboxMessage) -> int:
    try:
        with transaction.atomic():
            _dispatch(message)
    except (HesuanError, Faults) as fault:
        # Escaped: a fault may quote the agent's own words, which write no line of this log.
        said = str(fault).encode("unicode_escape").decode("ascii")[:MOST_SAID]
        log.warning("message %s of agent %s was refused: %s", message.id, message.agent_id, said)
        _record_refusal(message, fault)
        gateway.mark_handled(message_id=message.id, fault=str(fault))
        return 1
    except Exception as error:
        log.exception("message %s of agent %s failed", message.id, message.agent_id)
        gateway.note_fault(message_id=message.id, fault=f"{type(error).__name__}: {error}")
        return 0
    gateway.mark_handled(message_id=message.id)
    return 1


def _dispatch(message: InboxMessage) -> None:
    handler = table.MESSAGES.get(message.kind)
    if handler is None:
        known = ", ".join(sorted(table.MESSAGES))
        raise Refused(table.UNKNOWN_KIND, kind=message.kind, known=known)
    handler(message)


def _record_refusal(message: InboxMessage, fault: HesuanError | Faults) -> None:
    first = fault.faults[0] if isinstance(fault, Faults) else fault
    audit.record(
        kind="message.refused",
        subject=message.agent_id,
        actor=message.agent_id,
        public={"message": message.digest, "code": first.code.name},
        private={"seq": message.seq, "kind": message.kind, "fault": str(fault)[:2000]},
    )
