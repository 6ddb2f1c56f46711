"""Schema 1, section by section: which keys there are, of what type, and what the engine carries out."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from typing import cast

from hesuan.errors import InputFault, declare
from hesuan.money import RoundingMode, parse_ratio, parse_yuan
from hesuan.policy.fields import WRONG_SHAPE, Fields, Open, parse_date
from hesuan.policy.nodes import Node, Plain, Sequence
from hesuan.policy.predicates import Pred, parse
from hesuan.policy.programme import (
    AWARD_RATE,
    OPEN_ENDED,
    Apportion,
    Base,
    Budget,
    Cap,
    Floor,
    Payer,
    Rounding,
    Stacking,
    Tier,
    Validity,
)

WINDOWS = ("calendar_year", "fiscal_year", "quarter", "call", "lifetime")
EXECUTED_WINDOWS = ("calendar_year", "lifetime")
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
MONEY_MEASURES = MEASURES[:8]
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
    "core_hour",
    "gpu_hour",
    "vcpu_hour",
    "gb",
)
KEYS = ("applicant", "group", "contract", "project", "funding_award", "award", "supplier", "pair")
FLOWS = ("reimburse_user", "deduct_pay_supplier", "prefund_supplier", "post_award", "no_cash")
EVENTS = ("none", "contract", "approval", "award_letter", "order")

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

_DURATION = re.compile(r"P([1-9][0-9]{0,3})([DMY])")


def budget(fields: Fields) -> Budget:
    """One of ``budgets``."""
    name = fields.name("id")
    fields.later("share_of", "key")
    return Budget(
        id=name,
        path=fields.path,
        window=fields.choice("window", WINDOWS, executed=EXECUTED_WINDOWS),
        limit_fen=fields.money("limit"),
        counts=fields.choice("counts", ("issued", "held", "redeemed"), executed=("issued",)),
        on_exhaust=fields.choice(
            "on_exhaust", ("reject", "queue", "partial", "prorate_batch"), executed=("reject", "partial")
        ),
    )


def payer(fields: Fields) -> Payer:
    """One of ``funding``."""
    return Payer(payer=fields.name("payer"), path=fields.path, share=fields.ratio("share"))


def suppliers(fields: Fields) -> tuple[tuple[str, ...] | Open | None, tuple[Pred, ...]]:
    """Whose computing may be paid for: the registries, and conditions on the supplier."""
    registries = fields.names("registry")
    node = fields.take("require", required=False, money=True)
    rules: tuple[Pred, ...] = ()
    if node is not None and not isinstance(node, Open):
        rules = _all_of(fields, node)
    fields.later("price_rule")
    fields.recorded("admission", "supplier_may")
    return registries, rules


def _all_of(fields: Fields, node: Node) -> tuple[Pred, ...]:
    """A list of conditions, all of which must hold."""
    if not isinstance(node, Sequence):
        where = fields.reading.where(node.mark)
        fields.reading.fault(
            InputFault(WRONG_SHAPE, where=where, key=fields.path_of("require"), expected="a list […]")
        )
        return ()
    return tuple(
        parse(item, source=fields.reading.source, faults=fields.reading.faults) for item in node.items
    )


def predicate(fields: Fields, key: str, *, required: bool = True) -> Pred | Open | None:
    """A condition."""
    node = fields.take(key, required=required, money=True)
    if node is None or isinstance(node, Open):
        return node
    return parse(node, source=fields.reading.source, faults=fields.reading.faults)


def base(fields: Fields) -> Base:
    """What the rate is applied to."""
    return Base(
        measure=fields.choice("measure", MEASURES, executed=MONEY_MEASURES),
        kinds=fields.names("kinds", LINE_KINDS),
        tax=fields.choice("tax", ("incl", "excl")),
        min_fen=fields.money("min", required=False),
        max_fen=fields.money("max", required=False),
        apportion=fields.section("apportion", _apportion, required=False),
    )


def _apportion(fields: Fields) -> Apportion:
    fields.choice("method", ("day_fraction", "by_meter"), executed=("day_fraction",))
    day_count = fields.choice("day_count", ("end_minus_start", "inclusive"))
    baseline = fields.section("baseline", lambda f: (f.date("from"), f.date("to")))
    begin, end = baseline or (None, None)
    return Apportion(day_count=day_count, baseline_from=begin, baseline_to=end)


def rates(fields: Fields) -> tuple[str | Open | None, tuple[Tier, ...]]:
    """How a tier is chosen, and the tiers."""
    select = fields.choice("select", ("first", "max"))
    fields.choice("scope", ("line", "claim"), executed=("claim",), required=False)
    fields.choice("retroactive", ("true", "false"), executed=("false",), required=False)
    return select, fields.entries("tiers", _tier, name_key="id")


def _tier(fields: Fields) -> Tier:
    tier = Tier(
        id=fields.name("id"),
        path=fields.path,
        when=predicate(fields, "when"),
        rate=fields.custom("rate", _parse_rate),
        rate_kind=fields.choice("rate_kind", ("exact", "ceiling"), required=False),
        cap_fen=fields.money("cap", required=False),
    )
    fields.later("ordinal_cap", "lump_sum")
    return tier


def floor(fields: Fields) -> Floor:
    """One of ``floors``."""
    return Floor(
        path=fields.path,
        on=fields.choice("on", ("base", "subsidy", "units"), executed=("base", "subsidy")),
        min_fen=fields.money("min"),
        before_rounding=fields.choice("before_rounding", ("true", "false")),
        otherwise=fields.choice("else", ("reject", "zero")),
    )


def cap(fields: Fields) -> Cap:
    """One of ``caps``."""
    key = fields.names("key", KEYS)
    if isinstance(key, tuple) and key != ("applicant",):
        fields.note_unexecuted("key", ", ".join(key))
    return Cap(
        id=fields.name("id"),
        path=fields.path,
        key=key,
        window=fields.choice("window", WINDOWS, executed=EXECUTED_WINDOWS),
        limit_fen=fields.money("limit"),
        counts=fields.choice("counts", ("issued", "redeemed", "claims", "active"), executed=("issued",)),
    )


def stacking(fields: Fields) -> Stacking:
    """How other public money is treated."""
    fields.recorded("scope", "authorities")
    fields.later("ratio_by_tier", "match")
    return Stacking(
        mode=fields.choice(
            "mode",
            ("forbid", "highest", "sum_ratio_cap", "allow"),
            executed=("forbid", "sum_ratio_cap", "allow"),
        ),
        ratio=fields.ratio("ratio", required=False),
    )


def issuance(fields: Fields) -> tuple[str | Open | None, Validity | Open | None]:
    """What a voucher is given for, and how long it lives."""
    fields.recorded("transferable", "splittable")
    fields.later("windows", "tranches", "auto_approve", "else_steps", "selection", "publicity_days")
    event = fields.choice("event", EVENTS, executed=("approval",))
    return event, fields.custom("validity", _parse_validity)


def settlement(fields: Fields) -> str | Open | None:
    """Who is paid, and how."""
    fields.recorded("cadence", "steps", "invoice")
    fields.later("schedule")
    fields.section("float", _float, required=False)
    return fields.choice("flow", FLOWS, executed=("deduct_pay_supplier",))


def _float(fields: Fields) -> None:
    """Money put with a supplier in advance; an open size keeps a programme from being activated."""
    for key in ("holder", "size", "replenish", "refund_unused"):
        fields.text(key, required=False, money=True)


def rounding(fields: Fields) -> Rounding:
    """To what, how, and after which steps amounts are rounded."""
    return Rounding(
        quantum_fen=fields.custom("quantum", _parse_quantum),
        mode=cast(
            "RoundingMode | Open | None", fields.choice("mode", ("floor", "half_up", "ceil", "half_even"))
        ),
        stages=fields.names("stages", ("base", "subsidy", "charge")),
    )


def recorded(fields: Fields) -> dict[str, Plain]:
    """Sections that people act on: proofs, audit, sanctions."""
    fields.text("evidence", money=False)
    fields.choice("beneficiary", ("demander", "supplier", "either_not_both"), required=False)
    fields.entries("sources", _source, required=False)
    kept = fields.section("redemption", _redemption, required=False) or {}
    return {**fields.recorded("evidence_required", "sanctions", "audit"), "redemption": kept}


def _source(fields: Fields) -> None:
    fields.text("url", money=False)
    fields.text("title", required=False)
    fields.text("quote_hash", required=False)


def _redemption(fields: Fields) -> dict[str, Plain]:
    fields.later("drawdown", "three_way_match")
    return fields.recorded("claimant", "trigger", "evidence")


def parse_end(text: str, where: str) -> date | str:
    """A last day, or ``open_ended``."""
    return text if text == OPEN_ENDED else parse_date(text, where)


def _parse_rate(text: str, where: str) -> Fraction | str:
    if text == AWARD_RATE:
        return text
    rate = parse_ratio(text, where=where)
    if rate > 1:
        raise InputFault(RATE_ABOVE_ONE, where=where, value=text)
    return rate


def _parse_quantum(text: str, where: str) -> int:
    quantum_fen = parse_yuan(text, where=where)
    if quantum_fen == 0:
        raise InputFault(NO_QUANTUM, where=where, value=text)
    return quantum_fen


def _parse_validity(text: str, where: str) -> Validity:
    if text == OPEN_ENDED:
        return Validity()
    if match := _DURATION.fullmatch(text):
        return Validity(count=int(match[1]), unit=match[2])
    try:
        return Validity(until=date.fromisoformat(text))
    except ValueError:
        expected = "a validity such as P12M, 2026-12-31 or open_ended"
        raise InputFault(NOT_A_VALUE, where=where, value=text, expected=expected) from None
