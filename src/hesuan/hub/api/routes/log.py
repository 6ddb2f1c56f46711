"""Audit and warn: the public log, the facts of an order or receipt, risk signals."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.shapes import Body, JsonObject, Sentence, Shape, Time
from hesuan.hub.audit import public
from hesuan.hub.audit import selectors as audit
from hesuan.hub.disclosure import notices
from hesuan.hub.identity.actors import Actor
from hesuan.hub.insight import selectors as insight
from hesuan.hub.market import selectors as market
from hesuan.hub.runs import selectors as runs
from hesuan.hub.settlement import selectors as settlement

router = Router()

OWN = ("quote.requested", "order.placed", "run.finished", "usage.recorded", "order.settled", "receipt.issued")
"""Facts whose records an order's own organisation opens: what it ordered, was metered, and paid."""

From = Annotated[int, Query(ge=0, alias="from", description="index of the first leaf")]
LogName = Annotated[str, Field(min_length=1, max_length=100)]
Count = Annotated[int, Query(ge=1, le=public.MAX_LEAVES)]


class CheckpointShape(Shape):
    """The newest checkpoint: a signed note as C2SP tlog-checkpoint describes it."""

    size: int
    note: str


class KeyShape(Shape):
    """The log's verifier key, `name+key id+base64`."""

    key: str


class LeavesShape(Shape):
    """Leaves of the log from an index on; `SHA-256(0x00 || text)` of each is its RFC 6962 hash."""

    first: int
    size: int
    leaves: list[str]


class ConsistencyShape(Shape):
    """RFC 6962 consistency proof, in hexadecimal."""

    hashes: list[str]


class ProofShape(Shape):
    """The proof that one leaf is in the log, as receipt files carry it."""

    leaf: JsonObject
    index: int
    size: int
    hashes: list[str]
    checkpoint: str


class FactShape(Shape):
    """One recorded fact.

    `private` has salt and record behind the leaf: all for auditors; for the order's organisation those of its
    own money, such as `order.placed` and `receipt.issued`; else null.
    """

    id: str
    kind: str
    subject: str
    at: Time
    leaf_index: int | None
    leaf: JsonObject
    private: JsonObject | None


class FactsShape(Shape):
    """The trail of one order: its own facts, its run's and its receipt's, oldest first."""

    order: str
    run: str
    receipt: str | None
    facts: list[FactShape]
    checkpoint: CheckpointShape | None
    witnesses: list[str]
    witnessed: bool
    log_key: str


class NewIncident(Body):
    """What happened, as it will stand in the public log; `log` is `platform` or a programme."""

    reason: Annotated[str, Field(min_length=1, max_length=notices.MAX_REASON)]
    log: LogName = "platform"


class NewErasure(Body):
    """The leaf whose private record is destroyed, and why; the reason stays private."""

    log: LogName
    leaf: Annotated[int, Field(ge=0)]
    reason: Annotated[str, Field(min_length=1, max_length=notices.MAX_REASON)]


class RecordedShape(Shape):
    """What was recorded, and in which log."""

    id: str
    log: str


class SignalShape(Shape):
    """A rule's verdict on one subject, with its reason and the figures behind it."""

    rule: str
    level: str
    subject: str
    label: str
    sentence: Sentence
    at: Time
    facts: JsonObject


class SignalsShape(Shape):
    """Every signal that stands now and concerns what one may see, warnings first."""

    signals: list[SignalShape]


@router.get("/log/checkpoint", response=CheckpointShape, auth=None)
def get_checkpoint(request: HttpRequest) -> CheckpointShape:
    """The newest checkpoint of the public log."""
    del request
    return CheckpointShape(size=public.size(), note=public.checkpoint())


@router.get("/log/key", response=KeyShape, auth=None)
def get_key(request: HttpRequest) -> KeyShape:
    """The public key that checkpoints are verified with."""
    del request
    return KeyShape(key=public.key())


@router.get("/log/leaves", response=LeavesShape, auth=None)
def list_leaves(request: HttpRequest, first: From = 0, count: Count = 100) -> LeavesShape:
    """Leaves of the public log, in order, each as the very text that was hashed."""
    del request
    found = public.leaves(first, count)
    return LeavesShape(first=found.first, size=found.size, leaves=[leaf.decode() for leaf in found.leaves])


