"""The settlement room's verbs: settle an order, take in the site's countersignature."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.hub.settlement.models import Settlement
from hesuan.wire.canonical import Json


def settle(order_id: str) -> Settlement | None:
    """Settles an order when its run is final and its usage is there; None while it must wait."""
    raise NotImplementedError


def attach_signature(*, agent_id: str, body: Mapping[str, Json]) -> None:
    """Takes in a ``countersign`` message."""
    raise NotImplementedError


def note_refused_signature(*, agent_id: str, body: Mapping[str, Json]) -> None:
    """Takes in a ``countersign_refused`` message: the receipt stays a draft with the reason shown."""
    raise NotImplementedError
