"""Deciding one request under one version of a programme, in the normative order of evaluation.

1 eligibility · 2 supplier · 3 line kinds · 4 apportionment · 5 tier · 6 gross · 7 other aid · 8 caps ·
9 budget · 10 rounding · 11 floors · 12 split among payers · 13 co-pay. Changing the order changes money.

**An open rule refuses where it is reached, and only there.** A draft with ``"?"`` in its ordinary rate still
decides for a project lead, and refuses the ordinary applicant naming the field; an open rule about other aid
is not reached where there is none. Nothing is guessed, and nothing is refused for what does not matter.

Amounts stay exact fractions until the rule rounds them. Where rounding upwards would pass a limit, the limit
is rounded down instead: a cap is not rounded past.
"""

from __future__ import annotations

from hesuan.policy.aid import other_aid
from hesuan.policy.decision import Counters, Decision, Facts, LineResult
from hesuan.policy.entitlement import apportionment, eligibility, line_kinds, supplier
from hesuan.policy.keys import BY_CLAIM, Needed
from hesuan.policy.limits import budgets, caps
from hesuan.policy.payout import copay, floors, rounding, split
from hesuan.policy.predicates import All, AnyOf, Condition, Not, judge
from hesuan.policy.programme import CLAIM_FEN, Programme
from hesuan.policy.tiers import tiers
from hesuan.policy.work import Stopped, Work

STEPS = (line_kinds, apportionment, tiers, other_aid, caps, budgets, rounding, floors, split, copay)


def decide(programme: Programme, facts: Facts, counters: Counters) -> Decision:
    """Decides one request.

    Args:
        programme: One version; drafts may be asked too.
        facts: What is known about the request.
        counters: What is used of every cap and budget that binds at this event. They must be read under the
            lock under which the answer is carried out, or two requests may both be granted the last fen.

    Returns:
        A decision; where it grants nothing, ``failures`` names every condition that failed.
    """
    work = Work(programme, facts, counters)
    try:
        eligibility(work)
        supplier(work)
        if work.failures:
            raise Stopped
        for step in STEPS:
            step(work)
    except Stopped:
        work.subsidy_fen, work.shares, work.part_fens = 0, (), []
    return _answer(work)


def auto_approved(programme: Programme, facts: Facts) -> bool:
    """Whether the programme's own rule lets a request pass without a reviewer; unknown facts do not."""
    issuance = programme.terms.issuance
    rule = issuance.auto_approve if issuance is not None else None
    if not isinstance(rule, Condition | All | AnyOf | Not):
        return False
    return judge(rule, {**facts.stated, "now": facts.on}).truth is True


def _answer(work: Work) -> Decision:
    programme, facts = work.programme, work.facts
    counted = () if work.failures else _counted(work)
    added = {(needed.kind, needed.id): fen for needed, fen in counted}
    limits = {(one.needed.kind, one.needed.id): one.needed.limit_fen for one in work.bindings}
    caps_left = {
        cap.id: limit - work.counters.caps[cap.id] - added.get(("cap", cap.id), 0)
        for cap in programme.caps
        if cap.id in work.counters.caps
        and isinstance(limit := limits.get(("cap", cap.id), cap.limit_fen), int)
    }
    budgets_left = {
        one.id: limit - work.counters.budgets[one.id] - added.get(("budget", one.id), 0)
        for one in programme.budgets
        if one.id in work.counters.budgets
        and isinstance(limit := limits.get(("budget", one.id), one.limit_fen), int)
    }
    return Decision(
        granted=not work.failures,
        programme=programme.id,
        version=programme.version,
        digest=programme.digest,
        invoice_fen=facts.invoice_fen,
        other_aid_fen=facts.other_aid_fen,
        base=work.base,
        tier=work.tier,
        rate=work.rate,
        gross=work.gross,
        subsidy_fen=work.subsidy_fen,
        shares=work.shares,
        cap_left_fen=caps_left,
        budget_left_fen=budgets_left,
        trace=tuple(work.steps),
        failures=tuple(work.failures),
        queued=work.queued,
        lines=_lines(work) if programme.scope == "line" and not work.failures else (),
        counted=counted,
        recover_fen=work.recover_fen if not work.failures else 0,
        auto_approved=not work.failures and auto_approved(programme, facts),
    )


def _counted(work: Work) -> tuple[tuple[Needed, int], ...]:
    """What each counter is added to: a claim as 1.00, an amount as what its own parts get."""
    claim_fen = CLAIM_FEN if work.subsidy_fen else 0
    fens = dict(zip(map(id, work.parts), work.part_fens, strict=True))
    return tuple(
        (
            one.needed,
            claim_fen if one.needed.counts in BY_CLAIM else sum(fens[id(part)] for part in one.parts),
        )
        for one in work.bindings
    )


def _lines(work: Work) -> tuple[LineResult, ...]:
    return tuple(
        LineResult(
            kind=part.lines[0][0].kind,
            amount_fen=part.lines[0][0].amount_fen,
            base=part.base,
            tier=part.tier.id if part.tier is not None else "",
            rate=part.rate,
            gross=part.gross,
            subsidy_fen=fen,
        )
        for part, fen in zip(work.parts, work.part_fens, strict=True)
    )
