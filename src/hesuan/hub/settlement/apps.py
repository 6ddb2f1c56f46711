from __future__ import annotations

from django.apps import AppConfig


class SettlementConfig(AppConfig):
    name = "hesuan.hub.settlement"
    label = "settlement"
