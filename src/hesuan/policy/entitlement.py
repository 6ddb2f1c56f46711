"""Steps 1 to 6: who may be paid for what, and what the rate gives before any limit."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from hesuan.money import RoundingMode, format_yuan, round_fen
from hesuan.policy import decision as said
from hesuan.policy.decision import yuan
from hesuan.policy.fields import Open
from hesuan.policy.predicates import Judgement, judge
from hesuan.policy.programme import AWARD_RATE, Apportion, Tier
from hesuan.policy.work import Stopped, Work


def eligibility(work: Work) -> None:
    """1: the day, and the conditions on the applicant; every one that fails is named."""
    begin = work.need(work.programme.period_from, "period.from", "whether this day counts", "当日是否有效")
    end = work.need(work.programme.period_to, "period.to", "whether this day counts", "当日是否有效")
    if work.facts.on < begin or (isinstance(end, date) and work.facts.on > end):
        work.fail(said.OUTSIDE_PERIOD, "period", on=work.facts.on, begin=begin, end=end)
    rule = work.need_condition(work.programme.eligible, "eligible", "who may apply", "谁可以申领")
    held = work.hold("eligible", judge(rule, work.stated()))
    work.step(
        1,
        "eligibility",
        "eligible",
        f"On {work.facts.on} the applicant {'meets' if held else 'does not meet'} every condition.",
        f"{work.facts.on}，申领方{'符合' if held else '不符合'}全部条件。",
    )


def supplier(work: Work) -> None:
    """2: whether the supplier is admitted, on the day decided about."""
    listed = work.facts.registries
    if listed is None:
        work.step(
            2,
            "supplier",
            "suppliers.registry",
            "No supplier is chosen yet; each use of the voucher is checked.",
            "尚未选定供给方；每次用券时核查。",
        )
        return
    wanted = work.need(
        work.programme.registries, "suppliers.registry", "whose computing is paid", "支付谁的算力"
    )
    if work.programme.is_open("suppliers.require"):
        work.need(None, "suppliers.require", "whose computing is paid", "支付谁的算力")
    if not listed & set(wanted):
        names = ", ".join(sorted(listed)) or "none / 无"
        work.fail(
            said.SUPPLIER_NOT_ADMITTED, "suppliers.registry", listed=names, registries=", ".join(wanted)
        )
    for rule in work.programme.supplier_rules:
        work.hold("suppliers.require", judge(rule, work.stated()))
    work.step(
        2,
        "supplier",
        "suppliers.registry",
        f"The supplier is on {', '.join(sorted(listed)) or 'no registry'}.",
        f"供给方在册：{', '.join(sorted(listed)) or '无'}。",
    )


def line_kinds(work: Work) -> None:
    """3: the lines that count, with or without their tax, within the base's own bounds."""
    rule = work.need(work.programme.base, "base", "the amount", "金额")
    kinds = work.need(rule.kinds, "base.kinds", "which lines count", "哪些费用计入")
    counted = [line for line in work.facts.lines if line.kind in kinds]
    total = sum(line.amount_fen for line in counted)
    if any(line.tax_fen for line in counted):
        tax = work.need(rule.tax, "base.tax", "whether tax counts", "是否含税")
        total -= sum(line.tax_fen for line in counted) if tax == "excl" else 0
    work.base = Fraction(total)
    bound_base(work, rule.min_fen, rule.max_fen)
    left_out = work.facts.invoice_fen - sum(line.amount_fen for line in counted)
    work.step(
        3,
        "line kinds",
        "base.kinds",
        f"Of {format_yuan(work.facts.invoice_fen)}, {yuan(work.base)} counts; "
        f"{format_yuan(left_out)} is of other kinds than {', '.join(kinds)}.",
        f"{format_yuan(work.facts.invoice_fen)} 中 {yuan(work.base)} 计入；"
        f"{format_yuan(left_out)} 不属于 {', '.join(kinds)}。",
    )


def bound_base(work: Work, least: int | Open | None, most: int | Open | None) -> None:
    """Refuses a base below its least, cuts one above its most."""
    if least is not None:
        floor = work.need(least, "base.min", "the amount", "金额")
        if work.base < floor:
            work.refuse(said.BELOW_FLOOR, "base.min", amount=yuan(work.base), floor=yuan(floor))
    if most is not None:
        work.base = min(work.base, Fraction(work.need(most, "base.max", "the amount", "金额")))


