"""Centres: registration, admission, enrolment codes, inventory, evidence, agents."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.errors import NotFound
from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import answer, once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Id, JsonObject, Note, Shape, Time, Title
from hesuan.hub.centres import rules, selectors, services
from hesuan.hub.centres.models import Agent, Benchmark, Centre, Inventory
from hesuan.hub.centres.shapes import LONGEST_REASON
from hesuan.hub.identity.actors import Actor

router = Router()


class DrainShape(Shape):
    """Since when, and why, an agent takes no new work."""

    since: Time
    reason: str


class DrainsShape(Shape):
    """What an agent last said of draining: by the hub's word and by its site's own, or null."""

    hub: DrainShape | None
    site: DrainShape | None


class AgentShape(Shape):
    """A site agent; only those who may look inside the centre see it.

    `drain_asked` is what the centre's operator wants, `drain_told` what the agent says of itself, null before
    it first spoke of it; new work is sent while `takes_work` is true. `report` is what it last answered when
    it was asked for one; `report_awaited`: it was asked, and has not answered yet.
    """

    id: str
    name: str
    public_key: str
    enrolled_at: Time
    last_seen_at: Time | None
    revoked_at: Time | None
    takes_work: bool
    drain_asked: DrainShape | None
    drain_told: DrainsShape | None
    report: JsonObject | None
    report_awaited: bool


class InventoryShape(Shape):
    """What a centre is said to hold: declared by a person or observed by its agent."""

    source: str
    at: Time
    digest: str
    body: JsonObject


class InventoryDifferenceShape(Shape):
    """Where declared and observed part: a property, or one named part of it; null: that side lacks it."""

    key: str
    part: str
    declared: object
    observed: object


class CapacityShape(Shape):
    """What was free at `at`, by the agent's clock; `body` as in the site protocol."""

    at: Time
    body: JsonObject


class CentreShape(Shape):
    """A centre; `agents`, `capacity` and `differences` are null for those who may not look inside."""

    id: str
    organisation: str
    name: str
    city: str
    state: str
    created_at: Time
    admitted_at: Time | None
    observed: InventoryShape | None
    declared: InventoryShape | None
    agents: list[AgentShape] | None
    capacity: CapacityShape | None
    differences: list[InventoryDifferenceShape] | None


class NewCentre(Body):
    """A site that an organisation applies with."""

    organisation: Id
    name: Title
    city: str


class CodeShape(Shape):
    """A code for one agent, shown once."""

    code: str
    expires_in_s: int


class NewInventory(Body):
    """What a person says the centre holds, in the shape of an agent's own inventory message."""

    body: JsonObject


class Revocation(Body):
    """Why nothing that an agent signs is to be accepted any more."""

    reason: Note


class Drain(Body):
    """Why an agent is to take no new work; the users of refused runs read it."""

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_REASON)]


class BenchmarkShape(Shape):
    """Measured points of one app on the centre's machine."""

    id: str
    app: str
    app_digest: str
    cores: int
    points: list[dict[str, int]]
    checked: JsonObject
    kind: str
    source: str
    at: Time


