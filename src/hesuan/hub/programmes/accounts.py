"""Names of a programme's ledgers and accounts, in one place.

The programme's own ledger holds its money: ``appropriation → budget → voucher:… → centre:…``; a tranche that
is not released yet lies on ``locked:…`` beside its voucher. A second ledger, ``caps:<programme>``, counts
against limits: ``limit → cap:<cap>:<key>:<window> → counted``, and what is given back goes the same way back.
A limit is thus an account that cannot be overdrawn, and no code path issues past it.
"""

from __future__ import annotations

from hashlib import sha256

from hesuan.policy.keys import Needed
from hesuan.wire.canonical import canonical

APPROPRIATION = "appropriation"
"""What the funder may still give; may be overdrawn, its debit is the sum of all funding."""
BUDGET = "budget"
LIMIT = "limit"
COUNTED = "counted"


def ledger_of(programme_id: str) -> str:
    """The ledger that holds a programme's money."""
    return f"programme:{programme_id}"


def caps_ledger_of(programme_id: str) -> str:
    """The ledger that counts a programme's caps."""
    return f"caps:{programme_id}"


def voucher_account(voucher_id: str) -> str:
    """What is left on one voucher."""
    return f"voucher:{voucher_id}"


def locked_account(voucher_id: str) -> str:
    """What of a voucher is not released yet."""
    return f"locked:{voucher_id}"


def centre_account(centre_id: str) -> str:
    """What a programme owes a centre."""
    return f"centre:{centre_id}"


def cap_account(cap_id: str, organisation_id: str, window: str) -> str:
    """What one organisation may still be issued under one cap in one window."""
    return f"cap:{cap_id}:{organisation_id}:{window}"


MAX_KEY = 100
"""How long the name of an account may be."""


def counter_account(needed: Needed) -> str:
    """The account of one counter; a rolling window has one account for all its days.

    An applicant's cap on what is issued is named so that people can read it; any other key is a digest, since
    a contract's number may be of any length and hold any sign.
    """
    window = needed.window.name.partition(":")[0] if is_rolling(needed) else needed.window.name
    if (
        needed.kind == "cap"
        and needed.counts == "issued"
        and [name for name, _ in needed.key] == ["applicant"]
    ):
        name = cap_account(needed.id, needed.key[0][1], window)
        if len(name) <= MAX_KEY:
            return name
    told = canonical([needed.kind, needed.id, needed.counts, [list(pair) for pair in needed.key], window])
    return f"{needed.kind}:{needed.counts}:{sha256(told).hexdigest()[:32]}"


def is_rolling(needed: Needed) -> bool:
    """Whether a counter looks back from the day of each request."""
    return needed.window.name.startswith("rolling")
