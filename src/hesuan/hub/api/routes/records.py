"""What is on record: facts, relations, aid; their steps; who is related; where a number was used."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.routes.record_shapes import (
    AidPart,
    EntryShape,
    FactPart,
    FactTypeShape,
    HistoryShape,
    NewAid,
    NewFact,
    NewOpening,
    NewRelation,
    NewStep,
    NumberUseShape,
    OpeningShape,
    ProofPart,
    RecordStepShape,
    RelatedShape,
    RelationPart,
    StaleShape,
    StandingShape,
)
from hesuan.hub.api.shapes import Sentence
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry import fact_types, selectors, services, standing
from hesuan.hub.registry.models import AidEntry, NumberUse, Opening, OrganisationFact, Relation, Step

router = Router()

Percent = Annotated[
    str, Query(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$", description="the least shareholding that counts [%]")
]


@router.get("/fact-types", response=list[FactTypeShape])
def list_fact_types(request: HttpRequest) -> list[FactTypeShape]:
    """The facts of organisations that may be entered."""
    del request
    return [FactTypeShape(name=name, type=kind.value) for name, kind in fact_types.FACT_TYPES.items()]


@router.post("/organisations/{organisation_id}/facts", response={201: EntryShape})
def enter_fact(request: HttpRequest, organisation_id: str, body: NewFact) -> HttpResponse:
    """Enters a fact: declared by the owner, or by an office or the platform from a registry."""
    actor = actor_of(request)

    def work(entry_id: str) -> EntryShape:
        return _entry(
            services.enter_fact(
                actor=actor,
                organisation_id=organisation_id,
                name=body.name,
                value=body.value,
                proof=_proof(body),
                entry_id=entry_id,
            )
        )

    return once(request, work)


@router.get("/organisations/{organisation_id}/facts", response=StandingShape)
def list_organisation_facts(
    request: HttpRequest, organisation_id: str, on: date | None = None
) -> StandingShape:
    """What holds of an organisation on a day (today without one), what is stale and why, and every entry."""
    rows = selectors.facts(actor_of(request), organisation_id)
    found = standing.facts_of(organisation_id, on or _today())
    stale = [
        StaleShape(
            entry=one.fact.entry_id,
            name=one.fact.name,
            reason=one.reason,
            sentence=Sentence(en=one.en, zh=one.zh),
        )
        for one in found.stale
    ]
    return StandingShape(
        on=found.on, holds=found.values(), stale=stale, entries=[_entry(one) for one in rows]
    )


@router.post("/organisations/{organisation_id}/relations", response={201: EntryShape})
def enter_relation(request: HttpRequest, organisation_id: str, body: NewRelation) -> HttpResponse:
    """Enters a shareholding, a legal representative, an address, a bank account, a telephone, a number."""
    actor = actor_of(request)

    def work(entry_id: str) -> EntryShape:
        return _entry(
            services.enter_relation(
                actor=actor,
                organisation_id=organisation_id,
                kind=body.kind,
                proof=_proof(body),
                counterpart_id=body.counterpart,
                value=body.value,
                holder=body.holder,
                ratio_percent=body.ratio_percent,
                entry_id=entry_id,
            )
        )

    return once(request, work)


@router.get("/organisations/{organisation_id}/relations", response=Page[EntryShape])
def list_relations(
    request: HttpRequest, organisation_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[EntryShape]:
    """An organisation's relations on record, newest first."""
    rows = selectors.relations(actor_of(request), organisation_id)
    return page(rows, _entry, limit=limit, cursor=cursor)


@router.post("/organisations/{organisation_id}/aid", response={201: EntryShape})
def enter_aid(request: HttpRequest, organisation_id: str, body: NewAid) -> HttpResponse:
    """Enters public money that the organisation got from elsewhere."""
    actor = actor_of(request)

    def work(entry_id: str) -> EntryShape:
        return _entry(
            services.enter_aid(
                actor=actor,
                organisation_id=organisation_id,
                authority=body.authority,
                scope=body.scope,
                amount_fen=body.amount_yuan,
                proof=_proof(body),
                programme=body.programme,
                contract_number=body.contract_number,
                invoice_number=body.invoice_number,
                project_number=body.project_number,
                entry_id=entry_id,
            )
        )

    return once(request, work)


