from tests.cli.terminal import hub, settled, shell, work, world
from tests.road_fixtures import ledger_balances

__all__ = ["hub", "ledger_balances", "settled", "shell", "work", "world"]
