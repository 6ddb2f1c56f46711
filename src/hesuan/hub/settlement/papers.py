"""The papers of a claim as plain values: contract, invoice, payment, delivery proof. Read, checked; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from hesuan.errors import Faults, InputFault, declare, unknown_key
from hesuan.wire.canonical import MAX_INTEGER, Json

WRONG = declare(
    "claim.paper_malformed",
    en="`{field}` is {value}; it must be {wanted}.",
    zh="“{field}”为 {value}；应为 {wanted}。",
)
LONGEST = 200
KEYS: dict[str, tuple[str, ...]] = {
    "contract": (
        "number",
        "signed_on",
        "starts_on",
        "ends_on",
        "amount_fen",
        "buyer",
        "seller",
        "document",
    ),
    "invoice": ("number", "issued_on", "amount_fen", "buyer", "seller", "kinds", "document"),
    "payment": ("number", "paid_on", "amount_fen", "document"),
    "delivery_proof": ("accepted_on", "document"),
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "contract": ("number", "signed_on", "amount_fen", "buyer", "seller"),
    "invoice": ("number", "issued_on", "amount_fen", "buyer", "seller"),
    "payment": ("number", "paid_on", "amount_fen"),
    "delivery_proof": ("accepted_on",),
}


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper; what it does not say is empty."""

    kind: str
    number: str = ""
    day: date | None = None
    """Signed, issued, paid or accepted on."""
    starts_on: date | None = None
    ends_on: date | None = None
    amount_fen: int | None = None
    buyer: str = ""
    seller: str = ""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Of an invoice, kind of line → fen."""
    document: str = ""


DAYS = {
    "contract": "signed_on",
    "invoice": "issued_on",
    "payment": "paid_on",
    "delivery_proof": "accepted_on",
}


def parse(value: object) -> dict[str, Paper]:
    """Papers by kind.

    Raises:
        Faults: every ``claim.paper_malformed`` and ``input.unknown_key``, with its place.
    """
    if not isinstance(value, Mapping):
        raise Faults([_wrong("papers", value, "{…}")])
    faults: list[InputFault] = []
    found = {}
    for kind, paper in value.items():
        if kind not in KEYS:
            faults.append(unknown_key(str(kind), KEYS, where=f"papers.{kind}"))
        elif not isinstance(paper, Mapping):
            faults.append(_wrong(f"papers.{kind}", paper, "{…}"))
        else:
            found[kind] = _paper(kind, paper, faults)
    if faults:
        raise Faults(faults)
    return found


def _paper(kind: str, paper: Mapping[str, Any], faults: list[InputFault]) -> Paper:
    here = f"papers.{kind}"
    faults += [
        unknown_key(str(key), KEYS[kind], where=f"{here}.{key}") for key in paper if key not in KEYS[kind]
    ]
    faults += [_wrong(f"{here}.{key}", None, "given") for key in REQUIRED[kind] if key not in paper]
    texts = {key: _text(here, key, paper, faults) for key in ("number", "buyer", "seller", "document")}
    return Paper(
        kind=kind,
        day=_day(here, DAYS[kind], paper, faults),
        starts_on=_day(here, "starts_on", paper, faults),
        ends_on=_day(here, "ends_on", paper, faults),
        amount_fen=_fen(here, "amount_fen", paper.get("amount_fen"), faults),
        kinds=_kinds(here, paper.get("kinds"), faults),
        **texts,
    )


def _text(here: str, key: str, paper: Mapping[str, Any], faults: list[InputFault]) -> str:
    value = paper.get(key, "")
    if isinstance(value, str) and len(value) <= LONGEST and value.isprintable():
        return value
    faults.append(_wrong(f"{here}.{key}", value, f"text, ≤ {LONGEST}"))
    return ""


def _day(here: str, key: str, paper: Mapping[str, Any], faults: list[InputFault]) -> date | None:
    value = paper.get(key)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        faults.append(_wrong(f"{here}.{key}", value, "2026-11-20"))
        return None


def _fen(here: str, key: str, value: object, faults: list[InputFault]) -> int | None:
    if value is None:
        return None
    if type(value) is int and 0 < value <= MAX_INTEGER:
        return value
    faults.append(_wrong(f"{here}.{key}", value, "1, 2, 3, … fen"))
    return None


def _kinds(here: str, value: object, faults: list[InputFault]) -> dict[str, int]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        faults.append(_wrong(f"{here}.kinds", value, "{kind: fen}"))
        return {}
    read = {str(kind): _fen(f"{here}.kinds", str(kind), fen, faults) for kind, fen in value.items()}
    return {kind: fen for kind, fen in read.items() if fen is not None}


def document(papers: Mapping[str, Paper]) -> dict[str, Json]:
    """The papers as they are stored and shown: canonical, without members that were not given."""
    return {kind: _shown(paper) for kind, paper in sorted(papers.items())}


def _shown(paper: Paper) -> dict[str, Json]:
    members: dict[str, Json] = {
        "number": paper.number,
        DAYS[paper.kind]: paper.day.isoformat() if paper.day else None,
        "starts_on": paper.starts_on.isoformat() if paper.starts_on else None,
        "ends_on": paper.ends_on.isoformat() if paper.ends_on else None,
        "amount_fen": paper.amount_fen,
        "buyer": paper.buyer,
        "seller": paper.seller,
        "kinds": dict(paper.kinds),
        "document": paper.document,
    }
    return {key: value for key, value in members.items() if value not in ("", None, {})}


def _wrong(where: str, value: object, wanted: str) -> InputFault:
    return InputFault(WRONG, where=where, field=where, value=repr(value)[:60], wanted=wanted)
