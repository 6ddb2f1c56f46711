"""Vouchers after their issue: released, given up, suspended and decided on; every step of theirs."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.routes.vouchers import VoucherShape, voucher_shape
from hesuan.hub.api.shapes import Body, Day, Id, Note, Shape, Time, Title, Yuan
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.models import Suspension, VoucherStep

router = Router()
HERE = "/vouchers/{voucher_id}"


class VoucherStepShape(Shape):
    """One transition of a voucher."""

    from_state: str
    to_state: str
    trigger: str
    detail: str
    amount_yuan: Yuan
    reason: str
    at: Time


class SuspensionShape(Shape):
    """A suspension: its reason, what the holder said, and what was decided."""

    id: str
    reason: str
    opened_at: Time
    answer_until: Time
    statement: str
    outcome: str
    decision: str
    decided_at: Time | None


class Because(Body):
    """Why; it goes on record."""

    reason: Note


class Event(Because):
    """What happened, as the programme's tranches name it."""

    event: Title


class Exemption(Because):
    """The checkpoint's day."""

    day: Day


class Share(Because):
    """The checkpoint's day, and what of the unused is taken, such as `15/100` or `0`."""

    day: Day
    remove_of_unused: Annotated[str, Field(pattern=r"^[0-9]{1,6}(/[1-9][0-9]{0,5})?$")]


class Extension(Because):
    """The new last day."""

    last_day: Day


class Statement(Body):
    """What the holder says."""

    statement: Note


class Receiver(Body):
    """To whom."""

    organisation: Id


@router.get(HERE + "/steps", response=list[VoucherStepShape])
def list_steps(request: HttpRequest, voucher_id: str) -> list[VoucherStepShape]:
    """Every transition of a voucher, in order."""
    return [_step(row) for row in selectors.voucher_steps(actor_of(request), voucher_id)]


@router.get(HERE + "/suspensions", response=list[SuspensionShape])
def list_suspensions(request: HttpRequest, voucher_id: str) -> list[SuspensionShape]:
    """Every suspension of a voucher, the newest first."""
    return [_suspension(row) for row in selectors.suspensions(actor_of(request), voucher_id)]


@router.post(HERE + "/surrender", response=VoucherShape)
def surrender(request: HttpRequest, voucher_id: str, body: Because) -> HttpResponse:
    """Gives a voucher up; its rest goes back once no order holds any."""
    return _done(
        request,
        voucher_id,
        lambda: services.surrender(actor=actor_of(request), voucher_id=voucher_id, reason=body.reason),
    )


@router.post(HERE + "/transfer", response=VoucherShape)
def transfer(request: HttpRequest, voucher_id: str, body: Receiver) -> HttpResponse:
    """Is refused, and cites the programme's rule: a voucher is bound to its applicant."""
    return _done(
        request,
        voucher_id,
        lambda: services.transfer(
            actor=actor_of(request), voucher_id=voucher_id, to_organisation_id=body.organisation
        ),
    )


@router.post(HERE + "/release", response=VoucherShape)
def release(request: HttpRequest, voucher_id: str, body: Event) -> HttpResponse:
    """Records an event, and releases the tranches that it unlocks."""
    return _done(
        request,
        voucher_id,
        lambda: services.release_tranche(
            actor=actor_of(request), voucher_id=voucher_id, event=body.event, reason=body.reason
        ),
    )


@router.post(HERE + "/exempt", response=VoucherShape)
def exempt(request: HttpRequest, voucher_id: str, body: Exemption) -> HttpResponse:
    """Exempts a voucher from one checkpoint, where the programme lets somebody do so."""
    return _done(
        request,
        voucher_id,
        lambda: services.exempt(
            actor=actor_of(request), voucher_id=voucher_id, day=body.day, reason=body.reason
        ),
    )


@router.post(HERE + "/extend", response=VoucherShape)
def extend(request: HttpRequest, voucher_id: str, body: Extension) -> HttpResponse:
    """Lets a voucher end later, where its programme's document allows that, and as far as it does."""
    return _done(
        request,
        voucher_id,
        lambda: services.extend(
            actor=actor_of(request), voucher_id=voucher_id, last_day=body.last_day, reason=body.reason
        ),
    )


@router.post(HERE + "/share", response=VoucherShape)
def decide_share(request: HttpRequest, voucher_id: str, body: Share) -> HttpResponse:
    """Decides a checkpoint at which the used share lay in none of the programme's brackets."""
    return _done(
        request,
        voucher_id,
        lambda: services.decide_share(
            actor=actor_of(request),
            voucher_id=voucher_id,
            day=body.day,
            remove_of_unused=Fraction(body.remove_of_unused),
            reason=body.reason,
        ),
    )


@router.post(HERE + "/end_claims", response=VoucherShape)
def end_claims(request: HttpRequest, voucher_id: str, body: Because) -> HttpResponse:
    """Ends the claim time of an expired voucher whose programme states none; then its rest goes back."""
    return _done(
        request,
        voucher_id,
        lambda: services.end_claims(actor=actor_of(request), voucher_id=voucher_id, reason=body.reason),
    )


@router.post(HERE + "/suspend", response=VoucherShape)
def suspend(request: HttpRequest, voucher_id: str, body: Because) -> HttpResponse:
    """Freezes a voucher, and gives its holder notice and time to answer."""
    return _done(
        request,
        voucher_id,
        lambda: services.suspend(actor=actor_of(request), voucher_id=voucher_id, reason=body.reason),
    )


@router.post(HERE + "/answer", response=VoucherShape)
def answer(request: HttpRequest, voucher_id: str, body: Statement) -> HttpResponse:
    """What the holder says to a suspension."""
    return _done(
        request,
        voucher_id,
        lambda: services.answer(actor=actor_of(request), voucher_id=voucher_id, statement=body.statement),
    )


@router.post(HERE + "/reinstate", response=VoucherShape)
def reinstate(request: HttpRequest, voucher_id: str, body: Because) -> HttpResponse:
    """Ends a suspension in the holder's favour; another person than who suspended it."""
    return _done(
        request,
        voucher_id,
        lambda: services.reinstate(actor=actor_of(request), voucher_id=voucher_id, reason=body.reason),
    )


@router.post(HERE + "/revoke", response=VoucherShape)
def revoke(request: HttpRequest, voucher_id: str, body: Because) -> HttpResponse:
    """Ends a suspension against the holder, once it was heard or its time is over."""
    return _done(
        request,
        voucher_id,
        lambda: services.revoke(actor=actor_of(request), voucher_id=voucher_id, reason=body.reason),
    )


def _done(request: HttpRequest, voucher_id: str, verb: Callable[[], object]) -> HttpResponse:
    """Carries a verb out once, and answers with the voucher as it is then."""

    def work(_: str) -> VoucherShape:
        verb()
        return voucher_shape(selectors.voucher(actor_of(request), voucher_id))

    return once(request, work, status=200)


def _step(row: VoucherStep) -> VoucherStepShape:
    return VoucherStepShape(
        from_state=row.from_state,
        to_state=row.to_state,
        trigger=row.trigger,
        detail=row.detail,
        amount_yuan=row.amount_fen,
        reason=row.reason,
        at=row.at,
    )


def _suspension(row: Suspension) -> SuspensionShape:
    return SuspensionShape(
        id=row.id,
        reason=row.reason,
        opened_at=row.opened_at,
        answer_until=row.answer_until,
        statement=row.statement,
        outcome=row.outcome,
        decision=row.decision,
        decided_at=row.decided_at,
    )
