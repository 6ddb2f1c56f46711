"""The table of rules, each with its version, its words and where its number comes from; and running them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from hesuan.surveillance import burning, cancelling, claiming, dealing, habits, hoarding
from hesuan.surveillance.facts import Facts
from hesuan.surveillance.flags import Flag
from hesuan.surveillance.thresholds import DEFAULT, Thresholds

Judge = Callable[[Facts, Thresholds], Iterator[Flag]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    id: str
    version: str
    judge: Judge
    actions: str
    """``stop``, ``hold``, ``flag``, or two of them."""
    en: str
    zh: str
    source: str


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule(
            "A1",
            "1",
            hoarding.a1_hoarded_grants,
            "flag",
            "Hoarded grant: hardly anything of the plan was used by the quarter's end",
            "囤券：季末用量远低于计划",
            "NERSC AY2021 ladder of allocation reductions, 60 days of grace",
        ),
        Rule(
            "A2",
            "1",
            hoarding.a2_hoarded_holds,
            "flag / cap",
            "Hoarded holds: much is held, little is captured",
            "占而不用：冻结多、扣划少",
            "the 50 % line of A3",
        ),
        Rule(
            "A3",
            "1",
            cancelling.a3_order_and_cancel,
            "flag / hold",
            "Order and cancel: half of a day's orders are cancelled; on three days of thirty it holds",
            "下单即撤：当日撤单金额过半；三十日内三次则暂停结算",
            "STAR Market monitoring rules: cumulative cancels of 50 % (secondary source)",
        ),
        Rule(
            "A4",
            "1",
            cancelling.a4_frequent_cancel,
            "flag",
            "Frequent cancel: many cancels of one offering on one day, or some of large orders",
            "频繁撤单：单日同一产品撤单次数多，或大额撤单多",
            "SHFE/ZCE: 500 cancels, 50 large ones a day (secondary source), scaled",
        ),
        Rule(
            "A5",
            "1",
            cancelling.a5_instant_cancel,
            "flag",
            "Instant cancel: cancelled within a minute of getting the nodes, again and again",
            "瞬时撤单：得到节点后一分钟内反复撤单",
            "SSE/SZSE: frequent instant cancels",
        ),
        Rule(
            "A6",
            "1",
            dealing.a6_related_parties,
            "stop / hold",
            "Related parties: a voucher is used at a centre that the holder is related to",
            "关联交易：持券人与所用算力中心存在关联",
            "Yangzhou: buyer and supplier unrelated; 25 %: rules on beneficial owners",
        ),
        Rule(
            "A7",
            "2",
            dealing.a7_round_trip,
            "hold",
            "Round trip: the holder's own share comes back within thirty days",
            "资金回流：自付资金三十日内流回",
            "wash-trade logic",
        ),
        Rule(
            "A8",
            "3",
            claiming.a8_double_claim,
            "stop / hold",
            "Double claim: the same invoice, contract, job or reading again; or a claim like the one before,"
            " and no meter that tells them apart",
            "重复申请：同一发票、合同、作业或读数再次使用，或与前一申请几乎相同而计量不足以区分",
            "Yangzhou: the same contract is not claimed twice",
        ),
        Rule(
            "A9",
            "1",
            burning.a9_impossible_metering,
            "stop",
            "Impossible metering: more card-hours than cards times time, or more cards than there are",
            "计量不可能：卡时多于卡数与时间之积，或同时占用超过库存",
            "physics",
        ),
        Rule(
            "A10",
            "1",
            burning.a10_empty_burn,
            "flag",
            "Empty burn: a voucher's job holds machines for a day and hardly uses them",
            "空转：用券作业长时间占用而几乎不计算",
            "proposed here",
        ),
        Rule(
            "A11",
            "1",
            dealing.a11_price,
            "hold",
            "Price: with a voucher above the list, or above what others pay",
            "价格异常：用券价高于挂牌价或市场中位价",
            "proposed here",
        ),
        Rule(
            "A12",
            "2",
            claiming.a12_under_the_limit,
            "flag",
            "Under the limit: several claims or applications keep just below an approval limit",
            "贴限申请：多笔申请或兑付金额紧贴审批限额之下",
            "audit practice",
        ),
        Rule(
            "A13",
            "1",
            burning.a13_expiry_rush,
            "flag",
            "Expiry rush: much of a grant goes in its last days, into machines that do nothing",
            "到期突击：临近到期集中使用且空转",
            "proposed here",
        ),
        Rule(
            "A14",
            "1",
            habits.a14_odd_redemptions,
            "flag",
            "Odd redemptions: bursts beyond the firm's custom, or one identity behind several firms",
            "核销异常：频次异常，或同一身份为多家企业核销",
            "Zhongshan audit of voucher cash-out: frequency, time, identity (mirror)",
        ),
        Rule(
            "A15",
            "1",
            cancelling.a15_flooding,
            "stop",
            "Flooding: more submissions and cancellations than any person makes",
            "高频滥用：提交与撤销频率超出人力所能",
            "SSE definition of high-frequency trading",
        ),
    )
}


def judge(facts: Facts, limits: Thresholds = DEFAULT, *, rules: Collection[str] = tuple(RULES)) -> list[Flag]:
    """Every flag of some rules, in one order: the same facts and thresholds give the same list.

    Args:
        facts: What happened.
        limits: The thresholds.
        rules: Which rules; all of them by default.
    """
    return sorted({one for rule in rules for one in RULES[rule].judge(facts, limits)})
