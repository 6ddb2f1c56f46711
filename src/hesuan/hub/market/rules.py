"""Decisions of the market on plain values: what fits, how long it may take and cost, who ranks first.

The charge itself is :func:`hesuan.wire.receipt.charge_fen`: the quote's highest and expected charges are that
same function on a hypothetical usage, so that a quote and its receipt cannot disagree about the rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from hesuan.errors import Code, declare
from hesuan.hub.market.work import WorkOrder
from hesuan.money import decimal_yuan, format_yuan
from hesuan.units import MS_PER_SECOND, SECONDS_PER_HOUR, ceil_div, format_bytes
from hesuan.wire.canonical import MAX_INTEGER, Json
from hesuan.wire.receipt import charge_fen

CHARGE_RULE: dict[str, int] = {
    "COMPLETED": 100,
    "FAILED": 100,
    "TIMEOUT": 100,
    "CANCELLED": 100,
    "KILLED": 0,
    "REFUSED": 0,
}
"""Share of the metered use that is charged, by the run's final state [%]."""

TIME_LIMIT_FACTOR = 3
MIN_TIME_LIMIT_S = 60
VALIDITY = timedelta(hours=1)
"""How long a quote may be accepted, unless its price ends sooner."""

NO_PRICE = declare(
    "offering.no_price",
    en="{title} has no price valid at {at}, so it cannot quote. Ask {centre} to publish one.",
    zh="{title} 在 {at} 没有有效价格，无法报价。请联系 {centre} 发布价格。",
)
NO_AGENT = declare(
    "offering.no_agent",
    en="{centre} has no enrolled site agent, so nothing can run there today.",
    zh="{centre} 尚无已登记的站点代理，目前无法运行作业。",
)
DRAINING = declare(
    "offering.centre_draining",
    en="{centre} takes no new work at present: its site agent drains. What runs there goes on.",
    zh="{centre} 目前不接收新的作业：其站点代理正在排空。已开始的运行继续。",
)
NOT_ADMITTED = declare(
    "offering.centre_not_admitted",
    en="{centre} is not admitted by the platform yet; its offerings cannot be ordered.",
    zh="{centre} 尚未获平台准入，其产品暂不能下单。",
)
CORES_EXCEEDED = declare(
    "offering.cores_exceeded",
    en="The work asks for {asked} cores; {title} has {available}. Ask for {available} or fewer.",
    zh="作业需要 {asked} 核，{title} 只有 {available} 核。请将核数减至 {available} 以内。",
)
MEMORY_EXCEEDED = declare(
    "offering.memory_exceeded",
    en="The work needs {asked} of memory; {title} has {available}.",
    zh="作业需要内存 {asked}，{title} 只有 {available}。",
)
NO_INPUTS = declare(
    "offering.no_inputs",
    en="The site agent of {centre} is of a version that fetches no input files.",
    zh="{centre} 的站点代理版本尚不能获取输入文件。",
)
APP_MISSING = declare(
    "offering.app_not_installed",
    en="The application {app} is not installed at {centre}. Installed there: {installed}.",
    zh="{centre} 未安装应用 {app}。已安装：{installed}。",
)
NO_SCRIPTS = declare(
    "offering.scripts_not_allowed",
    en="{centre} does not run scripts, only its installed applications: {installed}.",
    zh="{centre} 不允许运行脚本，只运行已安装的应用：{installed}。",
)
NO_EVIDENCE = declare(
    "offering.no_evidence",
    en="No time and no price follow for {app} on {cores} cores at {centre}: {why}"
    " Give `time_limit_s` to order it within a bound of your own.",
    zh="无法推算 {app} 在 {centre} 以 {cores} 核运行的时间和价格：{why_zh}"
    "如需下单，请自行给出 `time_limit_s` 作为上限。",
)
TOO_DEAR = declare(
    "offering.amount_above_limit",
    en="{limit_s} s on {cores} cores would cost more than {limit}, the largest amount of one quote.",
    zh="以 {cores} 核运行 {limit_s} 秒的费用超过单份报价上限 {limit}。",
)


