"""The worlds of claims, as the settlement room's tests have them."""

from __future__ import annotations

from tests.hub.settlement.conftest import ledger_balances, road, site, voucher, world

__all__ = ["ledger_balances", "road", "site", "voucher", "world"]
