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

from fractions import Fraction

from hesuan.money import round_fen
from hesuan.policy import decision as said
from hesuan.policy.decision import Counters, Decision, Facts, Share, yuan
from hesuan.policy.entitlement import apportionment, eligibility, line_kinds, rounding_rule, supplier, tiers
from hesuan.policy.limits import COUNTED_AT, budgets, caps, other_aid
from hesuan.policy.programme import Floor, Programme
from hesuan.policy.work import Stopped, Work


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
        for step in (line_kinds, apportionment, tiers, other_aid, caps, budgets, rounding, split, copay):
            step(work)
    except Stopped:
        work.subsidy_fen, work.shares = 0, ()
    return _answer(work)


# --- 10 to 13: an amount of whole fen, and who pays it ---


def rounding(work: Work) -> None:
    """10 rounding and 11 floors."""
    exact = work.amount
    quantum, mode, stages = rounding_rule(work)
    if "subsidy" in stages:
        rounded = round_fen(exact, quantum_fen=quantum, mode=mode)
        if rounded > work.limit:
            rounded = round_fen(work.limit, quantum_fen=quantum, mode="floor")
    elif exact.denominator == 1:
        rounded = int(exact)
    else:
        work.refuse(
            said.OPEN_RULE,
            "rounding.stages",
            field="rounding.stages",
            purpose=f"what {yuan(exact)} is in whole fen",
            purpose_zh=f"{yuan(exact)} 如何取整",
        )
    work.subsidy_fen = rounded
    work.step(
        10,
        "rounding",
        "rounding.mode",
        f"{yuan(exact)} becomes {yuan(rounded)} ({mode} to {yuan(quantum)}).",
        f"{yuan(exact)} 取整为 {yuan(rounded)}（{mode}，单位 {yuan(quantum)}）。",
    )
    work.refuse_open_list("floors")
    for rule in work.programme.floors:
        _floor(work, rule, exact)
    work.step(
        11,
        "floors",
        "floors",
        "No floor is above the amount." if work.programme.floors else "No floor is set.",
        "没有高于该金额的下限。" if work.programme.floors else "没有设下限。",
    )


def _floor(work: Work, rule: Floor, exact: Fraction) -> None:
    on = work.need(rule.on, f"{rule.path}.on", "the floor", "下限")
    least = work.need(rule.min_fen, f"{rule.path}.min", "the floor", "下限")
    early = work.need(rule.before_rounding, f"{rule.path}.before_rounding", "the floor", "下限")
    if on == "units":
        work.refuse(said.NOT_EXECUTED, f"{rule.path}.on", field=f"{rule.path}.on", value=on)
    reached = work.base if on == "base" else exact if early == "true" else Fraction(work.subsidy_fen)
    if reached >= least:
        return
    otherwise = work.need(rule.otherwise, f"{rule.path}.else", "the floor", "下限")
    if otherwise == "reject":
        work.refuse(said.BELOW_FLOOR, rule.path, amount=yuan(reached), floor=yuan(least))
    work.subsidy_fen = 0


def split(work: Work) -> None:
    """12: floor each payer's part; what is left over is the first payer's."""
    work.refuse_open_list("funding")
    parts = [
        (one.payer, work.need(one.share, f"{one.path}.share", "who pays", "由谁出资"))
        for one in work.programme.funding
    ]
    total = sum((share for _, share in parts), Fraction(0))
    if total != 1:
        work.refuse(said.SHARES_NOT_ONE, "funding", total=total)
    fens = [work.subsidy_fen * share.numerator // share.denominator for _, share in parts]
    fens[0] += work.subsidy_fen - sum(fens)
    work.shares = tuple(Share(payer, fen) for (payer, _), fen in zip(parts, fens, strict=True))
    told = ", ".join(f"{share.payer} {yuan(share.fen)}" for share in work.shares)
    work.step(12, "payers", "funding", f"{told}.", f"{told}。")


def copay(work: Work) -> None:
    """13: the rest of the invoice."""
    rest = work.facts.invoice_fen - work.facts.other_aid_fen - work.subsidy_fen
    work.step(13, "co-pay", "base", f"{yuan(rest)} is the holder's own.", f"自付 {yuan(rest)}。")


def _answer(work: Work) -> Decision:
    programme, facts = work.programme, work.facts
    counted = COUNTED_AT[facts.event]
    caps_left = {
        cap.id: cap.limit_fen
        - work.counters.caps[cap.id]
        - (work.subsidy_fen if cap.counts in counted else 0)
        for cap in programme.caps
        if isinstance(cap.limit_fen, int) and cap.id in work.counters.caps
    }
    budgets_left = {
        one.id: one.limit_fen
        - work.counters.budgets[one.id]
        - (work.subsidy_fen if one.counts in counted else 0)
        for one in programme.budgets
        if isinstance(one.limit_fen, int) and one.id in work.counters.budgets
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
    )
