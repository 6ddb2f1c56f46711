"""A request as a file states it: facts of one case, of ``hesuan programme decide``, in YAML or JSON.

JSON is read by the document reader as it stands, so numbers stay the digits that were written: ``3200000.10``
is never a binary fraction, and every fault has its line and column.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Literal, cast

from hesuan.errors import Faults, InputFault, declare, unknown_key
from hesuan.money import decimal_yuan, parse_yuan
from hesuan.policy.decision import Aid, Counters, Facts, Line
from hesuan.policy.document import read
from hesuan.policy.fields import WRONG_SHAPE, Fields, Open, Reading
from hesuan.policy.nodes import Mapping, Node, Scalar, Sequence
from hesuan.policy.predicates import FactValue, parse_fact
from hesuan.policy.programme import Programme
from hesuan.policy.sections import AID_SCOPES, LINE_KINDS

Used = tuple[dict[str, int], dict[str, int], int | None]

TAX_ABOVE_AMOUNT = declare(
    "policy.tax_above_amount",
    en="The tax ({tax}) is above the line's amount ({amount}), of which it is a part.",
    zh="税额（{tax}）高于该行金额（{amount}），而税额应包含在金额之内。",
)
AID_ABOVE_INVOICE = declare(
    "policy.aid_above_invoice",
    en="Other public money ({aid}) is above the invoice ({invoice}), of which it pays a part.",
    zh="其他财政资助（{aid}）高于发票金额（{invoice}），而它只是发票的一部分。",
)
AID_TWICE = declare(
    "policy.aid_twice",
    en="`other_aid` is the sum of `aid`; state one of them.",
    zh="`other_aid` 即 `aid` 之和；二者只写其一。",
)

NOT_STATED = declare(
    "policy.not_stated",
    en='`{path}` says "?". A fact that is not known is left out; a rule that needs it then says so.',
    zh='“{path}”为 "?"。未知的事实请勿写出；需要它的规则会指出。',
)


def load_facts(text: str, *, source: str) -> Facts:
    """Reads a file of facts.

    Raises:
        Faults: everything that is wrong with it, each with its place.
    """
    reading = Reading(source)
    fields = Fields(reading, _read(text, source), "")
    facts = request(fields)
    fields.finish()
    if reading.faults or facts is None:
        raise Faults(reading.faults)
    return facts


def load_counters(text: str, *, source: str, programme: Programme) -> Counters:
    """Reads a file of counters: ``{"caps": {…}, "budgets": {…}, "voucher": …}``.

    Raises:
        Faults: everything that is wrong with it; a name that is no cap or budget of the programme is.
    """
    reading = Reading(source)
    root = _read(text, source)
    fields = Fields(reading, root, "")
    caps, budgets, voucher_fen = used(fields)
    fields.finish()
    named = {
        "caps": {one.id for one in programme.caps},
        "budgets": {one.id for one in programme.budgets},
    }
    for key, ids in named.items():
        node = root.get(key) if isinstance(root, Mapping) else None
        for member in node if isinstance(node, Mapping) else ():
            if member.key.text not in ids:
                where = reading.where(member.key.mark)
                reading.fault(unknown_key(member.key.text, ids, where=where))
    if reading.faults:
        raise Faults(reading.faults)
    return Counters(caps=caps, budgets=budgets, voucher_fen=voucher_fen)


def request(fields: Fields) -> Facts | None:
    """The members of a request; ``None`` where one of them is a fault, which the reading has then."""
    reading = fields.reading
    before, opens = len(reading.faults), len(reading.opens)
    lines = fields.entries("lines", line)
    event = fields.choice("event", ("issue", "redeem"))
    on = fields.date("on")
    registries = fields.names("registries", required=False)
    other_aid = fields.money("other_aid", required=False)
    entries = fields.entries("aid", aid, required=False)
    stated = facts_of(fields)
    if isinstance(other_aid, int) and entries:
        reading.fault(InputFault(AID_TWICE, where=reading.where(fields.mark)))
    invoice = sum(one.amount_fen for one in lines)
    aid_fen = sum(one.amount_fen for one in entries) or (other_aid if isinstance(other_aid, int) else 0)
    if aid_fen > invoice:
        shown = {"aid": decimal_yuan(aid_fen), "invoice": decimal_yuan(invoice)}
        reading.fault(InputFault(AID_ABOVE_INVOICE, where=reading.where(fields.mark), **shown))
    for one in reading.opens[opens:]:
        reading.fault(InputFault(NOT_STATED, where=reading.where(one.mark), path=one.path))
    if len(reading.faults) > before:
        return None
    return Facts(
        event=cast('Literal["issue", "redeem"]', event),
        on=on if isinstance(on, date) else date.min,
        lines=lines,
        stated=stated,
        registries=frozenset(registries) if isinstance(registries, tuple) else None,
        other_aid_fen=other_aid if isinstance(other_aid, int) else 0,
        aid=entries,
    )


def line(fields: Fields) -> Line:
    """One line of the invoice."""
    kind = fields.choice("kind", LINE_KINDS)
    amount, tax = fields.money("amount"), fields.money("tax", required=False)
    on = fields.date("on", required=False)
    amount_fen, tax_fen = (one if isinstance(one, int) else 0 for one in (amount, tax))
    if tax_fen > amount_fen:
        shown = {"tax": decimal_yuan(tax_fen), "amount": decimal_yuan(amount_fen)}
        fields.reading.fault(InputFault(TAX_ABOVE_AMOUNT, where=fields.reading.where(fields.mark), **shown))
    return Line(
        kind=kind if isinstance(kind, str) else "",
        amount_fen=amount_fen,
        tax_fen=tax_fen,
        stated=facts_of(fields),
        on=on if isinstance(on, date) else None,
    )


def aid(fields: Fields) -> Aid:
    """One entry of the register of other public money."""
    authority = fields.text("authority", required=False)
    scope = fields.choice("scope", AID_SCOPES, required=False)
    amount, rate = fields.money("amount"), fields.ratio("rate", required=False)
    programme = fields.text("programme", required=False)
    return Aid(
        authority=authority if isinstance(authority, str) else "",
        scope=scope if isinstance(scope, str) else "",
        amount_fen=amount if isinstance(amount, int) else 0,
        programme=programme if isinstance(programme, str) else "",
        rate=rate if isinstance(rate, Fraction) else None,
    )


def used(fields: Fields) -> Used:
    """What caps, budgets and the voucher have: the counters of one decision."""
    voucher = fields.money("voucher", required=False)
    return moneys(fields, "caps"), moneys(fields, "budgets"), voucher if isinstance(voucher, int) else None


def moneys(fields: Fields, key: str) -> dict[str, int]:
    """A mapping of any names to money."""
    found: dict[str, int] = {}
    for name, text, where in _members(fields, key):
        try:
            found[name] = parse_yuan(text, where=where)
        except InputFault as fault:
            fields.reading.fault(fault)
    return found


def facts_of(fields: Fields) -> dict[str, FactValue]:
    """The mapping ``facts``, each by its type."""
    found: dict[str, FactValue] = {}
    for name, value, where in _members(fields, "facts", lists=True):
        try:
            found[name] = parse_fact(name, value, where=where)
        except InputFault as fault:
            fields.reading.fault(fault)
    return found


def _members(fields: Fields, key: str, *, lists: bool = False) -> list[tuple[str, str | list[str], str]]:
    """Name, text (or texts) and place of every member of a mapping."""
    node = fields.take(key, required=False, money=False)
    if node is None or isinstance(node, Open):
        return []
    reading = fields.reading
    shapes = (Scalar, Sequence) if lists else Scalar
    if not isinstance(node, Mapping) or not all(isinstance(member.value, shapes) for member in node):
        where = reading.where(node.mark)
        reading.fault(InputFault(WRONG_SHAPE, where=where, key=fields.path_of(key), expected="a mapping"))
        return []
    return [
        (
            member.key.text,
            member.value.text
            if isinstance(member.value, Scalar)
            else [item.text for item in cast("Sequence", member.value).items if isinstance(item, Scalar)],
            reading.where(member.value.mark),
        )
        for member in node
    ]


def _read(text: str, source: str) -> Node:
    """JSON may be indented by tabs, and has none inside its strings; each is one column either way."""
    if not text.lstrip().startswith(("{", "[")):
        return read(text, source=source)
    return read(text.replace("\t", " "), source=source, close_colons=True)
