"""The market's verbs: ask for quotes here; sell in :mod:`.catalogue`, order and pay in :mod:`.ordering`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.centres.once import reading_once
from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import quoting, rules
from hesuan.hub.market.catalogue import publish_offering, set_price
from hesuan.hub.market.checks import need_role
from hesuan.hub.market.models import Offering, Quote, QuoteRefusal, QuoteRequest
from hesuan.hub.market.ordering import (
    accept_quote,
    accepting,
    deposit,
    expire_quotes,
    mark_settled,
    take_quote,
    voucher_uses,
)
from hesuan.hub.market.work import WorkOrder, parse_work
from hesuan.wire.canonical import Json, digest

__all__ = [
    "accept_quote",
    "accepting",
    "deposit",
    "expire_quotes",
    "mark_settled",
    "publish_offering",
    "request_quotes",
    "set_price",
    "take_quote",
    "voucher_uses",
]


def request_quotes(*, actor: Actor, organisation_id: str, work: Mapping[str, Json]) -> QuoteRequest:
    """Asks every published offering; each answers with a quote or with a refusal, and all are kept.

    Args:
        actor: An owner or member of the organisation.
        organisation_id: Whose work it is.
        work: See :mod:`hesuan.hub.market.work`.

    Raises:
        NotFound: ``identity.organisation_not_found``, for strangers too.
        Refused: ``market.role_missing``.
        Faults: every fault of the work order; then ``work.file_not_usable``.
    """
    order = parse_work(work)
    organisation = identity.organisation(actor, organisation_id)
    if not actor.has("owner", organisation_id):
        need_role(actor, "member", organisation_id, ("Asking for quotes", "询价"))
    order = order.frozen(organisation_id)
    now = timezone.now()
    with transaction.atomic():
        request = QuoteRequest.objects.create(
            organisation=organisation,
            work=order.document(),
            created_by=actor.identity_id,
            created_at=now,
        )
        drafts, refusals = _answers(order, organisation_id, now)
        QuoteRefusal.objects.bulk_create(_refusal_row(request, *refused) for refused in refusals)
        ranked = enumerate(quoting.with_rank(drafts), start=1)
        Quote.objects.bulk_create(_quote_row(request, draft, place) for place, draft in ranked)
        audit.record(
            kind="quote.requested",
            subject=request.id,
            actor=actor.identity_id,
            public={"quotes": len(drafts)},
            private={"organisation": organisation_id, "work": request.work},
        )
    return request


def _answers(
    order: WorkOrder, organisation_id: str, now: datetime
) -> tuple[list[quoting.Draft], list[tuple[Offering, rules.Refusal]]]:
    """What every published offering answers; a centre's figures are read once for all its offerings."""
    drafts, refusals = [], []
    published = Offering.objects.filter(state=Offering.State.PUBLISHED).select_related("centre")
    with reading_once():
        for offering in published.order_by("id"):
            found = quoting.answer(offering, order, organisation_id=organisation_id, at=now)
            if isinstance(found, rules.Refusal):
                refusals.append((offering, found))
            else:
                drafts.append(found)
    return drafts, refusals


def _refusal_row(request: QuoteRequest, offering: Offering, refusal: rules.Refusal) -> QuoteRefusal:
    return QuoteRefusal(
        request=request,
        offering=offering,
        code=refusal.code.name,
        facts=refusal.facts,
        sentences=refusal.sentences(),
    )


def _quote_row(request: QuoteRequest, draft: quoting.Draft, place: int) -> Quote:
    return Quote(
        id=str(draft.document["id"]),
        request=request,
        offering=draft.offering,
        document=draft.document,
        digest=digest(draft.document),
        rank=place,
        valid_until=draft.valid_until,
    )
