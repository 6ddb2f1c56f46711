"""What a programme owes a centre and has paid it, by quarter; it agrees with the ledger to the fen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from hesuan.errors import NotFound
from hesuan.hub.centres.models import Centre
from hesuan.hub.centres.selectors import CENTRE_NOT_FOUND
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.readers import for_everybody
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.models import SupplierAdmission
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement.claim_selectors import offices
from hesuan.hub.settlement.gate import SUPPLIER_FLOWS, quarter_of
from hesuan.hub.settlement.models import Adjustment, Clawback, ClawbackPart, Draw, Payment


@dataclass(slots=True)
class Quarter:
    """One quarter of a centre under a programme [fen]."""

    period: str
    captured_fen: int = 0
    """What orders took off vouchers here."""
    reduced_fen: int = 0
    """What credit notes took off before it was paid."""
    raised_fen: int = 0
    """What credit notes added to later lines."""
    paid_fen: int = 0
    demanded_fen: int = 0
    """What has to come back."""
    returned_fen: int = 0
    """What came back, was set off, or was written off."""
    owed_fen: int = 0
    """What the programme owes the centre at the quarter's end, claimed or not."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A centre under one programme."""

    programme_id: str
    centre_id: str
    quarters: tuple[Quarter, ...] = field(default=())

    @property
    def owed_fen(self) -> int:
        """What is owed now [fen]."""
        return self.quarters[-1].owed_fen if self.quarters else 0


def statement(actor: Actor, *, programme_id: str, centre_id: str) -> Statement:
    """What a programme owes and paid a centre, from the first quarter in which something happened.

    Args:
        actor: Of the centre's organisation, of the programme's office, or who sees everything.
        programme_id: The programme.
        centre_id: The centre.

    Raises:
        NotFound: ``programme.not_found``, ``centre.not_found``, for strangers too.
    """
    programme = programmes.programme(actor, programme_id)
    centre = Centre.objects.filter(pk=centre_id).first()
    mine = sees_everything(actor) or programme.office_id in offices(actor)
    if centre is None or not (mine or centre.organisation_id in actor.organisations()):
        raise NotFound(CENTRE_NOT_FOUND, centre=centre_id)
    quarters: defaultdict[str, Quarter] = defaultdict(lambda: Quarter(""))
    with for_everybody():  # an office is told the sum of orders of which it sees none
        for at, name, fen in _movements(programme.id, centre.id):
            row = quarters[quarter_of(programme_day(at))]
            setattr(row, name, getattr(row, name) + fen)
    owed = 0
    for period, row in sorted(quarters.items()):
        owed += row.captured_fen - row.reduced_fen + row.raised_fen - row.paid_fen
        row.period, row.owed_fen = period, owed
    return Statement(programme.id, centre.id, tuple(row for _, row in sorted(quarters.items())))


def places(actor: Actor) -> list[SupplierAdmission]:
    """Programme and centre of every statement that this person may ask for, each once.

    One of the admissions of the centre to the programme stands for both.
    """
    rows = SupplierAdmission.objects.select_related("programme", "centre")
    if not sees_everything(actor):
        mine = Q(programme__office_id__in=offices(actor))
        rows = rows.filter(mine | Q(centre__organisation_id__in=actor.organisations()))
    found: dict[tuple[str, str], SupplierAdmission] = {}
    for one in rows.order_by("programme_id", "centre__name", "id"):
        found.setdefault((one.programme_id, one.centre_id), one)
    return list(found.values())


def _movements(programme_id: str, centre_id: str) -> Iterator[tuple[datetime, str, int]]:
    captured = Draw.objects.filter(
        settlement__order__centre_id=centre_id,
        programme_version__programme_id=programme_id,
        captured_fen__gt=0,
    )
    for at, fen in captured.values_list("settlement__settled_at", "captured_fen"):
        yield at, "captured_fen", fen
    here: dict[str, object] = {
        "claim__programme_version__programme_id": programme_id,
        "claim__centre_id": centre_id,
        "claim__flow__in": SUPPLIER_FLOWS,
    }
    for change in Adjustment.objects.filter(**{f"line__{key}": value for key, value in here.items()}):
        for share in change.shares:
            if share["fen"] > 0:
                yield change.at, "raised_fen", share["fen"]
            elif change.effect == Adjustment.Effect.REDUCED:
                yield change.at, "reduced_fen", -share["fen"]
    for payment in Payment.objects.filter(**here):
        yield payment.paid_at, "paid_fen", payment.amount_fen
    for clawback in Clawback.objects.filter(**here):
        yield clawback.due_at, "demanded_fen", clawback.amount_fen
    for part in ClawbackPart.objects.filter(**{f"clawback__{key}": value for key, value in here.items()}):
        yield part.at, "returned_fen", part.amount_fen
