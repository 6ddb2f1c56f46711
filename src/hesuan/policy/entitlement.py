"""Steps 1 to 4: who may be paid for what, and what the rate is applied to."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from hesuan.money import RoundingMode, round_fen
from hesuan.policy import decision as said
from hesuan.policy import names_zh
from hesuan.policy.decision import Line
from hesuan.policy.fields import Open
from hesuan.policy.predicates import judge
from hesuan.policy.programme import Apportion
from hesuan.policy.work import ZERO, Part, Work


def eligibility(work: Work) -> None:
    """1: the day, and the conditions on the applicant; every one that fails is named."""
    begin = work.need(work.programme.period_from, "period.from", "whether this day counts", "当日是否有效")
    end = work.need(work.programme.period_to, "period.to", "whether this day counts", "当日是否有效")
    if work.facts.on < begin or (isinstance(end, date) and work.facts.on > end):
        work.fail(said.OUTSIDE_PERIOD, "period", on=work.facts.on, begin=begin, end=end)
    windows(work)
    counterpart(work)
    rule = work.need_condition(work.programme.eligible, "eligible", "who may apply", "谁可以申领")
    held = work.hold("eligible", judge(rule, work.stated()))
    work.step(
        1,
        "eligibility",
        "eligible",
        f"On {work.facts.on} the applicant {'meets' if held else 'does not meet'} every condition.",
        f"{work.facts.on}，申领方{'符合' if held else '不符合'}全部条件。",
    )


def windows(work: Work) -> None:
    """Applications are taken inside the windows only, where there are any.

    Where nothing is issued beforehand, the claim after use is the application.
    """
    issuance = work.programme.terms.issuance
    if work.facts.event != ("redeem" if work.programme.event == "none" else "issue"):
        return
    work.refuse_open_list("issuance.windows")
    if issuance is None or not issuance.windows:
        return
    spans = [
        (
            work.need(one.begin, "issuance.windows", "whether this day counts", "当日是否有效"),
            work.need(one.end, "issuance.windows", "whether this day counts", "当日是否有效"),
        )
        for one in issuance.windows
    ]
    on = work.facts.on
    if not any(begin <= on and not (isinstance(end, date) and on > end) for begin, end in spans):
        told = ", ".join(f"{begin} – {end}" for begin, end in spans)
        work.fail(said.OUTSIDE_WINDOW, "issuance.windows", on=on, windows=told)


def counterpart(work: Work) -> None:
    """Where either side of a contract may claim, the other must not have."""
    beneficiary = work.programme.terms.beneficiary
    if isinstance(beneficiary, Open):
        work.need(beneficiary, "beneficiary", "who may claim", "由谁申领")
    if beneficiary != "either_not_both":
        return
    fact = "relation.counterpart_claimed"
    claimed = work.stated().get(fact)
    if claimed is None:
        work.fail(said.FACT_MISSING, "beneficiary", fact=fact, condition="either_not_both")
    elif claimed:
        work.fail(said.CLAIMED_BY_COUNTERPART, "beneficiary")


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
    admission(work)
    price_rule(work)
    work.step(
        2,
        "supplier",
        "suppliers.registry",
        f"The supplier is on {', '.join(sorted(listed)) or 'no registry'}.",
        f"供给方在册：{'、'.join(f'名录“{one}”' for one in sorted(listed)) or '无'}。",
    )


def admission(work: Work) -> None:
    """Whether the admission the programme publishes covers the contract's day."""
    terms = work.programme.terms.suppliers
    work.refuse_open_list("suppliers.admission")
    if terms is None or terms.admission is None:
        return
    rule, path = terms.admission, "suppliers.admission"
    on = work.stated().get("contract.signed_on", work.facts.on)
    begin, end = rule.valid_from, rule.valid_to
    for value, key in ((begin, "valid_from"), (end, "valid_to")):
        if isinstance(value, Open):
            work.need(value, f"{path}.{key}", "whose computing is paid", "支付谁的算力")
    assert isinstance(on, date)
    if (isinstance(begin, date) and on < begin) or (isinstance(end, date) and on > end):
        work.fail(said.ADMISSION_LAPSED, path, begin=begin, end=end, on=on)


def price_rule(work: Work) -> None:
    """A rule about prices is judged by the office when it admits; the decision asks for its word."""
    terms = work.programme.terms.suppliers
    if terms is None or terms.price_rule in (None, "none"):
        return
    rule = work.need(terms.price_rule, "suppliers.price_rule", "whose computing is paid", "支付谁的算力")
    fact = "supplier.meets_price_rule"
    met = work.stated().get(fact)
    if met is None:
        work.fail(said.FACT_MISSING, "suppliers.price_rule", fact=fact, condition=rule)
    elif not met:
        work.fail(said.CONDITION_UNMET, "suppliers.price_rule", fact=fact, value="false", condition=rule)


