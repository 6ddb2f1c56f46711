from tests.road_fixtures import ledger_balances, no_vouchers_yet

__all__ = ["ledger_balances", "no_vouchers_yet"]
