"""The forms by which an organisation enters what is on record of it: texts in, arguments or faults out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hesuan.errors import Faults, HesuanError, InputFault, declare
from hesuan.hub.console import record_words
from hesuan.hub.console.faults import FaultLine, lines
from hesuan.hub.registry.fact_types import FACT_TYPES, Type
from hesuan.hub.registry.models import Document
from hesuan.hub.registry.services import Proof
from hesuan.money import parse_ratio, parse_yuan

NOT_A_DAY = declare(
    "console.not_a_day",
    en="`{value}` is not a day. Write it as 2026-01-31.",
    zh="“{value}”不是日期。请按 2026-01-31 的格式填写。",
)
Text = str | Promise
Option = tuple[str, Text]


@dataclass(frozen=True, slots=True)
class Input:
    """One field as the page draws it."""

    name: str
    label: Text
    kind: str = "text"
    """``text``, ``long``, ``date``, ``amount``, ``choice``, ``file`` (a CSV) or ``any_file``."""
    options: tuple[Option, ...] = ()
    help: Text = ""
    value: str = ""
    faults: tuple[FaultLine, ...] = ()


PROOF = (
    Input("issuer", _("Issued or kept by"), help=_("Who issued the evidence, or keeps the registry.")),
    Input("valid_from", _("Valid from"), "date"),
    Input("expires_on", _("Expires on"), "date", help=_("Empty: until something else is entered.")),
    Input("document", _("Evidence"), "choice"),
)
FACT = (
    Input("name", _("Fact"), "choice", tuple((name, record_words.FACT[name]) for name in FACT_TYPES)),
    Input(
        "value",
        _("Value"),
        help=_(
            "A day as 2026-01-31, an amount in yuan, yes or no as true or false, several names with commas."
        ),
    ),
)
RELATION = (
    Input("kind", _("Kind"), "choice", tuple(record_words.RELATION.items())),
    Input(
        "value",
        _("To whom or what"),
        help=_("The registration number, address, account or telephone; only a keyed hash of it is kept."),
    ),
    Input(
        "holder",
        _("Of a shareholding: whose it is"),
        "choice",
        (("", "—"), ("organisation", _("this organisation")), ("counterpart", _("the other"))),
    ),
    Input("ratio_percent", _("Of a shareholding: percent")),
)
AID = (
    Input("authority", _("Given by"), help=_("By the name programmes use, such as zhengzhou.")),
    Input("programme", _("Its programme")),
    Input("scope", _("Covers"), "choice", tuple(record_words.AID_SCOPE.items())),
    Input("amount", _("Amount, in yuan"), "amount"),
    Input("contract_number", _("Contract number")),
    Input("invoice_number", _("Invoice number")),
    Input("project_number", _("Project number")),
)
FORMS: dict[str, tuple[Input, ...]] = {
    "fact": (*FACT, *PROOF),
    "relation": (*RELATION, *PROOF),
    "aid": (*AID, *PROOF),
}


def drawn(
    verb: str, documents: Sequence[Document], sent: Mapping[str, str], error: HesuanError | Faults | None
) -> list[Input]:
    """A form's fields with what was typed into them and what is wrong with each."""
    wrong = by_field(verb, error) if error else {}
    files: tuple[Option, ...] = (("", _("none")), *((one.id, one.file_name) for one in documents))
    return [
        Input(
            name=one.name,
            label=one.label,
            kind=one.kind,
            options=files if one.name == "document" else one.options,
            help=one.help,
            value=sent.get(one.name, ""),
            faults=wrong.get(one.name, ()),
        )
        for one in FORMS[verb]
    ]


def by_field(verb: str, error: HesuanError | Faults) -> dict[str, tuple[FaultLine, ...]]:
    """The faults under the field that each speaks of; ``""`` where there is none."""
    names = {one.name for one in FORMS[verb]}
    found: dict[str, tuple[FaultLine, ...]] = {}
    for line in lines(error):
        name = line.where if line.where in names else _ELSEWHERE.get(line.where, "")
        found[name] = (*found.get(name, ()), line)
    return found


_ELSEWHERE = {"counterpart": "value"}
"""A place that a refusal names → the field of the form in which it was typed."""


def proof(sent: Mapping[str, str], faults: list[InputFault]) -> Proof:
    """What an entry rests on, faults collected."""
    begin = _day(sent, "valid_from", faults)
    end = _day(sent, "expires_on", faults) if sent.get("expires_on", "").strip() else None
    return Proof(
        issuer=sent.get("issuer", ""),
        valid_from=begin or date.min,
        expires_on=end,
        document_id=sent.get("document", "") or None,
    )


def fact_value(name: str, text: str) -> object:
    """What was typed, in the form in which facts are stated; the registry says whether it fits."""
    kind = FACT_TYPES.get(name)
    plain = text.strip()
    if kind is Type.BOOLEAN and plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    if kind is Type.NAMES:
        return [one.strip() for one in plain.replace("，", ",").split(",") if one.strip()]
    return plain


def amount(text: str, faults: list[InputFault]) -> int:
    """An amount in yuan → fen."""
    try:
        return parse_yuan(text.replace(",", "").replace("¥", "").strip(), where="amount")
    except InputFault as fault:
        faults.append(fault)
        return 0


def ratio(text: str, *, where: str) -> Fraction:
    """``1/10``, ``10%``, ``10 %``, ``0`` or ``1``.

    Raises:
        InputFault: ``money.not_a_ratio``.
    """
    plain = text.strip().replace("％", "%")
    if plain in ("0", "1"):
        return Fraction(int(plain))
    if plain.endswith("%"):
        plain = f"{plain[:-1].strip()}/100"
    return parse_ratio(plain, where=where)


def day(sent: Mapping[str, str], field: str) -> date:
    """The day of one field.

    Raises:
        InputFault: ``console.not_a_day``.
    """
    text = sent.get(field, "").strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputFault(NOT_A_DAY, where=field, value=text[:40]) from None


def _day(sent: Mapping[str, str], field: str, faults: list[InputFault]) -> date | None:
    try:
        return day(sent, field)
    except InputFault as fault:
        faults.append(fault)
        return None
