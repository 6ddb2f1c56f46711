"""Comparing a claim's papers with the meter, and searching its numbers everywhere else."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from hesuan.errors import InputFault, Refused, declare
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.readers import for_everybody
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.programmes.paying import PayingTerms, paying_terms
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry import services as recording
from hesuan.hub.registry.standing import doubles
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import claim_selectors as reads
from hesuan.hub.settlement import drawn, gate, matching, papers
from hesuan.hub.settlement.matching import METER_UNSIGNED, NUMBER_USED, Expected, MeterLine
from hesuan.hub.settlement.models import Claim, ClaimLine, ClaimMatch, Receipt

State = Claim.State
NUMBERED = ("contract", "invoice")
DEAD = (State.WITHDRAWN, State.REJECTED)
MOST_TOLERANCE_FEN = 100_000
NEVER_WAIVED = (NUMBER_USED.name, METER_UNSIGNED.name)
"""A number used twice and an unsigned meter are not let pass by anybody."""

NOT_WAIVED = declare(
    "match.not_waived",
    en="`{kind}` is not let pass: {sentence}",
    zh="“{kind}”不得放行：{sentence}",
)


def rematch(*, actor: Actor, claim_id: str, tolerance_fen: int, reason: str) -> Claim:
    """Compares again, letting small differences of amounts pass; by a reviewer, with a reason.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.wrong_state``.
        InputFault: ``claim.amount_wrong``, ``claim.reason_missing``.
    """
    verb = ("Comparing again", "重新核对")
    gate.need_reason(reason, verb)
    if not 0 <= tolerance_fen <= MOST_TOLERANCE_FEN:
        raise InputFault(
            errors.AMOUNT_WRONG,
            where="tolerance",
            field="tolerance",
            low=0,
            high=MOST_TOLERANCE_FEN,
            value=tolerance_fen,
        )
    with transaction.atomic():
        claim = _for_office(actor, claim_id, verb)
        gate.need_state(claim, (State.MISMATCH, State.MATCHED), verb)
        terms = paying_terms(claim.programme_version_id)
        compare(claim, terms, actor=actor, tolerance_fen=tolerance_fen, reason=reason)
    return claim


def waive(*, actor: Actor, claim_id: str, reason: str) -> Claim:
    """Lets the differences of the last comparison pass, by a reviewer with a reason; some never pass.

    Who waives cannot verify or approve the same claim.

    Raises:
        NotFound: ``claim.not_found``.
        Refused: ``claim.role_missing``, ``claim.own_organisation``, ``claim.wrong_state``,
            ``match.not_waived``.
        InputFault: ``claim.reason_missing``.
    """
    verb = ("Letting differences pass", "放行差异")
    gate.need_reason(reason, verb)
    with transaction.atomic():
        claim = _for_office(actor, claim_id, verb)
        if gate.did_it_last(actor, claim, "waived"):
            return claim
        gate.need_state(claim, (State.MISMATCH,), verb)
        last = claim.matches.order_by("-id").first()
        for one in last.differences if last else []:
            if one["code"] in NEVER_WAIVED:
                raise Refused(NOT_WAIVED, kind=one["code"], sentence=one["en"])
        gate.move(claim, State.MATCHED, trigger="waived", actor=actor, reason=reason)
    return claim


def compare(
    claim: Claim, terms: PayingTerms, *, actor: Actor, tolerance_fen: int = 0, reason: str = ""
) -> ClaimMatch:
    """Compares and writes what differs; the claim becomes ``MATCHED`` or ``MISMATCH``."""
    said = papers.parse(claim.papers)
    with for_everybody():  # numbers are searched in everybody's claims, whoever compares
        found = matching.compare(said, meter_lines(claim), _expected(claim, terms, said, tolerance_fen))
    match = ClaimMatch.objects.create(
        claim=claim,
        matched=not found,
        tolerance_fen=tolerance_fen,
        differences=[one.document() for one in found],
        compared_by=actor.identity_id,
        at=timezone.now(),
    )
    gate.move(
        claim,
        State.MISMATCH if found else State.MATCHED,
        trigger="mismatch" if found else "matched",
        actor=actor,
        reason=reason,
        public={"differences": len(found), "tolerance_fen": tolerance_fen},
    )
    return match


def note_numbers(claim: Claim) -> None:
    """Remembers contract and invoice numbers, so that the next claim anywhere finds them."""
    for kind in NUMBERED:
        paper = claim.papers.get(kind)
        if paper and paper.get("number"):
            recording.note_number(
                kind=kind,
                number=paper["number"],
                organisation_id=claim.holder_id,
                used_by=f"claim:{claim.id}",
                programme=claim.programme_version.programme_id,
                amount_fen=paper.get("amount_fen"),
            )


def meter_lines(claim: Claim) -> list[MeterLine]:
    """The claim's lines as they were metered."""
    rows, told = claim.lines.select_related("settlement__order__quote__request"), set[str]()
    found = []
    for line in rows:  # of an order's several lines, the first says what others paid of it
        others = {} if line.settlement_id in told else _beside(claim, line)
        told.add(line.settlement_id)
        found.append(_meter_line(line, sum(others.values())))
    return found


