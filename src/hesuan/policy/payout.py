"""Steps 10 to 13: an amount of whole hundredths, the floors under it, and who pays it."""

from __future__ import annotations

from fractions import Fraction

from hesuan.money import round_fen
from hesuan.policy import decision as said
from hesuan.policy import names_zh
from hesuan.policy.decision import Share
from hesuan.policy.entitlement import rounding_rule
from hesuan.policy.programme import Floor
from hesuan.policy.work import Work, added, total


def rounding(work: Work) -> None:
    """10: the rule's own quantum and mode; no limit is rounded past."""
    exact = work.amount
    quantum, mode, stages = rounding_rule(work)
    if "subsidy" in stages:
        rounded = round_fen(exact, quantum_fen=quantum, mode=mode)
        if rounded > exact and (least := min(work.limits, default=rounded)) < rounded:
            rounded = round_fen(Fraction(least), quantum_fen=quantum, mode="floor")
    elif exact.denominator == 1:
        rounded = int(exact)
    else:
        work.refuse(
            said.OPEN_RULE,
            "rounding.stages",
            field="rounding.stages",
            purpose=f"what {work.show(exact)} is in whole hundredths",
            purpose_zh=f"{work.show(exact)} 如何取整",
        )
    work.part_fens = share_out(work, rounded)
    work.subsidy_fen = sum(work.part_fens)
    mode_zh = names_zh.ROUNDING[mode]
    work.step(
        10,
        "rounding",
        "rounding.mode",
        f"{work.show(exact)} becomes {work.show(work.subsidy_fen)} ({mode} to {work.show(quantum)}).",
        f"{work.show(exact)} 取整为 {work.show(work.subsidy_fen)}（{mode_zh}，单位 {work.show(quantum)}）。",
    )


def share_out(work: Work, rounded: int) -> list[int]:
    """The rounded amount part by part: each floored, what is left over where no limit is passed.

    What is left over goes first, one hundredth each, to those that lost most by flooring.
    """
    if len(work.parts) == 1 and not work.holds:
        return [rounded]
    fens = [part.amount.numerator // part.amount.denominator for part in work.parts]
    rest = rounded - sum(fens)
    for index in reversed(range(len(fens))):
        cut = min(max(0, -rest), fens[index])
        fens[index] -= cut
        rest += cut
    by_loss = sorted(range(len(fens)), key=lambda index: fens[index] - work.parts[index].amount)
    for most in (1, rest):
        for index in by_loss:
            more = min(max(0, rest), most, room(work, fens, index))
            fens[index] += more
            rest -= more
    return fens


def room(work: Work, fens: list[int], index: int) -> int:
    """How much more one part may get before a limit on it is reached."""
    part, rooms = work.parts[index], []
    for limit, parts in work.holds:
        if part in parts:
            got = sum(fen for one, fen in zip(work.parts, fens, strict=True) if one in parts)
            rooms.append(limit.numerator // limit.denominator - got)
    return max(0, min(rooms)) if rooms else 2**63


def floors(work: Work) -> None:
    """11: below a floor nothing is paid."""
    work.refuse_open_list("floors")
    for rule in work.programme.floors:
        if binds_here(work, rule):
            hold_to_floor(work, rule)
    work.step(
        11,
        "floors",
        "floors",
        "No floor is above the amount." if work.programme.floors else "No floor is set.",
        "没有高于该金额的下限。" if work.programme.floors else "没有设下限。",
    )


def binds_here(work: Work, rule: Floor) -> bool:
    """A floor binds where the entitlement is given: at issue, or at use where nothing is issued beforehand.

    A voucher of 5,000.00 may then be used for a smaller invoice.
    """
    if rule.at is None:
        work.need(work.programme.event, "issuance.event", "when the floor is tested", "何时检验下限")
        return work.facts.event == ("redeem" if work.programme.event == "none" else "issue")
    at = work.need(rule.at, f"{rule.path}.at", "the floor", "下限")
    return at in ("both", work.facts.event)


def hold_to_floor(work: Work, rule: Floor) -> None:
    """Compares the base, the units or the subsidy, before or after rounding, as the rule says."""
    on = work.need(rule.on, f"{rule.path}.on", "the floor", "下限")
    least = work.need(rule.min_fen, f"{rule.path}.min", "the floor", "下限")
    early = work.need(rule.before_rounding, f"{rule.path}.before_rounding", "the floor", "下限")
    if on == "units":
        reached = units(work, rule)
    else:
        reached = (
            work.base
            if on == "base"
            else total_exact(work)
            if early == "true"
            else Fraction(work.subsidy_fen)
        )
    if reached >= least:
        return
    otherwise = work.need(rule.otherwise, f"{rule.path}.else", "the floor", "下限")
    if otherwise == "reject":
        work.refuse(said.BELOW_FLOOR, rule.path, amount=work.show(reached), floor=work.show(least))
    work.subsidy_fen, work.part_fens = 0, [0] * len(work.parts)


def total_exact(work: Work) -> Fraction:
    """The amount before rounding."""
    return total(work.parts)


def units(work: Work, rule: Floor) -> Fraction:
    """The units asked for, in hundredths: the metered base, or what the request states."""
    if work.programme.base is not None and work.programme.base.measure == "metered_units":
        return work.base
    stated = work.stated().get("request.units")
    if not isinstance(stated, Fraction):
        work.refuse(said.FACT_MISSING, rule.path, fact="request.units", condition=rule.path)
    return 100 * stated


def split(work: Work) -> None:
    """12: floor each payer's part; what is left over is the first payer's."""
    work.refuse_open_list("funding")
    if not work.programme.funding and work.programme.flow == "no_cash":
        work.step(12, "payers", "funding", "No money is paid.", "不涉及资金支付。")
        return
    parts = [
        (one.payer, work.need(one.share, f"{one.path}.share", "who pays", "由谁出资"))
        for one in work.programme.funding
    ]
    whole = added([share for _, share in parts])
    if whole != 1:
        work.refuse(said.SHARES_NOT_ONE, "funding", total=whole)
    fens = [work.subsidy_fen * share.numerator // share.denominator for _, share in parts]
    fens[0] += work.subsidy_fen - sum(fens)
    work.shares = tuple(Share(payer, fen) for (payer, _), fen in zip(parts, fens, strict=True))
    told = ", ".join(f"{share.payer} {work.show(share.fen)}" for share in work.shares)
    told_zh = "，".join(f"{names_zh.payer(one.payer)} {work.show(one.fen)}" for one in work.shares)
    work.step(12, "payers", "funding", f"{told}.", f"{told_zh}。")


def copay(work: Work) -> None:
    """13: the rest of the invoice."""
    rest = work.show(work.facts.invoice_fen - work.facts.other_aid_fen - work.subsidy_fen)
    recover = work.show(work.recover_fen)
    again, again_zh = (
        (f" {recover} of earlier claims is to be recovered.", f"此前多给的 {recover} 须收回。")
        if work.recover_fen
        else ("", "")
    )
    work.step(13, "co-pay", "base", f"{rest} is the holder's own.{again}", f"自付 {rest}。{again_zh}")
