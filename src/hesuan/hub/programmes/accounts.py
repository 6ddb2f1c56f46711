"""Names of a programme's ledgers and accounts, in one place.

The programme's own ledger holds its money: ``appropriation → budget → voucher:… → centre:…``. A second
ledger, ``caps:<programme>``, counts against limits: ``limit → cap:<cap>:<organisation>:<window> → counted``.
A cap is thus an account that cannot be overdrawn, and no code path issues past it.
"""

from __future__ import annotations

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


def centre_account(centre_id: str) -> str:
    """What a programme owes a centre."""
    return f"centre:{centre_id}"


def cap_account(cap_id: str, organisation_id: str, window: str) -> str:
    """What one organisation may still be issued under one cap in one window."""
    return f"cap:{cap_id}:{organisation_id}:{window}"
