"""Floats (备用金): money a supplier has in advance, drawn by its payments, refunded at the year's end.

One account per supplier and programme, which cannot be overdrawn. Funding and replenishing fill it up to the
programme's size; a payment draws on it before any cash moves; what is unused goes back by :func:`refund`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from hesuan.errors import Conflict, InputFault, NotFound, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.centres.models import Centre
from hesuan.hub.centres.selectors import CENTRE_NOT_FOUND
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.models import ProgrammeVersion, SupplierAdmission
from hesuan.hub.programmes.paying import PayingTerms, paying_terms
from hesuan.hub.programmes.rules import PROGRAMME_TIME
from hesuan.hub.programmes.versions import lock
from hesuan.hub.settlement import accounts, gate
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement.models import Claim, FloatMovement, Payment
from hesuan.money import format_yuan

Kind = FloatMovement.Kind
FLOW = "prefund_supplier"


@dataclass(frozen=True, slots=True)
class FloatStatement:
    """A supplier's float in a span of time [fen]: opening + in − drawn − refunded = closing."""

    opening_fen: int
    funded_fen: int
    drawn_fen: int
    refunded_fen: int
    movements: tuple[FloatMovement, ...]

    @property
    def closing_fen(self) -> int:
        """What the supplier still has to account for at the end."""
        return self.opening_fen + self.funded_fen - self.drawn_fen - self.refunded_fen


def fund(
    *, actor: Actor, movement_id: str, version_id: str, centre_id: str, amount_fen: int, reference: str = ""
) -> FloatMovement:
    """Puts money with a supplier in advance, or fills it up; at most to the size the document names.

    Args:
        actor: An approver of the programme's office.
        movement_id: Chosen by the caller; the same id again is the same movement.
        version_id: The version that says how large a float is.
        centre_id: The supplier's centre, admitted to the programme.
        amount_fen: How much [fen].
        reference: The bank's.

    Raises:
        NotFound: ``programme.not_found``; the centre is not admitted.
        Refused: ``claim.role_missing``, ``float.not_this_flow``, ``float.above_size``.
        Conflict: ``float.id_taken``.
        InputFault: ``claim.amount_wrong``.
    """
    version, terms = _version(actor, version_id, ("Funding a float", "拨付备用金"))
    centre = _centre(version, centre_id)
    before = _before(movement_id, centre.id, amount_fen)
    if before is not None:
        return before
    _check_amount(amount_fen)
    with ledger.atomic():
        lock(version.programme_id)
        after = balance_fen(version.programme_id, centre.id) + amount_fen
        if terms.float_size_fen is not None and after > terms.float_size_fen:
            raise Refused(
                errors.FLOAT_ABOVE_SIZE,
                asked=format_yuan(amount_fen),
                after=format_yuan(after),
                size=format_yuan(terms.float_size_fen),
            )
        earlier = FloatMovement.objects.filter(programme_id=version.programme_id, centre=centre)
        kind = Kind.REPLENISH if earlier.exists() else Kind.FUND
        book = _accounts(version.programme_id, centre.id)
        ledger.post_or_raise(
            [
                _event(
                    f"float:{movement_id}",
                    book,
                    accounts.PAID_AHEAD,
                    accounts.float_account(centre.id),
                    amount_fen,
                )
            ]
        )
        return _book(version.programme_id, centre, kind, amount_fen, movement_id, reference, actor)


def refund(
    *, actor: Actor, movement_id: str, version_id: str, centre_id: str, reference: str = ""
) -> FloatMovement:
    """Takes back what is unused, such as at the year's end; all of it.

    Raises:
        NotFound: ``programme.not_found``; the centre is not admitted.
        Refused: ``claim.role_missing``, ``float.not_this_flow``.
        InputFault: ``claim.amount_wrong`` where nothing is unused.
    """
    version, _ = _version(actor, version_id, ("Taking a float back", "收回备用金"))
    centre = _centre(version, centre_id)
    found = FloatMovement.objects.filter(pk=movement_id).first()
    if found is not None:
        return _same(found, centre.id, found.amount_fen)
    with ledger.atomic():
        lock(version.programme_id)
        unused = balance_fen(version.programme_id, centre.id)
        _check_amount(unused)
        book = _accounts(version.programme_id, centre.id)
        ledger.post_or_raise(
            [
                _event(
                    f"float:{movement_id}",
                    book,
                    accounts.float_account(centre.id),
                    accounts.PAID_AHEAD,
                    unused,
                )
            ]
        )
        return _book(version.programme_id, centre, Kind.REFUND, unused, movement_id, reference, actor)


def balance_fen(programme_id: str, centre_id: str) -> int:
    """What a supplier has in advance and has not accounted for [fen]."""
    try:
        book = programme_accounts.ledger_of(programme_id)
        return balances.balance(book, accounts.float_account(centre_id)).available_fen
    except NotFound:
        return 0


