"""Checkpoints at which what lies unused is taken back, and exemptions from them. Part of :mod:`.services`."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.programmes import engine, errors, rules, selectors
from hesuan.hub.programmes.checks import need_voucher_state, need_words
from hesuan.hub.programmes.life import LIVING, for_voucher_office, give_back, locked, release_due, step
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.policy import decay
from hesuan.policy.programme import Programme
from hesuan.policy.terms import Checkpoint
from hesuan.wire.ids import new_id

State = Voucher.State
UNDECIDED = "undecided"
"""The step of a checkpoint at which the used share lay in no bracket."""


def exempt(*, actor: Actor, voucher_id: str, day: date, reason: str) -> Voucher:
    """Exempts a voucher from one checkpoint, in the name of the role that the programme lets do so.

    Args:
        actor: A programme officer of its office.
        voucher_id: The voucher.
        day: The checkpoint's day; the same one again changes nothing.
        reason: Why; on record.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``,
            ``voucher.no_exemption`` where the programme lets nobody, or knows no such day.
    """
    verb = ("Exempting a voucher from a checkpoint", "豁免核查日扣减")
    with transaction.atomic():
        voucher = for_voucher_office(actor, voucher_id, ("programme_officer",), verb)
        need_words(reason, verb)
        document = engine.programme_of(voucher.programme_version)
        expiry = document.terms.expiry
        role = expiry.exemption if expiry is not None else ""
        known = [one.on for one in _checkpoints(document)]
        if not role or day not in known:
            days = ", ".join(str(one) for one in known) or "–"
            raise Refused(errors.NO_EXEMPTION, voucher=voucher.code, known=days, role=role or "–", day=day)
        if voucher.steps.filter(trigger__in=("exempt", "reduce"), detail=day.isoformat()).exists():
            return voucher
        need_voucher_state(voucher, LIVING, verb)
        step(voucher, voucher.state, "exempt", actor, detail=day.isoformat(), reason=f"{role}: {reason}")
        return voucher


def keep_dates(now: datetime | None = None) -> int:
    """Releases the tranches and carries out the checkpoints whose day has come; safe to repeat.

    Returns:
        How many vouchers were looked at and changed.
    """
    at = now or timezone.now()
    done = 0
    dated = Q(text__contains="tranches") | Q(text__contains="checkpoints")
    for version in ProgrammeVersion.objects.filter(dated).exclude(state=ProgrammeVersion.State.DRAFT):
        days = _days(engine.programme_of(version))
        if not any(day <= rules.programme_day(at) for day in days):
            continue
        living = Voucher.objects.filter(programme_version=version, state__in=LIVING)
        for voucher_id in list(living.values_list("id", flat=True)):
            with transaction.atomic():
                voucher = locked(voucher_id)
                if voucher.state in LIVING:
                    done += release_due(voucher, SYSTEM, at) + reduce_due(voucher, at)
    return done


def reduce_due(voucher: Voucher, now: datetime) -> int:
    """Carries out every checkpoint whose day has come since the voucher's issue; returns how many.

    What orders hold counts as used: it was promised. Where the programme's brackets leave a share between
    them, nothing is taken and the step says so; a person decides it (:func:`.claiming.decide_share`). The
    caller holds the row.
    """
    document = engine.programme_of(voucher.programme_version)
    today, issued = rules.programme_day(now), rules.programme_day(voucher.issued_at)
    due = [one for one in _checkpoints(document) if isinstance(one.on, date) and issued < one.on <= today]
    done = 0
    for checkpoint in sorted(due, key=lambda one: str(one.on)):
        if not voucher.steps.filter(trigger__in=("reduce", UNDECIDED), detail=str(checkpoint.on)).exists():
            _reduce(voucher, document, checkpoint)
            done += 1
    return done


def _reduce(voucher: Voucher, document: Programme, checkpoint: Checkpoint) -> None:
    exemption = voucher.steps.filter(trigger="exempt", detail=str(checkpoint.on)).first()
    expiry = document.terms.expiry
    found = decay.reduce(
        document,
        checkpoint,
        holding_of(voucher),
        exempted_by=expiry.exemption if exemption is not None and expiry is not None else "",
        reason=exemption.reason if exemption is not None else "",
    )
    taken = give_back(voucher, found.removed_fen, subject=f"reduce:{new_id()}") if found.removed_fen else 0
    state = State.REDUCED if taken and voucher.state != State.ISSUED else voucher.state
    reason = f"{found.en} {found.zh} [{found.citing}]"
    trigger = UNDECIDED if found.refused is decay.BETWEEN_BRACKETS else "reduce"
    step(voucher, state, trigger, SYSTEM, detail=str(checkpoint.on), amount_fen=taken, reason=reason)


def holding_of(voucher: Voucher) -> decay.Holding:
    """An allocation as a checkpoint looks at it now."""
    view = selectors.view_of(voucher)
    return decay.Holding(
        original_fen=voucher.face_fen,
        current_fen=voucher.face_fen - view.returned_fen,
        used_fen=view.redeemed_fen + view.held_fen,
    )


def checkpoint_of(document: Programme, day: date) -> Checkpoint | None:
    """The document's checkpoint of a day."""
    return next((one for one in _checkpoints(document) if one.on == day), None)


def _checkpoints(document: Programme) -> tuple[Checkpoint, ...]:
    return document.terms.expiry.checkpoints if document.terms.expiry is not None else ()


def _days(document: Programme) -> list[date]:
    issuance = document.terms.issuance
    tranches = issuance.tranches if issuance is not None else ()
    days = [one.release for one in tranches] + [one.on for one in _checkpoints(document)]
    return [day for day in days if isinstance(day, date)]
