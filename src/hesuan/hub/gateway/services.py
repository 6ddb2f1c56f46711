"""The gateway room's verbs: take messages in once, and note what became of each."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from hesuan.hub.gateway.models import InboxMessage


def mark_handled(*, message_id: str, fault: str = "") -> bool:
    """The message is done with; a ``fault`` says that it was given up and why.

    Compare-and-swap, meant to be called inside the handler's transaction: of two workers one gets ``True``,
    the other ``False`` and must roll back.
    """
    open_rows = InboxMessage.objects.filter(pk=message_id, handled_at__isnull=True)
    return open_rows.update(handled_at=timezone.now(), fault=fault) == 1


def note_fault(*, message_id: str, fault: str) -> None:
    """A handler failed and may be tried again; the message stays unhandled and keeps its place in line."""
    InboxMessage.objects.filter(pk=message_id, handled_at__isnull=True).update(
        fault=fault, attempts=F("attempts") + 1
    )
