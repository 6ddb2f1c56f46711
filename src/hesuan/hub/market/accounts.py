"""Names of the cash ledger and its accounts, in one place: ``bank → organisation:… → centre:…``."""

from __future__ import annotations

CNY = "cny"
"""The ledger of money that organisations paid in, in fen of CNY."""
BANK = "bank"
"""Where deposits come from; may be overdrawn, its debit is the sum of all deposits."""


def organisation_account(organisation_id: str) -> str:
    """What an organisation may spend."""
    return f"organisation:{organisation_id}"


def centre_account(centre_id: str) -> str:
    """What users owe a centre: captured, not yet paid out."""
    return f"centre:{centre_id}"


def voucher_hold_id(order_id: str, place: int = 0) -> str:
    """Ledger id of an order's hold on a voucher; derived, so that a repetition is the same event.

    Args:
        order_id: The order.
        place: The voucher's place in the order of use, from 0.
    """
    return f"{order_id}:voucher:hold" if not place else f"{order_id}:voucher:{place}:hold"


def copay_hold_id(order_id: str) -> str:
    """Ledger id of an order's hold on the organisation's own money."""
    return f"{order_id}:copay:hold"


def voucher_end_id(order_id: str, place: int = 0) -> str:
    """Ledger id of what ends the hold on a voucher: its capture or its release."""
    return f"{order_id}:voucher:end" if not place else f"{order_id}:voucher:{place}:end"


def copay_end_id(order_id: str) -> str:
    """Ledger id of what ends the hold on the organisation's own money."""
    return f"{order_id}:copay:end"
