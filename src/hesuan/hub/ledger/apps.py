from __future__ import annotations

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "hesuan.hub.ledger"
    label = "ledger"

    def ready(self) -> None:
        """The clock is believed as it is when the hub begins, not as it is when something first ends."""
        from hesuan.hub.ledger import clock

        clock.GUARD.begin()
