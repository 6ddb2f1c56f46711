"""What the sums of a log must keep, and how each way of breaking it is told: the leaf, and both figures."""

from __future__ import annotations

from dataclasses import dataclass

from hesuan.errors import Code, declare

GAP = declare(
    "totals.gap",
    en="Leaf {leaf}: it calls itself number {written}; it stands at {leaf}.",
    zh="第 {leaf} 条：自称编号 {written}，实际位于 {leaf}。",
)
OTHER_LOG = declare(
    "totals.other_log",
    en="Leaf {leaf}: it is of programme {written}; this log is of {expected}.",
    zh="第 {leaf} 条：属于计划 {written}；本日志属于 {expected}。",
)
ABOVE_CAP = declare(
    "totals.above_cap",
    en="Leaf {leaf}: issued {total} in all, above the cap of {limit}.",
    zh="第 {leaf} 条：累计发放 {total}，超过上限 {limit}。",
)
NO_SUCH_REF = declare(
    "totals.no_such_ref",
    en="Leaf {leaf} ({kind}): it resolves leaf {ref}, which is no {wanted} before it.",
    zh="第 {leaf} 条（{kind}）：所指第 {ref} 条并非其之前的 {wanted}。",
)
NO_AMOUNT = declare(
    "totals.no_amount",
    en="Leaf {leaf} ({kind}): it moves money and names no amount `{member}` of 0 fen or more.",
    zh="第 {leaf} 条（{kind}）：移动资金而未写明不小于 0 分的金额 `{member}`。",
)
NO_REF = declare(
    "totals.no_reference",
    en="Leaf {leaf} ({kind}, {amount}): it names neither {wanted}; nothing stands behind it.",
    zh="第 {leaf} 条（{kind}，{amount}）：未写明 {wanted} 之任一；无所依据。",
)
HELD_ABOVE = declare(
    "totals.held_above_issued",
    en="Leaf {leaf} ({kind}): open holds and captured less refunds come to {total}, above the {limit} issued"
    " and not returned.",
    zh="第 {leaf} 条（{kind}）：未了结冻结与扣划减退回累计 {total}，超过已发放未退回的 {limit}。",
)
TWICE = declare(
    "totals.resolved_twice",
    en="Leaf {leaf} ({kind}): leaf {ref} was resolved before, by leaf {by}.",
    zh="第 {leaf} 条（{kind}）：第 {ref} 条此前已由第 {by} 条了结。",
)
ABOVE_REF = declare(
    "totals.above_ref",
    en="Leaf {leaf} ({kind}): {amount} is above the {limit} of leaf {ref}.",
    zh="第 {leaf} 条（{kind}）：{amount} 超过第 {ref} 条的 {limit}。",
)
SETTLE_DIFFERS = declare(
    "totals.settle_differs",
    en="Leaf {leaf} (settle {centre}): written {n} leaves and {amount}; recomputed {found_n} and {found}.",
    zh="第 {leaf} 条（结算 {centre}）：所写 {n} 条、{amount}；重算为 {found_n} 条、{found}。",
)
PAY_DIFFERS = declare(
    "totals.pay_differs",
    en="Leaf {leaf} (pay): paid {amount}; settled by leaf {ref} were {limit}.",
    zh="第 {leaf} 条（支付）：支付 {amount}；第 {ref} 条结算为 {limit}。",
)
ABOVE_ISSUED = declare(
    "totals.above_issued",
    en="Leaf {leaf} ({kind}): captured less refunds come to {total}, above the {limit} issued"
    " and not returned.",
    zh="第 {leaf} 条（{kind}）：扣划减退回累计 {total}，超过已发放未退回的 {limit}。",
)
SETTLED_ABOVE = declare(
    "totals.settled_above_captured",
    en="Leaf {leaf} ({kind} {centre}): settled {total}; captured less refunds are {limit}.",
    zh="第 {leaf} 条（{kind} {centre}）：已结算 {total}；扣划减退回为 {limit}。",
)
PAID_ABOVE = declare(
    "totals.paid_above_settled",
    en="Leaf {leaf} ({kind}): {payer} paid {total} on claim {matter}; settled on it are {limit}.",
    zh="第 {leaf} 条（{kind}）：{payer} 就申报 {matter} 已付 {total}；其已结算 {limit}。",
)
DEMANDED_ABOVE = declare(
    "totals.clawed_back_above_paid",
    en="Leaf {leaf} ({kind} {what}): {payer}, claim {matter}: {total}, above {limit}.",
    zh="第 {leaf} 条（{kind} {what}）：{payer}，申报 {matter}：{total}，超过 {limit}。",
)
FLOAT_BELOW = declare(
    "totals.float_below_zero",
    en="Leaf {leaf} ({kind} {centre}): {total} came back of floats of {limit}.",
    zh="第 {leaf} 条（{kind} {centre}）：备用金收回 {total}，拨付 {limit}。",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken promise."""

    code: Code
    facts: dict[str, object]
