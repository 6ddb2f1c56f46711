"""The signals an actor may see now."""

from __future__ import annotations

from hesuan.hub.identity.actors import Actor
from hesuan.hub.insight.rules import Signal


def signals(actor: Actor) -> list[Signal]:
    """Every signal that stands now and concerns what this actor may see, warnings first."""
    raise NotImplementedError
