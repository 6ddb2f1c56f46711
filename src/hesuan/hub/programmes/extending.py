"""A voucher's time made longer, where its document lets the office do so. Part of :mod:`.services`.

The published verb is EXTENDED (ACCESS: *Extension*; NHR: one more quarter). ``issuance.extension`` says how
much longer than its validity a voucher may live, all extensions together: a time after its first last day, a
day, or without end. No money moves and no counter: what was issued stays issued, and only the day on which it
would go back is another. The first last day stays on record, and every extension is a step with its reason.

A voucher whose last day is over is not extended: what was delivered since would become payable afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import engine, errors, life, rules
from hesuan.hub.programmes.checks import need_outsider, need_voucher_state, need_words
from hesuan.hub.programmes.models import Voucher
from hesuan.policy.fields import Open
from hesuan.policy.programme import Programme
from hesuan.policy.terms import Validity
from hesuan.policy.windows import later

EXTENDED = "extend"
"""The step of an extension; its detail is the new last day."""
LATEST = date(2999, 12, 31)
"""What ``open_ended`` comes to: every calendar this runs on knows the day after."""


@dataclass(frozen=True, slots=True)
class Room:
    """How far a voucher may still be extended."""

    after: date
    """Its last day now."""
    until: date
    """The last day it may get."""


def extend(*, actor: Actor, voucher_id: str, last_day: date, reason: str) -> Voucher:
    """Lets a voucher end later than it would.

    Args:
        actor: An approver of its office who is not of the holder.
        voucher_id: The voucher.
        last_day: The new last day; the same one again changes nothing.
        reason: Why; the holder reads it.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``,
            ``voucher.own_organisation``, ``voucher.no_extension`` where the document lets nobody, or the
            voucher does not end or is over; ``voucher.extension_outside`` for a day that is not later, or
            beyond what the document allows.
    """
    verb = ("Extending a voucher", "延长算力券有效期")
    with transaction.atomic():
        voucher = life.for_voucher_office(actor, voucher_id, ("approver",), verb)
        need_words(reason, verb)
        if voucher.steps.filter(trigger=EXTENDED, detail=last_day.isoformat()).exists():
            return voucher
        need_voucher_state(voucher, life.LIVING, verb)
        need_outsider(actor, voucher, verb)
        room = room_of(voucher)
        if room is None:
            raise _refused(voucher)
        _need_within(voucher, room, last_day)
        voucher.extended_until = rules.expiry(voucher.issued_at, count=0, unit="", until=last_day)
        voucher.save(update_fields=["extended_until"])
        life.step(voucher, voucher.state, EXTENDED, actor, detail=last_day.isoformat(), reason=reason)
        return voucher


def room_of(voucher: Voucher) -> Room | None:
    """How far a voucher may still be extended; ``None``: not at all."""
    issuance = engine.programme_of(voucher.programme_version).terms.issuance
    rule = issuance.extension if issuance is not None else None
    if voucher.ends_at is None or voucher.expires_at is None or not isinstance(rule, Validity):
        return None
    now, first = _last_day(voucher.ends_at), _last_day(voucher.expires_at)
    until = rule.until or (later(first, rule.count, rule.unit) if rule.count else LATEST)
    over = voucher.ends_at <= timezone.now() or until <= now
    return None if over else Room(now, min(until, LATEST))


def _last_day(end: datetime) -> date:
    return rules.programme_day(end - timedelta(microseconds=1))


def _need_within(voucher: Voucher, room: Room, last_day: date) -> None:
    if not room.after < last_day <= room.until:
        raise Refused(
            errors.EXTENSION_OUTSIDE,
            voucher=voucher.code,
            day=last_day,
            after=room.after,
            until=room.until,
            where=engine.programme_of(voucher.programme_version).cite("issuance.extension"),
        )


def _refused(voucher: Voucher) -> Refused:
    document = engine.programme_of(voucher.programme_version)
    return Refused(
        errors.NO_EXTENSION,
        voucher=voucher.code,
        rule=_told(document),
        where=document.cite("issuance.extension"),
        ends=f"{voucher.ends_at:%Y-%m-%d %H:%M} UTC" if voucher.ends_at else "–",
        now=f"{timezone.now():%Y-%m-%d %H:%M} UTC",
    )


def _told(document: Programme) -> str:
    """What a document says of extensions, as it is written."""
    issuance = document.terms.issuance
    rule = issuance.extension if issuance is not None else None
    if isinstance(rule, Open):
        return "?"
    if rule is None:
        return "–"
    if rule.until is not None:
        return rule.until.isoformat()
    return f"P{rule.count}{rule.unit}" if rule.count else "open_ended"
