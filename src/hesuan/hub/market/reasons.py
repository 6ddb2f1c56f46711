"""Why a quote says what it says: one sentence a reason, in both languages, frozen into the document.

Pure: plain values in, sentences out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.market import rules
from hesuan.money import format_yuan
from hesuan.units import MS_PER_SECOND, format_seconds
from hesuan.wire.canonical import Json


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in both languages."""

    en: str
    zh: str

    def document(self) -> dict[str, Json]:
        """As a quote carries it."""
        return {"en": self.en, "zh": self.zh}


def ranked(*, place: int, of: int, units_per_yuan: str | None, has_evidence: bool) -> Reason:
    """Where the offer stands among those that could quote, and by what."""
    if not has_evidence:
        return Reason(
            f"Ranked {place} of {of}, after every offer with evidence: nobody has measured this work here."
            " The amounts are those of the whole time limit, not a forecast.",
            f"排名 {place}/{of}，列于所有有实测依据的报价之后：此处尚无该作业的实测数据。"
            "所列金额按全部时限计算，不是预测。",
        )
    if units_per_yuan is None:
        return Reason(
            f"Ranked {place} of {of}: it costs nothing of your own money.",
            f"排名 {place}/{of}：无需自付。",
        )
    return Reason(
        f"Ranked {place} of {of}: {units_per_yuan} work units per yuan of your own money.",
        f"排名 {place}/{of}：自付每元可完成 {units_per_yuan} 个工作量单位。",
    )


def measured(*, newest_at: datetime, is_run: bool) -> Reason:
    """How fresh the evidence is."""
    what, what_zh = ("a finished order", "已完成的订单") if is_run else ("a benchmark", "基准测试")
    return Reason(
        f"The newest measurement is of {newest_at:%Y-%m-%d %H:%M} UTC, {what}.",
        f"最新测点取自 {newest_at:%Y-%m-%d %H:%M}（UTC）的{what_zh}。",
    )


def priced(*, fen_per_core_hour: int, cores: int, valid_from: datetime, valid_to: datetime | None) -> Reason:
    """The price and how long it stands; later prices do not touch the quote."""
    price = format_yuan(fen_per_core_hour)
    until, until_zh = (
        (f" until {valid_to:%Y-%m-%d %H:%M} UTC", f"至 {valid_to:%Y-%m-%d %H:%M}（UTC）")
        if valid_to
        else ("", "起")
    )
    return Reason(
        f"Price {price} per core-hour, {cores} cores held, valid from {valid_from:%Y-%m-%d %H:%M} UTC{until}."
        " This quote keeps it whatever is published later.",
        f"单价 {price}/核时，占用 {cores} 核，自 {valid_from:%Y-%m-%d %H:%M}（UTC）{until_zh}有效。"
        "此后无论发布什么新价，本报价单不变。",
    )


def bounded(*, limit_s: int, user_set: bool, high_ms: int | None, max_charge_fen: int) -> Reason:
    """Where the time limit comes from, and the most that can be charged."""
    most = format_yuan(max_charge_fen)
    if user_set or high_ms is None:
        return Reason(
            f"The run may take {limit_s} s, the limit you gave; it can never cost more than {most}.",
            f"运行时限 {limit_s} 秒，由您给定；费用不会超过 {most}。",
        )
    high = format_seconds(high_ms / MS_PER_SECOND)
    return Reason(
        f"The run may take {limit_s} s: {rules.TIME_LIMIT_FACTOR} times the high end of the forecast"
        f" ({high}), at least {rules.MIN_TIME_LIMIT_S} s. It can never cost more than {most}.",
        f"运行时限 {limit_s} 秒：预测上限（{high}）的 {rules.TIME_LIMIT_FACTOR} 倍，"
        f"且不少于 {rules.MIN_TIME_LIMIT_S} 秒。费用不会超过 {most}。",
    )


