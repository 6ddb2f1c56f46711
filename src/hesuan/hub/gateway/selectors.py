"""Reads of the gateway room, for the worker that empties the inbox."""

from __future__ import annotations

from hesuan.hub.gateway.models import InboxMessage


def unhandled(*, limit: int = 500) -> list[InboxMessage]:
    """Messages nobody has handled yet, in the order of each agent's own numbers.

    A message may only be handled when all earlier ones of the same agent are; one that keeps failing comes
    back each time with its ``fault`` and ``attempts``, until ``services.mark_handled`` gives it up.
    """
    rows = InboxMessage.objects.filter(handled_at__isnull=True).select_related("agent__centre")
    return list(rows.order_by("agent_id", "seq")[:limit])


def message(message_id: str) -> InboxMessage:
    """One message with its agent; the id comes from another row, so it exists."""
    return InboxMessage.objects.select_related("agent__centre").get(pk=message_id)
