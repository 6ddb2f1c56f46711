"""Steps 8 and 9: caps and budgets. The caller holds the lock under which the counters were read."""

from __future__ import annotations

from fractions import Fraction

from hesuan.policy import decision as said
from hesuan.policy.fields import Open
from hesuan.policy.keys import BY_CLAIM, Needed, counted_as, missing_key, need_of, overridden
from hesuan.policy.predicates import Judgement, judge
from hesuan.policy.programme import AWARD_MAX, CLAIM_FEN, Budget, Cap
from hesuan.policy.work import Binding, Part, Stopped, Work, total

Told = tuple[str, str]
"""A line of the trace in English and Chinese."""


def caps(work: Work) -> None:
    """8: the least that any cap, and the voucher itself, has left; every cap that is used up is named."""
    work.refuse_open_list("caps")
    refuse_stray_override(work)
    lines = [told for cap in work.programme.caps if (told := hold_to_cap(work, cap)) is not None]
    if work.failures:
        raise Stopped
    if work.counters.voucher_fen is not None:
        left = work.show(work.counters.voucher_fen)
        work.at_most(work.counters.voucher_fen)
        lines.append((f"the voucher: {left} left", f"算力券：尚余 {left}"))
    en, zh = "; ".join(line[0] for line in lines), "；".join(line[1] for line in lines)
    amount = work.show(work.amount)
    work.step(
        8,
        "caps",
        work.programme.caps[0].path if work.programme.caps else "caps",
        f"{en}: {amount}." if lines else "No cap binds here.",
        f"{zh}：{amount}。" if lines else "此处没有上限约束。",
    )


def refuse_stray_override(work: Work) -> None:
    """A limit set in the award by a role that no cap names is nobody's to set."""
    stated = work.stated()
    if "award.cap" in stated and not any(overridden(cap, stated) for cap in work.programme.caps):
        work.refuse(said.OVERRIDE_NOT_ALLOWED, "caps", role=stated.get("award.cap_role", "?"))


def hold_to_cap(work: Work, cap: Cap) -> Told | None:
    """Holds the parts a cap is for against what it has left; ``None`` where it does not bind."""
    found = binding(work, cap)
    if found is None:
        return None
    needed, parts = found
    path = f"{cap.path}.limit"
    if cap.limit_fen == AWARD_MAX and needed.limit_fen is None:
        work.refuse(said.AWARD_LIMIT_MISSING, path, cap=cap.id)
    limit = work.need(needed.limit_fen, path, "the cap", "上限")
    used = work.counter(work.counters.caps, cap.id, cap.path)
    if needed.counts in BY_CLAIM:
        return hold_to_count(work, cap, needed, limit, used)
    whole = len(parts) == len(work.parts)
    if used >= limit and whole:
        work.fail(said.CAP_EXHAUSTED, cap.path, cap=cap.id, limit=work.show(limit), used=work.show(used))
    work.at_most(max(0, limit - used), None if whole else parts)
    left, of = work.show(max(0, limit - used)), work.show(limit)
    set_by, set_by_zh = "", ""
    if overridden(cap, work.stated()):
        role, reason = work.stated()["award.cap_role"], work.stated().get("award.reason", "–")
        set_by, set_by_zh = f" (set by {role}: {reason})", f"（由角色“{role}”核定：{reason}）"
    return (
        f"`{cap.id}`: {left} left of {of}{set_by}",
        f"{work.programme.names_zh[f'cap {cap.id}']}：{of} 尚余 {left}{set_by_zh}",
    )


def hold_to_count(work: Work, cap: Cap, needed: Needed, limit: int, used: int) -> Told:
    """One more claim, or one more that is active."""
    if used + CLAIM_FEN > limit:
        key = ", ".join(f"{name} {value}" for name, value in needed.key) or needed.window.name
        work.fail(said.CLAIM_REPEATED, cap.path, cap=cap.id, limit=times(limit), used=times(used), key=key)
    return (
        f"`{cap.id}`: {times(used)} of {times(limit)} claims so far",
        f"{work.programme.names_zh[f'cap {cap.id}']}：已计 {times(used)} 次，至多 {times(limit)} 次",
    )


def times(fen: int) -> str:
    """A count of claims."""
    return str(Fraction(fen, CLAIM_FEN))


