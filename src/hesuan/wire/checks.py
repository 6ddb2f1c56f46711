"""Every check of a receipt by itself, each a plain function from the document to lines with both figures.

The hub runs them before it asks for a signature, the site agent before it gives one, ``hesuan verify`` for
everybody else. What stands around the receipt is checked in :mod:`hesuan.wire.evidence`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hesuan.errors import Code, HesuanError, InputFault, declare
from hesuan.money import format_yuan
from hesuan.wire.canonical import digest
from hesuan.wire.reading import Shape, faults, shown
from hesuan.wire.receipt import charge_fen, receipt_shape


class Outcome(StrEnum):
    """What one check found."""

    SOUND = "sound"
    BROKEN = "broken"
    NOTE = "note"
    """Not a finding: something the reader has to know."""


@dataclass(frozen=True, slots=True)
class Both:
    """A fact that reads differently in each language."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a verdict."""

    name: str
    outcome: Outcome
    code: Code
    facts: dict[str, object] = field(default_factory=dict)

    def sentence(self, language: str = "en") -> str:
        """The line in one language; a fact may be an error, which then speaks that language too."""
        chinese = language.startswith("zh")
        said: dict[str, object] = {}
        for name, fact in self.facts.items():
            match fact:
                case HesuanError():
                    said[name] = fact.sentence(language)
                case Both():
                    said[name] = fact.zh if chinese else fact.en
                case _:
                    said[name] = fact
        return (self.code.zh if chinese else self.code.en).format_map(said)


def sound(name: str, en: str, zh: str, **facts: object) -> Check:
    """A check that found nothing wrong, in both languages."""
    return Check(name, Outcome.SOUND, Code(f"verify.{name}", en, zh), facts)


def broken(name: str, code: Code, **facts: object) -> Check:
    """A check that found a difference."""
    return Check(name, Outcome.BROKEN, code, facts)


WRONG_SHAPE = declare("verify.wrong_shape", en="Members: {fault}", zh="成员：{fault}")
QUOTE_DIFFERS = declare(
    "verify.quote_differs",
    en="Quote: the receipt names the digest {written}; the quote inside has {computed}.",
    zh="报价单：回执所写摘要为 {written}；其中报价单的摘要为 {computed}。",
)
DISAGREES = declare(
    "verify.disagrees",
    en="Agreement: `{left}` is {left_value}, `{right}` is {right_value}.",
    zh="一致性：“{left}”为 {left_value}，“{right}”为 {right_value}。",
)
NOT_COMPUTABLE = declare(
    "verify.charge_not_computable",
    en="Charge: it cannot be computed again. {fault}",
    zh="计费：无法重新计算。{fault}",
)
CHARGE_DIFFERS = declare(
    "verify.charge_differs",
    en="Charge: `{member}` is written as {written}; computed again from usage and quote it is {computed}.",
    zh="计费：“{member}”写为 {written}；按用量与报价重新计算为 {computed}。",
)
ABOVE_QUOTE = declare(
    "verify.above_quote",
    en="Limit: the charge {charge} is above the quote's highest charge {limit}.",
    zh="上限：费用 {charge} 超过报价单的最高费用 {limit}。",
)
PARTS_DIFFER = declare(
    "verify.parts_differ",
    en="Parts: vouchers {vouchers} and own share {copay} make {total}; the charge is {charge}.",
    zh="构成：算力券 {vouchers} 与自付 {copay} 合计 {total}；费用为 {charge}。",
)
ABOVE_HOLD = declare(
    "verify.above_hold",
    en="{what}: captured {captured} is above the {held} held.",
    zh="{what}：扣划 {captured} 超过冻结的 {held}。",
)
HOLD_NOT_RESOLVED = declare(
    "verify.hold_not_resolved",
    en="{what}: captured {captured} and released {released} make {total}; held were {held}.",
    zh="{what}：扣划 {captured} 与解冻 {released} 合计 {total}；冻结额为 {held}。",
)
HOLD_ABOVE_QUOTE = declare(
    "verify.hold_above_quote",
    en="{what}: {held} held is above the quote's {limit}.",
    zh="{what}：冻结 {held} 超过报价单所写的 {limit}。",
)
VOUCHER_NOT_QUOTED = declare(
    "verify.voucher_not_quoted",
    en="Voucher {voucher}: the quote names {quoted}.",
    zh="算力券 {voucher}：报价单所写为 {quoted}。",
)
VOUCHERS_DIFFER = declare(
    "verify.vouchers_differ",
    en="Vouchers: the receipt has {written}, the quote {quoted}; each once, in the order of use.",
    zh="算力券：回执所列为 {written}，报价单为 {quoted}；每张一次，按使用顺序。",
)
USED_TOO_EARLY = declare(
    "verify.used_too_early",
    en="Vouchers: {later} was captured although {earlier}, which is used before it, had {left} left.",
    zh="算力券：先用的 {earlier} 尚余 {left}，却已扣划 {later}。",
)
SHARES_DIFFER = declare(
    "verify.shares_differ",
    en="Voucher {voucher}: the payers' shares make {total}; captured were {captured}.",
    zh="算力券 {voucher}：各出资方分担合计 {total}；扣划额为 {captured}。",
)


