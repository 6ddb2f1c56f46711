"""The road's fixtures, and worlds for claims."""

from __future__ import annotations

from tests.hub.settlement.conftest import ledger_balances, road, site, voucher, world

__all__ = ["ledger_balances", "road", "site", "voucher", "world"]
