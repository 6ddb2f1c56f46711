"""What of an application the clock does: the public's days end, what the engine approved is issued.

The worker asks every round; each application in a transaction of its own, so that one that cannot be issued
keeps nothing else waiting. It then waits on an officer, and is not tried again by itself.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Refused
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.programmes import waiting
from hesuan.hub.programmes.checks import locked
from hesuan.hub.programmes.issuing import issue
from hesuan.hub.programmes.models import Application
from hesuan.hub.programmes.steps import record

log = logging.getLogger(__name__)

_BATCH = 200


def advance_due() -> int:
    """Issues what the engine approved and whose days are over, and notes the end of the others' days."""
    due = Application.objects.filter(due_at__lte=timezone.now()).order_by("due_at", "id")
    return sum(_advance(one) for one in due.values_list("id", flat=True)[:_BATCH])


def _advance(application_id: str) -> int:
    try:
        with transaction.atomic():
            application = locked(application_id)
            if application.due_at is None or application.due_at > timezone.now():
                return 0
            if waiting.is_automatic(application):
                issue(actor=SYSTEM, application_id=application_id)
            else:
                _set_due(application_id, None)
                record("application.publicity_ended", application, SYSTEM)
            return 1
    except Refused as refused:
        log.warning("application %s is not issued by itself: %s", application_id, refused)
        with transaction.atomic():
            application = locked(application_id)
            _set_due(application_id, None)
            record("application.not_issued", application, SYSTEM, {"code": refused.code.name})
        return 1


def _set_due(application_id: str, due_at: datetime | None) -> None:
    Application.objects.filter(pk=application_id).update(due_at=due_at)
