"""Sampled audits, bank statements and the end of claims."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import BeforeValidator, Field, WithJsonSchema

from hesuan.errors import InputFault
from hesuan.hub.api.auth import actor_of
from hesuan.hub.api.idempotency import once
from hesuan.hub.api.paging import DEFAULT_LIMIT, Cursor, Limit, Page, page
from hesuan.hub.api.routes.claim_shapes import ClaimFull, Reference, Remark, Why, claim_full
from hesuan.hub.api.shapes import Body, Day, Sentence, Shape, Time, Yuan, YuanIn
from hesuan.hub.identity.actors import Actor
from hesuan.hub.settlement import audit_selectors as audits
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement import closing, reconciling, sampling
from hesuan.hub.settlement.models import AuditPlan, BankStatement, Claim, Payment, SampledAudit
from hesuan.money import parse_ratio

router = Router()


def _ratio(value: object) -> Fraction:
    try:
        return parse_ratio(value)
    except InputFault as fault:
        raise ValueError(fault) from None


Ratio = Annotated[Fraction, BeforeValidator(_ratio), WithJsonSchema({"type": "string", "examples": ["1/10"]})]
Programme = Annotated[str, Query(min_length=1, max_length=100)]
Letters = Annotated[str, Field(max_length=2_000_000)]


class NewPlan(Body):
    """How much is sampled, how long paid claims stay open, and why."""

    share: Ratio
    window_days: Annotated[int, Field(ge=0)]
    reason: Why


class NewDraw(Body):
    """The quarter whose paid claims draw, such as `2026-Q4`."""

    period: Annotated[str, Field(min_length=1, max_length=16)]


class Conclusion(Body):
    """`passed` or `findings`; the amount that has to come back of a paid claim."""

    outcome: Annotated[str, Field(max_length=40)]
    finding: Why
    amount_yuan: YuanIn = 0


class NewStatement(Body):
    """A payer's bank statement: CSV with the columns `day`, `reference`, `amount` (`payment`, `payee`)."""

    programme: Annotated[str, Field(min_length=1, max_length=100)]
    payer: Annotated[str, Field(min_length=1, max_length=64)]
    begins_on: Day
    ends_on: Day
    name: Reference = ""
    content: Letters


class PlanShape(Shape):
    """A plan; in force once `agreed_at` is set."""

    id: str
    programme: str
    share: str
    window_days: int
    reason: str
    proposed_at: Time
    agreed_at: Time | None


class AuditShape(Shape):
    """One draw, so that anybody makes it again, and what the audit found."""

    claim: str
    from_state: str
    seed: str
    number: str
    share: str
    said_by: str
    drawn: bool
    drawn_at: Time
    outcome: str
    finding: str
    clawback: str | None
    audited_at: Time | None


class SampleShape(Shape):
    """The draws made at once."""

    draws: list[AuditShape]


class ReconcileShape(Shape):
    """Where books and bank differ."""

    code: str
    key: str
    books_yuan: Yuan
    bank_yuan: Yuan
    sentence: Sentence


class BankStatementShape(Shape):
    """What a bank says, and how it agrees with the books."""

    id: str
    programme: str
    payer: str
    begins_on: str
    ends_on: str
    name: str
    digest: str
    lines: int
    reconciled: list[str]
    findings: list[ReconcileShape]
    loaded_at: Time


class UnreconciledShape(Shape):
    """A payment whose cash was not found at the bank yet."""

    id: str
    claim: str
    payer: str
    cash_yuan: Yuan
    reference: str
    paid_at: Time