def apportionment(work: Work) -> None:
    """4: the part of the base that lies inside the baseline, rounded where the rule says so."""
    rule = work.programme.base.apportion if work.programme.base else None
    if rule is not None:
        days, of_days = days_inside(work, rule)
        work.base = work.base * days / of_days
    rounding = work.need(work.programme.rounding, "rounding", "the amount", "金额")
    if "base" in work.need(rounding.stages, "rounding.stages", "the amount", "金额"):
        quantum, mode, _ = rounding_rule(work)
        work.base = Fraction(round_fen(work.base, quantum_fen=quantum, mode=mode))
    work.step(
        4,
        "apportionment",
        "base.apportion" if rule else "base",
        f"{days} of {of_days} days: {yuan(work.base)}." if rule else "The whole amount counts.",
        f"{of_days} 天中的 {days} 天：{yuan(work.base)}。" if rule else "金额全部计入。",
    )


def days_inside(work: Work, rule: Apportion) -> tuple[int, int]:
    """Days of the contract inside the baseline, and days of the contract."""
    path = "base.apportion"
    counting = work.need(rule.day_count, f"{path}.day_count", "the share of days", "天数比例")
    begin = work.need(rule.baseline_from, f"{path}.baseline.from", "the share of days", "天数比例")
    end = work.need(rule.baseline_to, f"{path}.baseline.to", "the share of days", "天数比例")
    starts, ends = work.stated_date("contract.starts_on"), work.stated_date("contract.ends_on")
    extra = 1 if counting == "inclusive" else 0
    inside = (min(ends, end) - max(starts, begin)).days + extra
    whole = (ends - starts).days + extra
    if whole <= 0:
        work.refuse(said.CONDITION_UNMET, path, fact="contract.ends_on", value=ends, condition=f"> {starts}")
    return max(0, inside), whole


def tiers(work: Work) -> None:
    """5 and 6: the tier, and base × rate up to the tier's own cap."""
    select = work.need(work.programme.select, "rates.select", "which tier applies", "适用哪一档")
    chosen: Tier | None = None
    for tier in work.programme.tiers:
        if not tier_applies(work, tier):
            continue
        rate = rate_of(work, tier)
        gross = work.base * rate
        if tier.cap_fen is not None:
            gross = min(gross, Fraction(work.need(tier.cap_fen, f"{tier.path}.cap", "the amount", "金额")))
        if chosen is None or gross > work.amount:
            chosen, work.rate, work.gross, work.amount = tier, rate, work.base * rate, gross
        if select == "first":
            break
    if chosen is None:
        work.refuse(said.NO_TIER, "rates.tiers", count=len(work.programme.tiers))
    work.tier = chosen.id
    work.step(5, "tier", chosen.path, f"Tier `{chosen.id}` applies.", f"适用档次“{chosen.id}”。")
    capped = f", capped at {yuan(work.amount)}" if work.amount < work.gross else ""
    capped_zh = f"，封顶 {yuan(work.amount)}" if work.amount < work.gross else ""
    work.step(
        6,
        "gross",
        f"{chosen.path}.rate",
        f"{yuan(work.base)} × {work.rate} = {yuan(work.gross)}{capped}.",
        f"{yuan(work.base)} × {work.rate} = {yuan(work.gross)}{capped_zh}。",
    )
    if work.amount < work.gross:
        work.limit = min(work.limit, work.amount)


def tier_applies(work: Work, tier: Tier) -> bool:
    """Whether a tier is for this applicant; missing facts end the decision."""
    when = work.need_condition(tier.when, f"{tier.path}.when", "which tier applies", "适用哪一档")
    judged = judge(when, work.stated())
    if judged.truth is None:
        # The tier may be the right one; passing on to the next would decide it for the applicant.
        work.hold(f"{tier.path}.when", Judgement(None, tuple(u for u in judged.unmet if u.value is None)))
        raise Stopped
    return judged.truth


def rate_of(work: Work, tier: Tier) -> Fraction:
    """min(rate, award's rate). A ceiling without an award's rate is no rate."""
    path = f"{tier.path}.rate"
    if tier.rate is None or isinstance(tier.rate, Open):
        work.refuse(said.RATE_UNSPECIFIED, path, tier=tier.id, field=path)
    work.need(tier.rate, path, "the rate", "比例")
    awarded = work.stated().get(AWARD_RATE)
    if isinstance(tier.rate, Fraction):
        kind = work.need(tier.rate_kind, f"{tier.path}.rate_kind", "the rate", "比例")
        if kind == "exact" and awarded is None:
            return tier.rate
    if not isinstance(awarded, Fraction):
        work.refuse(said.AWARD_RATE_MISSING, path, tier=tier.id, rate=tier.rate)
    return min(tier.rate, awarded) if isinstance(tier.rate, Fraction) else awarded


def rounding_rule(work: Work) -> tuple[int, RoundingMode, tuple[str, ...]]:
    """Quantum [fen], mode and stages."""
    rule = work.need(work.programme.rounding, "rounding", "the amount", "金额")
    return (
        work.need(rule.quantum_fen, "rounding.quantum", "the amount", "金额"),
        work.need(rule.mode, "rounding.mode", "the amount", "金额"),
        work.need(rule.stages, "rounding.stages", "the amount", "金额"),
    )
