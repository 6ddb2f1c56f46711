"""What the addresses of the record take and answer."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from hesuan.hub.api.shapes import Body, Day, Id, Note, Sentence, Shape, Time, Title, Yuan, YuanIn

Number = Annotated[str, Field(max_length=100)]


class FactTypeShape(Shape):
    """A fact that may be entered, and what its value is."""

    name: str
    type: str


class EntryShape(Shape):
    """A fact, a relation or aid: what it says, what proves it, when it holds, and what became of it."""

    id: str
    entry: str = Field(description="fact, relation or aid")
    organisation: str
    issuer: str
    document: str | None
    source: str
    state: str
    valid_from: date
    expires_on: date | None
    entered_at: Time
    fact: FactPart | None = None
    relation: RelationPart | None = None
    aid: AidPart | None = None


class FactPart(Shape):
    """The fact's name and value."""

    name: str
    value: Any


class RelationPart(Shape):
    """To whom or what; of what is outside the hub nobody is told more than that it is there."""

    kind: str
    counterpart: str | None
    holder: str
    ratio_ppm: int | None


class AidPart(Shape):
    """Who gave how much for what."""

    authority: str
    programme: str
    scope: str
    contract_number: str
    invoice_number: str
    project_number: str
    amount_yuan: Yuan


class StaleShape(Shape):
    """A fact that does not hold on the day, and why."""

    entry: str
    name: str
    reason: str
    sentence: Sentence


class StandingShape(Shape):
    """What holds on a day, and what does not."""

    on: date
    holds: dict[str, Any]
    stale: list[StaleShape]
    entries: list[EntryShape]


class RecordStepShape(Shape):
    """One step of an entry."""

    from_state: str
    to_state: str
    trigger: str
    reason: str
    at: Time


class HistoryShape(Shape):
    """An entry with its steps, oldest first."""

    entry: EntryShape
    steps: list[RecordStepShape]


class OpeningShape(Shape):
    """An office that may see the record, or one document of it."""

    id: str
    office: str
    document: str | None
    because: str
    opened_at: Time


class RelatedShape(Shape):
    """Whether two organisations are related, and how."""

    related: bool
    through: str | None
    relations: list[str]
    sentence: Sentence


class NumberUseShape(Shape):
    """One use of a contract's or invoice's number."""

    id: int
    organisation: str
    organisation_name: str
    used_by: str
    programme: str
    at: Time


class ProofPart(Body):
    """What an entry rests on, and when it holds."""

    issuer: Title
    valid_from: Day
    expires_on: Day | None = None
    document: Id | None = None


class NewFact(ProofPart):
    """A fact to enter."""

    name: str
    value: Any


class NewRelation(ProofPart):
    """A relation to enter: a `counterpart` of this hub, or a `value`, of which only a keyed hash is kept."""

    kind: str
    counterpart: Id | None = None
    value: Annotated[str, Field(max_length=500)] = ""
    holder: str = ""
    ratio_percent: str = ""


class NewAid(ProofPart):
    """Aid to enter; `valid_from` is the day it was granted."""

    authority: str
    scope: str
    amount_yuan: YuanIn
    programme: Annotated[str, Field(max_length=200)] = ""
    contract_number: Number = ""
    invoice_number: Number = ""
    project_number: Number = ""


class NewStep(Body):
    """`checked`, `refused` or `withdrawn`, and why."""

    to: str
    reason: Note = ""


class NewOpening(Body):
    """The office that may look, and why."""

    office: Id
    because: Annotated[str, Field(min_length=1, max_length=100)]


EntryShape.model_rebuild()
