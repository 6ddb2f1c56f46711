"""What a movement of a programme's money is called in its public log; pure.

The accounts on both sides say it: the ledger itself knows no voucher and no centre. A pair of accounts that
is not named here becomes an entry of kind ``correction`` that names the pair: it is in the log all the same,
and it is in no sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hesuan.wire.canonical import Json

USERS = "users"
"""Stands for the centre where a programme pays back users, who paid their centres themselves."""


@dataclass(frozen=True, slots=True)
class Move:
    """One transfer, by the keys of its accounts."""

    kind: str
    code: str
    debit: str
    credit: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Told:
    """An entry's kind and public members; ``voucher``, ``organisation``: whose it is."""

    kind: str
    public: Mapping[str, Json]
    voucher: str = ""
    organisation: str = ""
    known: bool = True


@dataclass(frozen=True, slots=True)
class _Form:
    kind: str
    what: str = ""
    centre: str = ""
    """Which side names the centre: ``debit``, ``credit`` or neither."""
    payer: str = ""


_VOUCHER = ("voucher", "locked")
_SOURCE = ("centre", "user")
_FORMS: dict[tuple[str, str], _Form] = {
    ("appropriation", "budget"): _Form("programme", "fund"),
    ("budget", "appropriation"): _Form("programme", "lapse"),
    ("locked", "voucher"): _Form("decision", "release"),
    ("payable", "paid"): _Form("pay", payer="debit"),
    ("paid", "clawback_receivable"): _Form("clawback", "due", payer="debit"),
    ("clawback_receivable", "returned"): _Form("clawback", "returned", payer="credit"),
    ("clawback_receivable", "written_off"): _Form("clawback", "written_off", payer="credit"),
    ("paid_ahead", "float"): _Form("pay", "float", centre="credit"),
    ("float", "paid_ahead"): _Form("pay", "float_back", centre="debit"),
    ("payable", "voucher"): _Form("refund", payer="debit"),
    **{("budget", voucher): _Form("grant") for voucher in _VOUCHER},
    **{(voucher, "budget"): _Form("expire") for voucher in _VOUCHER},
    **{(voucher, "appropriation"): _Form("expire", "lapse") for voucher in _VOUCHER},
    **{("voucher", source): _Form("capture", centre="credit") for source in _SOURCE},
    **{(source, "payable"): _Form("settle", centre="debit", payer="credit") for source in _SOURCE},
    **{(source, "voucher"): _Form("refund", centre="debit") for source in _SOURCE},
}
_OWNED = ("user", "clawback_receivable")
_ENDS = {"hold": "hold", "capture": "capture", "release": "void"}


def told(move: Move) -> Told:
    """The entry that says a movement."""
    sides = {"debit": move.debit, "credit": move.credit}
    pair = (_kind(move.debit), _kind(move.credit))
    form = _FORMS.get(pair)
    public: dict[str, Json] = {"a": move.amount_fen}
    if form is None:
        return Told("correction", public | {"what": ">".join(pair)}, known=False)
    if form.what:
        public["what"] = form.what
    if form.centre:
        public["c"] = centre_of(sides[form.centre])
    if form.payer:
        public["payer"] = _name(sides[form.payer])
    named = list(sides.values())
    return Told(
        kind=_kind_of(move, form),
        public=public,
        voucher=next((_name(key) for key in named if _kind(key) in _VOUCHER), ""),
        organisation=next((_name(key) for key in named if _kind(key) in _OWNED), ""),
    )


def centre_of(key: str) -> str:
    """How a leaf names the account that captured money stands in: ``centre:<id>``, or ``users``."""
    return USERS if _kind(key) == "user" else key


def _kind_of(move: Move, form: _Form) -> str:
    if move.kind == "transfer":
        return form.kind
    return "expire" if move.code == "expire" else _ENDS[move.kind]


def _kind(key: str) -> str:
    return key.partition(":")[0]


def _name(key: str) -> str:
    return key.partition(":")[2]
