from __future__ import annotations

from django.apps import AppConfig


class FlagsConfig(AppConfig):
    name = "hesuan.hub.flags"
    label = "flags"