def _beside(claim: Claim, line: ClaimLine) -> dict[str, int]:
    return drawn.beside(line.settlement_id, claim.programme_version.programme_id)


def _meter_line(line: ClaimLine, beside_fen: int) -> MeterLine:
    order = line.settlement.order
    agreed = order.quote.request.created_at
    usage = UsageRecord.objects.filter(run__order=order).first()
    began = usage.started_at if usage and usage.started_at else agreed
    ended = usage.ended_at if usage and usage.ended_at else began
    return MeterLine(
        number=line.number,
        kind=line.kind,
        charge_fen=line.charge_fen,
        subsidy_fen=line.subsidy_fen,
        beside_fen=beside_fen,
        began=_day(began),
        ended=_day(ended),
        signed=Receipt.objects.filter(settlement=line.settlement, state=Receipt.State.SIGNED).exists(),
    )


def _day(at: object) -> date:
    return programme_day(at)  # type: ignore[arg-type]  # both are moments


def _expected(
    claim: Claim, terms: PayingTerms, said: dict[str, papers.Paper], tolerance_fen: int
) -> Expected:
    return Expected(
        buyer=claim.holder.name,
        seller=claim.centre.organisation.name,
        required=terms.evidence or gate.EVIDENCE[claim.flow],
        kinds=terms.kinds,
        full_face=terms.invoice != "net",
        user_pays_all=claim.flow in gate.USER_FLOWS,
        invoiced_before_fen=_invoiced_before(claim, said),
        uses={kind: _uses(claim, kind, said[kind].number) for kind in NUMBERED if kind in said},
        tolerance_fen=tolerance_fen,
    )


def _invoiced_before(claim: Claim, said: dict[str, papers.Paper]) -> int:
    """What other living claims invoiced on the same contract."""
    contract = said.get("contract")
    if contract is None:
        return 0
    ids = [
        use.used_by.removeprefix("claim:")
        for use in doubles(kind="contract", number=contract.number, besides=f"claim:{claim.id}")
        if use.used_by.startswith("claim:")
    ]
    others = Claim.objects.filter(pk__in=ids, holder_id=claim.holder_id).exclude(state__in=DEAD)
    invoices = {
        (invoice.get("number") or one.id): int(invoice.get("amount_fen", 0))
        for one in others
        if (invoice := one.papers.get("invoice", {}))
    }
    own = said.get("invoice")  # an invoice that two programmes share is one invoice
    return sum(fen for number, fen in invoices.items() if own is None or number != own.number)


def _uses(claim: Claim, kind: str, number: str) -> tuple[str, ...]:
    """Where else a number was used.

    Instalments of one contract under one programme are no double, nor are the papers of orders that two
    programmes paid together, each its own part.
    """
    found = []
    for use in doubles(kind=kind, number=number, besides=f"claim:{claim.id}"):
        what, _, key = use.used_by.partition(":")
        other = Claim.objects.filter(pk=key).first() if what == "claim" else None
        if other is not None and (other.state in DEAD or _shared(claim, other, kind)):
            continue
        same = (
            use.programme == claim.programme_version.programme_id and use.organisation_id == claim.holder_id
        )
        if kind == "contract" and same:
            continue
        found.append(f"{use.programme or '–'} {use.used_by} {use.at.date().isoformat()}")
    return tuple(found)


def _shared(claim: Claim, other: Claim, kind: str) -> bool:
    if claim.holder_id != other.holder_id or claim.centre_id != other.centre_id:
        return False
    return (drawn.paid_by_both if kind == "contract" else drawn.same_orders)(claim, other)


def _for_office(actor: Actor, claim_id: str, verb: gate.Verb) -> Claim:
    seen = reads.claim(actor, claim_id)
    gate.need_office(actor, seen, ("reviewer",), verb)
    rows = Claim.objects.select_for_update(of=("self",)).select_related(
        "programme_version__programme__office", "claimant", "holder", "centre__organisation"
    )
    return rows.get(pk=seen.pk)
