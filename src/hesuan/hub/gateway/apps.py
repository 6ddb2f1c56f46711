from __future__ import annotations

from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "hesuan.hub.gateway"
    label = "gateway"
