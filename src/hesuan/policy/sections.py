"""Schema 1, the sections an amount is worked out from: which keys there are, and of what type.

:mod:`hesuan.policy.articles` reads the others (issue, life, use, payment).
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar, cast

from hesuan.errors import InputFault, declare
from hesuan.money import RoundingMode, parse_ratio, parse_yuan
from hesuan.policy.facts import KEY_FACTS
from hesuan.policy.fields import MISSING_KEY, WRONG_SHAPE, Fields, Open, parse_date
from hesuan.policy.nodes import Node, Sequence
from hesuan.policy.predicates import Pred, parse
from hesuan.policy.programme import (
    AWARD_MAX,
    AWARD_RATE,
    Apportion,
    Base,
    Budget,
    Cap,
    Floor,
    Match,
    OrdinalCap,
    Payer,
    Rounding,
    ShareOf,
    Stacking,
    Tier,
)
from hesuan.policy.terms import OPEN_ENDED

T = TypeVar("T")

WINDOWS = ("calendar_year", "fiscal_year", "quarter", "call", "lifetime")
"""Beside these ``rolling(P3Y)``, with any duration."""
MEASURES = (
    "contract_amount",
    "incurred",
    "invoiced",
    "settled",
    "paid",
    "usage_fee",
    "order",
    "project_cost",
    "list_price_sku",
    "metered_units",
    "target_scale",
)
LINE_KINDS = (
    "compute",
    "ai_compute",
    "super_compute",
    "storage",
    "network",
    "security",
    "support",
    "model",
    "data",
    "corpus",
    "labelling",
    "iaas",
    "paas",
    "saas",
    "core_hour",
    "gpu_hour",
    "vcpu_hour",
    "node_hour",
    "gb",
    "token",
)
KEYS = tuple(KEY_FACTS)
COUNTS = ("issued", "redeemed", "both", "claims", "active")
BUDGET_COUNTS = ("issued", "held", "redeemed")
ON_EXHAUST = ("reject", "queue", "partial", "prorate_batch")
MODES = ("forbid", "highest", "sum_ratio_cap", "allow")
AID_SCOPES = ("line", "contract", "project", "type")

NOT_A_VALUE = declare(
    "policy.not_a_value",
    en="`{value}` is not {expected}.",
    zh="“{value}”不是 {expected}。",
)
RATE_ABOVE_ONE = declare(
    "policy.rate_above_one",
    en="A rate of {value} pays more than everything; the largest is 1/1.",
    zh="比率 {value} 超过全额；最大为 1/1。",
)
NO_QUANTUM = declare(
    "policy.no_quantum",
    en="Rounding to {value} is no rounding; the smallest quantum is 0.01.",
    zh="舍入单位不能为 {value}；最小为 0.01。",
)
RATE_AND_LUMP_SUM = declare(
    "policy.rate_and_lump_sum",
    en="Tier `{tier}` states a rate and a lump sum; it has one of them.",
    zh="档次“{tier}”同时写了比例和一次性金额；只能写一种。",
)

_ROLLING = re.compile(r"rolling\(P[1-9][0-9]{0,3}[DMY]\)")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?")
_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


def period(
    fields: Fields,
) -> tuple[date | Open | None, date | str | Open | None, tuple[int, int] | Open | None]:
    """First day, last day, and where the fiscal year starts."""
    return (
        fields.date("from"),
        fields.custom("to", parse_end),
        fields.custom("fiscal_year_start", _parse_month_day, required=False),
    )


def budget(fields: Fields) -> Budget:
    """One of ``budgets``."""
    name = fields.name("id")
    share_of = fields.section("share_of", _share_of, required=False)
    return Budget(
        id=name,
        path=fields.path,
        window=fields.custom("window", parse_window),
        limit_fen=fields.money("limit", required=share_of is None),
        counts=fields.choice("counts", BUDGET_COUNTS),
        on_exhaust=fields.choice("on_exhaust", ON_EXHAUST),
        key=fields.names("key", KEYS, required=False),
        share_of=share_of,
        when=predicate(fields, "when", required=False),
    )


def _share_of(fields: Fields) -> ShareOf:
    return ShareOf(pool=fields.name("pool"), ratio=fields.ratio("ratio"))


def payer(fields: Fields) -> Payer:
    """One of ``funding``."""
    return Payer(payer=fields.name("payer"), path=fields.path, share=fields.ratio("share"))


def all_of(fields: Fields, key: str) -> tuple[Pred, ...]:
    """A list of conditions, all of which must hold."""
    node = fields.take(key, required=False, money=True)
    if node is None or isinstance(node, Open):
        return ()
    if not isinstance(node, Sequence):
        where = fields.reading.where(node.mark)
        fields.reading.fault(
            InputFault(WRONG_SHAPE, where=where, key=fields.path_of(key), expected="a list […]")
        )
        return ()
    return tuple(_parse_pred(fields, item) for item in node.items)


def predicate(fields: Fields, key: str, *, required: bool = True, money: bool = True) -> Pred | Open | None:
    """A condition."""
    node = fields.take(key, required=required, money=money)
    return node if node is None or isinstance(node, Open) else _parse_pred(fields, node)


def _parse_pred(fields: Fields, node: Node) -> Pred:
    return parse(node, source=fields.reading.source, faults=fields.reading.faults)


def base(fields: Fields) -> Base:
    """What the rate is applied to."""
    measure = fields.choice("measure", MEASURES)
    return Base(
        measure=measure,
        kinds=fields.names("kinds", LINE_KINDS),
        # Units carry no tax; money does, and whether it counts is a rule.
        tax=fields.choice("tax", ("incl", "excl"), required=measure != "metered_units"),
        min_fen=fields.money("min", required=False),
        max_fen=fields.money("max", required=False),
        apportion=fields.section("apportion", _apportion, required=False),
    )


def _apportion(fields: Fields) -> Apportion:
    method = fields.choice("method", ("day_fraction", "by_meter"))
    day_count = fields.choice("day_count", ("end_minus_start", "inclusive"), required=method != "by_meter")
    baseline = fields.section("baseline", lambda f: (f.date("from"), f.date("to")))
    begin, end = baseline or (None, None)
    return Apportion(day_count=day_count, baseline_from=begin, baseline_to=end, method=method)


Rates = tuple[str | Open | None, tuple[Tier, ...], str | Open | None, bool | Open | None, str | Open | None]


def rates(fields: Fields) -> Rates:
    """How a tier is chosen, the tiers, whether by line or for the whole year, who sets a claim's rate."""
    select = fields.choice("select", ("first", "max"))
    scope = fields.choice("scope", ("line", "claim"), required=False)
    retroactive = fields.boolean("retroactive", money=True)
    if scope == "line" and retroactive is True:
        # Which of a year's lines an earlier claim's tier was reached with is not known any more.
        fields.note_unexecuted("retroactive", "true")
    set_by = fields.text("set_by", required=False, money=True)
    return select, fields.entries("tiers", _tier, name_key="id"), scope, retroactive, set_by