def tight(*, limit_s: int, high_ms: int) -> Reason | None:
    """A warning where the user's own limit is below the forecast's high end."""
    if limit_s * MS_PER_SECOND >= high_ms:
        return None
    high = format_seconds(high_ms / MS_PER_SECOND)
    return Reason(
        f"Your limit of {limit_s} s is below the forecast's high end of {high}: the run may end in TIMEOUT,"
        " and a run that times out is charged.",
        f"您给定的时限 {limit_s} 秒低于预测上限 {high}：运行可能以 TIMEOUT 结束，而超时的运行照常计费。",
    )


def unsure(*, mid_ms: int, high_ms: int, mid_fen: int, high_fen: int) -> Reason:
    """What the forecast's uncertainty would change."""
    mid, high = format_seconds(mid_ms / MS_PER_SECOND), format_seconds(high_ms / MS_PER_SECOND)
    return Reason(
        f"If the run takes {high} (the high end) instead of {mid}, the charge is {format_yuan(high_fen)}"
        f" instead of {format_yuan(mid_fen)}.",
        f"若运行耗时为 {high}（预测上限）而不是 {mid}，费用为 {format_yuan(high_fen)} 而不是"
        f" {format_yuan(mid_fen)}。",
    )


def unsure_bound(*, limit_s: int, half_fen: int, max_charge_fen: int) -> Reason:
    """What a tighter limit would change where no forecast exists."""
    return Reason(
        f"Only what runs is charged. A limit of {max(1, limit_s // 2)} s instead of {limit_s} s would lower"
        f" the most it can cost from {format_yuan(max_charge_fen)} to {format_yuan(half_fen)}.",
        f"只按实际运行计费。若时限由 {limit_s} 秒改为 {max(1, limit_s // 2)} 秒，最高费用将由"
        f" {format_yuan(max_charge_fen)} 降至 {format_yuan(half_fen)}。",
    )


def voucher_pays(*, code: str, rule: str, most_fen: int, of_fen: int, own_max_fen: int) -> Reason:
    """The voucher chosen, the rule it follows for ever, and the most that each side pays."""
    return Reason(
        f"Voucher {code} pays up to {format_yuan(most_fen)} of {format_yuan(of_fen)}, by {rule};"
        f" at most {format_yuan(own_max_fen)} is your own.",
        f"算力券 {code} 依 {rule} 最多支付 {format_yuan(of_fen)} 中的 {format_yuan(most_fen)}；"
        f"自付至多 {format_yuan(own_max_fen)}。",
    )


def no_voucher() -> Reason:
    """No lawful voucher was found."""
    return Reason(
        "No voucher of your organisation can be used here; the whole charge is your own.",
        "贵机构没有可在此使用的算力券，费用全部自付。",
    )


def one_of_several(*, code: str, fen: int, together: str, together_fen: int) -> Reason:
    """Several vouchers might pay more, and the site could not sign for them."""
    pays, would = format_yuan(fen), format_yuan(together_fen)
    return Reason(
        f"{together} could lawfully pay {would} together. The agent of this centre signs receipts of one"
        f" voucher only, until its operator updates it; {code} pays most by itself, {pays}.",
        f"{together} 依规可合计支付 {would}。该中心的站点代理只能签署一张算力券的回执，须由其运营人员升级；"
        f"{code} 单独支付最多，为 {pays}。",
    )


def given_back_last_first() -> Reason:
    """What happens where the run costs less than the most."""
    return Reason(
        "Where the run costs less, each programme pays by its rule on the actual charge; of one programme's"
        " vouchers the last one named gets back first.",
        "实际费用较低时，各计划按其规则就实际费用支付；同一计划的多张算力券中，列于最后者最先解冻。",
    )


def charged_by(rule: dict[str, int]) -> Reason:
    """The charge rule by final state."""
    full = ", ".join(state for state, percent in rule.items() if percent == 100)
    free = ", ".join(state for state, percent in rule.items() if percent == 0)
    return Reason(
        f"Charged by started seconds of metered wall time when the run ends {full};"
        f" nothing when it ends {free}.",
        f"以 {full} 结束的运行按计量的墙钟时间（不足一秒按一秒）计费；以 {free} 结束的不收费。",
    )