@router.get("/organisations/{organisation_id}/aid", response=Page[EntryShape])
def list_aid(
    request: HttpRequest, organisation_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[EntryShape]:
    """The aid on record of an organisation, newest first."""
    rows = selectors.aid(actor_of(request), organisation_id)
    return page(rows, _entry, limit=limit, cursor=cursor)


@router.post("/organisations/{organisation_id}/openings", response={201: OpeningShape})
def open_record(request: HttpRequest, organisation_id: str, body: NewOpening) -> HttpResponse:
    """Lets a programme office see what is on record; applying for a voucher does it by itself."""
    actor = actor_of(request)

    def work(_: str) -> OpeningShape:
        return _opening(
            services.open_record(
                actor=actor, organisation_id=organisation_id, office_id=body.office, because=body.because
            )
        )

    return once(request, work)


@router.post("/documents/{document_id}/openings", response={201: OpeningShape})
def open_document(request: HttpRequest, document_id: str, body: NewOpening) -> HttpResponse:
    """Lets a programme office see one document; sending it with a claim does it by itself."""
    actor = actor_of(request)

    def work(_: str) -> OpeningShape:
        return _opening(
            services.open_document(
                actor=actor, document_id=document_id, office_id=body.office, because=body.because
            )
        )

    return once(request, work)


@router.get("/organisations/{organisation_id}/openings", response=Page[OpeningShape])
def list_openings(
    request: HttpRequest, organisation_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[OpeningShape]:
    """Which offices may see the record, and since when, oldest first."""
    rows = selectors.openings(actor_of(request), organisation_id)
    return page(rows, _opening, limit=limit, cursor=cursor)


@router.get("/registry-entries", response=Page[EntryShape])
def list_waiting(request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> Page[EntryShape]:
    """What was declared, is not checked, and one may check, oldest first."""
    return page(selectors.waiting(actor_of(request)), _entry, limit=limit, cursor=cursor)


@router.get("/registry-entries/{entry_id}", response=HistoryShape)
def get_entry(request: HttpRequest, entry_id: str) -> HistoryShape:
    """A fact, a relation or aid, with every step it took."""
    actor = actor_of(request)
    found = selectors.entry(actor, entry_id)
    return HistoryShape(entry=_entry(found), steps=[_step(one) for one in selectors.steps(actor, entry_id)])


@router.post("/registry-entries/{entry_id}/steps", response=EntryShape)
def take_step(request: HttpRequest, entry_id: str, body: NewStep) -> HttpResponse:
    """Checks, refuses or withdraws what is on record."""
    actor = actor_of(request)

    def work(_: str) -> EntryShape:
        return _entry(services.take_step(actor=actor, entry_id=entry_id, to=body.to, reason=body.reason))

    return once(request, work, status=200)


@router.get("/related-parties", response=RelatedShape)
def get_related(
    request: HttpRequest,
    first: str,
    second: str,
    on: date | None = None,
    threshold_percent: Percent = "25",
) -> RelatedShape:
    """Whether two organisations are related, directly or through one intermediate; for programme offices."""
    threshold = Fraction(threshold_percent) / 100
    found = standing.related(actor_of(request), first, second, on or _today(), threshold=threshold)
    through = found.path.through if found.path else None
    return RelatedShape(
        related=found.related,
        through=through.partition(":")[0] if through else None,
        relations=[tie.relation_id for tie in found.path.ties] if found.path else [],
        sentence=Sentence(en=found.en, zh=found.zh),
    )


@router.get("/number-uses", response=Page[NumberUseShape])
def list_number_uses(
    request: HttpRequest,
    kind: str,
    number: Annotated[str, Query(max_length=100)],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> Page[NumberUseShape]:
    """Where a contract's or an invoice's number was used, across programmes; others' uses for offices."""
    rows = standing.number_uses(actor_of(request), kind, number)
    return page(rows, _use, limit=limit, cursor=cursor)


def _today() -> date:
    return programme_day(timezone.now())


def _proof(body: ProofPart) -> services.Proof:
    return services.Proof(body.issuer, body.valid_from, body.expires_on, body.document)


def _entry(row: selectors.AnyEntry) -> EntryShape:
    told: dict[str, Any] = {}
    match row:
        case OrganisationFact():
            told = {"entry": "fact", "fact": FactPart(name=row.name, value=row.value)}
        case Relation():
            part = RelationPart(
                kind=row.kind, counterpart=row.counterpart_id, holder=row.holder, ratio_ppm=row.ratio_ppm
            )
            told = {"entry": "relation", "relation": part}
        case AidEntry():
            told = {"entry": "aid", "aid": _aid(row)}
    return EntryShape(
        id=row.id,
        organisation=row.organisation_id,
        issuer=row.issuer,
        document=row.document_id,
        source=row.source,
        state=row.state,
        valid_from=row.valid_from,
        expires_on=row.expires_on,
        entered_at=row.entered_at,
        **told,
    )


def _aid(row: AidEntry) -> AidPart:
    return AidPart(
        authority=row.authority,
        programme=row.programme,
        scope=row.scope,
        contract_number=row.contract_number,
        invoice_number=row.invoice_number,
        project_number=row.project_number,
        amount_yuan=row.amount_fen,
    )


def _step(row: Step) -> RecordStepShape:
    return RecordStepShape(
        from_state=row.from_state,
        to_state=row.to_state,
        trigger=row.trigger,
        reason=row.reason,
        at=row.at,
    )


def _opening(row: Opening) -> OpeningShape:
    return OpeningShape(
        id=row.id,
        office=row.office_id,
        document=row.document_id,
        because=row.because,
        opened_at=row.opened_at,
    )


def _use(row: NumberUse) -> NumberUseShape:
    return NumberUseShape(
        id=row.pk,
        organisation=row.organisation_id,
        organisation_name=row.organisation.name,
        used_by=row.used_by,
        programme=row.programme,
        at=row.at,
    )
