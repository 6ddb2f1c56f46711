from __future__ import annotations

from django.apps import AppConfig


class ProgrammesConfig(AppConfig):
    name = "hesuan.hub.programmes"
    label = "programmes"
