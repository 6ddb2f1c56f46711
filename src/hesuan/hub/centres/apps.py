from __future__ import annotations

from django.apps import AppConfig


class CentresConfig(AppConfig):
    name = "hesuan.hub.centres"
    label = "centres"
