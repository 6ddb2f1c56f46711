"""The gateway room's verbs: take messages in once, answer polls, and note what became of each message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from hesuan.errors import Conflict, Faults, HesuanError, InputFault, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Agent, Command
from hesuan.hub.centres.shapes import OneOf, Shape, Whole
from hesuan.hub.gateway import rules, shapes
from hesuan.hub.gateway.bell import ARRIVALS
from hesuan.hub.gateway.models import Contradiction, InboxMessage
from hesuan.hub.gateway.reading import storable
from hesuan.wire import keys
from hesuan.wire.canonical import Json, canonical, digest
from hesuan.wire.ids import is_id
from hesuan.wire.messages import Message, format_at, open_sealed, read_sealed

NOT_RECOGNISED = declare(
    "gateway.not_recognised",
    en="This was not signed by an agent enrolled here."
    " If it was once, ask the centre's operator for a new code.",
    zh="签名者不是在此注册的站点代理。若曾注册，请向算力中心运营人员申请新的注册码。",
)
GAP = declare(
    "gateway.gap",
    en="Message {got_seq} came where {expected_seq} was expected; nothing of this batch was stored."
    " Send from {expected_seq} on.",
    zh="收到第 {got_seq} 号消息，应为第 {expected_seq} 号；本批未存。请从第 {expected_seq} 号起发送。",
)
CONTRADICTION = declare(
    "gateway.contradiction",
    en="Message {seq} was stored before with other content ({before}; now {now}). The first stands, this one"
    " is kept as evidence. A spool was lost or a key is used twice: enrol the agent anew.",
    zh="第 {seq} 号消息先前已存且内容不同（{before}；现为 {now}）。以先到者为准，本条留作证据。"
    "可能是缓存丢失或密钥被重复使用：请重新注册站点代理。",
)
POLL_STALE = declare(
    "gateway.poll_stale",
    en="This poll was written at {at}; the hub's clock says {hub_time}. They may differ by {window_s} s."
    " Set the machine's clock.",
    zh="该轮询写于 {at}，平台时间为 {hub_time}，两者相差不得超过 {window_s} 秒。请校准机器时钟。",
)
NOT_ONE_AGENT = declare(
    "gateway.not_one_agent",
    en="One batch holds the messages of one agent; this one holds those of {count}.",
    zh="一批消息只能来自一个站点代理；本批来自 {count} 个。",
)
NOT_CONSECUTIVE = declare(
    "gateway.not_consecutive",
    en="The numbers of one batch rise by one from 1 or above; this one goes {seqs}.",
    zh="一批消息的序号须从 1 或更大起逐一递增；本批为 {seqs}。",
)

_NOBODY = keys.public_text(keys.generate())
"""Checked against when there is no such agent, so that the answer takes as long as for one there is."""


@dataclass(frozen=True, slots=True)
class Poll:
    """A checked request for commands."""

    agent_id: str
    after: int
    wait_s: int


def take_in(*, sealed: Sequence[object]) -> int:
    """Stores a batch once and returns the number through which this agent's messages are stored.

    Signatures first, then shapes, then numbers. All of a batch is stored or nothing.

    Raises:
        Refused: ``gateway.not_recognised``; an unknown, a revoked and a wrong signer are told alike.
        InputFault, Faults: what is not a message, with every place.
        Conflict: ``gateway.gap``; ``gateway.contradiction``, of which a fact is recorded.
    """
    agent_id, batch = _opened(sealed)
    _check(shapes.MESSAGES, batch)
    seqs = [message.seq for message in batch]
    if not rules.is_consecutive(seqs):
        raise InputFault(NOT_CONSECUTIVE, where="messages", seqs=seqs)
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
        if agent.revoked_at is not None:
            raise Refused(NOT_RECOGNISED)
        digests = [
            rules.Numbered(message.seq, _digest(item)) for item, message in zip(sealed, batch, strict=True)
        ]
        known = _known(agent, seqs)
        match rules.decide(digests, last_seq=agent.last_seq, known=known):
            case rules.Gap(expected=expected, got=got):
                raise Conflict(GAP, expected_seq=expected, got_seq=got)
            case rules.Contradicts(place=place):
                refusal: HesuanError | None = _contradicted(agent, sealed[place], digests[place], known)
            case rules.Accept(first=first):
                refusal = None
                _store(agent, sealed[first:], batch[first:], digests[first:])
    if refusal is not None:  # raised after the commit, which keeps the evidence
        raise refusal
    return agent.last_seq


def open_poll(*, sealed: object) -> Poll:
    """Checks a poll, notes that the agent called and what it holds.

    Raises:
        Refused: ``gateway.not_recognised``, ``gateway.poll_stale``.
        InputFault, Faults: what is not a poll.
        Conflict: ``centre.after_unknown``.
    """
    message = open_request(sealed=sealed, kind="poll", shape=shapes.POLL)
    after, wait_s = message.body["after"], message.body["wait_s"]
    assert isinstance(after, int) and isinstance(wait_s, int)
    centres.seen(agent_id=message.agent, at=timezone.now(), acknowledged_seq=after)
    return Poll(agent_id=message.agent, after=after, wait_s=wait_s)


def open_request(*, sealed: object, kind: str, shape: Shape) -> Message:
    """Checks what is answered and not stored: who signed it, when, its shape, and that its number is 0.

    Raises:
        Refused: ``gateway.not_recognised``, ``gateway.poll_stale``.
        InputFault, Faults: what is not a request of this kind.
    """
    _, (message,) = _opened([sealed])
    now = timezone.now()
    if not rules.is_timely(message.at, now):
        facts = {"at": format_at(message.at), "hub_time": format_at(now)}
        raise Refused(POLL_STALE, window_s=int(rules.POLL_WINDOW.total_seconds()), **facts)
    _check({kind: shape}, [message])
    if message.seq != 0:
        raise Faults(Whole(0, 0).faults(message.seq, "message.seq"))
    return message


def commands_for(poll: Poll) -> list[Command]:
    """What a poll is answered with now; empty once the agent is revoked."""
    if not Agent.objects.filter(pk=poll.agent_id, revoked_at__isnull=True).exists():
        raise Refused(NOT_RECOGNISED)
    return centres.commands_after(poll.agent_id, poll.after)


def mark_handled(*, message_id: str, fault: str = "") -> bool:
    """The message is done with; a ``fault`` says that it was given up and why.

    Compare-and-swap, meant to be called inside the handler's transaction: of two workers one gets ``True``,
    the other ``False`` and must roll back.
    """
    open_rows = InboxMessage.objects.filter(pk=message_id, handled_at__isnull=True)
    return open_rows.update(handled_at=timezone.now(), fault=fault) == 1


def note_fault(*, message_id: str, fault: str) -> None:
    """A handler failed and may be tried again; the message stays unhandled and keeps its place in line."""
    InboxMessage.objects.filter(pk=message_id, handled_at__isnull=True).update(
        fault=fault, attempts=F("attempts") + 1
    )


def _opened(sealed: Sequence[object]) -> tuple[str, list[Message]]:
    """Who signed, and the messages, every signature checked before anything is looked up by content."""
    claimed = {read_sealed(item).agent for item in sealed}
    if len(claimed) != 1:
        raise InputFault(NOT_ONE_AGENT, where="messages", count=len(claimed))
    agent_id = claimed.pop()
    agent = Agent.objects.filter(pk=agent_id).first() if is_id(agent_id) else None
    key = agent.public_key if agent else _NOBODY
    try:
        messages = [open_sealed(item, key) for item in sealed]
    except Refused:
        raise Refused(NOT_RECOGNISED) from None
    if agent is None or agent.revoked_at is not None:
        raise Refused(NOT_RECOGNISED)
    return agent_id, messages


def _check(table: dict[str, Shape], batch: Sequence[Message]) -> None:
    faults: list[InputFault] = []
    for place, message in enumerate(batch):
        shape = table.get(message.kind)
        if shape is None:
            faults += OneOf(tuple(table)).faults(message.kind, f"messages.{place}.kind")
        else:
            faults += shape.faults(message.body, f"messages.{place}.body")
    if faults:
        raise Faults(faults)


def _known(agent: Agent, seqs: list[int]) -> dict[int, str]:
    rows = InboxMessage.objects.filter(agent=agent, seq__in=seqs)
    return dict(rows.values_list("seq", "digest"))


def _digest(sealed: object) -> str:
    assert isinstance(sealed, dict)
    return digest(sealed["message"])


def _store(
    agent: Agent, sealed: Sequence[object], batch: Sequence[Message], numbered: Sequence[rules.Numbered]
) -> None:
    now = timezone.now()
    InboxMessage.objects.bulk_create(
        _row(agent, item, message, number.digest, now)
        for item, message, number in zip(sealed, batch, numbered, strict=True)
    )
    agent.last_seq = max([agent.last_seq, *(message.seq for message in batch)])
    agent.last_seen_at = max(agent.last_seen_at or now, now)
    agent.save(update_fields=["last_seq", "last_seen_at"])
    if batch:
        transaction.on_commit(ARRIVALS.ring)


def _row(agent: Agent, sealed: object, message: Message, fingerprint: str, now: datetime) -> InboxMessage:
    return InboxMessage(
        agent=agent,
        seq=message.seq,
        kind=message.kind,
        at=message.at,
        body=storable(dict(message.body)),
        raw=canonical(sealed),
        digest=fingerprint,
        received_at=now,
    )


def _contradicted(agent: Agent, sealed: object, number: rules.Numbered, known: dict[int, str]) -> HesuanError:
    """Keeps the second story as evidence, once, with one fact however often it is sent."""
    before = known[number.seq]
    _, is_new = Contradiction.objects.get_or_create(
        agent=agent,
        seq=number.seq,
        digest=number.digest,
        defaults={"raw": canonical(sealed), "received_at": timezone.now()},
    )
    if is_new:
        public: dict[str, Json] = {"seq": number.seq, "before": before, "refused": number.digest}
        audit.record(kind="agent.contradicted", subject=agent.id, actor=agent.id, public=public)
    return Conflict(CONTRADICTION, seq=number.seq, before=before, now=number.digest)