def statement(actor: Actor, *, programme_id: str, centre_id: str, year: int) -> FloatStatement:
    """A supplier's float in one calendar year of the programme; empty to strangers."""
    rows = reads.float_movements(actor, programme_id=programme_id, centre_id=centre_id)
    begin = datetime(year, 1, 1, tzinfo=PROGRAMME_TIME)
    end = datetime(year + 1, 1, 1, tzinfo=PROGRAMME_TIME)
    earlier = [one for one in rows if one.booked_at < begin]
    inside = tuple(one for one in rows if begin <= one.booked_at < end)
    return FloatStatement(
        opening_fen=_sum(earlier, Kind.FUND, Kind.REPLENISH) - _sum(earlier, Kind.DRAW, Kind.REFUND),
        funded_fen=_sum(inside, Kind.FUND, Kind.REPLENISH),
        drawn_fen=_sum(inside, Kind.DRAW),
        refunded_fen=_sum(inside, Kind.REFUND),
        movements=inside,
    )


def _sum(rows: list[FloatMovement] | tuple[FloatMovement, ...], *kinds: str) -> int:
    return sum(one.amount_fen for one in rows if one.kind in kinds)


# --- Drawn by payments ---


def draw(claim: Claim, at_most_fen: int, *, payment_id: str) -> int:
    """Draws on the float for a payment; how much of it the supplier had already [fen]."""
    if claim.flow != FLOW:
        return 0
    programme_id = claim.programme_version.programme_id
    fen = min(at_most_fen, balance_fen(programme_id, claim.centre_id))
    if fen > 0:
        book = _accounts(programme_id, claim.centre_id)
        key = accounts.float_account(claim.centre_id)
        ledger.post_or_raise([_event(f"{payment_id}:float", book, key, accounts.PAID_AHEAD, fen)])
    return fen


def note_draw(claim: Claim, payment: Payment, *, actor: Actor) -> None:
    """Books a draw beside its payment."""
    if payment.from_float_fen:
        FloatMovement.objects.create(
            id=f"{payment.id}:float",
            programme_id=claim.programme_version.programme_id,
            centre_id=claim.centre_id,
            kind=Kind.DRAW,
            amount_fen=payment.from_float_fen,
            payment=payment,
            booked_by=actor.identity_id,
            booked_at=timezone.now(),
        )


# --- Parts ---


def _version(actor: Actor, version_id: str, verb: gate.Verb) -> tuple[ProgrammeVersion, PayingTerms]:
    version = programmes.version(actor, version_id)
    gate.need_role(actor, version.programme.office, ("approver",), verb)
    terms = paying_terms(version.id)
    if terms.flow != FLOW:
        raise Refused(errors.NO_FLOAT, programme=version.programme_id, flow=terms.flow)
    return version, terms


def _centre(version: ProgrammeVersion, centre_id: str) -> Centre:
    admission = (
        SupplierAdmission.objects.filter(programme_id=version.programme_id, centre_id=centre_id)
        .select_related("centre")
        .first()
    )
    if admission is None:
        raise NotFound(CENTRE_NOT_FOUND, centre=centre_id)
    return admission.centre


def _before(movement_id: str, centre_id: str, amount_fen: int) -> FloatMovement | None:
    found = FloatMovement.objects.filter(pk=movement_id).first()
    return None if found is None else _same(found, centre_id, amount_fen)


def _same(found: FloatMovement, centre_id: str, amount_fen: int) -> FloatMovement:
    if (found.centre_id, found.amount_fen) != (centre_id, amount_fen):
        raise Conflict(errors.FLOAT_TAKEN, movement=found.id)
    return found


def _check_amount(amount_fen: int) -> None:
    if not 0 < amount_fen < 2**53:
        raise InputFault(
            errors.AMOUNT_WRONG, where="amount", field="amount", low=1, high=2**53 - 1, value=amount_fen
        )


def _accounts(programme_id: str, centre_id: str) -> str:
    book = programme_accounts.ledger_of(programme_id)
    ledger.open_account(ledger=book, key=accounts.PAID_AHEAD, kind="paid_ahead", may_overdraw=True)
    ledger.open_account(ledger=book, key=accounts.float_account(centre_id), kind="float")
    return book


def _event(event_id: str, book: str, debit: str, credit: str, amount_fen: int) -> ledger.Event:
    return ledger.Event(
        id=event_id,
        kind="transfer",
        ledger=book,
        amount_fen=amount_fen,
        code="settle",
        debit=debit,
        credit=credit,
    )


def _book(  # noqa: PLR0917 - the columns of one row
    programme_id: str,
    centre: Centre,
    kind: str,
    amount_fen: int,
    movement_id: str,
    reference: str,
    actor: Actor,
) -> FloatMovement:
    made = FloatMovement.objects.create(
        id=movement_id,
        programme_id=programme_id,
        centre=centre,
        kind=kind,
        amount_fen=amount_fen,
        reference=reference,
        booked_by=actor.identity_id,
        booked_at=timezone.now(),
    )
    audit.record(
        kind=f"float.{kind}",
        subject=centre.id,
        actor=actor.identity_id,
        public={"programme": programme_id, "c": f"centre:{centre.id}", "amount_fen": amount_fen},
        private={"reference": reference},
    )
    return made
