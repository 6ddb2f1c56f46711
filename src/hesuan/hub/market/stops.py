"""What refuses an order before anything is held: related parties, and what surveillance stopped."""

from __future__ import annotations

from django.utils import timezone

from hesuan.errors import Refused, declare
from hesuan.hub.flags import selectors as flags
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market.models import Quote
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry import rules, standing

RELATED = declare(
    "order.related_parties",
    en="{organisation} is related to the organisation behind {centre} (distance {distance}, entries {ties});"
    " no voucher is used between related parties. Ask for quotes without the voucher, or elsewhere.",
    zh="{organisation} 与 {centre} 所属组织存在关联（距离 {distance}，档案 {ties}）；"
    "关联方之间不得使用算力券。请不使用算力券询价，或选择其他中心。",
)


def need_no_stop(actor: Actor, quote: Quote, voucher_ids: list[str]) -> None:
    """Refuses an order that a rule stops.

    Raises:
        Refused: ``order.related_parties``, ``flag.stands``.
    """
    firm, centre = quote.request.organisation_id, quote.offering.centre
    verb = ("Accepting the quote", "接受报价")
    keys = [f"account:{actor.identity_id}"]
    if voucher_ids:
        keys.append(f"pair:{firm}:{centre.organisation_id}")
        _need_unrelated(quote, voucher_ids)
    flags.need_none(keys, actions=("stop",), verb=verb)


def _need_unrelated(quote: Quote, voucher_ids: list[str]) -> None:
    firm, centre = quote.request.organisation, quote.offering.centre
    path = standing.relation_between(firm.id, centre.organisation_id, programme_day(timezone.now()))
    if path is None:
        return
    named = Voucher.objects.filter(pk__in=voucher_ids).values_list(
        "programme_version__programme_id", flat=True
    )
    limit = min(flags.thresholds(one).a6_stop_distance for one in named)
    if rules.distance(path) <= limit:
        raise Refused(
            RELATED,
            organisation=firm.name,
            centre=centre.name,
            distance=rules.distance(path),
            ties=", ".join(sorted(tie.relation_id for tie in path.ties)),
        )
