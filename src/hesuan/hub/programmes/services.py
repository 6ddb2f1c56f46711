"""The programmes room's verbs. Every one is safe to call twice."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes.models import Application, ProgrammeVersion, SupplierAdmission, Voucher
from hesuan.hub.programmes.rules import VoucherShare
from hesuan.wire.canonical import Json


def load_programme(
    *, actor: Actor, text: str, source_name: str, office_id: str | None = None
) -> ProgrammeVersion:
    """Stores one document as a draft version; the same text again gives the same version."""
    raise NotImplementedError


def activate(*, actor: Actor, version_id: str) -> ProgrammeVersion:
    """Activates a draft and funds its budget; refused with every open rule, its field and ``file:line``."""
    raise NotImplementedError


def admit_supplier(*, actor: Actor, programme_id: str, centre_id: str, reason: str) -> SupplierAdmission:
    """Lets vouchers of a programme be used at a centre."""
    raise NotImplementedError


def apply(
    *,
    actor: Actor,
    organisation_id: str,
    version_id: str,
    planned_fen: int,
    facts: Mapping[str, Json],
    application_id: str | None = None,
) -> Application:
    """Asks for a voucher; refused with every condition that is not met."""
    raise NotImplementedError


def review(*, actor: Actor, application_id: str, verdict: str, note: str = "") -> Application:
    """``verdict`` is ``pass`` or ``reject``; the reviewer is not the submitter."""
    raise NotImplementedError


def approve(*, actor: Actor, application_id: str, verdict: str = "pass", note: str = "") -> Application:
    """``verdict`` is ``pass`` or ``reject``; the approver is neither the submitter nor the reviewer."""
    raise NotImplementedError


def issue(*, actor: Actor, application_id: str) -> Voucher:
    """Issues the voucher of an approved application: budget → voucher, once."""
    raise NotImplementedError


def plan_voucher(
    *, organisation_id: str, centre_id: str, charge_fen: int, at: datetime
) -> VoucherShare | None:
    """The organisation's voucher that pays most of a charge at a centre, or ``None``. Reads only."""
    raise NotImplementedError


def subsidy(
    *, voucher_id: str, charge_fen: int, centre_id: str, at: datetime, held_fen: int | None = None
) -> VoucherShare:
    """What a voucher pays of a final charge under its pinned version; at most ``held_fen`` where given."""
    raise NotImplementedError
