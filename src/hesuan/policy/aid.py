"""Step 7: other public money for the same thing, entry by entry of its register.

Four regimes are found in published rules: none beside (``forbid``), the higher of both (``highest``: what is
paid already counts towards it), all together up to a ratio (``sum_ratio_cap``, by tier where the document
says so), and no rule about it (``allow``). An entry counts where the rule names its authority and where it
was given for the same thing or a part of it; one whose authority or scope is not known counts, since it may
be the one that is meant. Whatever counts, nobody is paid more than the invoice.
"""

from __future__ import annotations

from fractions import Fraction

from hesuan.policy import decision as said
from hesuan.policy import names_zh
from hesuan.policy.decision import Aid
from hesuan.policy.programme import Stacking
from hesuan.policy.sections import AID_SCOPES
from hesuan.policy.work import ZERO, Work

ANY_PUBLIC = "any_public"


def other_aid(work: Work) -> None:
    """7: without any that counts, the rule about it is not reached."""
    entries = work.facts.aid
    rule = work.programme.stacking
    counted = [one for one in entries if counts(work, rule, one)] if entries else []
    if not entries:
        work.step(
            7, "other aid", "stacking", "No other public money is registered.", "没有登记其他财政资助。"
        )
    elif not counted:
        work.step(
            7,
            "other aid",
            "stacking",
            "The rule is about none of what is registered.",
            "已登记的资助均不在规则之列。",
        )
    else:
        stack(work, rule, counted)
    within_invoice(work)


def within_invoice(work: Work) -> None:
    """Subsidy, other aid and co-pay are the invoice together; a lump sum above what is left is cut to it."""
    rest = max(0, work.facts.invoice_fen - work.facts.other_aid_fen)
    before = work.amount
    work.at_most(rest)
    if work.amount == before:
        return
    tier = work.parts[0].tier
    lump = tier is not None and tier.lump_sum_fen is not None
    path = f"{tier.path}.lump_sum" if tier is not None and lump else "stacking"
    invoice, aid = work.show(work.facts.invoice_fen), work.show(work.facts.other_aid_fen)
    work.step(
        7,
        "invoice",
        path,
        f"{work.show(before)} is cut to {work.show(work.amount)}: the invoice of {invoice}, less {aid} of"
        " other aid, leaves no more. No rule found pays above the invoice.",
        f"{work.show(before)} 减至 {work.show(work.amount)}：发票 {invoice} 扣除其他资助 {aid} 后仅余此数。"
        "未见任何规则支付超过发票的金额。",
    )


def counts(work: Work, rule: Stacking | None, entry: Aid) -> bool:
    """Whether the rule is about an entry."""
    if rule is None:
        return True
    if rule.authorities is not None:
        named = work.need(rule.authorities, "stacking.authorities", "other public money", "叠加其他资助")
        if entry.authority and ANY_PUBLIC not in named and entry.authority not in named:
            return False
    if rule.scope is None or not entry.scope:
        return True
    scope = work.need(rule.scope, "stacking.scope", "other public money", "叠加其他资助")
    return AID_SCOPES.index(entry.scope) <= AID_SCOPES.index(scope)


def stack(work: Work, rule: Stacking | None, counted: list[Aid]) -> None:
    """What the rule allows beside other public money."""
    aid = sum(one.amount_fen for one in counted)
    mode = work.need(rule.mode if rule else None, "stacking.mode", "other public money", "叠加其他资助")
    if rule is not None and mode == "forbid":
        forbid(work, rule, counted)
    elif rule is not None and mode == "sum_ratio_cap":
        work.at_most(max(ZERO, ceiling(work, rule) - aid))
    elif mode == "highest":
        work.at_most(max(ZERO, work.amount - aid))
    work.step(
        7,
        "other aid",
        "stacking.mode",
        f"Beside {work.show(aid)} of other public money, at most {work.show(work.amount)} ({mode}).",
        f"另有财政资助 {work.show(aid)}，本项至多 {work.show(work.amount)}（{names_zh.STACKING[mode]}）。",
    )


def forbid(work: Work, rule: Stacking, counted: list[Aid]) -> None:
    """Refuses beside any entry but the one that is being matched."""
    matched = rule.match.programme if rule.match is not None and work.matched else None
    for one in counted:
        if matched is None or matched not in (one.programme, one.authority):
            aid = sum(one.amount_fen for one in counted)
            work.refuse(said.OTHER_AID_FORBIDDEN, "stacking.mode", aid=work.show(aid))


def ceiling(work: Work, rule: Stacking) -> Fraction:
    """The most that all public money may pay of the invoice [fen, exact]."""
    if not rule.ratio_by_tier and not work.programme.is_open("stacking.ratio_by_tier"):
        return (
            work.need(rule.ratio, "stacking.ratio", "other public money", "叠加其他资助")
            * work.facts.invoice_fen
        )
    most = ZERO
    for part in work.parts:
        assert part.tier is not None
        path = f"stacking.ratio_by_tier.{part.tier.id}"
        ratio = (rule.ratio_by_tier or {}).get(part.tier.id, rule.ratio)
        invoiced = sum(line.amount_fen for line, _ in part.lines)
        whole = work.facts.invoice_fen if len(work.parts) == 1 else invoiced
        most += work.need(ratio, path, "other public money", "叠加其他资助") * whole
    return most
