"""Calls: when applications are taken. Part of :mod:`.services`.

A version whose document names windows has a call for each of them from its activation on; a version without
has one standing call (即申即享), until an officer opens others. Whether a call is open is told by its days.
"""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Conflict, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import application_selectors, engine, errors, rules, selectors
from hesuan.hub.programmes.checks import need_role
from hesuan.hub.programmes.models import Call, ProgrammeVersion
from hesuan.policy.terms import Span
from hesuan.wire.ids import new_id

OFFICER = ("programme_officer",)


def open_call(
    *,
    actor: Actor,
    version_id: str,
    opens_on: date,
    closes_on: date | None = None,
    budget: str = "",
    title: str = "",
    call_id: str | None = None,
) -> Call:
    """Opens a call under an active version, from a day on; the same id again is the same call.

    Args:
        actor: A programme officer of the office.
        version_id: The version.
        opens_on: The first day on which applications are taken.
        closes_on: The last; ``None`` for a standing call.
        budget: Id of one of the document's budgets; its first without.
        title: For people.
        call_id: Chosen by the caller.

    Raises:
        NotFound: the version.
        Refused: ``programme.role_missing``, ``programme.not_active``, ``call.days_wrong``,
            ``call.outside_windows``, ``call.no_such_budget``.
        Conflict: ``call.id_taken``.
    """
    with transaction.atomic():
        version = selectors.version(actor, version_id)
        need_role(actor, version.programme.office, OFFICER, ("Opening a call", "开放申领批次"))
        version = ProgrammeVersion.objects.select_for_update().get(pk=version.pk)
        line = budget or _first_budget(version)
        asked = (version.pk, line, opens_on, closes_on, title)
        before = Call.objects.filter(pk=call_id).first() if call_id else None
        if before is not None:
            if (
                before.programme_version_id,
                before.budget,
                before.opens_on,
                before.closes_on,
                before.title,
            ) != asked:
                raise Conflict(errors.CALL_TAKEN, call=before.id)
            return before
        _need_fitting(version, line, opens_on, closes_on)
        call = _create(version, actor, opens_on, closes_on, line, title=title, call_id=call_id)
        _record("call.opened", call, actor)
        return call


def close_call(*, actor: Actor, call_id: str, reason: str) -> Call:
    """Closes a call before its last day; one that is closed stays as it is.

    Raises:
        NotFound: ``call.not_found``.
        Refused: ``programme.role_missing``, ``call.reason_missing``.
    """
    with transaction.atomic():
        seen = application_selectors.call(call_id)
        office = seen.programme_version.programme.office
        need_role(actor, office, OFFICER, ("Closing a call", "结束申领批次"))
        call = Call.objects.select_for_update().get(pk=seen.pk)
        if call.state_on(rules.programme_day(timezone.now())) == Call.State.CLOSED:
            return call
        if not reason.strip():
            raise Refused(errors.CALL_REASON_MISSING, call=call.id)
        _close(call, actor, reason)
        return call


def begin(version: ProgrammeVersion, actor: Actor) -> None:
    """On activation: the calls of the version's document, in place of those of the version before."""
    others = Call.objects.select_for_update().filter(
        programme_version__programme_id=version.programme_id, closed_at=None
    )
    for call in others.exclude(programme_version=version):
        _close(call, actor, f"version {version.version}")
    issuance = engine.programme_of(version).terms.issuance
    windows = issuance.windows if issuance else ()
    today = rules.programme_day(timezone.now())
    for opens_on, closes_on in [_days(one) for one in windows] or [(today, None)]:
        _create(version, actor, opens_on, closes_on, _first_budget(version))


def taking(version: ProgrammeVersion, day: date, call_id: str | None = None) -> Call:
    """The call that takes an application on a day: the one named, or the open one that ends first.

    Raises:
        Refused: ``call.none_open`` with the days of those there are.
    """
    found = Call.objects.select_for_update().filter(programme_version=version)
    calls = sorted(found, key=lambda one: (one.closes_on or date.max, one.opens_on, one.id))
    for call in calls:
        if call.state_on(day) == Call.State.OPEN and call_id in (None, call.id):
            return call
    told = ", ".join(f"{one.opens_on} – {one.closes_on or '…'} ({one.state_on(day)})" for one in calls)
    raise Refused(
        errors.NO_OPEN_CALL,
        programme=version.programme_id,
        version=version.version,
        on=day,
        calls=told or "–",
    )


def _budgets(version: ProgrammeVersion) -> list[str]:
    return [budget.id for budget in engine.programme_of(version).budgets]


def _first_budget(version: ProgrammeVersion) -> str:
    """Empty where the programme has none: its vouchers are paid from the appropriation."""
    return next(iter(_budgets(version)), "")


def _days(span: Span) -> tuple[date, date | None]:
    assert isinstance(span.begin, date), "the linter saw to it"
    return span.begin, span.end if isinstance(span.end, date) else None


def _need_fitting(version: ProgrammeVersion, budget: str, opens_on: date, closes_on: date | None) -> None:
    if version.state != ProgrammeVersion.State.ACTIVE:
        raise Refused(
            errors.NOT_ACTIVE, programme=version.programme_id, version=version.version, state=version.state
        )
    if closes_on is not None and closes_on < opens_on:
        raise Refused(errors.CALL_DAYS_WRONG, opens_on=opens_on, closes_on=closes_on)
    budgets = _budgets(version)
    if budget not in (budgets or [""]):
        raise Refused(errors.NO_SUCH_BUDGET, budget=budget, known=", ".join(budgets))
    issuance = engine.programme_of(version).terms.issuance
    windows = [_days(one) for one in issuance.windows] if issuance else []
    last = closes_on or date.max
    if windows and not any(begin <= opens_on and last <= (end or date.max) for begin, end in windows):
        told = ", ".join(f"{begin} – {end or '…'}" for begin, end in windows)
        raise Refused(
            errors.CALL_OUTSIDE_WINDOWS, opens_on=opens_on, closes_on=closes_on or "…", windows=told
        )


def _create(
    version: ProgrammeVersion,
    actor: Actor,
    opens_on: date,
    closes_on: date | None,
    budget: str,
    *,
    title: str = "",
    call_id: str | None = None,
) -> Call:
    return Call.objects.create(
        id=call_id or new_id(),
        programme_version=version,
        title=title,
        budget=budget,
        opens_on=opens_on,
        closes_on=closes_on,
        opened_by=actor.identity_id,
        opened_at=timezone.now(),
    )


def _close(call: Call, actor: Actor, reason: str) -> None:
    call.closed_by, call.closed_at, call.close_reason = actor.identity_id, timezone.now(), reason
    call.save(update_fields=["closed_by", "closed_at", "close_reason"])
    _record("call.closed", call, actor, reason=reason)


def _record(kind: str, call: Call, actor: Actor, *, reason: str = "") -> None:
    version = call.programme_version
    audit.record(
        kind=kind,
        subject=call.id,
        actor=actor.identity_id,
        public={
            "programme": version.programme_id,
            "version": version.version,
            "budget": call.budget,
            "opens_on": str(call.opens_on),
            "closes_on": str(call.closes_on or ""),
            **({"reason": reason[:500]} if reason else {}),
        },
    )