@router.get("/centres", response=Page[CentreShape])
def list_centres(
    request: HttpRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[CentreShape]:
    """Every admitted centre, and one's own that has only applied."""
    actor = actor_of(request)
    return page(selectors.centres(actor), lambda row: _centre(actor, row), limit=limit, cursor=cursor)


@router.post("/centres", response={201: CentreShape})
def register_centre(request: HttpRequest, body: NewCentre) -> HttpResponse:
    """An organisation applies with a site."""
    actor = actor_of(request)

    def work(_: str) -> CentreShape:
        made = services.register_centre(
            actor=actor, organisation_id=body.organisation, name=body.name, city=body.city
        )
        return _centre(actor, made)

    return once(request, work)


@router.get("/centres/{centre_id}", response=CentreShape)
def get_centre(request: HttpRequest, centre_id: str) -> CentreShape:
    """One centre with its newest inventories."""
    actor = actor_of(request)
    return _centre(actor, selectors.centre(actor, centre_id))


@router.post("/centres/{centre_id}/admit", response=CentreShape)
def admit_centre(request: HttpRequest, centre_id: str) -> HttpResponse:
    """The platform's operator admits a centre; twice is once."""
    actor = actor_of(request)

    def work(_: str) -> CentreShape:
        return _centre(actor, services.admit_centre(actor=actor, centre_id=centre_id))

    return once(request, work, status=200)


@router.post("/centres/{centre_id}/enrolment-codes", response={201: CodeShape})
def issue_enrolment_code(request: HttpRequest, centre_id: str) -> HttpResponse:
    """A code for one agent, good once and for fifteen minutes. It is shown here and kept nowhere."""
    code = services.issue_enrolment_code(actor=actor_of(request), centre_id=centre_id)
    lifetime_s = int(rules.CODE_LIFETIME.total_seconds())
    return answer(CodeShape(code=code, expires_in_s=lifetime_s), status=201)


@router.post("/centres/{centre_id}/inventory", response={201: InventoryShape})
def declare_inventory(request: HttpRequest, centre_id: str, body: NewInventory) -> HttpResponse:
    """What a person says the centre holds, to stand beside what its agent observes."""
    actor = actor_of(request)

    def work(_: str) -> InventoryShape:
        made = services.declare_inventory(actor=actor, centre_id=centre_id, body=body.body)
        return _inventory_shape(made)

    return once(request, work)


@router.get("/centres/{centre_id}/inventory", response=Page[InventoryShape])
def list_inventory(
    request: HttpRequest, centre_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[InventoryShape]:
    """Everything ever declared or observed, for those who may look inside."""
    rows = selectors.inventory_history(actor_of(request), centre_id)
    return page(rows, _inventory_shape, limit=limit, cursor=cursor)


@router.get("/centres/{centre_id}/evidence", response=Page[BenchmarkShape])
def list_evidence(
    request: HttpRequest, centre_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[BenchmarkShape]:
    """What was measured at a centre, newest first: the public ground of its predictions."""
    rows = selectors.benchmarks(actor_of(request), centre_id)
    return page(rows, _benchmark, limit=limit, cursor=cursor)


@router.post("/agents/{agent_id}/revoke", response=AgentShape)
def revoke_agent(request: HttpRequest, agent_id: str, body: Revocation) -> HttpResponse:
    """From now on nothing this agent signs is accepted; twice is once."""
    actor = actor_of(request)

    def work(_: str) -> AgentShape:
        return _agent(services.revoke_agent(actor=actor, agent_id=agent_id, reason=body.reason))

    return once(request, work, status=200)


@router.post("/agents/{agent_id}/drain", response=AgentShape)
def drain_agent(request: HttpRequest, agent_id: str, body: Drain) -> HttpResponse:
    """From now on this agent is sent no new work; what runs there goes on. Twice is once."""
    actor = actor_of(request)

    def work(_: str) -> AgentShape:
        return _agent(services.drain_agent(actor=actor, agent_id=agent_id, reason=body.reason))

    return once(request, work, status=200)


@router.post("/agents/{agent_id}/resume", response=AgentShape)
def resume_agent(request: HttpRequest, agent_id: str) -> HttpResponse:
    """This agent may take new work again, once it has said so. Its site's own word stands. Twice is once."""
    actor = actor_of(request)

    def work(_: str) -> AgentShape:
        return _agent(services.resume_agent(actor=actor, agent_id=agent_id))

    return once(request, work, status=200)


@router.post("/agents/{agent_id}/report", response=AgentShape)
def request_report(request: HttpRequest, agent_id: str) -> HttpResponse:
    """Asks the agent what it is about; while an answer is awaited, asking again is asking once."""
    actor = actor_of(request)

    def work(_: str) -> AgentShape:
        return _agent(services.request_report(actor=actor, agent_id=agent_id))

    return once(request, work, status=200)


def _centre(actor: Actor, row: Centre) -> CentreShape:
    return CentreShape(
        id=row.id,
        organisation=row.organisation_id,
        name=row.name,
        city=row.city,
        state=row.state,
        created_at=row.created_at,
        admitted_at=row.admitted_at,
        observed=_newest(actor, row.id, Inventory.Source.OBSERVED),
        declared=_newest(actor, row.id, Inventory.Source.DECLARED),
        agents=_agents(actor, row.id),
        capacity=_capacity(actor, row.id),
        differences=_differences(actor, row.id),
    )


def _capacity(actor: Actor, centre_id: str) -> CapacityShape | None:
    try:
        found = selectors.capacity(actor, centre_id)
    except NotFound:
        return None
    return CapacityShape(at=found.at, body=found.body) if found else None


def _differences(actor: Actor, centre_id: str) -> list[InventoryDifferenceShape] | None:
    try:
        found = selectors.differences(actor, centre_id)
    except NotFound:
        return None
    return [
        InventoryDifferenceShape(key=one.key, part=one.part, declared=one.declared, observed=one.observed)
        for one in found
    ]


def _newest(actor: Actor, centre_id: str, source: str) -> InventoryShape | None:
    found = selectors.inventory(actor, centre_id, source)
    return _inventory_shape(found) if found else None


def _agents(actor: Actor, centre_id: str) -> list[AgentShape] | None:
    try:
        return [_agent(one) for one in selectors.agents(actor, centre_id)]
    except NotFound:
        return None


def _agent(row: Agent) -> AgentShape:
    report, is_awaited = selectors.report_of(row)
    return AgentShape(
        id=row.id,
        name=row.name,
        public_key=row.public_key,
        enrolled_at=row.enrolled_at,
        last_seen_at=row.last_seen_at,
        revoked_at=row.revoked_at,
        report=report.body if report else None,
        report_awaited=is_awaited,
        takes_work=selectors.takes_work(row),
        drain_asked=DrainShape(**row.drain_asked) if row.drain_asked else None,
        drain_told=DrainsShape(**row.drain_told) if row.drain_told else None,
    )


def _inventory_shape(row: Inventory) -> InventoryShape:
    return InventoryShape(source=row.source, at=row.at, digest=row.digest, body=row.body)


def _benchmark(row: Benchmark) -> BenchmarkShape:
    return BenchmarkShape(
        id=row.id,
        app=row.app,
        app_digest=row.app_digest,
        cores=row.cores,
        points=row.points,
        checked=row.checked,
        kind="measured",
        source=row.source,
        at=row.at,
    )
