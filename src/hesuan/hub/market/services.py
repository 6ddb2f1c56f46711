"""The market's verbs: publish an offering, ask for quotes, accept one, book a deposit."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.hub.identity.actors import Actor
from hesuan.hub.market.models import Deposit, Offering, Order, QuoteRequest
from hesuan.wire.canonical import Json


def publish_offering(
    *,
    actor: Actor,
    centre_id: str,
    title: str,
    cores: int,
    fen_per_core_hour: int | None,
    memory_bytes: int | None = None,
) -> Offering:
    """Publishes what a centre sells. Without a price the offering is shown and cannot quote.

    Only the centre's operator may. ``memory_bytes`` defaults to what the agent's inventory says.
    """
    raise NotImplementedError


def request_quotes(*, actor: Actor, organisation_id: str, work: Mapping[str, Json]) -> QuoteRequest:
    """Asks every published offering; each answers with a quote or a refusal.

    Any member of the organisation may ask. Raises Faults for a work order that cannot be read.
    """
    raise NotImplementedError


def accept_quote(*, actor: Actor, quote_id: str, order_id: str) -> Order:
    """Accepts a quote: voucher and balance are held in one linked group. Use ``runs.services.place_order``.

    Only an owner may. ``order_id`` is a ULID chosen by the caller; the same id again is the same order.
    """
    raise NotImplementedError


def deposit(*, actor: Actor, organisation_id: str, amount_fen: int, deposit_id: str) -> Deposit:
    """Books money an organisation paid in; the platform's operator does it, once per ``deposit_id``."""
    raise NotImplementedError