def line_kinds(work: Work) -> None:
    """3: the lines that count, with or without their tax, within the base's own bounds."""
    rule = work.need(work.programme.base, "base", "the amount", "金额")
    kinds = work.need(rule.kinds, "base.kinds", "which lines count", "哪些费用计入")
    counted = [line for line in work.facts.lines if line.kind in kinds]
    net = [line.amount_fen for line in counted]
    if any(line.tax_fen for line in counted):
        tax = work.need(rule.tax, "base.tax", "whether tax counts", "是否含税")
        net = [line.amount_fen - (line.tax_fen if tax == "excl" else 0) for line in counted]
    make_parts(work, list(zip(counted, net, strict=True)))
    bound_base(work, rule.min_fen, rule.max_fen)
    left_out = work.facts.invoice_fen - sum(line.amount_fen for line in counted)
    named, named_zh = ", ".join(kinds), "、".join(map(names_zh.line_kind, kinds))
    work.step(
        3,
        "line kinds",
        "base.kinds",
        f"Of {work.show(work.facts.invoice_fen)}, {work.show(work.base)} counts; "
        f"{work.show(left_out)} is of other kinds than {named}.",
        f"{work.show(work.facts.invoice_fen)} 中 {work.show(work.base)} 计入；"
        f"{work.show(left_out)} 不属于{named_zh}。",
    )


def make_parts(work: Work, counted: list[tuple[Line, int]]) -> None:
    """One part for the claim, or one for each line, as the tiers are meant."""
    scope = work.programme.scope
    if isinstance(scope, Open):
        work.need(scope, "rates.scope", "which tier applies", "适用哪一档")
    if scope == "line":
        work.parts = [
            Part((pair,), {**work.stated(), **pair[0].stated, "line.kind": pair[0].kind}) for pair in counted
        ]
    else:
        work.parts = [Part(tuple(counted), work.stated())]


def bound_base(work: Work, least: int | Open | None, most: int | Open | None) -> None:
    """Refuses a base below its least, cuts one above its most; the last lines give way first."""
    if least is not None:
        floor = work.need(least, "base.min", "the amount", "金额")
        if work.base < floor:
            work.refuse(said.BELOW_FLOOR, "base.min", amount=work.show(work.base), floor=work.show(floor))
    if most is not None:
        over = work.base - work.need(most, "base.max", "the amount", "金额")
        for part in reversed(work.parts):
            cut = max(ZERO, min(over, part.base))
            part.base -= cut
            over -= cut


def apportionment(work: Work) -> None:
    """4: the part of the base that lies inside the baseline, rounded where the rule says so."""
    work.refuse_open_list("base.apportion")
    rule = work.programme.base.apportion if work.programme.base else None
    en, zh = "The whole amount counts.", "金额全部计入。"
    if rule is not None:
        en, zh = apportion(work, rule)
    rounding = work.need(work.programme.rounding, "rounding", "the amount", "金额")
    if "base" in work.need(rounding.stages, "rounding.stages", "the amount", "金额"):
        quantum, mode, _ = rounding_rule(work)
        for part in work.parts:
            part.base = Fraction(round_fen(part.base, quantum_fen=quantum, mode=mode))
    if rule is not None:
        en, zh = f"{en}: {work.show(work.base)}.", f"{zh}：{work.show(work.base)}。"
    work.step(4, "apportionment", "base.apportion" if rule else "base", en, zh)


def apportion(work: Work, rule: Apportion) -> tuple[str, str]:
    """Takes the share of days, or the lines the meter counted inside; what it did, in both languages."""
    method = work.need(rule.method, "base.apportion.method", "the share of days", "天数比例")
    if method == "day_fraction":
        days, of_days = days_inside(work, rule)
        for part in work.parts:
            part.base = part.base * days / of_days
        return f"{days} of {of_days} days", f"{of_days} 天中的 {days} 天"
    path = "base.apportion.baseline"
    begin = work.need(rule.baseline_from, f"{path}.from", "the baseline", "基准期")
    end = work.need(rule.baseline_to, f"{path}.to", "the baseline", "基准期")
    for part in work.parts:
        outside = 0
        for line, net in part.lines:
            if line.on is None:
                work.refuse(said.FACT_MISSING, "base.apportion", fact="line.on", condition=f"{begin} – {end}")
            outside += net if not begin <= line.on <= end else 0
        part.base = max(ZERO, part.base - outside)
    return f"Metered from {begin} to {end}", f"{begin} 至 {end} 计量"


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


def rounding_rule(work: Work) -> tuple[int, RoundingMode, tuple[str, ...]]:
    """Quantum [fen], mode and stages."""
    rule = work.need(work.programme.rounding, "rounding", "the amount", "金额")
    return (
        work.need(rule.quantum_fen, "rounding.quantum", "the amount", "金额"),
        work.need(rule.mode, "rounding.mode", "the amount", "金额"),
        work.need(rule.stages, "rounding.stages", "the amount", "金额"),
    )
