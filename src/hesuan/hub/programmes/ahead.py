"""What may still become of a voucher, a call or a review, as its document names it: choices for forms. Reads.

A form that lets people type the name of an event or of a step lets them mistype it; a page offers these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.utils import timezone

from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import access, application_rules, engine, rules, selectors
from hesuan.hub.programmes.claiming import share_bounds
from hesuan.hub.programmes.claimtime import claim_until, claims_over
from hesuan.hub.programmes.decaying import UNDECIDED, checkpoint_of
from hesuan.hub.programmes.extending import Room, room_of
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher, VoucherStep
from hesuan.policy.programme import Programme
from hesuan.policy.tranches import ISSUANCE, amounts


@dataclass(frozen=True, slots=True)
class Part:
    """One tranche of a voucher."""

    id: str
    fen: int
    waits_for: str
    """The event that releases it; empty where a day or a condition does."""
    on: date | None
    released: bool


@dataclass(frozen=True, slots=True)
class Undecided:
    """A checkpoint at which the used share lay in none of the document's brackets."""

    day: date
    between: tuple[Fraction, Fraction] | None
    """The least and the most that the document's brackets of that day take; 0 is always open."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a voucher's document still holds ready."""

    parts: tuple[Part, ...]
    """Empty where the award is not released in tranches."""
    events: tuple[str, ...]
    """Events that were not recorded yet and would release something."""
    checkpoints: tuple[date, ...]
    """Days to come on which what lies unused is taken back, exempted ones left out."""
    exempted_by: str
    """The role that may exempt from a checkpoint; empty where nobody may."""
    undecided: tuple[Undecided, ...] = ()
    """Checkpoints that wait for an approver's share."""
    room: Room | None = None
    """How far an approver may still extend it; ``None``: not at all."""
    claims_open: bool = False
    """Expired, and kept open for claims that no document sets an end to: an approver ends them."""


def ahead(actor: Actor, voucher_id: str) -> Ahead:
    """The tranches and checkpoints of a voucher.

    Raises:
        NotFound: ``voucher.not_found``.
    """
    voucher = selectors.voucher(actor, voucher_id).voucher
    document = engine.programme_of(voucher.programme_version)
    steps = selectors.voucher_steps(actor, voucher_id)
    expiry = document.terms.expiry
    gone = {one.detail for one in steps if one.trigger in ("exempt", "reduce", UNDECIDED)}
    days = [one.on for one in expiry.checkpoints] if expiry is not None else []
    parts = _parts(voucher, {one.detail for one in steps if one.trigger == "release"})
    return Ahead(
        parts=parts,
        events=tuple(dict.fromkeys(one.waits_for for one in parts if one.waits_for and not one.released)),
        checkpoints=tuple(day for day in days if isinstance(day, date) and day.isoformat() not in gone),
        exempted_by=(expiry.exemption or "") if expiry is not None else "",
        undecided=_undecided(document, steps),
        room=room_of(voucher),
        claims_open=_claims_open(voucher),
    )


def _undecided(document: Programme, steps: Sequence[VoucherStep]) -> tuple[Undecided, ...]:
    decided = {one.detail for one in steps if one.trigger == "reduce"}
    days = [one.detail for one in steps if one.trigger == UNDECIDED and one.detail not in decided]
    return tuple(Undecided(date.fromisoformat(day), _between(document, day)) for day in days)


def _between(document: Programme, day: str) -> tuple[Fraction, Fraction] | None:
    checkpoint = checkpoint_of(document, date.fromisoformat(day))
    return share_bounds(checkpoint) if checkpoint is not None else None


def _claims_open(voucher: Voucher) -> bool:
    expired = voucher.state == Voucher.State.EXPIRED
    return expired and claim_until(voucher) is None and not claims_over(voucher, timezone.now())


def _parts(voucher: Voucher, released: set[str]) -> tuple[Part, ...]:
    document = engine.programme_of(voucher.programme_version)
    issuance = document.terms.issuance
    tranches = issuance.tranches if issuance is not None else ()
    if not tranches:
        return ()
    return tuple(
        Part(
            one.id,
            fen,
            waits_for=one.release if isinstance(one.release, str) and one.release != ISSUANCE else "",
            on=one.release if isinstance(one.release, date) else None,
            released=one.id in released,
        )
        for one, fen in zip(tranches, amounts(tranches, voucher.face_fen), strict=True)
    )


def budget_ids(version: ProgrammeVersion) -> tuple[str, ...]:
    """The budgets that a call of a version may name."""
    return tuple(budget.id for budget in engine.programme_of(version).budgets)


def windows(version: ProgrammeVersion) -> tuple[tuple[date, date | None], ...]:
    """The spans inside which calls of a version may lie; empty where they may lie anywhere."""
    issuance = engine.programme_of(version).terms.issuance
    spans = issuance.windows if issuance else ()
    return tuple(
        (one.begin, one.end if isinstance(one.end, date) else None)
        for one in spans
        if isinstance(one.begin, date)
    )


def review_steps(version: ProgrammeVersion) -> tuple[str, ...]:
    """The names of a version's review steps, the second approver's among them."""
    issuance = engine.programme_of(version).terms.issuance
    named = issuance.else_steps if issuance else ()
    return tuple(one.name for one in application_rules.review_steps(named, second_approver=True))


def offices(actor: Actor) -> list[Organisation]:
    """Every programme office, by name, for people of one; empty to others."""
    if not (sees_everything(actor) or access.offices(actor)):
        return []
    return list(Organisation.objects.filter(kind="programme_office").order_by("name", "id"))


def today() -> date:
    """The day of the programmes' calendar."""
    return rules.programme_day(timezone.now())
