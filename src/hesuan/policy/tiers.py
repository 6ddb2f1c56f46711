"""Steps 5 and 6: which tier applies to each part, and base × rate up to the tier's own caps."""

from __future__ import annotations

from fractions import Fraction

from hesuan.policy import decision as said
from hesuan.policy.drawdown import draw
from hesuan.policy.fields import Open
from hesuan.policy.predicates import Judgement, judge
from hesuan.policy.programme import AWARD_RATE, Match, Tier
from hesuan.policy.work import ZERO, Part, Stopped, Work, added, total


def tiers(work: Work) -> None:
    """5 and 6, for the claim, or for each line where each has its own tier."""
    select = work.need(work.programme.select, "rates.select", "which tier applies", "适用哪一档")
    work.refuse_open_list("rates.tiers")
    for part in work.parts:
        choose(work, part, select)
    if not work.parts:
        work.step(
            5, "tier", "rates", "No line counts, so no tier is asked.", "没有计入的费用，不适用任何档次。"
        )
        work.step(6, "gross", "rates", "No line counts.", "没有计入的费用。")
    for tier in dict.fromkeys(part.tier for part in work.parts):
        assert tier is not None
        tell(work, tier, [part for part in work.parts if part.tier is tier])
    draw_voucher(work)


def choose(work: Work, part: Part, select: str) -> None:
    """The first tier that applies, or the one that pays most."""
    chosen: tuple[Tier, Fraction | None, Fraction, Fraction] | None = None
    for tier in work.programme.tiers:
        if not tier_applies(work, tier, part):
            continue
        rate, gross = gross_of(work, tier, part)
        amount = cap_tier(work, tier, part, gross)
        if chosen is None or amount > chosen[3]:
            chosen = tier, rate, gross, amount
        if select == "first":
            break
    if chosen is None:
        work.refuse(said.NO_TIER, "rates.tiers", count=len(work.programme.tiers))
    part.tier, part.rate, part.gross, part.amount = chosen
    if work.programme.retroactive is not None:
        whole_year(work, part)


def tier_applies(work: Work, tier: Tier, part: Part) -> bool:
    """Whether a tier is for this part; missing facts end the decision."""
    when = work.need_condition(tier.when, f"{tier.path}.when", "which tier applies", "适用哪一档")
    judged = judge(when, part.stated)
    if judged.truth is None:
        # The tier may be the right one; passing on to the next would decide it for the applicant.
        work.hold(f"{tier.path}.when", Judgement(None, tuple(u for u in judged.unmet if u.value is None)))
        raise Stopped
    return judged.truth


def gross_of(work: Work, tier: Tier, part: Part) -> tuple[Fraction | None, Fraction]:
    """The rate and base × rate, or no rate and the lump sum."""
    if tier.lump_sum_fen is not None:
        lump = work.need(tier.lump_sum_fen, f"{tier.path}.lump_sum", "the amount", "金额")
        return None, Fraction(lump)
    matched = match_rate(work, tier)
    rate = rate_of(work, tier) if matched is None else matched
    return rate, part.base * rate


def cap_tier(work: Work, tier: Tier, part: Part, gross: Fraction) -> Fraction:
    """The tier's own cap, and its cap for the n-th request; across lines of one tier it is one cap."""
    limits: list[int | Fraction] = []
    if tier.cap_fen is not None:
        limits.append(work.need(tier.cap_fen, f"{tier.path}.cap", "the amount", "金额"))
    work.refuse_open_list(f"{tier.path}.ordinal_cap")
    if tier.ordinal_caps:
        limits.append(ordinal_cap(work, tier))
    if not limits:
        return gross
    before = total([one for one in work.parts if one is not part and one.tier is tier] or [Part((), {})])
    return min(gross, max(ZERO, min(limits) - before))


def ordinal_cap(work: Work, tier: Tier) -> Fraction:
    """The cap of the last entry that begins at or before this request's place."""
    path = f"{tier.path}.ordinal_cap"
    ordinal = work.stated().get("request.ordinal")
    if ordinal is None:
        work.refuse(said.FACT_MISSING, path, fact="request.ordinal", condition=path)
    found: Fraction | None = None
    for one in tier.ordinal_caps:
        begin = work.need(one.begin, f"{one.path}.from", "the amount", "金额")
        if isinstance(ordinal, Fraction) and begin <= ordinal:
            found = Fraction(work.need(one.cap_fen, f"{one.path}.cap", "the amount", "金额"))
    if found is None:
        work.refuse(
            said.OPEN_RULE, path, field=path, purpose=f"request {ordinal}", purpose_zh=f"第 {ordinal} 次申领"
        )
    return found


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
    if not isinstance(awarded, Fraction) or awarded < 0:
        work.refuse(said.AWARD_RATE_MISSING, path, tier=tier.id, rate=tier.rate)
    return min(tier.rate, awarded) if isinstance(tier.rate, Fraction) else awarded