def _tier(fields: Fields) -> Tier:
    name = fields.name("id")
    when = predicate(fields, "when")
    lump_sum = fields.money("lump_sum", required=False)
    rate = fields.custom("rate", _parse_rate, required=lump_sum is None)
    if lump_sum is not None and rate is not None:
        where = fields.reading.where(fields.mark)
        fields.reading.fault(InputFault(RATE_AND_LUMP_SUM, where=where, tier=name))
    return Tier(
        id=name,
        path=fields.path,
        when=when,
        rate=rate,
        rate_kind=fields.choice("rate_kind", ("exact", "ceiling"), required=False),
        cap_fen=fields.money("cap", required=False),
        lump_sum_fen=lump_sum,
        ordinal_caps=fields.entries("ordinal_cap", _ordinal_cap, required=False),
    )


def _ordinal_cap(fields: Fields) -> OrdinalCap:
    return OrdinalCap(path=fields.path, begin=fields.custom("from", parse_count), cap_fen=fields.money("cap"))


def floor(fields: Fields) -> Floor:
    """One of ``floors``."""
    return Floor(
        path=fields.path,
        on=fields.choice("on", ("base", "subsidy", "units")),
        min_fen=fields.money("min"),
        before_rounding=fields.choice("before_rounding", ("true", "false")),
        otherwise=fields.choice("else", ("reject", "zero")),
        at=fields.choice("at", ("issue", "redeem", "both"), required=False),
    )