@router.get("/log/inclusion/{leaf_index}", response=ProofShape, auth=None)
def get_inclusion(request: HttpRequest, leaf_index: int) -> ProofShape:
    """The proof that the leaf at an index is in the log of the newest checkpoint."""
    del request
    return ProofShape.model_validate(public.inclusion(leaf_index))


@router.get("/log/consistency", response=ConsistencyShape, auth=None)
def get_consistency(request: HttpRequest, first: int, second: int) -> ConsistencyShape:
    """The proof that the log of `first` leaves is a beginning of that of `second`."""
    del request
    return ConsistencyShape(hashes=public.consistency(first, second))


@router.get("/orders/{order_id}/facts", response=FactsShape)
def list_facts(request: HttpRequest, order_id: str) -> FactsShape:
    """Everything recorded about an order, its run and its receipt, with the newest checkpoint."""
    return _facts(actor_of(request), order_id)


@router.get("/receipts/{receipt_id}/facts", response=FactsShape)
def list_receipt_facts(request: HttpRequest, receipt_id: str) -> FactsShape:
    """The same trail, found by the receipt."""
    actor = actor_of(request)
    return _facts(actor, settlement.receipt(actor, receipt_id).settlement.order_id)


@router.post("/log/incidents", response={201: RecordedShape})
def record_incident(request: HttpRequest, body: NewIncident) -> HttpResponse:
    """Puts an incident on public record, in the words given; by an administrator of platform or security."""
    actor = actor_of(request)

    def work(incident_id: str) -> RecordedShape:
        made = notices.record_incident(actor=actor, reason=body.reason, log=body.log, incident_id=incident_id)
        return RecordedShape(id=made.id, log=made.log)

    return once(request, work)


@router.post("/log/erasures", response={201: RecordedShape})
def erase_record(request: HttpRequest, body: NewErasure) -> HttpResponse:
    """Destroys the private record behind a leaf; the log says so. By a security administrator."""
    actor = actor_of(request)

    def work(_: str) -> RecordedShape:
        made = notices.erase(actor=actor, log=body.log, leaf=body.leaf, reason=body.reason)
        return RecordedShape(id=made.id, log=made.log)

    return once(request, work)


@router.get("/signals", response=SignalsShape)
def list_signals(request: HttpRequest) -> SignalsShape:
    """The risk signals that stand now."""
    return SignalsShape(
        signals=[
            SignalShape(
                rule=one.rule,
                level=one.level,
                subject=one.subject,
                label=one.label,
                sentence=Sentence(en=one.en, zh=one.zh),
                at=one.at,
                facts=one.facts,
            )
            for one in insight.signals(actor_of(request))
        ]
    )


def _checkpoint() -> CheckpointShape | None:
    found = audit.latest_checkpoint()
    return CheckpointShape(size=found.size, note=found.note) if found else None


def _facts(actor: Actor, order_id: str) -> FactsShape:
    order = market.order(actor, order_id)
    run = runs.run_of_order(actor, order_id)
    receipt = settlement.receipt_of_order(actor, order_id)
    subjects = [order.quote.request_id, order.id, run.id, *([receipt.id] if receipt else [])]
    seen = audit.witnessing()
    own = OWN if order.organisation_id in actor.organisations() else ()
    views = [one for subject in dict.fromkeys(subjects) for one in audit.facts(actor, subject, own=own)]
    return FactsShape(
        order=order.id,
        run=run.id,
        receipt=receipt.id if receipt else None,
        facts=[_fact(view) for view in sorted(views, key=lambda view: (view.at, view.id))],
        checkpoint=_checkpoint(),
        witnesses=list(seen.witnesses),
        witnessed=seen.reached,
        log_key=audit.log_key(),
    )


def _fact(view: audit.FactView) -> FactShape:
    return FactShape(
        id=view.id,
        kind=view.kind,
        subject=view.subject,
        at=view.at,
        leaf_index=view.leaf_index,
        leaf=view.leaf,
        private=view.private,
    )
