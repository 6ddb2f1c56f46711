"""What people may spend: balances of their organisations, and their vouchers with what is left on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.console import words
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.ledger.selectors import TransferRow
from hesuan.hub.market.accounts import CNY, organisation_account


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """An organisation's own money [fen]."""

    organisation: Organisation
    available_fen: int
    held_fen: int


def balances(actor: Actor) -> list[BalanceRow]:
    """The balance of each organisation that the actor buys for; those that never paid in have none."""
    rows = []
    for one in identity.organisations(actor):
        account = organisation_account(one.id)
        if one.id in actor.roles and ledger.exists(CNY, account):
            balance = ledger.balance(CNY, account)
            rows.append(BalanceRow(one, balance.available_fen, balance.debits_pending))
    return rows


@dataclass(frozen=True, slots=True)
class Movement:
    """One row of a voucher's ledger, accounts by the names people use."""

    at: datetime
    code: str
    debit_name: str
    credit_name: str
    amount_fen: int
    id: str


def movements(rows: list[TransferRow], *, code: str, centre_names: dict[str, str]) -> list[Movement]:
    """The transfers of a voucher as its page shows them.

    Args:
        rows: From the programmes room.
        code: The voucher's own code, the name of its account.
        centre_names: Centre id → name, for the accounts of centres.
    """

    def name(key: str) -> str:
        kind, _, identifier = key.partition(":")
        if kind == "voucher":
            return code
        if kind == "centre":
            return centre_names.get(identifier, identifier)
        return str(words.ACCOUNT.get(kind, key))

    return [
        Movement(row.at, row.code, name(row.debit), name(row.credit), row.amount_fen, row.id) for row in rows
    ]
