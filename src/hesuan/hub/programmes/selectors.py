"""Reads of the programmes room; tenancy is applied here and nowhere else.

Who sees what: versions that are or were active are public to everybody signed in, drafts to their office.
Applications and vouchers are seen by the organisation's people and by the programme's office. The auditor,
the platform's operator and the hub itself see everything. To anybody else they do not exist.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from hesuan.errors import NotFound
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger.selectors import Balance, TransferRow
from hesuan.hub.programmes import access, accounts, engine, reach
from hesuan.hub.programmes.access import OFFICE_ROLES
from hesuan.hub.programmes.application_selectors import (
    PublicLine,
    WaitingOn,
    application,
    applications,
    call,
    calls,
    desks,
    interests,
    may_act,
    objections,
    open_calls,
    publicised,
    queue,
    steps,
    waiting_on,
    waits_on,
)
from hesuan.hub.programmes.errors import ADMISSION_NOT_FOUND, PROGRAMME_NOT_FOUND, VOUCHER_NOT_FOUND
from hesuan.hub.programmes.models import (
    BudgetYear,
    Programme,
    ProgrammeVersion,
    SupplierAdmission,
    Suspension,
    Voucher,
    VoucherStep,
)
from hesuan.policy.linter import Finding

__all__ = [
    "OFFICE_ROLES",
    "BudgetView",
    "FindingLine",
    "PublicLine",
    "VoucherView",
    "WaitingOn",
    "active_version",
    "admission",
    "admissions",
    "application",
    "applications",
    "budget",
    "call",
    "calls",
    "desks",
    "findings",
    "interests",
    "may_act",
    "objections",
    "open_calls",
    "programme",
    "publicised",
    "queue",
    "steps",
    "version",
    "versions",
    "voucher",
    "voucher_transfers",
    "vouchers",
    "waiting_on",
    "waits_on",
]


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One finding of the linter, for people."""

    code: str
    blocks: bool
    field: str
    where: str
    """``file:line``."""
    line: int
    en: str
    zh: str

    def sentence(self, language: str) -> str:
        """The sentence, the place in front."""
        return self.zh if language.startswith("zh") else self.en


@dataclass(frozen=True, slots=True)
class BudgetView:
    """A programme's current window [fen]."""

    budget: str
    window: str
    funded_fen: int
    left_fen: int

    @property
    def used_fen(self) -> int:
        """What went out as vouchers."""
        return self.funded_fen - self.left_fen


@dataclass(frozen=True, slots=True)
class VoucherView:
    """A voucher with its balance."""

    voucher: Voucher
    balance: Balance
    locked_fen: int
    """Of tranches that are not released yet [fen]."""
    redeemed_fen: int
    """What was captured and has not come back by a credit note [fen]."""

    @property
    def free_fen(self) -> int:
        """What is still the holder's and no order holds, released or not [fen]."""
        return self.available_fen + self.locked_fen

    @property
    def returned_fen(self) -> int:
        """What went back: taken at checkpoints, or left when it was closed [fen]."""
        return self.voucher.face_fen - self.redeemed_fen - self.held_fen - self.free_fen

    @property
    def shown_state(self) -> str:
        """The state as the holder sees it: ``HELD`` while orders hold some of a voucher that can be spent."""
        spendable = self.voucher.state in (Voucher.State.ACTIVE, Voucher.State.REDUCED)
        return "HELD" if spendable and self.held_fen else str(self.voucher.state)

    @property
    def available_fen(self) -> int:
        """What no order holds [fen]."""
        return self.balance.available_fen

    @property
    def held_fen(self) -> int:
        """What orders hold [fen]."""
        return self.balance.debits_pending


# --- Programmes and their versions ---


def versions(actor: Actor, programme_id: str | None = None) -> list[ProgrammeVersion]:
    """Every version the actor may see, by programme, newest version first."""
    found = _versions(actor)
    if programme_id is not None:
        found = found.filter(programme_id=programme_id)
    return list(found.order_by("programme_id", "-version"))


def version(actor: Actor, version_id: str) -> ProgrammeVersion:
    """One version.

    Raises:
        NotFound: ``programme.not_found``.
    """
    found = _versions(actor).filter(pk=version_id).first()
    if found is None:
        raise NotFound(PROGRAMME_NOT_FOUND, programme=version_id)
    return found


def programme(actor: Actor, programme_id: str) -> Programme:
    """One programme of which the actor may see a version.

    Raises:
        NotFound: ``programme.not_found``.
    """
    found = _versions(actor).filter(programme_id=programme_id).first()
    if found is None:
        raise NotFound(PROGRAMME_NOT_FOUND, programme=programme_id)
    return found.programme


def active_version(actor: Actor, programme_id: str) -> ProgrammeVersion | None:
    """The version under which vouchers of a programme are applied for now."""
    return _versions(actor).filter(programme_id=programme_id, state=ProgrammeVersion.State.ACTIVE).first()


def approval_limits() -> list[tuple[str, int]]:
    """Programme → the amount above which a second person approves, of every version that ever held [fen].

    For surveillance, which looks at who keeps just below it; what an old version said counts for what was
    asked under it.
    """
    found = set()
    for row in ProgrammeVersion.objects.exclude(state=ProgrammeVersion.State.DRAFT):
        issuance = engine.programme_of(row).terms.issuance
        limit_fen = issuance.second_approver_above_fen if issuance else None
        if isinstance(limit_fen, int):
            found.add((row.programme_id, limit_fen))
    return sorted(found)


