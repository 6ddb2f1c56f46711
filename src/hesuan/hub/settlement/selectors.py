"""Reads of the settlement room; who sees an order sees its settlement and receipt."""

from __future__ import annotations

from django.db.models import F, Q

from hesuan.errors import NotFound, Refused, declare
from hesuan.hub.audit import selectors as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.readers import for_everybody
from hesuan.hub.market import selectors as market
from hesuan.hub.market.models import Order
from hesuan.hub.runs.rules import FINAL, UNSTARTED
from hesuan.hub.settlement.models import Draw, Receipt, Settlement
from hesuan.wire.receipt import promise_file
from hesuan.wire.receipt import receipt_file as wire_file

NO_RECEIPT = declare(
    "receipt.not_found",
    en="There is no receipt {receipt} that you may see.",
    zh="没有您可以查看的回执 {receipt}。",
)
NOT_SIGNED = declare(
    "receipt.not_signed",
    en="Receipt {receipt} is a draft: the site's agent has not countersigned it yet.{because}",
    zh="回执 {receipt} 尚为草稿：站点代理还未副署。{because_zh}",
)


def settlement(actor: Actor, order_id: str) -> Settlement | None:
    """The settlement of an order, None while it is not settled.

    Raises:
        NotFound: ``order.not_found``, for strangers too.
    """
    return Settlement.objects.filter(order=market.order(actor, order_id)).first()


def draws(one: Settlement) -> list[Draw]:
    """What each voucher paid of a settlement that may be seen, in the order of use."""
    with for_everybody():  # who sees the order is told its vouchers, as on its receipt
        return list(one.draws.select_related("voucher", "programme_version").order_by("place"))


def receipts(actor: Actor) -> list[Receipt]:
    """The receipts this actor may see, newest first."""
    orders = [order.id for order in market.orders(actor)]
    found = Receipt.objects.select_related("settlement__order", "fact").filter(settlement__order__in=orders)
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
    """The receipt file for ``hesuan verify``: with its proof, or before the next checkpoint with the log's
    signed promise of one.

    Raises:
        NotFound: ``receipt.not_found``.
        Refused: ``receipt.not_signed`` while the site has not countersigned; ``audit.record_erased``.
    """
    found = receipt(actor, receipt_id)
    if found.state != Receipt.State.SIGNED or found.fact is None:
        why = found.refused_reason
        raise Refused(
            NOT_SIGNED,
            receipt=receipt_id,
            because=f" It refused: {why}." if why else "",
            because_zh=f"站点代理拒绝签署：{why}。" if why else "",
        )
    site = {"agent": found.agent_id, "key": found.site_key, "signature": found.site_signature}
    opened = audit.opened(found.fact)
    try:
        proof = audit.inclusion(found.fact)
    except Refused as refused:
        if refused.code is not audit.NOT_SEQUENCED:
            raise
        promise = audit.promise(found.fact)
        log_key = audit.log_key(found.fact.log)
        return promise_file(
            receipt=found.document, site=site, promise=promise, log_key=log_key, opened=opened
        )
    log_key = audit.log_key_of(str(proof["checkpoint"]), found.fact.log)
    return wire_file(receipt=found.document, site=site, proof=proof, log_key=log_key, opened=opened)


def due() -> list[str]:
    """Orders that could be settled now: the worker's sweep, should a fact have been missed."""
    with_usage = Q(run__state__in=FINAL - UNSTARTED, run__usage__state=F("run__state"))
    ready = Order.objects.filter(with_usage | Q(run__state__in=UNSTARTED), state=Order.State.PLACED)
    return list(ready.order_by("id").values_list("id", flat=True))
