"""Organisations: registration, people and roles, balance, deposits."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from hesuan.errors import InputFault, declare
from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Id, Shape, Time, Title, Yuan, YuanIn
from hesuan.hub.identity import selectors, services
from hesuan.hub.identity.actors import SYSTEM, Actor
from hesuan.hub.identity.models import Membership, Organisation
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import accounts
from hesuan.hub.market import selectors as market
from hesuan.hub.market import services as market_services

router = Router()

NOT_ONE_OF = declare(
    "api.not_one_of",
    en="`{value}` is not one of: {known}.",
    zh="“{value}”不在可选值之中：{known}。",
)


class BalanceShape(Shape):
    """What an organisation has paid in and not yet spent; `held` belongs to open orders."""

    available_yuan: Yuan
    held_yuan: Yuan
    posted_yuan: Yuan


class TransferShape(Shape):
    """One row of a ledger, seen from one account: `side` says whether it was debited or credited."""

    id: str
    seq: int
    code: str
    kind: str
    side: str
    counterpart: str
    amount_yuan: Yuan
    at: Time


class RoleShape(Shape):
    """One role of one person."""

    identity: str
    username: str
    name: str
    role: str


class OrganisationShape(Shape):
    """An organisation one belongs to."""

    id: str
    name: str
    kind: str
    registered_in: str
    created_at: Time
    balance: BalanceShape
    roles: list[RoleShape]


class NewOrganisation(Body):
    """An organisation to register."""

    name: Title
    kind: str
    registered_in: str = ""


class NewRole(Body):
    """A role for a person, by the id that they find under `/me`."""

    identity: Id
    role: str


class NewDeposit(Body):
    """Money an organisation paid in."""

    amount_yuan: YuanIn


class DepositShape(Shape):
    """A booked deposit."""

    id: str
    organisation: str
    amount_yuan: Yuan
    booked_at: Time
    balance: BalanceShape


@router.get("/organisations", response=Page[OrganisationShape])
def list_organisations(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[OrganisationShape]:
    """The organisations one belongs to; auditors and the platform's operators see all."""
    actor = actor_of(request)
    rows = selectors.organisations(actor)
    return page(rows, lambda row: _organisation(actor, row), limit=limit, cursor=cursor)


@router.post("/organisations", response={201: OrganisationShape})
def create_organisation(request: HttpRequest, body: NewOrganisation) -> HttpResponse:
    """Registers an organisation; programme, audit and platform offices only by the platform's operator."""
    actor = actor_of(request)
    kind = _one_of(body.kind, Organisation.Kind.values, where="kind")

    def work(organisation_id: str) -> OrganisationShape:
        made = services.create_organisation(
            actor=actor,
            name=body.name,
            kind=kind,
            registered_in=body.registered_in,
            organisation_id=organisation_id,
        )
        # The actor was read before they became the owner; the verb has judged them, the hub reads.
        return _organisation(SYSTEM, made)

    return once(request, work)


@router.get("/organisations/{organisation_id}", response=OrganisationShape)
def get_organisation(request: HttpRequest, organisation_id: str) -> OrganisationShape:
    """One organisation with its balance and people."""
    actor = actor_of(request)
    return _organisation(actor, selectors.organisation(actor, organisation_id))


@router.get("/organisations/{organisation_id}/transfers", response=Page[TransferShape])
def list_transfers(
    request: HttpRequest, organisation_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[TransferShape]:
    """Every movement on the organisation's balance, newest first."""
    selectors.organisation(actor_of(request), organisation_id)
    account = accounts.organisation_account(organisation_id)
    rows = ledger.transfers(accounts.CNY, account)[::-1]
    return page(rows, lambda row: transfer_shape(row, account), limit=limit, cursor=cursor)


@router.get("/organisations/{organisation_id}/roles", response=Page[RoleShape])
def list_roles(
    request: HttpRequest, organisation_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[RoleShape]:
    """Who holds which role in an organisation; for its people and for security administrators."""
    rows = selectors.members(actor_of(request), organisation_id)
    return page(rows, _role, limit=limit, cursor=cursor)


@router.post("/organisations/{organisation_id}/roles", response={201: RoleShape})
def grant_role(request: HttpRequest, organisation_id: str, body: NewRole) -> HttpResponse:
    """Gives a person a role; one they hold already stays as it is."""
    actor = actor_of(request)
    role = _one_of(body.role, Membership.Role.values, where="role")

    def work(_: str) -> RoleShape:
        return _role(
            services.grant_role(
                actor=actor, identity_id=body.identity, organisation_id=organisation_id, role=role
            )
        )

    return once(request, work)


@router.delete("/organisations/{organisation_id}/roles/{identity_id}/{role}", response={204: None})
def revoke_role(request: HttpRequest, organisation_id: str, identity_id: str, role: str) -> HttpResponse:
    """Takes a role from a person; one they do not hold is no error."""
    services.revoke_role(
        actor=actor_of(request), identity_id=identity_id, organisation_id=organisation_id, role=role
    )
    return HttpResponse(status=204)


@router.post("/organisations/{organisation_id}/deposits", response={201: DepositShape})
def book_deposit(request: HttpRequest, organisation_id: str, body: NewDeposit) -> HttpResponse:
    """Books money that was paid in; by the platform's operator. Needs `Idempotency-Key`."""
    actor = actor_of(request)
    selectors.organisation(actor, organisation_id)

    def work(deposit_id: str) -> DepositShape:
        made = market_services.deposit(
            actor=actor,
            organisation_id=organisation_id,
            amount_fen=body.amount_yuan,
            deposit_id=deposit_id,
        )
        return DepositShape(
            id=made.id,
            organisation=made.organisation_id,
            amount_yuan=made.amount_fen,
            booked_at=made.booked_at,
            balance=_balance(actor, organisation_id),
        )

    return once(request, work, required=True)


def transfer_shape(row: ledger.TransferRow, account: str) -> TransferShape:
    """One movement, seen from an account."""
    debited = row.debit == account
    return TransferShape(
        id=row.id,
        seq=row.seq,
        code=row.code,
        kind=row.kind,
        side="debit" if debited else "credit",
        counterpart=row.credit if debited else row.debit,
        amount_yuan=row.amount_fen,
        at=row.at,
    )


def _balance(actor: Actor, organisation_id: str) -> BalanceShape:
    balance = market.balance(actor, organisation_id)
    return BalanceShape(
        available_yuan=balance.available_fen,
        held_yuan=balance.debits_pending,
        posted_yuan=balance.posted_fen,
    )


def _organisation(actor: Actor, row: Organisation) -> OrganisationShape:
    return OrganisationShape(
        id=row.id,
        name=row.name,
        kind=row.kind,
        registered_in=row.registered_in,
        created_at=row.created_at,
        balance=_balance(actor, row.id),
        roles=[_role(one) for one in selectors.members(actor, row.id)],
    )


def _role(row: Membership) -> RoleShape:
    return RoleShape(
        identity=row.identity_id, username=row.identity.username, name=str(row.identity), role=row.role
    )


def _one_of(value: str, known: list[str], *, where: str) -> str:
    if value not in known:
        raise InputFault(NOT_ONE_OF, where=where, value=value, known=", ".join(known))
    return value
