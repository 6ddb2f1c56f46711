"""Find and quote: offerings, requests for quotes, quotes and their acceptance."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.routes.orders import OrderShape, shape_order
from hesuan.hub.api.shapes import (
    Body,
    Id,
    JsonObject,
    Note,
    Sentence,
    Shape,
    Time,
    TimeIn,
    Title,
    Yuan,
    YuanIn,
)
from hesuan.hub.centres import selectors as centres
from hesuan.hub.identity.actors import Actor
from hesuan.hub.market import selectors, services
from hesuan.hub.market.models import Quote, QuoteRefusal, QuoteRequest
from hesuan.hub.programmes.rules import LINE_KIND
from hesuan.hub.runs import services as runs

router = Router()


class Evidence(Shape):
    """Measured points of one app on the offering's machine."""

    app: str
    app_digest: str
    cores: int
    points: list[dict[str, int]]
    """`{"units", "wall_ms"}`."""
    kind: str
    source: str
    at: Time


class OfferingShape(Shape):
    """What a centre sells; the price is null where none is valid today."""

    id: str
    centre: str
    centre_name: str
    city: str
    title: str
    cores: int
    memory_bytes: int
    line_kind: str
    """What programmes' rules take it for: `compute`, `ai_compute` or `model`."""
    card: str
    """The accelerator card by its name in the planner's catalogue; empty where not said."""
    price_yuan_per_core_hour: Yuan | None
    price_valid_to: Time | None
    evidence: list[Evidence]


class NewOffering(Body):
    """An offering to publish. Without a price it is shown and cannot quote."""

    centre: Id
    title: Title
    cores: int
    memory_bytes: int | None = None
    line_kind: Note = LINE_KIND
    card: Note = ""
    price_yuan_per_core_hour: YuanIn | None = None


class NewPrice(Body):
    """A dated price; without `valid_from` it holds from now on, without `valid_to` until the next."""

    price_yuan_per_core_hour: YuanIn
    valid_from: TimeIn | None = None
    valid_to: TimeIn | None = None


class PriceShape(Shape):
    """One dated price of one offering."""

    id: str
    offering: str
    price_yuan_per_core_hour: Yuan
    valid_from: Time
    valid_to: Time | None


class QuoteShape(Shape):
    """One quote; `document` is what its digest is of, amounts in fen."""

    id: str
    request: str
    rank: int
    state: str
    valid_until: Time
    digest: str
    document: JsonObject


class RefusalShape(Shape):
    """Why one offering could not quote."""

    offering: str
    offering_title: str
    code: str
    facts: JsonObject
    sentence: Sentence


class QuoteRequestShape(Shape):
    """A work order with every offering's answer, best first."""

    id: str
    organisation: str
    created_at: Time
    work: JsonObject
    quotes: list[QuoteShape]
    refusals: list[RefusalShape]


class NewQuoteRequest(Body):
    """A work order and for whom."""

    organisation: Id
    work: JsonObject


