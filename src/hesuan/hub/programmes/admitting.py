"""Which supplier an office admitted: by batch, by service item, for which days. Part of :mod:`.services`.

An admission says that a programme's vouchers may be used at a centre for one service item, or for every one.
It is written once; its end is a row beside it. Orders agreed while it held stay paid after its end.
"""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Faults, InputFault, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.centres import selectors as centres
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, errors, rules, selectors
from hesuan.hub.programmes.checks import need_role
from hesuan.hub.programmes.engine import SOLD
from hesuan.hub.programmes.models import AdmissionEnd, SupplierAdmission
from hesuan.hub.programmes.versions import OFFICER, lock
from hesuan.wire.ids import new_id


def admit_supplier(
    *,
    actor: Actor,
    programme_id: str,
    centre_id: str,
    reason: str,
    batch: str = "",
    service_item: str = "",
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> SupplierAdmission:
    """Lets vouchers of a programme be used at a centre; once admitted, the same call changes nothing.

    Args:
        batch: Of the office's published list, such as ``2025-2``.
        service_item: A kind of line; empty for every one.
        valid_from: The first day; without one it holds from now on.
        valid_until: The last day; without one it holds until it is ended.

    Raises:
        NotFound: the programme or the centre.
        Faults: ``programme.service_item_unknown``, ``programme.admission_ends_first``.
        Refused: ``programme.role_missing``, ``programme.reason_missing``, ``programme.admitted_otherwise``.
    """
    _check(service_item, valid_from, valid_until)
    with transaction.atomic():
        programme = selectors.programme(actor, programme_id)
        need_role(actor, programme.office, OFFICER, ("Admitting a supplier", "准入供给方"))
        centre = centres.centre(actor, centre_id)
        lock(programme.id)
        scope = {"programme": programme, "centre": centre, "batch": batch, "service_item": service_item}
        before = SupplierAdmission.objects.filter(**scope).first()
        if before is not None:
            return _same(before, valid_from, valid_until)
        if not reason.strip():
            raise Refused(errors.REASON_MISSING, centre=centre.name, programme=programme.id)
        admission = SupplierAdmission.objects.create(
            id=new_id(),
            **scope,
            valid_from=valid_from,
            valid_until=valid_until,
            admitted_by=actor.identity_id,
            admitted_at=timezone.now(),
            reason=reason,
        )
        ledger.open_account(
            ledger=accounts.ledger_of(programme.id), key=accounts.centre_account(centre.id), kind="centre"
        )
        audit.record(
            kind="programme.supplier_admitted",
            subject=admission.id,
            actor=actor.identity_id,
            public={
                "programme": programme.id,
                "c": f"centre:{centre.id}",
                "batch": batch,
                "service_item": service_item,
                "valid_from": valid_from.isoformat() if valid_from else None,
                "valid_until": valid_until.isoformat() if valid_until else None,
                "reason": reason,
            },
        )
        return admission


def end_admission(
    *, actor: Actor, admission_id: str, reason: str, last_day: date | None = None
) -> AdmissionEnd:
    """Ends an admission with a day, today at the earliest; ended once, the same call changes nothing.

    Raises:
        NotFound: ``programme.admission_not_found``.
        Refused: ``programme.role_missing``, ``programme.reason_missing``, ``programme.ends_in_the_past``.
    """
    with transaction.atomic():
        admission = selectors.admission(actor, admission_id)
        programme, centre = admission.programme, admission.centre
        need_role(actor, programme.office, OFFICER, ("Ending an admission", "终止准入"))
        lock(programme.id)
        before = AdmissionEnd.objects.filter(admission=admission).first()
        if before is not None:
            return before
        if not reason.strip():
            raise Refused(errors.REASON_MISSING, centre=centre.name, programme=programme.id)
        today = rules.programme_day(timezone.now())
        last = last_day or today
        if last < today:
            raise Refused(errors.ENDS_IN_THE_PAST, last=last.isoformat(), today=today.isoformat())
        ending = AdmissionEnd.objects.create(
            admission=admission,
            last_day=last,
            reason=reason,
            ended_by=actor.identity_id,
            ended_at=timezone.now(),
        )
        audit.record(
            kind="programme.admission_ended",
            subject=admission.id,
            actor=actor.identity_id,
            public={
                "programme": programme.id,
                "c": f"centre:{centre.id}",
                "last_day": last.isoformat(),
                "reason": reason,
            },
        )
        return ending


def _same(before: SupplierAdmission, first: date | None, last: date | None) -> SupplierAdmission:
    """An admission is written once: other days, or one that was ended, ask for a batch of another name."""
    if (before.valid_from, before.valid_until) != (first, last) or before.ended_on:
        raise Refused(
            errors.ADMITTED_OTHERWISE,
            centre=before.centre.name,
            batch=before.batch or "–",
            first=(before.valid_from or rules.programme_day(before.admitted_at)).isoformat(),
            last=str(before.ended_on or before.valid_until or "–"),
        )
    return before


def _check(service_item: str, valid_from: date | None, valid_until: date | None) -> None:
    faults = []
    if service_item and service_item not in SOLD:
        known = ", ".join(SOLD)
        faults.append(
            InputFault(errors.SERVICE_ITEM_UNKNOWN, where="service_item", item=service_item, known=known)
        )
    if valid_from and valid_until and valid_until < valid_from:
        faults.append(
            InputFault(
                errors.ADMISSION_ENDS_FIRST,
                where="valid_until",
                first=valid_from.isoformat(),
                last=valid_until.isoformat(),
            )
        )
    if faults:
        raise Faults(faults)