def binding(work: Work, rule: Cap | Budget) -> tuple[Needed, tuple[Part, ...]] | None:
    """The counter of a rule and the parts it is for, where it binds at this event."""
    what = ("the cap", "上限") if isinstance(rule, Cap) else ("the budget", "预算")
    work.need(rule.counts, f"{rule.path}.counts", *what)
    counts = counted_as(work.programme, rule.counts, work.facts.event)
    if counts is None and work.facts.event == "redeem" and isinstance(work.programme.event, Open):
        # Where nothing is issued beforehand, what counts at issue counts here.
        work.need(work.programme.event, "issuance.event", "what is counted when", "何时计数")
    if counts is None:
        return None
    parts = tuple(work.parts) if rule.when is None else parts_for(work, rule)
    if isinstance(rule, Cap) and rule.tiers is not None:
        named = work.need(rule.tiers, f"{rule.path}.tiers", *what)
        parts = tuple(part for part in parts if part.tier is not None and part.tier.id in named)
    if not parts:
        return None
    needed = need_of(work.programme, rule, work.facts, work.stated())
    if needed is None:
        refuse_untold(work, rule, what)
    assert needed is not None
    work.bindings.append(Binding(needed, parts))
    return needed, parts


def parts_for(work: Work, rule: Cap | Budget) -> tuple[Part, ...]:
    """The parts a rule's condition is true of; one that cannot be judged ends the decision."""
    path = f"{rule.path}.when"
    when = work.need_condition(rule.when, path, "which requests count", "哪些申领计入")
    found = []
    for part in work.parts:
        judged = judge(when, part.stated)
        if judged.truth is None:
            work.hold(path, Judgement(None, tuple(one for one in judged.unmet if one.value is None)))
            raise Stopped
        if judged.truth:
            found.append(part)
    return tuple(found)


def refuse_untold(work: Work, rule: Cap | Budget, what: tuple[str, str]) -> None:
    """Names what the rule's counter lacks: a key, its window, its call."""
    if isinstance(rule.key, Open):
        work.need(rule.key, f"{rule.path}.key", *what)
    work.need(rule.window, f"{rule.path}.window", *what)
    missing = missing_key(rule.key, work.stated())
    if missing is None and rule.window == "fiscal_year":
        work.need(None, "period.fiscal_year_start", *what)
    fact = missing or "call.id"
    work.refuse(said.FACT_MISSING, rule.path, fact=fact, condition=f"`{rule.id}`")


def budgets(work: Work) -> None:
    """9: what the programme has left."""
    work.refuse_open_list("budgets")
    work.asked = work.amount
    lines = [told for one in work.programme.budgets if (told := hold_to_budget(work, one)) is not None]
    en, zh = "; ".join(line[0] for line in lines), "；".join(line[1] for line in lines)
    work.step(
        9,
        "budget",
        work.programme.budgets[0].path if work.programme.budgets else "budgets",
        f"{en}." if lines else "No budget binds here.",
        f"{zh}。" if lines else "此处没有预算约束。",
    )


def hold_to_budget(work: Work, budget: Budget) -> Told | None:
    """Holds the parts a budget pays against what it has left; where it is short, the rule decides."""
    found = binding(work, budget)
    if found is None:
        return None
    needed, parts = found
    limit = work.need(needed.limit_fen, f"{budget.path}.limit", "the budget", "预算")
    left = max(0, limit - work.counter(work.counters.budgets, budget.id, budget.path))
    held = None if len(parts) == len(work.parts) else parts
    ratio = work.counters.batch.get(budget.id)
    if ratio is not None:
        work.at_most(total(parts) * ratio, held)
    elif total(parts) > left:
        exhausted(work, budget, left, limit, total(parts))
    work.at_most(left, held)
    shown, of = work.show(left), work.show(limit)
    of_batch, of_batch_zh = (
        (f", {ratio} of what is asked", f"，按 {ratio} 分配") if ratio is not None else ("", "")
    )
    return (
        f"`{budget.id}`: {shown} left of {of}{of_batch}",
        f"{work.programme.names_zh[f'budget {budget.id}']}：{of} 尚余 {shown}{of_batch_zh}",
    )


def exhausted(work: Work, budget: Budget, left: int, limit: int, asked: Fraction) -> None:
    """What the rule says when the budget is short; goes on only where it says ``partial``."""
    path = f"{budget.path}.on_exhaust"
    facts = {
        "budget": budget.id,
        "left": work.show(left),
        "limit": work.show(limit),
        "asked": work.show(asked),
    }
    if budget.on_exhaust is None or isinstance(budget.on_exhaust, Open):
        work.refuse(said.BUDGET_RULE_OPEN, path, **facts, field=path)
    rule = work.need(budget.on_exhaust, path, "the budget", "预算")
    if rule in ("queue", "prorate_batch"):
        work.queued = True
        work.refuse(said.BUDGET_QUEUED if rule == "queue" else said.AWAITS_BATCH, path, **facts)
    if rule == "reject" or left == 0:
        work.refuse(said.BUDGET_EXHAUSTED, path, **facts)