def match_rate(work: Work, tier: Tier) -> Fraction | None:
    """The rate of a match, where another programme has given and the request asks for the match."""
    match = work.programme.stacking.match if work.programme.stacking else None
    if work.facts.aid:
        work.refuse_open_list("stacking.match")
        work.refuse_open_list("stacking.match.with")
    if match is None or not is_matched(work, match):
        return None
    path = f"stacking.match.ratio_by_tier.{tier.id}"
    ratio = work.need(match.ratio_by_tier.get(tier.id), path, "the match", "配套")
    work.matched = True
    return ratio


def is_matched(work: Work, match: Match) -> bool:
    """An automatic match follows unless the request is a claim of its own; any other is asked for."""
    if not any(match.programme in (one.programme, one.authority) for one in work.facts.aid):
        return False
    auto = work.need(match.auto, "stacking.match.auto", "the match", "配套")
    asked = work.stated().get("request.matches")
    return asked is not False if auto else asked is True


def whole_year(work: Work, part: Part) -> None:
    """Where a tier holds for the whole year: what the year is worth now, less what it was given before.

    Where that is less than nothing, nothing is paid and the difference is to be recovered.
    """
    path = "rates.retroactive"
    if not work.need(work.programme.retroactive, path, "earlier claims of the year", "本年度此前的申领"):
        return
    if work.programme.scope == "line" or part.rate is None or part.tier is None:
        work.refuse(said.NOT_EXECUTED, path, field=path, value="true")
    year, granted = (stated_money(work, f"year.{name}") for name in ("base_total", "granted_total"))
    worth = cap_tier(work, part.tier, part, year * part.rate)
    part.gross = part.amount = max(ZERO, worth - granted)
    if worth < granted:
        work.recover_fen = granted - worth.numerator // worth.denominator


def stated_money(work: Work, fact: str) -> int:
    """An amount that a step cannot do without."""
    value = work.stated().get(fact)
    if not isinstance(value, int):
        work.refuse(said.FACT_MISSING, "rates.retroactive", fact=fact, condition=fact)
    return value


def draw_voucher(work: Work) -> None:
    """6, where a voucher is used: how much of it this invoice may draw."""
    if work.facts.event != "redeem" or work.counters.voucher_fen is None:
        return
    redemption = work.programme.terms.redemption
    work.refuse_open_list("redemption")
    rule = redemption.drawdown if redemption is not None else None
    drawn = draw(work, rule)
    if drawn is not None:
        work.step(
            6,
            "drawdown",
            "redemption.drawdown",
            f"The voucher may pay up to {work.show(drawn)} of this invoice.",
            f"算力券至多支付本发票 {work.show(drawn)}。",
        )


def tell(work: Work, tier: Tier, parts: list[Part]) -> None:
    """The trace of one tier: that it applies, and what it gives."""
    matched = (" as a match", "（配套）") if work.matched else ("", "")
    work.step(
        5,
        "tier",
        tier.path,
        f"Tier `{tier.id}` applies{matched[0]}.",
        f"适用{work.programme.names_zh[f'tier {tier.id}']}{matched[1]}。",
    )
    base, gross = added([one.base for one in parts]), added([one.gross for one in parts])
    amount = total(parts)
    capped = f", capped at {work.show(amount)}" if amount < gross else ""
    capped_zh = f"，封顶 {work.show(amount)}" if amount < gross else ""
    if tier.lump_sum_fen is not None:
        work.step(
            6,
            "gross",
            f"{tier.path}.lump_sum",
            f"A lump sum of {work.show(gross)}{capped}.",
            f"一次性 {work.show(gross)}{capped_zh}。",
        )
    else:
        year = " for the year, less what was given before" if work.programme.retroactive is True else ""
        year_zh = "（按全年计，扣除此前已给）" if work.programme.retroactive is True else ""
        work.step(
            6,
            "gross",
            f"{tier.path}.rate",
            f"{work.show(base)} × {parts[0].rate} = {work.show(gross)}{year}{capped}.",
            f"{work.show(base)} × {parts[0].rate} = {work.show(gross)}{year_zh}{capped_zh}。",
        )
    if amount < gross:
        work.at_most(amount, None if len(parts) == len(work.parts) else parts)
