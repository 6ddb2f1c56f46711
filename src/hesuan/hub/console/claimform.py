"""The papers of a claim as a form: raw texts in, papers or faults out. Amounts are typed in yuan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hesuan.errors import Faults, InputFault
from hesuan.hub.settlement.papers import DAYS, KEYS, REQUIRED
from hesuan.money import decimal_yuan, parse_yuan

PAPERS = "papers."
LEFT_OUT = ("kinds", "document")
"""An invoice's kinds are the meter's here; the document has a list of its own."""


@dataclass(frozen=True, slots=True)
class PaperField:
    """One field of one paper."""

    key: str
    """``papers.invoice.number``: as faults say where they are."""
    name: str
    kind: str
    """``text``, ``date`` or ``money``."""
    text: str
    required: bool


@dataclass(frozen=True, slots=True)
class PaperForm:
    """One paper: its fields, and which uploaded document it is."""

    kind: str
    fields: tuple[PaperField, ...]
    document: str


def forms(kinds: tuple[str, ...], texts: Mapping[str, str]) -> list[PaperForm]:
    """The papers that are asked for, with what was typed."""
    return [
        PaperForm(
            kind,
            tuple(_field(kind, name, texts) for name in KEYS[kind] if name not in LEFT_OUT),
            texts.get(f"{PAPERS}{kind}.document", ""),
        )
        for kind in kinds
        if kind in KEYS
    ]


def _field(kind: str, name: str, texts: Mapping[str, str]) -> PaperField:
    key = f"{PAPERS}{kind}.{name}"
    days = (DAYS[kind], "starts_on", "ends_on")
    shape = "money" if name == "amount_fen" else "date" if name in days else "text"
    return PaperField(key, name, shape, texts.get(key, ""), name in REQUIRED[kind])


def written(papers: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Stored papers as the texts of a form."""
    return {
        f"{PAPERS}{kind}.{name}": decimal_yuan(value) if name == "amount_fen" else str(value)
        for kind, paper in papers.items()
        for name, value in paper.items()
        if name != "kinds"
    }


def papers(texts: Mapping[str, str], kinds: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The papers that the texts say; an empty field is left out, so is a paper without any.

    Raises:
        Faults: every amount that cannot be read.
    """
    found: dict[str, dict[str, Any]] = {}
    faults: list[InputFault] = []
    for kind in kinds:
        for name in KEYS.get(kind, ()):
            key = f"{PAPERS}{kind}.{name}"
            text = texts.get(key, "").strip()
            if not text:
                continue
            try:
                amount = text.replace(",", "").replace("¥", "")
                value: object = parse_yuan(amount, where=key) if name == "amount_fen" else text
            except InputFault as fault:
                faults.append(fault)
                continue
            found.setdefault(kind, {})[name] = value
    if faults:
        raise Faults(faults)
    return found
