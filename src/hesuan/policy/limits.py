"""Steps 7 to 9: other aid, caps, budgets. The caller holds the lock under which the counters were read."""

from __future__ import annotations

from fractions import Fraction

from hesuan.policy import decision as said
from hesuan.policy.decision import yuan
from hesuan.policy.fields import Open
from hesuan.policy.programme import Budget
from hesuan.policy.work import Work

COUNTED_AT = {"issue": ("issued",), "redeem": ("held", "redeemed")}
"""Event → what a limit counts for it to bind there."""


def other_aid(work: Work) -> None:
    """7: other public money for the same invoice. Without any, the rule about it is not reached."""
    aid = work.facts.other_aid_fen
    if not aid:
        work.step(
            7, "other aid", "stacking", "No other public money is registered.", "没有登记其他财政资助。"
        )
    else:
        stack(work, aid)
    work.at_most(Fraction(max(0, work.facts.invoice_fen - aid)))


def stack(work: Work, aid: int) -> None:
    """What the rule allows beside other public money."""
    rule = work.programme.stacking
    mode = work.need(rule.mode if rule else None, "stacking.mode", "other public money", "叠加其他资助")
    if mode == "forbid":
        work.refuse(said.OTHER_AID_FORBIDDEN, "stacking.mode", aid=yuan(aid))
    if mode == "sum_ratio_cap":
        ratio = work.need(
            rule.ratio if rule else None, "stacking.ratio", "other public money", "叠加其他资助"
        )
        work.at_most(max(Fraction(0), ratio * work.facts.invoice_fen - aid))
    elif mode != "allow":
        work.refuse(said.NOT_EXECUTED, "stacking.mode", field="stacking.mode", value=mode)
    work.step(
        7,
        "other aid",
        "stacking.mode",
        f"Beside {yuan(aid)} of other public money, at most {yuan(work.amount)}.",
        f"另有财政资助 {yuan(aid)}，本项至多 {yuan(work.amount)}。",
    )


def caps(work: Work) -> None:
    """8: the least that any cap, and the voucher itself, has left."""
    work.refuse_open_list("caps")
    lines: list[tuple[str, str]] = []
    for cap in work.programme.caps:
        counts = work.need(cap.counts, f"{cap.path}.counts", "the cap", "上限")
        if counts not in COUNTED_AT[work.facts.event]:
            continue
        limit = work.need(cap.limit_fen, f"{cap.path}.limit", "the cap", "上限")
        assert isinstance(limit, int)
        used = work.counter(work.counters.caps, cap.id, cap.path)
        if used >= limit:
            work.refuse(said.CAP_EXHAUSTED, cap.path, cap=cap.id, limit=yuan(limit), used=yuan(used))
        work.at_most(Fraction(limit - used))
        lines.append(
            (
                f"`{cap.id}`: {yuan(limit - used)} left of {yuan(limit)}",
                f"“{cap.id}”：{yuan(limit)} 尚余 {yuan(limit - used)}",
            )
        )
    if work.counters.voucher_fen is not None:
        work.at_most(Fraction(work.counters.voucher_fen))
        lines.append(
            (
                f"the voucher: {yuan(work.counters.voucher_fen)} left",
                f"算力券：尚余 {yuan(work.counters.voucher_fen)}",
            )
        )
    en, zh = "; ".join(line[0] for line in lines), "；".join(line[1] for line in lines)
    work.step(
        8,
        "caps",
        work.programme.caps[0].path if work.programme.caps else "caps",
        f"{en}: {yuan(work.amount)}." if lines else "No cap binds here.",
        f"{zh}：{yuan(work.amount)}。" if lines else "此处没有上限约束。",
    )


def budgets(work: Work) -> None:
    """9: what the programme has left."""
    work.refuse_open_list("budgets")
    lines: list[tuple[str, str]] = []
    for budget in work.programme.budgets:
        counts = work.need(budget.counts, f"{budget.path}.counts", "the budget", "预算")
        if counts not in COUNTED_AT[work.facts.event]:
            continue
        limit = work.need(budget.limit_fen, f"{budget.path}.limit", "the budget", "预算")
        left = max(0, limit - work.counter(work.counters.budgets, budget.id, budget.path))
        if work.amount > left:
            exhausted(work, budget, left, limit)
        work.at_most(Fraction(left))
        lines.append(
            (
                f"`{budget.id}`: {yuan(left)} left of {yuan(limit)}",
                f"“{budget.id}”：{yuan(limit)} 尚余 {yuan(left)}",
            )
        )
    en, zh = "; ".join(line[0] for line in lines), "；".join(line[1] for line in lines)
    work.step(
        9,
        "budget",
        work.programme.budgets[0].path if work.programme.budgets else "budgets",
        f"{en}." if lines else "No budget binds here.",
        f"{zh}。" if lines else "此处没有预算约束。",
    )


def exhausted(work: Work, budget: Budget, left: int, limit: int) -> None:
    """What the rule says when the budget is short; goes on only where it says ``partial``."""
    path = f"{budget.path}.on_exhaust"
    facts = {"budget": budget.id, "left": yuan(left), "limit": yuan(limit), "asked": yuan(work.amount)}
    if budget.on_exhaust is None or isinstance(budget.on_exhaust, Open):
        work.refuse(said.BUDGET_RULE_OPEN, path, **facts, field=path)
    rule = work.need(budget.on_exhaust, path, "the budget", "预算")
    if rule not in ("partial", "reject"):
        work.refuse(said.NOT_EXECUTED, path, field=path, value=rule)
    if rule == "reject" or left == 0:
        work.refuse(said.BUDGET_EXHAUSTED, path, **facts)
