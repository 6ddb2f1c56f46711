from tests.road_fixtures import ledger_balances, road, site, voucher

__all__ = ["ledger_balances", "road", "site", "voucher"]