@dataclass(frozen=True, slots=True)
class Site:
    """What is known of an offering and its centre when work is to be fitted to it."""

    title: str
    centre: str
    admitted: bool
    has_agent: bool
    drains: bool
    """Whether that agent takes no new work."""
    cores: int
    memory_bytes: int
    apps: tuple[str, ...]
    scripts_allowed: bool
    takes_inputs: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an offering cannot quote: a code and the facts that fill its sentence."""

    code: Code
    facts: dict[str, str | int]

    def sentences(self) -> dict[str, Json]:
        """``{"en": …, "zh": …}``."""
        return {"en": self.code.en.format_map(self.facts), "zh": self.code.zh.format_map(self.facts)}


def unfit(work: WorkOrder, site: Site) -> Refusal | None:
    """The first reason why this work cannot run there, or None."""
    installed = ", ".join(site.apps) or "–"
    memory_bytes = work.memory_bytes or 0
    memory: dict[str, str | int] = {
        "asked": format_bytes(memory_bytes),
        "available": format_bytes(site.memory_bytes),
        "asked_bytes": memory_bytes,
        "available_bytes": site.memory_bytes,
    }
    checks: tuple[tuple[bool, Code, dict[str, str | int]], ...] = (
        (not site.admitted, NOT_ADMITTED, {}),
        (not site.has_agent, NO_AGENT, {}),
        (site.drains, DRAINING, {}),
        (work.kind == "script" and not site.scripts_allowed, NO_SCRIPTS, {"installed": installed}),
        (
            work.kind == "app" and work.app not in site.apps,
            APP_MISSING,
            {"app": work.app, "installed": installed},
        ),
        (bool(work.inputs) and not site.takes_inputs, NO_INPUTS, {}),
        (work.cores > site.cores, CORES_EXCEEDED, {"asked": work.cores, "available": site.cores}),
        (memory_bytes > site.memory_bytes, MEMORY_EXCEEDED, memory),
    )
    for applies, code, facts in checks:
        if applies:
            return Refusal(code, {"title": site.title, "centre": site.centre, **facts})
    return None


def no_price(site: Site, at: datetime) -> Refusal:
    """The refusal of an offering without a valid price."""
    return Refusal(NO_PRICE, {"title": site.title, "centre": site.centre, "at": f"{at:%Y-%m-%d %H:%M} UTC"})


def no_evidence(site: Site, work: WorkOrder, *, why: str, why_zh: str) -> Refusal:
    """The refusal of work that nobody has measured there and that names no bound of its own."""
    facts: dict[str, str | int] = {"app": work.app, "cores": work.cores, "centre": site.centre}
    return Refusal(NO_EVIDENCE, {**facts, "why": why, "why_zh": why_zh})


def time_limit_s(work: WorkOrder, high_ms: int | None) -> int | None:
    """The longest a run may take [s].

    The user's own bound where there is one; else three times the forecast's high end, at least a minute:
    wide enough that a sound forecast is never cut off, narrow enough that a hung run ends. None where
    nobody knows a time.
    """
    if work.time_limit_s is not None:
        return work.time_limit_s
    if high_ms is None:
        return None
    return max(MIN_TIME_LIMIT_S, ceil_div(TIME_LIMIT_FACTOR * high_ms, MS_PER_SECOND))


def highest_charge_fen(*, limit_s: int, cores: int, fen_per_core_hour: int) -> int | None:
    """What the whole time limit would cost [fen]; None where no document could carry the amount."""
    full = limit_s * cores * fen_per_core_hour // SECONDS_PER_HOUR
    return full if full <= MAX_INTEGER else None


def expected_charge_fen(quote: Mapping[str, Json], wall_ms: int) -> int:
    """What a completed run of this wall time would cost under a quote [fen]."""
    usage = {"state": "COMPLETED", "wall_ms": wall_ms, "cores": quote["cores"]}
    return charge_fen(usage, quote).charge_fen


def own_cost_fen(
    *, mid_ms: int, cores: int, fen_per_core_hour: int, copay_fen: int, whole_fen: int
) -> Fraction:
    """What the expected run costs the user's own purse, exactly [fen].

    Ranking uses exact fractions: started seconds and whole fen are right for a bill, but on a short run
    they would make unlike offers look alike.

    Args:
        mid_ms: Expected wall time [ms].
        cores: Cores held.
        fen_per_core_hour: Price.
        copay_fen, whole_fen: The user's part of a charge, and that charge; their ratio is the user's share.
    """
    exact = Fraction(mid_ms * cores * fen_per_core_hour, MS_PER_SECOND * SECONDS_PER_HOUR)
    return exact * (Fraction(copay_fen, whole_fen) if whole_fen else 1)


def units_per_yuan(units: int, own_fen: Fraction) -> str | None:
    """Work units per yuan of the user's own money, two decimals, rounded down; None where it is free."""
    if own_fen <= 0 or units <= 0:
        return None
    hundredths = (units * 100 * 100) / own_fen
    return decimal_yuan(hundredths.numerator // hundredths.denominator)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What ranking looks at. ``own_fen`` is None where no evidence stands behind the time."""

    offering_id: str
    own_fen: Fraction | None
    mid_ms: int
    worst_fen: int
    """The most the user could pay."""


def rank(candidates: Sequence[Candidate]) -> list[int]:
    """Indices of the candidates, best first.

    Offers with evidence by the user's own cost of the same work (which is work per yuan, turned round),
    then by time; offers without evidence after all of them, by the most they could cost.
    """

    def key(index: int) -> tuple[int, Fraction, int, str]:
        candidate = candidates[index]
        if candidate.own_fen is None:
            return (1, Fraction(candidate.worst_fen), candidate.mid_ms, candidate.offering_id)
        return (0, candidate.own_fen, candidate.mid_ms, candidate.offering_id)

    return sorted(range(len(candidates)), key=key)


def is_expired(valid_until: datetime, now: datetime) -> bool:
    """A quote is good up to and not including its last moment."""
    return now >= valid_until


def valid_until(now: datetime, price_ends: datetime | None, voucher_ends: datetime | None = None) -> datetime:
    """An hour, or until the price or the voucher ends; whole seconds, since a document carries it."""
    ends = [now + VALIDITY, *(end for end in (price_ends, voucher_ends) if end is not None)]
    return min(ends).replace(microsecond=0)


def too_dear(*, limit_s: int, cores: int) -> Refusal:
    """The refusal of a quote whose highest charge no document could carry."""
    return Refusal(TOO_DEAR, {"limit_s": limit_s, "cores": cores, "limit": format_yuan(MAX_INTEGER)})
