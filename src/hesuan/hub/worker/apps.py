from __future__ import annotations

from django.apps import AppConfig


class WorkerConfig(AppConfig):
    name = "hesuan.hub.worker"
    label = "worker"

    def ready(self) -> None:
        """Listens to the gateway's bell, so that the gateway need not know who works."""
        from hesuan.hub.gateway.bell import ARRIVALS
        from hesuan.hub.worker.tasks import nudge

        ARRIVALS.listen(nudge)
