from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "hesuan.hub.console"
    label = "console"

    def ready(self) -> None:
        """Compiles the catalogues, whichever way the process was started."""
        from hesuan.hub.console.translations import compile_catalogues

        compile_catalogues()
