"""The worker's round as a background task, for a deployment that runs a task worker.

Embedded, the hub is one process: the gateway's bell wakes the loop's thread directly. Where a task backend
with a queue is configured (``TASKS``), the same ring also enqueues :func:`sweep`, which a task worker in
another process runs. The gateway knows neither: it rings its bell when messages are committed, and whoever
stands above it listens. Either way the sweep of every second makes a lost nudge harmless.
"""

from __future__ import annotations

import logging

from django.db import Error
from django_tasks import task, task_backends
from django_tasks.backends.immediate import ImmediateBackend

from hesuan.hub.worker.loop import tick

log = logging.getLogger(__name__)


@task()
def sweep() -> int:
    """One round; returns how much was handled."""
    return tick().handled


def has_queue() -> bool:
    """Whether tasks wait in a queue; the immediate backend would run them inside the ringer's request."""
    return not isinstance(task_backends["default"], ImmediateBackend)


def nudge() -> None:
    """Enqueues a sweep where a queue is there to take it; never disturbs who rang."""
    if not has_queue():
        return
    try:
        sweep.enqueue()
    except Error:
        log.exception("the sweep could not be enqueued; the next second's round does its work")
