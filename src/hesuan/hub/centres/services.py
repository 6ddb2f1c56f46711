"""The centres room's verbs: register, admit, enrol, revoke here; reports and commands in their own files."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Conflict, NotFound, Refused, declare
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import rules, selectors
from hesuan.hub.centres.access import ROLE_MISSING, is_platform, operated_centre
from hesuan.hub.centres.commands import command, commands_after, request_benchmark
from hesuan.hub.centres.draining import drain_agent, record_drain_state, resume_agent
from hesuan.hub.centres.models import Agent, Centre, EnrolmentCode
from hesuan.hub.centres.reports import (
    add_measured_run,
    declare_inventory,
    record_benchmark,
    record_capacity,
    record_inventory,
)
from hesuan.hub.centres.selfreports import record_report, request_report
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import organisation as organisation_of
from hesuan.wire import keys
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id
from hesuan.wire.messages import ENROL_DOMAIN

__all__ = [
    "add_measured_run",
    "admit_centre",
    "command",
    "commands_after",
    "declare_inventory",
    "drain_agent",
    "enrol",
    "issue_enrolment_code",
    "record_benchmark",
    "record_capacity",
    "record_drain_state",
    "record_inventory",
    "record_report",
    "register_centre",
    "request_benchmark",
    "request_report",
    "resume_agent",
    "revoke_agent",
    "seen",
]

CODE_UNKNOWN = declare(
    "centre.code_unknown",
    en="This enrolment code is not known here."
    " Check the letters, or ask the centre's operator for a new code.",
    zh="未找到该注册码。请核对字符，或请算力中心运营人员重新签发。",
)
CODE_USED = declare(
    "centre.code_used",
    en="This enrolment code was used at {used_at} by another key; a code enrols one agent."
    " Ask the centre's operator for a new code.",
    zh="该注册码已于 {used_at} 被另一把密钥使用；一个注册码只能注册一个站点代理。请重新签发。",
)
CODE_EXPIRED = declare(
    "centre.code_expired",
    en="This enrolment code was good until {expires_at}; it is {now} now."
    " Ask the centre's operator for a new code.",
    zh="该注册码有效期至 {expires_at}，现在是 {now}。请算力中心运营人员重新签发。",
)
PROOF_INVALID = declare(
    "centre.proof_invalid",
    en="The proof is not a signature by the key {key} over this code and name. The code was not used up.",
    zh="证明不是密钥 {key} 对该注册码和名称的签名。注册码未被消耗。",
)
KEY_TAKEN = declare(
    "centre.key_taken",
    en="The key {key} belongs to an agent already enrolled. Make a new key for a new agent.",
    zh="密钥 {key} 已属于一个已注册的站点代理。请为新的代理生成新密钥。",
)
NAME_TAKEN = declare(
    "centre.name_taken",
    en="This organisation already has a centre named {name}.",
    zh="该机构已有名为“{name}”的算力中心。",
)
AFTER_UNKNOWN = declare(
    "centre.after_unknown",
    en="The agent acknowledges command {after}, but only {last} were ever sent to it."
    " It belongs to another hub, or this hub was restored from an older copy.",
    zh="站点代理确认到第 {after} 条指令，但本平台只向其发送过 {last} 条。"
    "该代理属于另一平台，或本平台由较旧的备份恢复。",
)


def register_centre(*, actor: Actor, organisation_id: str, name: str, city: str) -> Centre:
    """An organisation applies with a site. The same name again is the same centre when the city is too.

    Raises:
        NotFound: the organisation, to a stranger.
        Refused: ``centre.role_missing``; ``centre.name_taken`` with another city.
    """
    with transaction.atomic():
        organisation = organisation_of(actor, organisation_id)
        if not rules.may_register(selectors.roles_in(actor, organisation_id), by_platform=is_platform(actor)):
            raise Refused(ROLE_MISSING, role="owner / centre_operator", at=organisation.name)
        existing = Centre.objects.filter(organisation=organisation, name=name).first()
        if existing is not None and existing.city == city:
            return existing
        if existing is not None:
            raise Refused(NAME_TAKEN, name=name)
        centre = Centre.objects.create(organisation=organisation, name=name, city=city)
        audit.record(
            kind="centre.registered",
            subject=centre.id,
            actor=actor.identity_id,
            public={"c": f"centre:{centre.id}", "name": name, "city": city},
            private={"organisation": organisation.id},
        )
        return centre


def admit_centre(*, actor: Actor, centre_id: str) -> Centre:
    """The platform admits a centre; twice is once.

    Raises:
        NotFound: to who may not see it.
        Refused: ``centre.role_missing`` to anybody but a platform operator.
    """
    with transaction.atomic():
        selectors.centre(actor, centre_id)
        if not is_platform(actor):
            raise Refused(ROLE_MISSING, role="platform_operator", at="the platform")
        centre = Centre.objects.select_for_update().get(pk=centre_id)
        if centre.state == Centre.State.ADMITTED:
            return centre
        centre.state = Centre.State.ADMITTED
        centre.admitted_at = timezone.now()
        centre.save(update_fields=["state", "admitted_at"])
        audit.record(
            kind="centre.admitted",
            subject=centre.id,
            actor=actor.identity_id,
            public={"c": f"centre:{centre.id}"},
            private={"organisation": centre.organisation_id},
        )
        return centre


def issue_enrolment_code(*, actor: Actor, centre_id: str) -> str:
    """A fresh code for one agent of a centre, good for fifteen minutes; only its hash is kept.

    Raises:
        NotFound: to a stranger.
        Refused: ``centre.role_missing``.
    """
    code, now = rules.new_code(), timezone.now()
    with transaction.atomic():
        centre = operated_centre(actor, centre_id)
        row = EnrolmentCode.objects.create(
            centre=centre,
            sha256=rules.code_sha256(code),
            issued_by=actor.identity_id,
            issued_at=now,
            expires_at=now + rules.CODE_LIFETIME,
        )
        audit.record(
            kind="centre.code_issued",
            subject=centre.id,
            actor=actor.identity_id,
            public={"c": f"centre:{centre.id}"},
            private={"code_id": row.id},
        )
    return code


def enrol(*, code: str, name: str, key: str, proof: str) -> Agent:
    """Turns a code and a key into an agent. The same code with the same key again gives the same agent.

    Args:
        code: As a person typed it.
        name: The agent's own name for itself.
        key: ``ed25519:`` and the public key in base64.
        proof: Signature by that key over ``{"code", "key", "name"}`` in the domain ``hesuan-enrol-v1``.

    Raises:
        Refused: ``centre.proof_invalid`` (nothing is used up), ``centre.code_unknown``, ``centre.code_used``,
            ``centre.code_expired``, ``centre.key_taken``, in this order.
    """
    _check_proof(code=code, name=name, key=key, proof=proof)
    now = timezone.now()
    with transaction.atomic():
        row = _locked_code(code)
        if row.agent is not None and row.agent.public_key == key and row.agent.revoked_at is None:
            return row.agent
        if row.used_at is not None:
            raise Refused(CODE_USED, used_at=_minute(row.used_at))
        if rules.is_expired(row.expires_at, now):
            raise Refused(CODE_EXPIRED, expires_at=_minute(row.expires_at), now=_minute(now))
        if Agent.objects.filter(public_key=key).exists():
            raise Refused(KEY_TAKEN, key=key)
        agent = Agent.objects.create(
            id=new_id(),
            centre_id=row.centre_id,
            name=name,
            public_key=key,
            enrolled_at=now,
            last_seen_at=now,
        )
        row.used_at, row.agent = now, agent
        row.save(update_fields=["used_at", "agent"])
        audit.record(
            kind="agent.enrolled",
            subject=agent.id,
            actor=agent.id,
            public={"c": f"centre:{row.centre_id}", "key": key},
            private={"code_id": row.id},
        )
        return agent


def revoke_agent(*, actor: Actor, agent_id: str, reason: str) -> Agent:
    """From now on nothing this agent signs is accepted; twice is once.

    Raises:
        NotFound: to a stranger.
        Refused: ``centre.role_missing``.
    """
    with transaction.atomic():
        agent = Agent.objects.select_for_update().filter(pk=agent_id).first()
        if agent is None:
            raise NotFound(selectors.AGENT_NOT_FOUND, agent=agent_id)
        operated_centre(actor, agent.centre_id)
        if agent.revoked_at is not None:
            return agent
        agent.revoked_at = timezone.now()
        agent.save(update_fields=["revoked_at"])
        audit.record(
            kind="agent.revoked",
            subject=agent.id,
            actor=actor.identity_id,
            public={"c": f"centre:{agent.centre_id}"},
            private={"reason": reason},
        )
        return agent


def seen(*, agent_id: str, at: datetime, acknowledged_seq: int | None = None) -> None:
    """Notes that an agent called, and what it says it holds; neither ever goes back.

    Raises:
        Conflict: ``centre.after_unknown`` when it acknowledges commands this hub never sent.
    """
    with transaction.atomic():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent_id)
        acknowledged = max(agent.acknowledged_seq, acknowledged_seq or 0)
        if acknowledged > agent.last_command_seq:
            raise Conflict(AFTER_UNKNOWN, after=acknowledged, last=agent.last_command_seq)
        agent.acknowledged_seq = acknowledged
        agent.last_seen_at = max(agent.last_seen_at or at, at)
        agent.save(update_fields=["acknowledged_seq", "last_seen_at"])


def _check_proof(*, code: str, name: str, key: str, proof: str) -> None:
    value: dict[str, Json] = {"code": code, "key": key, "name": name}
    if not keys.verify(key, domain=ENROL_DOMAIN, value=value, signature=proof):
        raise Refused(PROOF_INVALID, key=key)


def _locked_code(code: str) -> EnrolmentCode:
    wanted = rules.code_sha256(code)
    row = EnrolmentCode.objects.select_for_update(of=("self",)).filter(sha256=wanted).first()
    if row is None or not rules.same_hash(row.sha256, wanted):
        raise Refused(CODE_UNKNOWN)
    return row


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