def of_shape(value: object, shape: Shape, where: str) -> list[Check]:
    """Whether every member is there and of its kind, and nothing else."""
    found = [broken("members", WRONG_SHAPE, fault=fault) for fault in faults(value, shape, where)]
    return found or [sound("members", "Members: complete, and none unknown.", "成员：齐全，且无未知项。")]


def of_receipt(receipt: Any) -> list[Check]:
    """What a receipt alone shows: its members, quote, agreement with itself, charge, and who paid it.

    A receipt whose members are not all there and of their kind is checked no further.
    """
    members = of_shape(receipt, receipt_shape(receipt), "receipt")
    if any(check.outcome is Outcome.BROKEN for check in members):
        return members
    return [
        *members,
        _quote(receipt),
        *_agreement(receipt),
        *_charge(receipt),
        _limit(receipt),
        _parts(receipt["charge"]),
        *_holds(receipt),
        *(_shares(voucher) for voucher in receipt["charge"]["vouchers"]),
    ]


def _quote(receipt: dict[str, Any]) -> Check:
    written, computed = receipt["quote_digest"], digest(receipt["quote"])
    if written != computed:
        return broken("quote", QUOTE_DIFFERS, written=shown(written), computed=computed)
    return sound(
        "quote", "Quote: digest {digest}, as written.", "报价单：摘要 {digest}，与所写一致。", digest=computed
    )


def _agreement(receipt: dict[str, Any]) -> list[Check]:
    quote, usage, predicted = receipt["quote"], receipt["usage"], receipt["prediction"]
    pairs = [
        ("receipt.organisation", receipt["organisation"], "quote.organisation", quote["organisation"]),
        ("receipt.centre", receipt["centre"], "quote.centre", quote["centre"]),
        ("receipt.run", receipt["run"], "usage.run", usage["run"]),
        ("actual.wall_ms", receipt["actual"]["wall_ms"], "usage.wall_ms", usage["wall_ms"]),
        ("prediction", predicted, "quote.prediction", _band(quote["prediction"])),
    ]
    found = [
        broken(
            "agreement", DISAGREES, left=left, left_value=shown(one), right=right, right_value=shown(other)
        )
        for left, one, right, other in pairs
        if one != other
    ]
    return found or [
        sound(
            "agreement",
            "Agreement: organisation, centre, run, wall time and prediction are the quote's and the usage's.",
            "一致性：回执、报价单与用量中的机构、算力中心、运行、时长与预测一致。",
        )
    ]


def _band(prediction: dict[str, Any] | None) -> dict[str, Any] | None:
    names = ("low_ms", "mid_ms", "high_ms", "kind")
    return None if prediction is None else {name: prediction[name] for name in names}


def _charge(receipt: dict[str, Any]) -> list[Check]:
    written = receipt["charge"]
    try:
        charge = charge_fen(receipt["usage"], receipt["quote"])
    except InputFault as fault:
        return [broken("charge", NOT_COMPUTABLE, fault=fault)]
    found = [
        broken(
            "charge",
            CHARGE_DIFFERS,
            member=f"charge.{member}",
            written=figure(member, written[member]),
            computed=figure(member, computed),
        )
        for member, computed in charge.document().items()
        if written[member] != computed
    ]
    return found or [
        sound(
            "charge",
            "Charge: {billed_s} s × {cores} cores × {price}/core-hour, {state} pays {share} %:"
            " written {written}, computed again {computed}.",
            "计费：{billed_s} 秒 × {cores} 核 × {price}/核时，{state} 按 {share}% 计：所写 {written}，"
            "重算 {computed}。",
            billed_s=charge.billed_s,
            cores=charge.cores,
            price=format_yuan(charge.price_fen_per_core_hour),
            state=shown(charge.state),
            share=charge.share_percent,
            written=format_yuan(written["charge_fen"]),
            computed=format_yuan(charge.charge_fen),
        )
    ]


def figure(member: str, value: object) -> str:
    """A member's value as people read it: money by the name's unit, the rest as it stands."""
    return format_yuan(value) if member.endswith("_fen") and isinstance(value, int) else shown(value)


def _limit(receipt: dict[str, Any]) -> Check:
    charge, limit = receipt["charge"]["charge_fen"], receipt["quote"]["max_charge_fen"]
    figures = {"charge": format_yuan(charge), "limit": format_yuan(limit)}
    if charge > limit:
        return broken("limit", ABOVE_QUOTE, **figures)
    en, zh = (
        "Limit: charge {charge}, at most {limit} by the quote.",
        "上限：费用 {charge}，报价单至多 {limit}。",
    )
    return sound("limit", en, zh, **figures)


