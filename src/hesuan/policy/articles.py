"""Schema 1, the sections beside the amount: issue, life, use, payment, sanctions. Keys and types.

What only people act on (who audits, which blockchain) is kept as written; a ``"?"`` in it is noted and blocks
nothing. A ``"?"`` on which an amount or a payment rests is noted as money.
"""

from __future__ import annotations

import re
from datetime import date

from hesuan.errors import InputFault, declare
from hesuan.policy.fields import NOT_A_DATE, UNKNOWN, Fields, Open, parse_choice, parse_date
from hesuan.policy.nodes import Scalar, Sequence
from hesuan.policy.predicates import FACTS, Pred, parse
from hesuan.policy.sections import (
    NOT_A_VALUE,
    all_of,
    parse_count,
    parse_end,
    parse_number,
    parse_share,
    predicate,
)
from hesuan.policy.terms import (
    OPEN_ENDED,
    Action,
    Admission,
    Bracket,
    Checkpoint,
    Exchange,
    Expiry,
    Float,
    Instalment,
    Issuance,
    Proof,
    RateVersion,
    Redemption,
    Sanction,
    Settlement,
    Source,
    Span,
    Suppliers,
    Tranche,
    Validity,
)

FLOWS = ("reimburse_user", "deduct_pay_supplier", "prefund_supplier", "post_award", "no_cash")
EVENTS = ("none", "contract", "approval", "award_letter", "order")
SELECTIONS = ("fcfs", "scored", "panel", "tiered_lottery")
CADENCES = ("per_claim", "monthly", "quarterly", "half_yearly", "yearly", "once")
PROOFS = (
    "contract",
    "invoice",
    "payment",
    "delivery_proof",
    "meter_record",
    "usage_statement",
    "progress_report",
)
ACTIONS = ("reject", "void", "clawback", "interest", "ban", "blacklist", "recall_resources")
RELEASES = ("issuance", "progress_report", "final_report", "usage_report")

NOTHING_TO_RELATE = declare(
    "policy.bracket_without_bound",
    en="A bracket needs a bound: `lt` or `le`, and where there is a gap below `gt` or `ge`.",
    zh="档位须有界限：“lt”或“le”；下方有空档时写“gt”或“ge”。",
)

_DURATION = re.compile(r"P([1-9][0-9]{0,3})([DMY])")
_BAN = re.compile(r"ban\((P[1-9][0-9]{0,3}[DMY])\)")


def source(fields: Fields) -> Source:
    """One of ``sources``."""
    return Source(_text(fields, "url", required=True), _text(fields, "title"), _text(fields, "quote_hash"))


def proof(fields: Fields) -> Proof:
    """One of ``evidence_required``."""
    fact = fields.choice("fact", tuple(FACTS), money=False)
    return Proof(
        fact=fact if isinstance(fact, str) else "",
        doc_type=_text(fields, "doc_type", required=True),
        issuer=_text(fields, "issuer"),
        max_age=fields.custom("max_age", parse_validity, required=False, money=False),
        check=fields.choice("check", ("auto", "human", "registry"), money=False),
    )


def suppliers(fields: Fields) -> Suppliers:
    """Whose computing may be paid for: the registries, and conditions on the supplier."""
    return Suppliers(
        registries=fields.names("registry"),
        rules=all_of(fields, "require"),
        admission=fields.section("admission", _admission, required=False),
        may=_names(fields, "supplier_may", ("approve", "modify", "decline")),
        price_rule=fields.choice("price_rule", ("none", "L1_match", "≤benchmark"), required=False),
    )


def _admission(fields: Fields) -> Admission:
    return Admission(
        batch=_text(fields, "batch"),
        service_items=_names(fields, "service_items"),
        valid_from=fields.date("valid_from", required=False),
        valid_to=fields.custom("valid_to", parse_end, required=False),
    )


def issuance(fields: Fields) -> Issuance:
    """What a voucher is given for, how long it lives, who has to agree."""
    return Issuance(
        event=fields.choice("event", EVENTS),
        windows=fields.entries("windows", _span, required=False),
        validity=fields.custom("validity", parse_validity),
        transferable=fields.choice(
            "transferable", ("true", "false", "within_project"), required=False, money=False
        ),
        splittable=fields.boolean("splittable"),
        tranches=fields.entries("tranches", _tranche, name_key="id", required=False),
        auto_approve=predicate(fields, "auto_approve", required=False, money=False),
        else_steps=_names(fields, "else_steps"),
        selection=fields.choice("selection", SELECTIONS, required=False, money=False),
        publicity_days=fields.custom("publicity_days", parse_count, required=False, money=False),
        second_approver_above_fen=fields.money("second_approver_above", required=False),
        extension=fields.custom("extension", parse_validity, required=False, money=False),
    )


def _span(fields: Fields) -> Span:
    return Span(begin=fields.date("from"), end=fields.custom("to", parse_end))


def _tranche(fields: Fields) -> Tranche:
    name = fields.name("id")
    return Tranche(name, fields.path, fields.ratio("share"), _release(fields))


def _release(fields: Fields) -> str | date | Pred | Open | None:
    node = fields.take("release", required=True, money=True)
    if isinstance(node, Scalar):
        if node.text in RELEASES:
            return node.text
        try:
            return parse_date(node.text, fields.reading.where(node.mark))
        except InputFault as fault:
            assert fault.code is NOT_A_DATE
    if node is None or isinstance(node, Open):
        return node
    return parse(node, source=fields.reading.source, faults=fields.reading.faults)


