"""What people put on record in a log besides money: an incident, an accepted restore, an erased record."""

from __future__ import annotations

import json
import logging

from django.db import transaction

from hesuan.errors import Conflict, InputFault, NotFound, Refused, declare
from hesuan.hub.audit import checks as log_checks
from hesuan.hub.audit import entries, publishing, restoring, signing, witnessing
from hesuan.hub.audit.models import Fact, Log
from hesuan.hub.audit.selectors import latest_checkpoint, logs
from hesuan.hub.disclosure import checks
from hesuan.hub.identity.actors import Actor
from hesuan.hub.settlement import soundness
from hesuan.wire import notices
from hesuan.wire.ids import new_id

MAX_REASON = 500
"""Characters of a reason that stands in a public leaf."""
MAY_RECORD = ("platform_operator", "security_admin")
MAY_ERASE = "security_admin"

ROLE_MISSING = declare(
    "notices.role_missing",
    en="{name} may not put this on record in a log; that is for {roles}.",
    zh="{name} 无权在日志中作此记录；须由 {roles} 办理。",
)
NO_SUCH_LOG = declare("notices.no_such_log", en="There is no log {log}.", zh="没有日志 {log}。")
REASON_MISSING = declare(
    "notices.reason_missing",
    en="Say what happened, in words that may stand in the public log for ever.",
    zh="请说明发生了什么；文字将永久载于公开日志。",
)
TOO_LONG = declare(
    "notices.reason_too_long",
    en="These are {characters} characters; a leaf holds at most {most} of a reason. Nothing was recorded.",
    zh="共 {characters} 个字符；条目至多载入 {most} 个。未作任何记载。",
)
ID_TAKEN = declare(
    "notices.id_taken",
    en="Incident {incident} is on record already, in another log or in other words.",
    zh="事件 {incident} 已有记载，但所载日志或文字不同。",
)
NO_PRIVATE = declare(
    "notices.no_private_record",
    en="Leaf {leaf} of log {log} is not there, or nothing private stands behind it.",
    zh="日志 {log} 没有第 {leaf} 条，或该条没有私有记录。",
)
ALREADY = declare(
    "notices.erased_already",
    en="What stood behind leaf {leaf} of log {log} was erased before.",
    zh="日志 {log} 第 {leaf} 条的私有记录此前已抹去。",
)
NOT_ACCEPTED = declare(
    "notices.restore_not_accepted",
    en="The database that was restored is not accepted: {findings} do not hold. `hesuan hub log-check` and"
    " `hesuan ledger check` list the rows; nothing was recorded.",
    zh="所恢复的数据库未予认可：{findings} 不成立。`hesuan hub log-check` 与 `hesuan ledger check`"
    " 列出相应记录；未作任何记载。",
)
NOT_REBUILT = declare(
    "notices.rebuild_refused",
    en="The folder of log {log} is not written anew: {findings} do not hold. `hesuan hub log-check` lists the"
    " rows; restore the database first.",
    zh="日志 {log} 的目录未重新写出：{findings} 不成立。`hesuan hub log-check` 列出相应记录；"
    "请先恢复数据库。",
)
log_of_this = logging.getLogger(__name__)


def may_record(actor: Actor) -> bool:
    """Whether this person puts incidents and restores on record."""
    return actor.is_system or any(actor.has(role) for role in MAY_RECORD)


@transaction.atomic
def record_incident(*, actor: Actor, reason: str, log: str = signing.PLATFORM, incident_id: str = "") -> Fact:
    """Puts an incident on public record; ``reason`` stands in the leaf as written.

    Args:
        actor: An administrator of the platform or of security.
        reason: At most :data:`MAX_REASON` characters; what is longer is refused, never cut.
        log: The platform's log or a programme's.
        incident_id: A ULID chosen by the caller; the same id again is the same incident. Empty: a new one.

    Raises:
        Refused: ``notices.role_missing``.
        InputFault: ``notices.reason_missing``, ``notices.reason_too_long``.
        NotFound: ``notices.no_such_log``.
        Conflict: ``notices.id_taken``.
    """
    _need(actor, *MAY_RECORD)
    _need_words(reason)
    # Under the log's lock: of two requests with one id, the second finds what the first wrote.
    if not Log.objects.select_for_update().filter(name=log).first():
        raise NotFound(NO_SUCH_LOG, log=log)
    subject = f"incident:{incident_id or new_id()}"
    found = Fact.objects.filter(kind=notices.INCIDENT, subject=subject).first()
    if found is not None:
        if (found.log, json.loads(found.logged)["what"]) != (log, reason):
            raise Conflict(ID_TAKEN, incident=incident_id)
        return found
    return entries.record_entry(
        log=log,
        kind=notices.INCIDENT,
        subject=subject,
        actor=actor.identity_id,
        public={"what": reason},
        private={"by": actor.identity_id},
    )


