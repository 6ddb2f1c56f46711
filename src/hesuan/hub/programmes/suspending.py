"""Suspension with due process: reason, the holder's word, another's decision. Part of :mod:`.services`.

A suspended voucher keeps its money and its open orders; nothing new is held of it, and it does not run out.
Who decides is not who suspended, and not of the holder. It is revoked only once the holder has spoken or the
time to speak is over.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import errors, selectors
from hesuan.hub.programmes.checks import Verb, need_role, need_voucher_state, need_words
from hesuan.hub.programmes.life import LIVING, for_voucher_office, locked, step, wind_up
from hesuan.hub.programmes.models import Suspension, Voucher

State = Voucher.State
Outcome = Suspension.Outcome

ANSWER_DAYS = 14
"""How long the holder may answer. No programme that was read publishes a time; this is the platform's own."""

_SUSPENDERS = ("programme_officer", "reviewer")
_DECIDERS = ("approver",)


def suspend(*, actor: Actor, voucher_id: str, reason: str) -> Suspension:
    """Freezes a voucher and gives its holder notice with the reason.

    Args:
        actor: A programme officer or a reviewer of its office.
        voucher_id: The voucher; one that is suspended already stays as it is.
        reason: What is held against it; the holder reads it.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``.
    """
    verb = ("Suspending a voucher", "暂停算力券")
    with transaction.atomic():
        voucher = for_voucher_office(actor, voucher_id, _SUSPENDERS, verb)
        need_words(reason, verb)
        if voucher.state == State.SUSPENDED:
            return _open(voucher)
        need_voucher_state(voucher, LIVING, verb)
        now = timezone.now()
        case = Suspension.objects.create(
            voucher=voucher,
            reason=reason,
            opened_by=actor.identity_id,
            opened_at=now,
            answer_until=now + timedelta(days=ANSWER_DAYS),
        )
        step(voucher, State.SUSPENDED, "suspend", actor, detail=case.id, reason=reason)
        return case


def answer(*, actor: Actor, voucher_id: str, statement: str) -> Suspension:
    """Takes down what the holder says to a suspension; a later statement is added to an earlier one.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``.
    """
    verb = ("Answering a suspension", "对暂停作出陈述")
    with transaction.atomic():
        seen = selectors.voucher(actor, voucher_id).voucher
        need_role(actor, seen.organisation, ("owner",), verb)
        need_words(statement, verb)
        voucher = locked(seen.id)
        need_voucher_state(voucher, (State.SUSPENDED,), verb)
        case = _open(voucher)
        said = case.statement.split("\n\n") if case.statement else []
        if statement not in said:
            case.statement = "\n\n".join((*said, statement))
            case.stated_by, case.stated_at = actor.identity_id, timezone.now()
            case.save(update_fields=["statement", "stated_by", "stated_at"])
            step(voucher, State.SUSPENDED, "answer", actor, reason=statement)
        return case


def reinstate(*, actor: Actor, voucher_id: str, reason: str) -> Voucher:
    """Ends a suspension in the holder's favour: the voucher is what it was before.

    Args:
        actor: An approver of its office who did not suspend it and is not of the holder.
        voucher_id: The voucher.
        reason: Why; the holder reads it.

    Raises:
        NotFound: ``voucher.not_found``.
        Refused: ``programme.role_missing``, ``voucher.reason_missing``, ``voucher.wrong_state``,
            ``voucher.same_person``, ``voucher.own_organisation``.
    """
    verb = ("Reinstating a voucher", "恢复算力券")
    with transaction.atomic():
        voucher = for_voucher_office(actor, voucher_id, _DECIDERS, verb)
        need_words(reason, verb)
        if voucher.state in LIVING and _last_outcome(voucher) == Outcome.REINSTATED:
            return voucher
        case = _to_decide(actor, voucher, verb)
        _decide(case, actor, Outcome.REINSTATED, reason)
        before = voucher.steps.filter(trigger="suspend", detail=case.id).get().from_state
        step(voucher, before, "reinstate", actor, detail=case.id, reason=reason)
        return voucher


def revoke(*, actor: Actor, voucher_id: str, reason: str) -> Voucher:
    """Ends a suspension against the holder: what is left goes back once no order holds any.

    Args:
        actor: As :func:`reinstate`.
        voucher_id: The voucher.
        reason: Why; the holder reads it.

    Raises:
        As :func:`reinstate`; and Refused: ``voucher.answer_awaited``.
    """
    verb = ("Revoking a voucher", "撤销算力券")
    with transaction.atomic():
        voucher = for_voucher_office(actor, voucher_id, _DECIDERS, verb)
        need_words(reason, verb)
        if voucher.state in (State.REVOKED, State.CLOSED) and _last_outcome(voucher) == Outcome.REVOKED:
            return voucher
        case = _to_decide(actor, voucher, verb)
        now = timezone.now()
        if not case.statement and now < case.answer_until:
            raise Refused(
                errors.ANSWER_AWAITED,
                organisation=voucher.organisation.name,
                voucher=voucher.code,
                until=f"{case.answer_until:%Y-%m-%d %H:%M} UTC",
                now=f"{now:%Y-%m-%d %H:%M} UTC",
            )
        _decide(case, actor, Outcome.REVOKED, reason)
        step(voucher, State.REVOKED, "revoke", actor, detail=case.id, reason=reason)
        wind_up(voucher)
        return voucher


def _to_decide(actor: Actor, voucher: Voucher, verb: Verb) -> Suspension:
    need_voucher_state(voucher, (State.SUSPENDED,), verb)
    case = _open(voucher)
    if case.opened_by == actor.identity_id:
        raise Refused(errors.VOUCHER_SAME_PERSON, name=actor.name, voucher=voucher.code)
    if voucher.organisation_id in actor.organisations():
        raise Refused(
            errors.VOUCHER_OWN,
            name=actor.name,
            organisation=voucher.organisation.name,
            verb=verb[0],
            verb_zh=verb[1],
        )
    return case


def _decide(case: Suspension, actor: Actor, outcome: str, reason: str) -> None:
    case.outcome, case.decision = outcome, reason
    case.decided_by, case.decided_at = actor.identity_id, timezone.now()
    case.save(update_fields=["outcome", "decision", "decided_by", "decided_at"])


def _open(voucher: Voucher) -> Suspension:
    return voucher.suspensions.get(outcome="")


def _last_outcome(voucher: Voucher) -> str:
    last = voucher.suspensions.order_by("-opened_at", "-id").first()
    return last.outcome if last is not None else ""
