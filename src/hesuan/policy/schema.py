"""Schema 1 of programme documents: from a text to a frozen :class:`Programme`, or all its faults at once.

Three things are kept apart, because confusing them costs money:

- what the published rule says: values, each with its place;
- what it does not say: :class:`~hesuan.policy.fields.Open`, written ``"?"``;
- what somebody decided in its stead: ``interpretations``, each with who, when and citing what. They stand in
  the document, so they are part of the version's digest; they fill a ``"?"`` and never change a stated value.

A key that the schema knows and the engine does not carry out yet is noted, and keeps a programme from being
activated; it is never read and then ignored.
"""

from __future__ import annotations

import hashlib
import re
from datetime import date

from hesuan.errors import Faults, InputFault, declare
from hesuan.policy import articles, auditing, references, sections
from hesuan.policy.document import read
from hesuan.policy.fields import Fields, Interpretation, Open, Reading
from hesuan.policy.nodes import Mapping, Node, Scalar
from hesuan.policy.programme import Programme
from hesuan.policy.sections import NOT_A_VALUE
from hesuan.policy.terms import Terms

UNITS = (
    "CNY",
    "INR",
    "CAD",
    "EUR",
    "GBP",
    "KRW",
    "SGD",
    "USD",
    "ACCESS_CREDIT",
    "GPU_HOUR",
    "NODE_HOUR",
    "CORE_HOUR",
    "TOKEN",
    "FP16_PFLOPS_DAY",
)
MAX_ID_CHARACTERS = 80

NOT_OPEN = declare(
    "policy.not_open",
    en='`{path}` does not say "?", so it cannot be interpreted; a stated rule is changed by a new version.',
    zh='“{path}”并非 "?"，无可解释；已写明的规则只能由新版本修改。',
)
STILL_UNKNOWN = declare(
    "policy.still_unknown",
    en='An interpretation of `{path}` must say something; it says "?".',
    zh='对“{path}”的解释须给出内容，而它写的是 "?"。',
)
INTERPRETED_TWICE = declare(
    "policy.interpreted_twice",
    en="`{path}` is interpreted twice; the first time in line {first}.",
    zh="“{path}”被解释了两次；第一次在第 {first} 行。",
)
_PROGRAMME_ID = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_VERSION = re.compile(r"[1-9][0-9]{0,5}")


def load(
    text: str,
    *,
    source: str,
    extra: tuple[Interpretation, ...] = (),
    instead: tuple[Interpretation, ...] = (),
) -> Programme:
    """Reads one programme document.

    Args:
        text: The document.
        source: Its name, for ``file:line:column``.
        extra: Interpretations beside those in the document, for trying a rule out; the digest is still the
            text's, so nothing decided with them can be taken for the version's own.
        instead: Interpretations in place of the document's own of the same fields, likewise for trying out.

    Raises:
        Faults: everything that is wrong with it, each with its place.
    """
    root = read(text, source=source)
    reading = Reading(source)
    _collect_interpretations(reading, root)
    for interpretation in extra:
        reading.interpretations.setdefault(interpretation.path, interpretation)
    reading.interpretations.update({one.path: one for one in instead})
    programme = _read_programme(Fields(reading, root, ""), text)
    for path, interpretation in reading.interpretations.items():
        if path not in reading.filled:
            where = f"{interpretation.source}:{interpretation.mark}"
            reading.fault(InputFault(NOT_OPEN, where=where, path=path))
    if reading.faults:
        raise Faults(reading.faults)
    return programme


def load_assumptions(text: str, *, source: str) -> tuple[Interpretation, ...]:
    """Reads a file of interpretations with which a draft is tried out; ``programme`` may say which.

    Raises:
        Faults: everything that is wrong with it.
    """
    reading = Reading(source)
    fields = Fields(reading, read(text, source=source), "")
    fields.text("programme", required=False)
    found = fields.entries("interpretations", read_interpretation)
    fields.finish()
    if reading.faults:
        raise Faults(reading.faults)
    return found


def read_interpretation(fields: Fields) -> Interpretation:
    """One entry of ``interpretations``."""
    path = fields.text("field", money=False)
    value = fields.take("value", required=True, money=False)
    decided_by, citing = fields.text("decided_by"), fields.text("citing")
    decided_at = fields.date("decided_at")
    path = path if isinstance(path, str) else ""
    if isinstance(value, Open):
        where = fields.reading.where(value.mark)
        fields.reading.fault(InputFault(STILL_UNKNOWN, where=where, path=path))
    return Interpretation(
        path=path,
        value=value if not isinstance(value, Open | None) else Scalar("", fields.mark),
        decided_by=decided_by if isinstance(decided_by, str) else "",
        decided_at=decided_at if isinstance(decided_at, date) else date.min,
        citing=citing if isinstance(citing, str) else "",
        source=fields.reading.source,
        mark=fields.mark,
    )