@router.get("/programmes/{programme_id}/audit-plans", response=Page[PlanShape])
def list_plans(
    request: HttpRequest, programme_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[PlanShape]:
    """The recorded decisions on a programme's samples, newest first; to its office alone."""
    found = audits.plans(actor_of(request), programme_id)
    return page(found, _plan, limit=limit, cursor=cursor)


@router.post("/programmes/{programme_id}/audit-plans", response={201: PlanShape})
def propose_plan(request: HttpRequest, programme_id: str, body: NewPlan) -> HttpResponse:
    """An approver proposes; another one agrees."""
    actor = actor_of(request)

    def work(object_id: str) -> PlanShape:
        made = sampling.propose_plan(
            actor=actor,
            plan_id=object_id,
            programme_id=programme_id,
            share=body.share,
            window_days=body.window_days,
            reason=body.reason,
        )
        return _plan(made)

    return once(request, work)


@router.post("/audit-plans/{plan_id}/agree", response=PlanShape)
def agree_plan(request: HttpRequest, plan_id: str) -> HttpResponse:
    """A second approver agrees; the plan holds from now on."""
    actor = actor_of(request)
    return once(request, lambda _: _plan(sampling.agree_plan(actor=actor, plan_id=plan_id)), status=200)


@router.post("/programmes/{programme_id}/audit-draws", response=SampleShape)
def draw(request: HttpRequest, programme_id: str, body: NewDraw) -> HttpResponse:
    """The paid claims of a quarter draw once more; answers the draws made now."""
    actor = actor_of(request)

    def work(_: str) -> SampleShape:
        made = sampling.draw_paid(actor=actor, programme_id=programme_id, period=body.period)
        return SampleShape(draws=[_audit(one) for one in made])

    return once(request, work, status=200)


@router.get("/programmes/{programme_id}/audit-draws", response=Page[AuditShape])
def list_draws(
    request: HttpRequest, programme_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[AuditShape]:
    """Every draw of a programme's claims, newest first; to its office alone."""
    return page(audits.draws(actor_of(request), programme_id), _audit, limit=limit, cursor=cursor)


@router.get("/claims/{claim_id}/audits", response=Page[AuditShape])
def list_audits(
    request: HttpRequest, claim_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[AuditShape]:
    """The draws of a claim with seed, number and share, oldest first, and what was found."""
    return page(audits.audits(actor_of(request), claim_id), _audit, limit=limit, cursor=cursor)


@router.post("/claims/{claim_id}/audit", response=ClaimFull)
def conclude(request: HttpRequest, claim_id: str, body: Conclusion) -> HttpResponse:
    """What the audit of a drawn claim found, by somebody who had no part in it."""
    actor = actor_of(request)

    def work(object_id: str) -> ClaimFull:
        found = sampling.conclude(
            actor=actor,
            claim_id=claim_id,
            outcome=body.outcome,
            finding=body.finding,
            amount_fen=body.amount_yuan,
            clawback_id=object_id,
        )
        return _claim(actor, found)

    return once(request, work, status=200)


@router.post("/claims/{claim_id}/close", response=ClaimFull)
def close(request: HttpRequest, claim_id: str, body: Remark) -> HttpResponse:
    """Closes a reconciled claim after its time for audits; nothing of it changes any more."""
    actor = actor_of(request)

    def work(_: str) -> ClaimFull:
        return _claim(actor, closing.close(actor=actor, claim_id=claim_id, note=body.note))

    return once(request, work, status=200)


@router.get("/bank-statements", response=Page[BankStatementShape])
def list_statements(
    request: HttpRequest, programme: Programme, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[BankStatementShape]:
    """The bank statements loaded for a programme, newest first; to its office alone."""
    found = audits.bank_statements(actor_of(request), programme)
    return page(found, _statement, limit=limit, cursor=cursor)


@router.get("/programmes/{programme_id}/unreconciled-payments", response=Page[UnreconciledShape])
def list_unreconciled(
    request: HttpRequest, programme_id: str, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> Page[UnreconciledShape]:
    """Payments in cash that no bank statement has shown yet, oldest first; to its office alone."""
    found = audits.unreconciled(actor_of(request), programme_id)
    return page(found, _unreconciled, limit=limit, cursor=cursor)


@router.post("/bank-statements", response={201: BankStatementShape})
def load_statement(request: HttpRequest, body: NewStatement) -> HttpResponse:
    """Compares a payer's bank statement with the books, line by line, to the fen."""
    actor = actor_of(request)

    def work(object_id: str) -> BankStatementShape:
        made = reconciling.load_statement(
            actor=actor,
            statement_id=object_id,
            programme_id=body.programme,
            payer=body.payer,
            begins_on=body.begins_on,
            ends_on=body.ends_on,
            name=body.name,
            content=body.content,
        )
        return _statement(made)

    return once(request, work)


@router.get("/bank-statements/{statement_id}", response=BankStatementShape)
def get_statement(request: HttpRequest, statement_id: str) -> BankStatementShape:
    """One statement, what it reconciled, and where books and bank differ."""
    return _statement(audits.bank_statement(actor_of(request), statement_id))


def _claim(actor: Actor, row: Claim) -> ClaimFull:
    return claim_full(row, reads.lines(actor, row.id), reads.steps(actor, row.id))


def _plan(row: AuditPlan) -> PlanShape:
    return PlanShape(
        id=row.id,
        programme=row.programme_id,
        share=f"{row.part}/{row.of}",
        window_days=row.window_days,
        reason=row.reason,
        proposed_at=row.proposed_at,
        agreed_at=row.agreed_at,
    )


def _audit(row: SampledAudit) -> AuditShape:
    return AuditShape(
        claim=row.claim_id,
        from_state=row.from_state,
        seed=row.seed,
        number=row.number,
        share=row.share,
        said_by=row.said_by,
        drawn=row.drawn,
        drawn_at=row.drawn_at,
        outcome=row.outcome,
        finding=row.finding,
        clawback=row.clawback_id,
        audited_at=row.audited_at,
    )


def _unreconciled(row: Payment) -> UnreconciledShape:
    return UnreconciledShape(
        id=row.id,
        claim=row.claim_id,
        payer=row.payer,
        cash_yuan=row.cash_fen,
        reference=row.reference,
        paid_at=row.paid_at,
    )


def _statement(row: BankStatement) -> BankStatementShape:
    return BankStatementShape(
        id=row.id,
        programme=row.programme_id,
        payer=row.payer,
        begins_on=row.begins_on.isoformat(),
        ends_on=row.ends_on.isoformat(),
        name=row.name,
        digest=row.digest,
        lines=row.lines.count(),
        reconciled=sorted(row.reconciled.values_list("payment_id", flat=True)),
        findings=[
            ReconcileShape(
                code=one.code,
                key=one.key,
                books_yuan=one.books_fen,
                bank_yuan=one.bank_fen,
                sentence=Sentence(en=one.en, zh=one.zh),
            )
            for one in row.findings.order_by("id")
        ],
        loaded_at=row.loaded_at,
    )
