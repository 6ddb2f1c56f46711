"""What people put on record in a log besides money: an incident, an accepted restore, an erased record."""

from __future__ import annotations

import logging

from django.db import transaction

from hesuan.errors import Conflict, NotFound, Refused, declare
from hesuan.hub.audit import checks as log_checks
from hesuan.hub.audit import entries, restoring, signing
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
log_of_this = logging.getLogger(__name__)


@transaction.atomic
def record_incident(*, actor: Actor, reason: str, log: str = signing.PLATFORM) -> Fact:
    """Puts an incident on public record; ``reason`` stands in the leaf as written.

    Raises:
        Refused: ``notices.role_missing``.
        NotFound: ``notices.no_such_log``.
    """
    _need(actor, *MAY_RECORD)
    if not Log.objects.filter(name=log).exists():
        raise NotFound(NO_SUCH_LOG, log=log)
    return entries.record_entry(
        log=log,
        kind=notices.INCIDENT,
        subject=f"incident:{new_id()}",
        actor=actor.identity_id,
        public={"what": reason[:MAX_REASON]},
        private={"by": actor.identity_id},
    )


@transaction.atomic
def accept_restore(*, actor: Actor, reason: str) -> list[Fact]:
    """Says in every log that a restored database was compared with what was published, and has it.

    Raises:
        Refused: ``notices.role_missing``, ``audit.behind_the_published_log``, ``audit.published_otherwise``,
            ``notices.restore_not_accepted``.
    """
    _need(actor, *MAY_RECORD)
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
            public={"what": reason[:MAX_REASON], "last": newest.size - 1},
            private={"by": actor.identity_id},
        )
        made.append(fact)
    return made


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