def expiry(fields: Fields) -> Expiry:
    """How an entitlement ends."""
    return Expiry(
        mode=fields.choice("mode", ("lapse", "decay")),
        checkpoints=fields.entries("checkpoints", _checkpoint, required=False),
        exemption=_text(fields, "exemption"),
        returns_to=fields.choice("returns_to", ("budget", "pool"), required=False),
    )


def _checkpoint(fields: Fields) -> Checkpoint:
    return Checkpoint(
        path=fields.path,
        on=fields.date("date"),
        reference=fields.choice("reference", ("current", "original")),
        brackets=fields.entries("brackets", _bracket),
    )


def _bracket(fields: Fields) -> Bracket:
    above, below = fields.ratio("gt", required=False), fields.ratio("lt", required=False)
    from_, to = fields.ratio("ge", required=False), fields.ratio("le", required=False)
    if below is None and to is None:
        fields.reading.fault(InputFault(NOTHING_TO_RELATE, where=fields.reading.where(fields.mark)))
    return Bracket(
        path=fields.path,
        above=above if from_ is None else from_,
        above_included=from_ is not None,
        below=below if to is None else to,
        below_included=to is not None,
        remove_of_unused=fields.custom("remove_of_unused", parse_share),
    )


def redemption(fields: Fields) -> Redemption:
    """Who claims on what proof, and how a voucher is drawn."""
    return Redemption(
        claimant=fields.choice("claimant", ("demander", "supplier", "system"), required=False, money=False),
        trigger=_text(fields, "trigger"),
        evidence=_names(fields, "evidence", PROOFS),
        drawdown=fields.choice("drawdown", ("front_load", "pro_rata", "choice"), required=False),
        three_way_match=fields.boolean("three_way_match"),
        claim_until=fields.custom("claim_until", parse_validity, required=False, money=False),
    )


def settlement(fields: Fields) -> Settlement:
    """Who is paid, and how."""
    return Settlement(
        flow=fields.choice("flow", FLOWS),
        cadence=fields.choice("cadence", CADENCES, required=False, money=False),
        schedule=fields.entries("schedule", _instalment, required=False),
        invoice=fields.choice("invoice", ("full_face", "net"), required=False, money=False),
        prefund=fields.section("float", _float, required=False),
        steps=_names(fields, "steps"),
    )


def _instalment(fields: Fields) -> Instalment:
    return Instalment(fields.ratio("share"), _text(fields, "when", required=True))


def _float(fields: Fields) -> Float:
    return Float(
        holder=fields.text("holder", required=False, money=True),
        size_fen=fields.money("size", required=False),
        replenish=fields.text("replenish", required=False, money=True),
        refund_unused=fields.boolean("refund_unused", money=True),
    )


def exchange(fields: Fields) -> Exchange:
    """How metered use becomes units of the programme."""
    return Exchange(
        table=_text(fields, "table", required=True),
        versioned=fields.boolean("versioned") is True,
        reversible=fields.boolean("reversible"),
        state_factors=fields.table("state_factors", parse_number),
        charge_on=fields.choice("charge_on", ("reserved", "used"), required=False),
        min_charge_fen=fields.money("min_charge", required=False),
        versions=fields.entries("versions", _rate_version, required=False),
    )


def _rate_version(fields: Fields) -> RateVersion:
    return RateVersion(fields.date("from"), fields.table("rates", parse_number, required=True))


def sanction(fields: Fields) -> Sanction:
    """One of ``sanctions``."""
    trigger = _text(fields, "trigger", required=True)
    node = fields.take("actions", required=True, money=False)
    if not isinstance(node, Sequence):
        return Sanction(trigger, ())
    found = [_action(fields, item) for item in node.items if isinstance(item, Scalar)]
    return Sanction(trigger, tuple(action for action in found if action is not None))


def _action(fields: Fields, node: Scalar) -> Action | None:
    where = fields.reading.where(node.mark)
    try:
        if match := _BAN.fullmatch(node.text):
            return Action("ban", parse_validity(match[1], where))
        return Action(parse_choice(node.text, ACTIONS, where))
    except InputFault as fault:
        fields.reading.fault(fault)
        return None


def parse_validity(text: str, where: str) -> Validity:
    """``P12M``, a last day, or ``open_ended``."""
    if text == OPEN_ENDED:
        return Validity()
    if match := _DURATION.fullmatch(text):
        return Validity(count=int(match[1]), unit=match[2])
    try:
        return Validity(until=date.fromisoformat(text))
    except ValueError:
        expected = "a validity such as P12M, 2026-12-31 or open_ended"
        raise InputFault(NOT_A_VALUE, where=where, value=text, expected=expected) from None


def _text(fields: Fields, key: str, *, required: bool = False) -> str:
    """Text that nothing is worked out from; ``"?"`` where it says so."""
    value = fields.text(key, required=required, money=False)
    return UNKNOWN if isinstance(value, Open) else value or ""


def _names(fields: Fields, key: str, options: tuple[str, ...] | None = None) -> tuple[str, ...]:
    value = fields.names(key, options, required=False, money=False)
    return value if isinstance(value, tuple) else ()