@transaction.atomic
def accept_restore(*, actor: Actor, reason: str) -> list[Fact]:
    """Says in every log that a restored database was compared with what was published, and has it.

    Raises:
        Refused: ``notices.role_missing``, ``audit.behind_the_published_log``, ``audit.published_otherwise``,
            ``notices.restore_not_accepted``.
        InputFault: ``notices.reason_missing``, ``notices.reason_too_long``.
    """
    _need(actor, *MAY_RECORD)
    _need_words(reason)
    restoring.refuse()
    names = logs()
    broken = {one.invariant for one in (*soundness.check(), *checks.check())}
    broken |= {one.invariant for log in names for one in log_checks.check(log)}
    if broken:
        raise Refused(NOT_ACCEPTED, findings=", ".join(sorted(broken)))
    made = []
    for log in names:
        newest = latest_checkpoint(log)
        if newest is None:
            continue
        fact = entries.record_entry(
            log=log,
            kind=notices.RESTORE,
            subject=f"restore:{new_id()}",
            actor=actor.identity_id,
            public={"what": reason, "last": newest.size - 1},
            private={"by": actor.identity_id},
        )
        made.append(fact)
    return made


def rebuild_log(*, actor: Actor, log: str, reason: str) -> tuple[int, list[str]]:
    """Writes a log's folder anew from the database, because no copy of it is left, and says so in the log.

    Not while anything tells that the database is behind what was signed: the log's own sums, the mark beside
    its key, a witness.

    Returns:
        Leaves in the folder now, and the witnesses who could not say what they have seen.

    Raises:
        Refused: ``notices.role_missing``, ``notices.rebuild_refused``, ``audit.behind_a_witness``,
            ``audit.witnessed_otherwise``, ``audit.behind_the_key``, ``audit.behind_the_published_log``.
        InputFault: ``notices.reason_missing``, ``notices.reason_too_long``: beside what the hub says itself.
        NotFound: ``notices.no_such_log``.
    """
    _need(actor, *MAY_RECORD)
    if latest_checkpoint(log) is None:
        raise NotFound(NO_SUCH_LOG, log=log)
    if broken := {one.invariant for one in log_checks.check(log)}:
        raise Refused(NOT_REBUILT, log=log, findings=", ".join(sorted(broken)))
    silent = witnessing.refuse_behind_witnesses(log)
    shown, found = publishing.shown_size(log), publishing.published_size(log)
    said = (
        f"folder written anew, {found} of {shown} leaves were left / 重新写出目录，原余 {found}/{shown} 条: "
    )
    _need_words(reason, most=MAX_REASON - len(said))
    record_incident(actor=actor, log=log, reason=said + reason)
    return publishing.rebuild(log), silent


@transaction.atomic
def erase(*, actor: Actor, log: str, leaf: int, reason: str) -> Fact:
    """Destroys salt and private record behind a leaf; a ``correction`` says so, and the leaf stays.

    The ledger's own rows are not touched: what the law demands of the books is kept there.

    Raises:
        Refused: ``notices.role_missing``.
        NotFound: ``notices.no_private_record``.
        Conflict: ``notices.erased_already``.
    """
    _need(actor, MAY_ERASE)
    fact = Fact.objects.select_for_update().filter(log=log, leaf_index=leaf).first()
    if fact is None or fact.private is None:
        raise NotFound(NO_PRIVATE, log=log, leaf=leaf)
    if "salt" not in fact.private:
        raise Conflict(ALREADY, log=log, leaf=leaf)
    told = entries.record_entry(
        log=log,
        kind=notices.CORRECTION,
        subject=f"erased:{fact.id}",
        actor=actor.identity_id,
        public={"what": notices.ERASED, "of": [leaf]},
        private={"by": actor.identity_id, "reason": reason},
    )
    fact.private = {"erased_by": told.id}
    fact.save(update_fields=["private"])
    return told


def _need(actor: Actor, *roles: str) -> None:
    if not actor.is_system and not any(actor.has(role) for role in roles):
        raise Refused(ROLE_MISSING, name=actor.name, roles=", ".join(roles))


def _need_words(reason: str, *, most: int = MAX_REASON) -> None:
    if not reason.strip():
        raise InputFault(REASON_MISSING, where="reason")
    if len(reason) > most:
        raise InputFault(TOO_LONG, where="reason", characters=len(reason), most=most)
