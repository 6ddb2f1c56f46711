"""Reads of the market room. Offerings are public; requests, quotes and orders belong to an organisation.

Who sees an organisation's order: its own people, the people of the centre that runs it, auditors, the
platform's operators, and the hub itself. To everybody else it does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from hesuan.errors import NotFound, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import organisation, visible_to
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import accounts
from hesuan.hub.market.models import Offering, Order, Price, Quote, QuoteRefusal, QuoteRequest

NO_OFFERING = declare(
    "offering.not_found",
    en="There is no offering {offering}.",
    zh="没有算力产品 {offering}。",
)
NO_REQUEST = declare(
    "quote_request.not_found",
    en="There is no request for quotes {request} that you may see.",
    zh="没有您可以查看的询价 {request}。",
)
NO_QUOTE = declare(
    "quote.not_found",
    en="There is no quote {quote} that you may see.",
    zh="没有您可以查看的报价单 {quote}。",
)
NO_ORDER = declare(
    "order.not_found",
    en="There is no order {order} that you may see.",
    zh="没有您可以查看的订单 {order}。",
)


@dataclass(frozen=True, slots=True)
class OfferingRow:
    """A published offering as anybody may see it; ``fen_per_core_hour`` is None where no price is valid."""

    id: str
    centre_id: str
    centre_name: str
    city: str
    title: str
    cores: int
    memory_bytes: int
    line_kind: str
    card: str
    fen_per_core_hour: int | None
    price_valid_to: datetime | None


def price_at(offering_id: str, at: datetime) -> Price | None:
    """The price valid at a moment; of two that overlap, the one that began later."""
    valid = Q(valid_to__isnull=True) | Q(valid_to__gt=at)
    prices = Price.objects.filter(valid, offering_id=offering_id, valid_from__lte=at)
    return prices.order_by("-valid_from", "-id").first()


def offerings(actor: Actor) -> list[OfferingRow]:  # noqa: ARG001 - public, asked like everything else
    """All published offerings with today's price."""
    published = Offering.objects.filter(state=Offering.State.PUBLISHED).select_related("centre")
    return [_row(offering) for offering in published.order_by("title", "id")]


def offering(actor: Actor, offering_id: str) -> OfferingRow:  # noqa: ARG001
    """One offering, withdrawn ones included: old quotes point at them.

    Raises:
        NotFound: ``offering.not_found``.
    """
    found = Offering.objects.select_related("centre").filter(pk=offering_id).first()
    if found is None:
        raise NotFound(NO_OFFERING, offering=offering_id)
    return _row(found)


def _row(offering: Offering) -> OfferingRow:
    price = price_at(offering.id, timezone.now())
    return OfferingRow(
        id=offering.id,
        centre_id=offering.centre_id,
        centre_name=offering.centre.name,
        city=offering.centre.city,
        title=offering.title,
        cores=offering.cores,
        memory_bytes=offering.memory_bytes,
        line_kind=offering.line_kind,
        card=offering.card,
        fen_per_core_hour=price.fen_per_core_hour if price else None,
        price_valid_to=price.valid_to if price else None,
    )


def quote_requests(actor: Actor) -> list[QuoteRequest]:
    """The requests of the actor's organisations, newest first."""
    requests = QuoteRequest.objects.select_related("organisation").order_by("-created_at", "-id")
    return list(requests.filter(visible_to(actor)))


def quote_request(actor: Actor, request_id: str) -> QuoteRequest:
    """One request; its quotes and refusals: :func:`quotes`, :func:`refusals`.

    Raises:
        NotFound: ``quote_request.not_found``, for strangers too.
    """
    found = (
        QuoteRequest.objects.select_related("organisation").filter(visible_to(actor), pk=request_id).first()
    )
    if found is None:
        raise NotFound(NO_REQUEST, request=request_id)
    return found


def quotes(actor: Actor, request_id: str) -> list[Quote]:
    """The quotes of one request, best first.

    Raises:
        NotFound: ``quote_request.not_found``.
    """
    return list(quote_request(actor, request_id).quotes.select_related("offering").order_by("rank"))


def refusals(actor: Actor, request_id: str) -> list[QuoteRefusal]:
    """The offerings that could not quote, each with its reason.

    Raises:
        NotFound: ``quote_request.not_found``.
    """
    return list(quote_request(actor, request_id).refusals.select_related("offering").order_by("id"))


def quote(actor: Actor, quote_id: str) -> Quote:
    """One quote.

    Raises:
        NotFound: ``quote.not_found``, for strangers too.
    """
    quotes = Quote.objects.select_related("request__organisation", "offering")
    found = quotes.filter(visible_to(actor, "request__organisation_id"), pk=quote_id).first()
    if found is None:
        raise NotFound(NO_QUOTE, quote=quote_id)
    return found


def orders(actor: Actor) -> list[Order]:
    """The orders this actor may see, newest first."""
    visible = Order.objects.select_related("quote", "organisation", "centre").filter(_visible(actor))
    return list(visible.order_by("-accepted_at", "-id"))


def order(actor: Actor, order_id: str) -> Order:
    """One order.

    Raises:
        NotFound: ``order.not_found``, for strangers too.
    """
    visible = Order.objects.select_related("quote", "organisation", "centre").filter(_visible(actor))
    found = visible.filter(pk=order_id).first()
    if found is None:
        raise NotFound(NO_ORDER, order=order_id)
    return found


def balance(actor: Actor, organisation_id: str) -> ledger.Balance:
    """An organisation's own money in CNY [fen]; all zero before its first deposit.

    Raises:
        NotFound: ``identity.organisation_not_found``, for strangers too.
    """
    organisation(actor, organisation_id)
    try:
        return ledger.balance(accounts.CNY, accounts.organisation_account(organisation_id))
    except NotFound:
        return ledger.Balance(0, 0, 0, 0)


def _visible(actor: Actor) -> Q:
    """An order belongs to its organisation; the centre's own people see what they run."""
    return visible_to(actor) | visible_to(actor, "centre__organisation_id")