def _collect_interpretations(reading: Reading, root: Node) -> None:
    """Reads them first, since every other field may be filled by one."""
    node = root.get("interpretations") if isinstance(root, Mapping) else None
    if node is None:
        return
    entries = Fields(reading, root, "").entries("interpretations", read_interpretation)
    reading.opens.clear()  # of an interpretation that says "?": a fault already
    for entry in entries:
        first = reading.interpretations.setdefault(entry.path, entry)
        if first is not entry:
            where = reading.where(entry.mark)
            reading.fault(InputFault(INTERPRETED_TWICE, where=where, path=entry.path, first=first.mark.line))


def _read_programme(fields: Fields, text: str) -> Programme:
    """Asks for every key of schema 1; faults are in ``fields.reading`` afterwards."""
    reading = fields.reading
    fields.take("interpretations", required=False, money=False)
    fields.choice("schema", ("1",), money=False)
    period = fields.section("period", sections.period)
    rates = fields.section("rates", sections.rates)
    terms = _read_terms(fields)
    suppliers, issuance, settlement = terms.suppliers, terms.issuance, terms.settlement
    programme = Programme(
        id=_stated(fields.custom("programme", _parse_programme_id, money=False)),
        version=int(_stated(fields.custom("version", _parse_version, money=False)) or 0),
        title=_stated(fields.text("title")),
        issuer=_stated(fields.text("issuer")),
        unit=_stated(fields.choice("unit", UNITS)),
        source=reading.source,
        digest="sha256:" + hashlib.sha256(text.encode()).hexdigest(),
        period_from=period[0] if period else None,
        period_to=period[1] if period else None,
        fiscal_year_start=period[2] if period else None,
        budgets=fields.entries("budgets", sections.budget, name_key="id"),
        funding=fields.entries("funding", sections.payer, name_key="payer"),
        eligible=sections.predicate(fields, "eligible"),
        registries=suppliers.registries if suppliers else None,
        supplier_rules=suppliers.rules if suppliers else (),
        base=fields.section("base", sections.base),
        select=rates[0] if rates else None,
        tiers=rates[1] if rates else (),
        scope=rates[2] if rates else None,
        retroactive=rates[3] if rates else None,
        set_by=rates[4] if rates else None,
        floors=fields.entries("floors", sections.floor, required=False),
        caps=fields.entries("caps", sections.cap, name_key="id", required=False),
        stacking=fields.section("stacking", sections.stacking),
        event=issuance.event if issuance else None,
        validity=issuance.validity if issuance else None,
        flow=settlement.flow if settlement else None,
        rounding=fields.section("rounding", sections.rounding),
        terms=terms,
        recorded=dict(terms.audit),
        opens=tuple(reading.opens),
        unexecuted=tuple(reading.unexecuted),
        interpreted=reading.filled,
        places=reading.places,
    )
    references.check(fields, programme)
    sections.need_fiscal_year(fields, (*programme.budgets, *programme.caps), programme.fiscal_year_start)
    fields.finish()
    return programme


def _read_terms(fields: Fields) -> Terms:
    """Everything beside the amount."""
    return Terms(
        evidence=fields.text("evidence", money=False),
        beneficiary=fields.choice("beneficiary", ("demander", "supplier", "either_not_both"), required=False),
        sources=fields.entries("sources", articles.source, required=False, money=False),
        proofs=fields.entries("evidence_required", articles.proof, required=False, money=False),
        suppliers=fields.section("suppliers", articles.suppliers),
        issuance=fields.section("issuance", articles.issuance),
        expiry=fields.section("expiry", articles.expiry, required=False),
        redemption=fields.section("redemption", articles.redemption, required=False),
        settlement=fields.section("settlement", articles.settlement),
        exchange=fields.section("exchange", articles.exchange, required=False),
        sanctions=fields.entries("sanctions", articles.sanction, required=False, money=False),
        audit=auditing.read(fields),
    )


def _stated(value: str | Open | None) -> str:
    return value if isinstance(value, str) else ""


def _parse_programme_id(text: str, where: str) -> str:
    if len(text) > MAX_ID_CHARACTERS or not _PROGRAMME_ID.fullmatch(text):
        expected = f"an id: small letters, digits and . _ -, at most {MAX_ID_CHARACTERS} characters"
        raise InputFault(NOT_A_VALUE, where=where, value=text, expected=expected)
    return text


def _parse_version(text: str, where: str) -> str:
    if not _VERSION.fullmatch(text):
        raise InputFault(NOT_A_VALUE, where=where, value=text, expected="a version: 1, 2, 3 …")
    return text
