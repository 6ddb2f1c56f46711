"""The runs room's verbs: place an order with its run, take in states and log, cancel."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.hub.identity.actors import Actor
from hesuan.hub.market.models import Order
from hesuan.hub.runs.models import Run
from hesuan.wire.canonical import Json


def place_order(*, actor: Actor, quote_id: str, order_id: str) -> Order:
    """Accepts a quote, creates its run and leaves the agent's command, all in one transaction."""
    raise NotImplementedError


def apply_state(*, agent_id: str, body: Mapping[str, Json]) -> None:
    """Takes in a ``run_state`` message; repeated, late and reordered ones change nothing."""
    raise NotImplementedError


def append_log(*, agent_id: str, body: Mapping[str, Json]) -> None:
    """Takes in a ``log`` message; a piece already there changes nothing."""
    raise NotImplementedError


def cancel(*, actor: Actor, order_id: str) -> Run:
    """Asks the agent to end the run. The run's state changes when the agent says so, not before."""
    raise NotImplementedError