def cap(fields: Fields) -> Cap:
    """One of ``caps``."""
    return Cap(
        id=fields.name("id"),
        path=fields.path,
        key=fields.names("key", KEYS),
        window=fields.custom("window", parse_window),
        limit_fen=fields.custom("limit", _parse_limit),
        counts=fields.choice("counts", COUNTS),
        when=predicate(fields, "when", required=False),
        tiers=fields.names("tiers", required=False),
        override_by=fields.names("override_by", required=False),
    )


def stacking(fields: Fields) -> Stacking:
    """How other public money is treated."""
    return Stacking(
        mode=fields.choice("mode", MODES),
        ratio=fields.ratio("ratio", required=False),
        scope=fields.choice("scope", AID_SCOPES, required=False),
        authorities=fields.names("authorities", required=False),
        ratio_by_tier=fields.table("ratio_by_tier", parse_share) or None,
        match=fields.section("match", _match, required=False),
    )


def _match(fields: Fields) -> Match:
    programme = fields.text("with", money=True)
    return Match(
        programme=programme if isinstance(programme, str) else "",
        ratio_by_tier=fields.table("ratio_by_tier", parse_share, required=True),
        auto=fields.boolean("auto", required=True, money=True),
    )


def rounding(fields: Fields) -> Rounding:
    """To what, how, and after which steps amounts are rounded."""
    return Rounding(
        quantum_fen=fields.custom("quantum", _parse_quantum),
        mode=cast(
            "RoundingMode | Open | None", fields.choice("mode", ("floor", "half_up", "ceil", "half_even"))
        ),
        stages=fields.names("stages", ("base", "subsidy", "charge")),
    )


def need_fiscal_year(
    fields: Fields, rules: tuple[Budget | Cap, ...], start: tuple[int, int] | Open | None
) -> None:
    """A fiscal year needs a first day: it is not everybody's calendar year."""
    if start is None and any(rule.window == "fiscal_year" for rule in rules):
        where = fields.reading.where(fields.reading.places.get("period", fields.mark))
        fields.reading.fault(InputFault(MISSING_KEY, where=where, key="period.fiscal_year_start"))


# --- Values ---


def parse_end(text: str, where: str) -> date | str:
    """A last day, or ``open_ended``."""
    return text if text == OPEN_ENDED else parse_date(text, where)


def parse_window(text: str, where: str) -> str:
    """One of :data:`WINDOWS`, or ``rolling(P3Y)``."""
    if text in WINDOWS or _ROLLING.fullmatch(text):
        return text
    expected = f"a window: {', '.join(WINDOWS)} or rolling(P3Y)"
    raise InputFault(NOT_A_VALUE, where=where, value=text, expected=expected)


def parse_count(text: str, where: str) -> int:
    """A whole number from 0."""
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return int(text)
    raise InputFault(NOT_A_VALUE, where=where, value=text, expected="a whole number")


def parse_number(text: str, where: str) -> Fraction:
    """An exact number: ``2``, ``0.4`` or ``2/3``."""
    return Fraction(Decimal(text)) if _NUMBER.fullmatch(text) else parse_ratio(text, where=where)


def parse_share(text: str, where: str) -> Fraction:
    """A ratio of at most 1."""
    share = parse_ratio(text, where=where)
    if share > 1:
        raise InputFault(RATE_ABOVE_ONE, where=where, value=text)
    return share


def _parse_rate(text: str, where: str) -> Fraction | str:
    return text if text == AWARD_RATE else parse_share(text, where)


def _parse_limit(text: str, where: str) -> int | str:
    return text if text == AWARD_MAX else parse_yuan(text, where=where)


def _parse_quantum(text: str, where: str) -> int:
    quantum_fen = parse_yuan(text, where=where)
    if quantum_fen == 0:
        raise InputFault(NO_QUANTUM, where=where, value=text)
    return quantum_fen


def _parse_month_day(text: str, where: str) -> tuple[int, int]:
    match = _MONTH_DAY.fullmatch(text)
    if match is None or text in ("02-29", "02-30", "02-31", "04-31", "06-31", "09-31", "11-31"):
        raise InputFault(NOT_A_VALUE, where=where, value=text, expected="a day of every year, such as 04-01")
    return int(match[1]), int(match[2])
