from __future__ import annotations

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "hesuan.hub.registry"
    label = "registry"
