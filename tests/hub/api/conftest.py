from tests.road_fixtures import ledger_balances

__all__ = ["ledger_balances"]
