"""Names of the accounts in a programme's ledger through which a voucher's captured money is paid out.

``voucher:… → centre:…`` (captured, not yet claimed) ``→ payable:<payer> → paid:<payer>``. Where the user paid
everything, the voucher's money goes by ``user:<organisation>`` instead. What has to come back leaves
``paid:<payer>`` for ``clawback_receivable:<organisation>``, and from there goes to ``returned:<payer>`` or
``written_off:<payer>``. A float is money ahead of all this: ``paid_ahead → float:<centre>``, and back as it
is drawn or refunded, so that what stands in ``float:…`` is what a supplier still has to account for.
"""

from __future__ import annotations

PAID_AHEAD = "paid_ahead"
"""What is out as floats; may be overdrawn, its debit is the sum of all floats."""


def user_account(organisation_id: str) -> str:
    """What a programme owes an organisation that paid everything itself."""
    return f"user:{organisation_id}"


def payable_account(payer: str) -> str:
    """What a payer owes on approved claims."""
    return f"payable:{payer}"


def paid_account(payer: str) -> str:
    """What a payer has paid and not claimed back."""
    return f"paid:{payer}"


def receivable_account(organisation_id: str) -> str:
    """What an organisation has to give back."""
    return f"clawback_receivable:{organisation_id}"


def returned_account(payer: str) -> str:
    """What came back to a payer."""
    return f"returned:{payer}"


def written_off_account(payer: str) -> str:
    """What two people decided not to recover for a payer."""
    return f"written_off:{payer}"


def float_account(centre_id: str) -> str:
    """What a supplier got in advance and has not accounted for."""
    return f"float:{centre_id}"
