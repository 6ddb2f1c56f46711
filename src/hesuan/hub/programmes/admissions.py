"""Whom an office admitted, for which service item and which days: what the other modules ask.

The verbs are in :mod:`.admitting`.
"""

from __future__ import annotations

from datetime import date, datetime

from hesuan.hub.centres.once import remembered
from hesuan.hub.programmes import rules
from hesuan.hub.programmes.models import SupplierAdmission


def is_admitted(
    programme_id: str, centre_id: str, *, at: datetime, kind: str, day: date | None = None
) -> bool:
    """Whether a centre was admitted for a kind of line on a day, as far as was on record at a moment.

    Args:
        at: The moment of the agreement; an admission without a first day holds from when it was entered.
        kind: The kind of the line, which is the service item.
        day: The programme's day that is asked about, such as the contract's; without one, that of ``at``.
    """
    wanted = day or rules.programme_day(at)
    return any(holds(one, at, wanted) for one in _of_centre(programme_id, centre_id, kind))


@remembered
def _of_centre(programme_id: str, centre_id: str, kind: str) -> list[SupplierAdmission]:
    rows = SupplierAdmission.objects.filter(
        programme_id=programme_id, centre_id=centre_id, service_item__in=("", kind)
    )
    return list(rows.select_related("ending"))


def supplies(programme_id: str, organisation_id: str, at: datetime) -> bool:
    """Whether an organisation has a centre that is admitted at a moment, for whatever service item."""
    rows = SupplierAdmission.objects.filter(
        programme_id=programme_id, centre__organisation_id=organisation_id
    ).select_related("ending")
    return any(holds(one, at, rules.programme_day(at)) for one in rows)


def holds(admission: SupplierAdmission, at: datetime, day: date) -> bool:
    """Whether an admission covers a day; its end is one more last day."""
    if admission.valid_from is None and admission.admitted_at > at:
        return False
    first = admission.valid_from or rules.programme_day(admission.admitted_at)
    lasts = [one for one in (admission.valid_until, admission.ended_on) if one]
    return first <= day and all(day <= last for last in lasts)
