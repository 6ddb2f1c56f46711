"""What an agent may read: the hub's attempts of its own centre, to hold against the centre's books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.centres.models import Agent
from hesuan.hub.gateway import services, shapes
from hesuan.hub.metering import attempts
from hesuan.wire.canonical import Json
from hesuan.wire.messages import parse_at

PAGE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request for records: those that ended from ``since`` on and before ``until``."""

    centre_id: str
    since: datetime
    until: datetime
    after: str
    """The last key of the page before; empty: the first page."""


def open_request(*, sealed: object) -> Asked:
    """Checks a request for records.

    Raises:
        As :func:`hesuan.hub.gateway.services.open_request`.
    """
    message = services.open_request(sealed=sealed, kind="records", shape=shapes.RECORDS)
    body = message.body
    return Asked(
        centre_id=Agent.objects.values_list("centre_id", flat=True).get(pk=message.agent),
        since=parse_at(body["since"]),
        until=parse_at(body["until"]),
        after=str(body["after"] or ""),
    )


def page(asked: Asked) -> dict[str, Json]:
    """One page in the order of keys, and the key to ask after for the next; null when there is none."""
    rows = attempts.of_centre(
        asked.centre_id, since=asked.since, until=asked.until, after=asked.after, limit=PAGE
    )
    following: Json = rows[-1]["key"] if len(rows) == PAGE else None
    return {"attempts": list(rows), "next": following}
