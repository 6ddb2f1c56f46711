"""Decisions of settlement on plain values: when, how much from which hold, and what the receipt says.

The charge comes from :func:`hesuan.wire.receipt.charge_fen` and from nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hesuan.errors import Refused, declare
from hesuan.hub.ledger.rules import Event
from hesuan.hub.market import accounts
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.money import format_yuan
from hesuan.wire.canonical import Json
from hesuan.wire.receipt import Charge, quoted_vouchers

HOLD_TOO_SMALL = declare(
    "settlement.hold_too_small",
    en="Order {order}: the own share of {charge} is {copay}, but {held} was held. Nothing was captured;"
    " the platform's operator must look at the programme's rule.",
    zh="订单 {order}：费用 {charge} 中自付 {copay}，超过已冻结的 {held}。未作任何扣划；"
    "须由平台运营方核查该计划的规则。",
)


@dataclass(frozen=True, slots=True)
class Held:
    """One hold and what is captured of it [fen]."""

    held_fen: int
    captured_fen: int


@dataclass(frozen=True, slots=True)
class Parts:
    """Who pays which part of a charge, from which hold."""

    vouchers: tuple[Held, ...]
    """Of each voucher of the quote, in the order of use."""
    copay: Held

    @property
    def voucher_held_fen(self) -> int:
        """On all vouchers [fen]."""
        return sum(one.held_fen for one in self.vouchers)

    @property
    def voucher_captured_fen(self) -> int:
        """From all vouchers [fen]."""
        return sum(one.captured_fen for one in self.vouchers)


@dataclass(frozen=True, slots=True)
class Names:
    """The ids that a receipt carries beside its quote."""

    receipt: str
    order: str
    run: str
    agent: str
    issued_at: str


def zero_usage(run_id: str, *, cores: int) -> dict[str, Json]:
    """The usage of a run that the site refused to start: none, and the evidence says why there is none."""
    return {
        "run": run_id,
        "attempt": 1,
        "state": "REFUSED",
        "exit_status": None,
        "signal": None,
        "started_at": None,
        "ended_at": None,
        "wall_ms": 0,
        "cpu_ms": 0,
        "cores": cores,
        "peak_memory_bytes": 0,
        "evidence": "hub:refused by the site, nothing was started",
        "result": {},
        "output_digest": None,
    }


def parts(charge_fen: int, quote: Mapping[str, Any], *, subsidies_fen: Sequence[int], order_id: str) -> Parts:
    """Divides a charge between the vouchers and the user's own money.

    Args:
        charge_fen: What is charged, at most the quote's highest.
        quote: The quote document; what was held stands in it.
        subsidies_fen: What the rule of each of its vouchers pays of this charge, in the order of use.
        order_id: For the refusal.

    Raises:
        Refused: ``settlement.hold_too_small``.
    """
    left_fen, vouchers = charge_fen, []
    for voucher, subsidy_fen in zip(quoted_vouchers(quote), subsidies_fen, strict=True):
        one = Held(voucher["max_fen"], min(subsidy_fen, voucher["max_fen"], left_fen))
        vouchers.append(one)
        left_fen -= one.captured_fen
    copay, copay_held = left_fen, quote["copay_max_fen"]
    if copay > copay_held:
        raise Refused(
            HOLD_TOO_SMALL,
            order=order_id,
            charge=format_yuan(charge_fen),
            copay=format_yuan(copay),
            held=format_yuan(copay_held),
        )
    return Parts(tuple(vouchers), Held(copay_held, copay))


def journal(order_id: str, quote: Mapping[str, Any], paid: Parts) -> list[Event]:
    """The one journal that ends every hold: captures give the rest back, a hold of which nothing is owed is
    released whole."""
    events = [
        _end(
            accounts.voucher_end_id(order_id, place),
            accounts.voucher_hold_id(order_id, place),
            programme_accounts.ledger_of(voucher["programme"]),
            one.captured_fen,
        )
        for place, (voucher, one) in enumerate(zip(quoted_vouchers(quote), paid.vouchers, strict=True))
        if one.held_fen
    ]
    if paid.copay.held_fen:
        events.append(
            _end(
                accounts.copay_end_id(order_id),
                accounts.copay_hold_id(order_id),
                accounts.CNY,
                paid.copay.captured_fen,
            )
        )
    return events


def portions(charge_fen: int, captured_fens: Sequence[int]) -> list[int]:
    """A charge divided among vouchers as they paid of it; each portion is at least what its voucher paid.

    Args:
        charge_fen: The whole charge [fen].
        captured_fens: What each paid, in the order of use; together at most the charge.
    """
    total, before, made = sum(captured_fens), 0, list[int]()
    for fen in captured_fens:
        before += fen
        made.append(charge_fen * before // total - sum(made))
    return made


def _end(event_id: str, hold_id: str, ledger: str, captured_fen: int) -> Event:
    if captured_fen:
        return Event(
            id=event_id,
            kind="capture",
            ledger=ledger,
            amount_fen=captured_fen,
            code="capture",
            pending_id=hold_id,
        )
    return Event(id=event_id, kind="release", ledger=ledger, amount_fen=0, code="release", pending_id=hold_id)


def receipt(
    names: Names,
    *,
    quote: Mapping[str, Any],
    quote_digest: str,
    usage: Mapping[str, Json],
    charge: Charge,
    paid: Parts,
    shares: Sequence[Sequence[tuple[str, int]]],
) -> dict[str, Json]:
    """The receipt document, as ``docs/reference/receipt.md`` tells it, of the quote's version.

    ``shares``: of each voucher, payer → fen.
    """
    prediction = quote["prediction"]
    return {
        "v": quote["v"],
        "id": names.receipt,
        "order": names.order,
        "run": names.run,
        "organisation": quote["organisation"],
        "centre": quote["centre"],
        "agent": names.agent,
        "issued_at": names.issued_at,
        "quote": dict(quote),
        "quote_digest": quote_digest,
        "usage": dict(usage),
        "charge": {
            **charge.document(),
            "vouchers": _vouchers(quote, paid, shares),
            "copay": _held(paid.copay),
        },
        "prediction": _band(prediction) if prediction else None,
        "actual": {"wall_ms": usage["wall_ms"]},
    }


def _band(prediction: Mapping[str, Json]) -> dict[str, Json]:
    return {name: prediction[name] for name in ("low_ms", "mid_ms", "high_ms", "kind")}


def _vouchers(
    quote: Mapping[str, Any], paid: Parts, shares: Sequence[Sequence[tuple[str, int]]]
) -> list[Json]:
    return [
        {
            "voucher": voucher["voucher"],
            "programme": voucher["programme"],
            "programme_version": voucher["programme_version"],
            **_held(one),
            "shares": [{"payer": payer, "fen": fen} for payer, fen in parts_of_it if fen],
        }
        for voucher, one, parts_of_it in zip(quoted_vouchers(quote), paid.vouchers, shares, strict=True)
    ]


def _held(one: Held) -> dict[str, Json]:
    return {
        "held_fen": one.held_fen,
        "captured_fen": one.captured_fen,
        "released_fen": one.held_fen - one.captured_fen,
    }
