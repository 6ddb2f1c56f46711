"""Flags of surveillance: the queue, a person's answer, and a programme's own thresholds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.shapes import Body, Note, Shape, Time
from hesuan.hub.flags.models import Flag, FlagStep, Tuning
from hesuan.hub.surveillance import selectors, services

router = Router()


class AnswerShape(Shape):
    """A person's answer to a flag."""

    state: str
    measure: str
    reason: str
    at: Time


class FlagShape(Shape):
    """One verdict of one rule. `numbers` holds both sides of the comparison; `refs` the rows judged."""

    id: str
    rule: str
    version: str
    en: str
    zh: str
    action: str
    state: str
    subject: str
    window: str
    concerns: list[str]
    refs: list[str]
    numbers: dict[str, int]
    digest: str
    raised_at: Time
    answers: list[AnswerShape]


class RuleShape(Shape):
    """A rule of surveillance."""

    id: str
    version: str
    actions: str
    en: str
    zh: str
    source: str


class TuningShape(Shape):
    """A programme's own threshold from a moment on."""

    name: str
    value: int
    reason: str
    at: Time


class ThresholdShape(Shape):
    """One number that a rule judges by. `kind` and `source` speak of the default."""

    name: str
    rule: str
    version: str
    value: int
    default: int
    unit: str
    kind: str
    source: str
    en: str
    zh: str


class ThresholdsShape(Shape):
    """The numbers that a programme is judged by, and how its own ones came about."""

    thresholds: dict[str, int]
    measures: list[ThresholdShape]
    tuned: list[TuningShape]


class Answer(Body):
    """`dismissed`, or `confirmed` with the measure that is taken; and why."""

    outcome: Literal["dismissed", "confirmed"]
    measure: Annotated[str, Field(max_length=32)] = ""
    reason: Note


class Tune(Body):
    """A threshold's name, its new value, and why."""

    name: Annotated[str, Field(max_length=64)]
    value: int
    reason: Note


State = Annotated[str, Field(max_length=16, description="`OPEN`, `DISMISSED`, `CONFIRMED`; empty: all")]
Only = Annotated[str, Field(max_length=8, description="one rule's only, such as `A8`; empty: all")]


@router.get("/flags", response=Page[FlagShape])
def list_flags(
    request: HttpRequest,
    state: State = "OPEN",
    rule: Only = "",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> Page[FlagShape]:
    """The flags of your office's programmes: stops first, then holds, oldest first."""
    rows = selectors.queue(actor_of(request), state=state, rule=rule)
    return page(rows, _flag, limit=limit, cursor=cursor)


@router.get("/flags/{flag_id}", response=FlagShape)
def get_flag(request: HttpRequest, flag_id: str) -> FlagShape:
    """One flag with everything it was judged by."""
    return _flag(selectors.flag(actor_of(request), flag_id))


@router.post("/flags/{flag_id}/decide", response=FlagShape)
def decide(request: HttpRequest, flag_id: str, body: Answer) -> HttpResponse:
    """A reviewer or approver dismisses a flag, or confirms it and says what is done."""
    actor = actor_of(request)

    def work(_: str) -> FlagShape:
        return _flag(
            services.decide(
                actor=actor,
                flag_id=flag_id,
                outcome=body.outcome,
                reason=body.reason,
                measure=body.measure,
            )
        )

    return once(request, work, status=200)


@router.get("/surveillance-rules", response=list[RuleShape])
def list_rules(request: HttpRequest) -> list[RuleShape]:
    """Every rule, for those who may see flags; empty for everybody else."""
    return [
        RuleShape(
            id=one.id, version=one.version, actions=one.actions, en=one.en, zh=one.zh, source=one.source
        )
        for one in selectors.rules(actor_of(request))
    ]


@router.get("/surveillance-thresholds", response=list[ThresholdShape])
def list_thresholds(request: HttpRequest) -> list[ThresholdShape]:
    """The platform's own numbers with unit, kind and source, for those who may see flags; else empty."""
    return [_threshold(one) for one in selectors.thresholds(actor_of(request))]


@router.get("/programmes/{programme_id}/thresholds", response=ThresholdsShape)
def get_thresholds(request: HttpRequest, programme_id: str) -> ThresholdsShape:
    """The numbers a programme is judged by; for its office and for who sees everything."""
    actor = actor_of(request)
    rows = selectors.thresholds(actor, programme_id)
    tuned = [_tuning(one) for one in selectors.tunings(actor, programme_id)]
    numbers = {one.name: one.value for one in rows}
    return ThresholdsShape(thresholds=numbers, measures=[_threshold(one) for one in rows], tuned=tuned)


@router.post("/programmes/{programme_id}/thresholds", response={201: TuningShape})
def tune(request: HttpRequest, programme_id: str, body: Tune) -> HttpResponse:
    """An approver sets one of the programme's thresholds from now on; on record with the reason."""
    actor = actor_of(request)

    def work(_: str) -> TuningShape:
        return _tuning(
            services.tune(
                actor=actor,
                programme_id=programme_id,
                name=body.name,
                value=body.value,
                reason=body.reason,
            )
        )

    return once(request, work)


def _flag(row: Flag) -> FlagShape:
    en, zh = selectors.rule_words().get(row.rule, (row.rule, row.rule))
    return FlagShape(
        id=row.id,
        rule=row.rule,
        version=row.version,
        en=en,
        zh=zh,
        action=row.action,
        state=row.state,
        subject=row.subject,
        window=row.window,
        concerns=selectors.keys(row),
        refs=row.refs,
        numbers=row.numbers,
        digest=row.digest,
        raised_at=row.raised_at,
        answers=[_answer(one) for one in selectors.steps(row)],
    )


def _answer(row: FlagStep) -> AnswerShape:
    return AnswerShape(state=row.to_state, measure=row.measure, reason=row.reason, at=row.at)


def _threshold(row: selectors.Measure) -> ThresholdShape:
    return ThresholdShape(**{**asdict(row), "kind": row.kind.value})


def _tuning(row: Tuning) -> TuningShape:
    return TuningShape(name=row.name, value=row.value, reason=row.reason, at=row.at)