def _parts(charge: dict[str, Any]) -> Check:
    vouchers = sum(voucher["captured_fen"] for voucher in charge["vouchers"])
    copay = charge["copay"]["captured_fen"]
    figures = {
        "vouchers": format_yuan(vouchers),
        "copay": format_yuan(copay),
        "total": format_yuan(vouchers + copay),
        "charge": format_yuan(charge["charge_fen"]),
    }
    if vouchers + copay != charge["charge_fen"]:
        return broken("parts", PARTS_DIFFER, **figures)
    en = "Parts: vouchers {vouchers} + own share {copay} = {total}; the charge is {charge}."
    zh = "构成：算力券 {vouchers} + 自付 {copay} = {total}；费用为 {charge}。"
    return sound("parts", en, zh, **figures)


def _holds(receipt: dict[str, Any]) -> Iterator[Check]:
    quote, paid = receipt["quote"], receipt["charge"]["vouchers"]
    if receipt["v"] == 2:
        quoted = quote["vouchers"]
        yield from _order_of_use(paid, quoted)
    else:
        quoted = [quote["voucher"]] if quote["voucher"] else []
    for place, voucher in enumerate(paid):
        ours = _named(voucher)
        # In version 1 a quote has one voucher, whatever the receipt lists; in version 2 place answers place.
        one = quoted[min(place, len(quoted) - 1)] if quoted else None
        theirs = None if one is None else _named(one)
        if ours != theirs:
            yield broken("holds", VOUCHER_NOT_QUOTED, voucher=shown(ours), quoted=shown(theirs))
        limit = 0 if one is None else one["max_fen"]
        name = shown(voucher["voucher"])
        yield _hold(Both(f"Voucher {name}", f"算力券 {name}"), voucher, limit)
    yield _hold(Both("Own share", "自付"), receipt["charge"]["copay"], quote["copay_max_fen"])


def _named(voucher: dict[str, Any]) -> list[str]:
    return [voucher[name] for name in ("voucher", "programme", "programme_version")]


def _order_of_use(paid: list[dict[str, Any]], quoted: list[dict[str, Any]]) -> Iterator[Check]:
    """The quote's vouchers, each once and in its order; of one version's, the next only after the last fen of
    the one before it."""
    names, wanted = [one["voucher"] for one in paid], [one["voucher"] for one in quoted]
    if names != wanted or len(set(names)) < len(names):
        yield broken("vouchers", VOUCHERS_DIFFER, written=shown(names), quoted=shown(wanted))
        return
    for place, later in enumerate(paid):
        for earlier in paid[:place]:
            left = earlier["held_fen"] - earlier["captured_fen"]
            same = earlier["programme_version"] == later["programme_version"]
            if same and left and later["captured_fen"]:
                yield broken(
                    "vouchers",
                    USED_TOO_EARLY,
                    later=shown(later["voucher"]),
                    earlier=shown(earlier["voucher"]),
                    left=format_yuan(left),
                )
                return
    yield sound(
        "vouchers",
        "Vouchers: {count}, the quote's, used in its order.",
        "算力券：共 {count} 张，与报价单一致，按其顺序使用。",
        count=len(paid),
    )


def _hold(what: Both, hold: dict[str, Any], limit_fen: int) -> Check:
    held, captured, released = hold["held_fen"], hold["captured_fen"], hold["released_fen"]
    figures: dict[str, object] = {
        "what": what,
        "held": format_yuan(held),
        "captured": format_yuan(captured),
        "released": format_yuan(released),
        "total": format_yuan(captured + released),
        "limit": format_yuan(limit_fen),
    }
    if captured > held:
        return broken("holds", ABOVE_HOLD, **figures)
    if captured + released != held:
        return broken("holds", HOLD_NOT_RESOLVED, **figures)
    if held > limit_fen:
        return broken("holds", HOLD_ABOVE_QUOTE, **figures)
    en = "{what}: captured {captured} of {held} held, released {released}; held at most {limit} by the quote."
    zh = "{what}：冻结 {held} 中扣划 {captured}，解冻 {released}；报价单至多冻结 {limit}。"
    return sound("holds", en, zh, **figures)


def _shares(voucher: dict[str, Any]) -> Check:
    total = sum(share["fen"] for share in voucher["shares"])
    figures = {
        "voucher": shown(voucher["voucher"]),
        "total": format_yuan(total),
        "captured": format_yuan(voucher["captured_fen"]),
    }
    if total != voucher["captured_fen"]:
        return broken("shares", SHARES_DIFFER, **figures)
    en = "Voucher {voucher}: the payers' shares make {total}, captured {captured}."
    zh = "算力券 {voucher}：各出资方分担合计 {total}，扣划 {captured}。"
    return sound("shares", en, zh, **figures)