def findings(actor: Actor, version_id: str) -> list[FindingLine]:
    """What the linter says of a version, in the order of its text; then what the platform cannot do.

    Raises:
        NotFound: ``programme.not_found``.
    """
    return [finding_line(one) for one in reach.findings(engine.programme_of(version(actor, version_id)))]


def finding_line(one: Finding) -> FindingLine:
    """One finding as it is shown."""
    place = one.where.rpartition(":")[2]
    return FindingLine(
        code=one.code.name,
        blocks=one.blocks,
        field=one.field,
        where=one.where,
        line=int(place) if place.isdecimal() else 1,
        en=one.sentence("en"),
        zh=one.sentence("zh"),
    )


def admissions(actor: Actor, programme_id: str) -> list[SupplierAdmission]:
    """The centres at which a programme's vouchers may be used.

    Raises:
        NotFound: ``programme.not_found``.
    """
    found = SupplierAdmission.objects.filter(programme=programme(actor, programme_id))
    return list(found.select_related("centre", "ending").order_by("admitted_at", "id"))


def admission(actor: Actor, admission_id: str) -> SupplierAdmission:
    """One admission of a programme that one may see.

    Raises:
        NotFound: ``programme.admission_not_found``.
    """
    found = SupplierAdmission.objects.select_related("programme__office", "centre", "ending")
    row = found.filter(pk=admission_id).first()
    if row is not None:
        with suppress(NotFound):
            programme(actor, row.programme_id)
            return row
    raise NotFound(ADMISSION_NOT_FOUND, admission=admission_id)


def budget(actor: Actor, programme_id: str) -> BudgetView | None:
    """The programme's open window; ``None`` before its first activation.

    Raises:
        NotFound: ``programme.not_found``.
    """
    one = programme(actor, programme_id)
    row = BudgetYear.objects.filter(programme=one, closed_at=None).order_by("-id").first()
    if row is None:
        return None
    left = balances.balance(accounts.ledger_of(one.id), accounts.BUDGET).available_fen
    return BudgetView(row.budget, row.window, row.funded_fen, left)


# --- Vouchers ---


def vouchers(actor: Actor, organisation_id: str | None = None) -> list[VoucherView]:
    """Every voucher the actor may see with its balance, newest first."""
    found = _vouchers(actor)
    if organisation_id is not None:
        found = found.filter(organisation_id=organisation_id)
    return [view_of(one) for one in found.order_by("-issued_at", "-id")]


def voucher(actor: Actor, voucher_id: str) -> VoucherView:
    """One voucher, by id or by code, with its balance.

    Raises:
        NotFound: ``voucher.not_found``.
    """
    found = _vouchers(actor).filter(Q(pk=voucher_id) | Q(code=voucher_id)).first()
    if found is None:
        raise NotFound(VOUCHER_NOT_FOUND, voucher=voucher_id)
    return view_of(found)


def voucher_transfers(actor: Actor, voucher_id: str) -> list[TransferRow]:
    """Every movement of a voucher, in order.

    Raises:
        NotFound: ``voucher.not_found``.
    """
    one = voucher(actor, voucher_id).voucher
    ledger = accounts.ledger_of(one.programme_version.programme_id)
    return balances.transfers(ledger, accounts.voucher_account(one.id))


def voucher_steps(actor: Actor, voucher_id: str) -> list[VoucherStep]:
    """Every transition of a voucher, in order.

    Raises:
        NotFound: ``voucher.not_found``.
    """
    return list(voucher(actor, voucher_id).voucher.steps.order_by("id"))


def suspensions(actor: Actor, voucher_id: str) -> list[Suspension]:
    """Every suspension of a voucher, the newest first.

    Raises:
        NotFound: ``voucher.not_found``.
    """
    return list(voucher(actor, voucher_id).voucher.suspensions.order_by("-opened_at", "-id"))


def redeemed(voucher_id: str) -> list[TransferRow]:
    """The captures of a voucher, in order: what was redeemed of it, when, by which order's event."""
    one = Voucher.objects.select_related("programme_version").get(pk=voucher_id)
    book, key = accounts.ledger_of(one.programme_version.programme_id), accounts.voucher_account(one.id)
    return [row for row in balances.transfers(book, key) if row.kind == "capture"]


def view_of(one: Voucher) -> VoucherView:
    """A voucher with its balances; for callers who have seen to it that it may be seen."""
    book, key = accounts.ledger_of(one.programme_version.programme_id), accounts.voucher_account(one.id)
    balance, rest = balances.balance(book, key), accounts.locked_account(one.id)
    own = (accounts.BUDGET, accounts.APPROPRIATION, rest)
    flows = balances.net_flows(book, key) if balance.debits_posted else {}
    return VoucherView(
        one,
        balance,
        locked_fen=balances.balance(book, rest).available_fen if balances.exists(book, rest) else 0,
        redeemed_fen=-sum(fen for name, fen in flows.items() if name not in own),
    )


# --- Who sees what ---


def _versions(actor: Actor) -> QuerySet[ProgrammeVersion]:
    found = ProgrammeVersion.objects.select_related("programme__office")
    if sees_everything(actor):
        return found
    return found.filter(
        ~Q(state=ProgrammeVersion.State.DRAFT) | Q(programme__office_id__in=access.offices(actor))
    )


def _vouchers(actor: Actor) -> QuerySet[Voucher]:
    found = Voucher.objects.select_related(
        "programme_version__programme__office", "organisation", "application"
    )
    return found.filter(access.theirs_or_their_offices(actor))