@router.get("/offerings", response=Page[OfferingShape])
def list_offerings(
    request: HttpRequest, app: str = "", limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[OfferingShape]:
    """Every published offering with today's price and its measured evidence (of one app, where named)."""
    actor = actor_of(request)
    rows = selectors.offerings(actor)
    return page(rows, lambda row: _offering(actor, row, app), limit=limit, cursor=cursor)


@router.get("/offerings/{offering_id}", response=OfferingShape)
def get_offering(request: HttpRequest, offering_id: str) -> OfferingShape:
    """One offering."""
    actor = actor_of(request)
    return _offering(actor, selectors.offering(actor, offering_id), "")


@router.post("/offerings", response={201: OfferingShape})
def publish_offering(request: HttpRequest, body: NewOffering) -> HttpResponse:
    """Publishes an offering of one's own centre."""
    actor = actor_of(request)

    def work(_: str) -> OfferingShape:
        made = services.publish_offering(
            actor=actor,
            centre_id=body.centre,
            title=body.title,
            cores=body.cores,
            fen_per_core_hour=body.price_yuan_per_core_hour,
            memory_bytes=body.memory_bytes,
            line_kind=body.line_kind,
            card=body.card,
        )
        return _offering(actor, selectors.offering(actor, made.id), "")

    return once(request, work)


@router.post("/offerings/{offering_id}/prices", response={201: PriceShape})
def set_price(request: HttpRequest, offering_id: str, body: NewPrice) -> HttpResponse:
    """Gives an offering a new price; quotes made before keep the price they carry."""
    actor = actor_of(request)

    def work(_: str) -> PriceShape:
        made = services.set_price(
            actor=actor,
            offering_id=offering_id,
            fen_per_core_hour=body.price_yuan_per_core_hour,
            valid_from=body.valid_from,
            valid_to=body.valid_to,
        )
        return PriceShape(
            id=made.id,
            offering=made.offering_id,
            price_yuan_per_core_hour=made.fen_per_core_hour,
            valid_from=made.valid_from,
            valid_to=made.valid_to,
        )

    return once(request, work)


@router.post("/quote-requests", response={201: QuoteRequestShape})
def request_quotes(request: HttpRequest, body: NewQuoteRequest) -> HttpResponse:
    """Asks every published offering; each answers with a quote or with the reason why it cannot."""
    actor = actor_of(request)

    def work(_: str) -> QuoteRequestShape:
        made = services.request_quotes(actor=actor, organisation_id=body.organisation, work=body.work)
        return _request(actor, made)

    return once(request, work)


@router.get("/quote-requests", response=Page[QuoteRequestShape])
def list_quote_requests(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[QuoteRequestShape]:
    """The requests of one's organisations, newest first."""
    actor = actor_of(request)
    rows = selectors.quote_requests(actor)
    return page(rows, lambda row: _request(actor, row), limit=limit, cursor=cursor)


@router.get("/quote-requests/{request_id}", response=QuoteRequestShape)
def get_quote_request(request: HttpRequest, request_id: str) -> QuoteRequestShape:
    """One request with its quotes and refusals."""
    actor = actor_of(request)
    return _request(actor, selectors.quote_request(actor, request_id))


@router.get("/quotes/{quote_id}", response=QuoteShape)
def get_quote(request: HttpRequest, quote_id: str) -> QuoteShape:
    """One quote."""
    return _quote(selectors.quote(actor_of(request), quote_id))


@router.post("/quotes/{quote_id}/accept", response={201: OrderShape})
def accept_quote(request: HttpRequest, quote_id: str) -> HttpResponse:
    """Accepts a quote: voucher and balance are held and the run is on its way. Needs `Idempotency-Key`."""
    actor = actor_of(request)

    def work(order_id: str) -> OrderShape:
        return shape_order(actor, runs.place_order(actor=actor, quote_id=quote_id, order_id=order_id))

    return once(request, work, required=True)


def _offering(actor: Actor, row: selectors.OfferingRow, app: str) -> OfferingShape:
    centre = centres.centre(actor, row.centre_id)
    return OfferingShape(
        id=row.id,
        centre=row.centre_id,
        centre_name=centre.name,
        city=centre.city,
        title=row.title,
        cores=row.cores,
        memory_bytes=row.memory_bytes,
        line_kind=row.line_kind,
        card=row.card,
        price_yuan_per_core_hour=row.fen_per_core_hour,
        price_valid_to=row.price_valid_to,
        evidence=_evidence(actor, row, app),
    )


def _evidence(actor: Actor, row: selectors.OfferingRow, app: str) -> list[Evidence]:
    """The newest benchmark of each app and core count that fits the offering."""
    newest: dict[tuple[str, int], Any] = {}
    for one in centres.benchmarks(actor, row.centre_id):
        if one.source == "benchmark" and one.cores <= row.cores and app in ("", one.app):
            newest.setdefault((one.app, one.cores), one)
    return [
        Evidence(
            app=one.app,
            app_digest=one.app_digest,
            cores=one.cores,
            points=one.points,
            kind="measured",
            source=one.source,
            at=one.at,
        )
        for one in newest.values()
    ]


def _quote(row: Quote) -> QuoteShape:
    return QuoteShape(
        id=row.id,
        request=row.request_id,
        rank=row.rank,
        state=row.state,
        valid_until=row.valid_until,
        digest=row.digest,
        document=row.document,
    )


def _refusal(row: QuoteRefusal) -> RefusalShape:
    return RefusalShape(
        offering=row.offering_id,
        offering_title=row.offering.title,
        code=row.code,
        facts=row.facts,
        sentence=Sentence(**row.sentences),
    )


def _request(actor: Actor, row: QuoteRequest) -> QuoteRequestShape:
    return QuoteRequestShape(
        id=row.id,
        organisation=row.organisation_id,
        created_at=row.created_at,
        work=row.work,
        quotes=[_quote(quote) for quote in selectors.quotes(actor, row.id)],
        refusals=[_refusal(refusal) for refusal in selectors.refusals(actor, row.id)],
    )
