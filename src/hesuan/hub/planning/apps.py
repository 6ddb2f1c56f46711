from __future__ import annotations

from django.apps import AppConfig


class PlanningConfig(AppConfig):
    name = "hesuan.hub.planning"
    label = "planning"
