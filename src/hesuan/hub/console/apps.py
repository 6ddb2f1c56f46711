from __future__ import annotations

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "hesuan.hub.console"
    label = "console"

    def ready(self) -> None:
        """Compiles the catalogues, whichever way the process was started.

        Django's own models ask for a translation while they are loaded, which is before this; what was read
        then, from catalogues that were not there, is forgotten.
        """
        from django.utils.translation.reloader import translation_file_changed

        from hesuan.hub.console.translations import compile_catalogues

        for written in compile_catalogues():
            translation_file_changed(None, written)
