"""The metering room's verb: store the usage of a run once."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.hub.metering.models import UsageRecord
from hesuan.wire.canonical import Json


def store_usage(*, agent_id: str, message_id: str, body: Mapping[str, Json]) -> UsageRecord:
    """Stores a ``usage`` message; the same body again is the same record, another body is a finding."""
    raise NotImplementedError
