"""Messages between a site agent and the hub, sealed with the agent's key.

A message is numbered per agent without gaps; the hub stores each number once. Sequence 0 is for requests
that are answered and not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.errors import InputFault, Refused, declare
from hesuan.wire import keys
from hesuan.wire.canonical import MAX_INTEGER, Json, canonical

MESSAGE_DOMAIN = "hesuan-message-v1"
TAKES = "hesuan-orders"
"""Under this name an agent's inventory says, among its software, which version of ``run`` commands it takes;
silence is 1. Version 2 says whose work it is (``organisation``), version 3 which files (``inputs``)."""
FETCHES_INPUTS = 3
DELIVERED = "hesuan-deliveries"
"""Among a site's software where its operator lets the hub deliver applications: 1."""
NEWEST_ORDER = 3
ENROL_DOMAIN = "hesuan-enrol-v1"
_MEMBERS = frozenset({"agent", "seq", "kind", "at", "body"})
_AT_FORM = "%Y-%m-%dT%H:%M:%S.%fZ"

MALFORMED = declare(
    "message.malformed",
    en="This is not a sealed message: {what}.",
    zh="这不是已封装的消息：{what}。",
)
BAD_SIGNATURE = declare(
    "message.bad_signature",
    en="The signature of message {seq} is not by the key registered for agent {agent} (key id {key_id}).",
    zh="消息 {seq} 的签名不是站点代理 {agent} 登记的密钥所签（密钥编号 {key_id}）。",
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message of one agent."""

    agent: str
    seq: int
    kind: str
    at: datetime
    """Aware; kept to the microsecond, in UTC."""
    body: Mapping[str, Json]


def format_at(at: datetime) -> str:
    """An aware time as RFC 3339 in UTC with six decimals: ``2026-11-20T21:46:00.000000Z``."""
    assert at.tzinfo is not None, "a time without a zone"
    return at.astimezone(UTC).strftime(_AT_FORM)


def parse_at(text: object, *, where: str = "at") -> datetime:
    """Reads what :func:`format_at` writes, and nothing else.

    Raises:
        InputFault: ``message.malformed``.
    """
    try:
        at = datetime.strptime(text, _AT_FORM).replace(tzinfo=UTC) if isinstance(text, str) else None
    except ValueError:
        at = None
    if at is None or format_at(at) != text:
        raise InputFault(
            MALFORMED, where=where, what="`at` is not a UTC time like 2026-11-20T21:46:00.000000Z"
        )
    return at


def seal(message: Message, private: Ed25519PrivateKey) -> dict[str, Json]:
    """``{"message": {...}, "signature": base 64}``, ready to be sent or spooled.

    Raises:
        InputFault: ``wire.not_canonical``, such as a float in the body.
    """
    content: dict[str, Json] = {
        "agent": message.agent,
        "seq": message.seq,
        "kind": message.kind,
        "at": format_at(message.at),
        "body": dict(message.body),
    }
    return {"message": content, "signature": keys.sign(private, domain=MESSAGE_DOMAIN, value=content)}


def read_sealed(sealed: object) -> Message:
    """The message inside, *unchecked*: to learn which agent's key to check it with, and nothing more.

    Raises:
        InputFault: ``message.malformed``, ``wire.not_canonical``.
    """
    if not isinstance(sealed, dict) or set(sealed) != {"message", "signature"}:
        raise InputFault(MALFORMED, what="it is not an object of `message` and `signature`")
    content = sealed["message"]
    if not isinstance(content, dict) or set(content) != _MEMBERS:
        raise InputFault(MALFORMED, where="message", what="its members are agent, seq, kind, at, body")
    canonical(content)
    for name in ("agent", "kind"):
        if not isinstance(content[name], str) or not 0 < len(content[name]) <= 100:
            raise InputFault(
                MALFORMED, where=f"message.{name}", what="a text of 1 to 100 characters is needed"
            )
    seq = content["seq"]
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= MAX_INTEGER:
        raise InputFault(MALFORMED, where="message.seq", what="a whole number from 0 is needed")
    if not isinstance(content["body"], dict):
        raise InputFault(MALFORMED, where="message.body", what="an object is needed")
    at = parse_at(content["at"], where="message.at")
    return Message(content["agent"], seq, content["kind"], at, content["body"])


def open_sealed(sealed: object, public_text: str) -> Message:
    """The message inside, after its signature was checked against the sender's registered key.

    Raises:
        InputFault: ``message.malformed``, ``wire.not_canonical``.
        Refused: ``message.bad_signature``.
    """
    message = read_sealed(sealed)
    assert isinstance(sealed, dict)
    content, signature = sealed["message"], sealed["signature"]
    if not keys.verify(public_text, domain=MESSAGE_DOMAIN, value=content, signature=signature):
        raise Refused(BAD_SIGNATURE, seq=message.seq, agent=message.agent, key_id=keys.key_id(public_text))
    return message
