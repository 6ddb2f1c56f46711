"""Reads of the settlement room; who sees an order sees its settlement and receipt."""

from __future__ import annotations

from hesuan.errors import NotFound, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors as market
from hesuan.hub.settlement.models import Receipt, Settlement

NO_RECEIPT = declare(
    "receipt.not_found",
    en="There is no receipt {receipt} that you may see.",
    zh="没有您可以查看的回执 {receipt}。",
)


def settlement(actor: Actor, order_id: str) -> Settlement | None:
    """The settlement of an order, None while it is not settled.

    Raises:
        NotFound: ``order.not_found``, for strangers too.
    """
    return Settlement.objects.filter(order=market.order(actor, order_id)).first()


def receipts(actor: Actor) -> list[Receipt]:
    """The receipts this actor may see, newest first."""
    orders = [order.id for order in market.orders(actor)]
    found = Receipt.objects.select_related("settlement__order").filter(settlement__order__in=orders)
    return list(found.order_by("-created_at", "-id"))


def receipt(actor: Actor, receipt_id: str) -> Receipt:
    """One receipt.

    Raises:
        NotFound: ``receipt.not_found``, for strangers too.
    """
    found = Receipt.objects.select_related("settlement__order", "fact").filter(pk=receipt_id).first()
    if found is not None:
        try:
            market.order(actor, found.settlement.order_id)
        except NotFound:
            found = None
    if found is None:
        raise NotFound(NO_RECEIPT, receipt=receipt_id)
    return found


def receipt_of_order(actor: Actor, order_id: str) -> Receipt | None:
    """The receipt of an order, None while it is not settled.

    Raises:
        NotFound: ``order.not_found``, for strangers too.
    """
    order = market.order(actor, order_id)
    return Receipt.objects.select_related("settlement__order", "fact").filter(settlement__order=order).first()


def receipt_file(actor: Actor, receipt_id: str) -> bytes:
    """The receipt file that ``hesuan verify`` accepts.

    Raises:
        NotFound: ``receipt.not_found``.
        Refused: ``receipt.not_signed`` while the site has not countersigned.
    """
    raise NotImplementedError
