"""The room's door to the policy engine: a stored version as the engine's programme, plain values as facts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache

from hesuan.errors import Faults, InputFault
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import rules
from hesuan.hub.programmes.errors import FACT_NOT_DECLARED
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.hub.programmes.rules import Item, PayerShare, TraceLine
from hesuan.policy.decision import Decision, Line
from hesuan.policy.predicates import FACTS, All, AnyOf, Condition, FactValue, Not, conditions, parse_fact
from hesuan.policy.programme import Budget, Cap, Programme
from hesuan.policy.schema import load
from hesuan.wire.canonical import Json

SOLD = ("compute", "ai_compute")
"""Kinds of line that a centre may sell here, since a run meters them: general computing, and computing on
accelerator cards. Storage, network, labelling and model services are not metered."""

DECLARED = ("applicant.", "contract.", "project.", "funding_award.", "relation.", "use.", "request.")
"""What an applicant may state; reviewers check it. All else is known by the platform or by the office."""

FROM_REGISTRY = (
    "applicant.id",
    "applicant.kind",
    "applicant.registered_in",
    "applicant.is_admitted_supplier",
)
"""Known to the platform of every applicant, so nobody's word is taken for it."""


@lru_cache(maxsize=64)
def _parsed(text: str, source_name: str) -> Programme:
    return load(text, source=source_name)


ORDINAL = "request.ordinal"
"""Which request of its applicant it is; the platform counts them where the claim is the application."""


def issues_nothing(document: Programme) -> bool:
    """Whether nothing is issued beforehand (``issuance.event: none``); the claim is the application."""
    return document.event == "none"


def programme_of(version: ProgrammeVersion) -> Programme:
    """A stored version as the engine reads it; versions never change, so the reading is kept."""
    return _parsed(version.text, version.source_name)


def used_under(version: ProgrammeVersion) -> Programme:
    """A stored version as it decides about use: the windows in which claims come in are the calls', and a
    claim whose rate nobody has set yet is held for its ceiling."""
    return at_ceilings(within_a_call(programme_of(version)))


def sets_rates(document: Programme) -> str:
    """Whose step sets the rate of each claim (``rates.set_by``); empty where nobody's does."""
    return document.set_by if issues_nothing(document) and isinstance(document.set_by, str) else ""


def at_ceilings(document: Programme) -> Programme:
    """The document for claims whose rate a person sets: the ceiling pays until then, and never more after.

    So what a claim may get is promised to no other one while it waits.
    """
    if not sets_rates(document):
        return document
    tiers = [replace(one, rate_kind="exact") if one.rate_kind == "ceiling" else one for one in document.tiers]
    held = replace(document, tiers=tuple(tiers))
    held.called.update(document.names_zh)  # a trace calls the ceiling what it is
    return held


def within_a_call(document: Programme) -> Programme:
    """The document for an application that a call has taken.

    The document's windows are the calls' (:mod:`.calls`): they bind when an application comes in. It may be
    decided and issued after the last day, which the engine, asked about that day, would refuse.
    """
    terms = document.terms
    if terms.issuance is None or not terms.issuance.windows:
        return document
    return replace(document, terms=replace(terms, issuance=replace(terms.issuance, windows=())))


def declared_facts(facts: Mapping[str, Json], known: Collection[str] = ()) -> dict[str, FactValue]:
    """What an applicant states, typed.

    Args:
        facts: By the names of conditions.
        known: What the registry knows of this applicant besides.

    Raises:
        Faults: every fact that is unknown, of the wrong type, or not the applicant's to state.
    """
    typed: dict[str, FactValue] = {}
    faults: list[InputFault] = []
    for name, value in facts.items():
        try:
            typed[name] = parse_fact(name, value, where=f"facts.{name}")
            known_here = name in FROM_REGISTRY or name in known
            if known_here or not name.startswith(DECLARED):
                who = "the register" if known_here else "the programme office"
                raise InputFault(FACT_NOT_DECLARED, where=f"facts.{name}", fact=name, who=who)
        except InputFault as fault:
            faults.append(fault)
    if faults:
        raise Faults(faults)
    return typed


def known_facts(
    organisation: Organisation, *, supplies: bool, on: date, record: Mapping[str, Json]
) -> dict[str, Json]:
    """What the platform knows of an applicant.

    Args:
        organisation: The applicant.
        supplies: Whether one of its centres is an admitted supplier.
        on: The day.
        record: What the registry has checked and holds on that day; it stands above what the organisation
            said of itself when it registered.
    """
    known: dict[str, Json] = {
        "applicant.id": organisation.id,
        "applicant.kind": organisation.kind,
        "applicant.is_admitted_supplier": supplies,
    }
    if organisation.registered_in:
        known["applicant.registered_in"] = organisation.registered_in
    known |= {f"applicant.{name}": value for name, value in record.items() if f"applicant.{name}" in FACTS}
    if "founded_on" in record:
        known["applicant.age_months"] = rules.whole_months(date.fromisoformat(str(record["founded_on"])), on)
    return known


def planned_kind(document: Programme) -> str:
    """The kind that an application under a document is about: computing, or the first that it pays for."""
    kinds = document.base.kinds if document.base else None
    if not isinstance(kinds, tuple) or rules.LINE_KIND in kinds:
        return rules.LINE_KIND
    return next((kind for kind in kinds if kind in SOLD), rules.LINE_KIND)


def asked(document: Programme) -> frozenset[str]:
    """The facts that the conditions on applicant, tiers and limits read."""
    limits: tuple[Cap | Budget, ...] = (*document.caps, *document.budgets)
    whens = [document.eligible, *(one.when for one in (*document.tiers, *limits))]
    known = [one for one in whens if isinstance(one, Condition | All | AnyOf | Not)]
    return frozenset(condition.fact for one in known for condition in conditions(one))


def line_of(item: Item, amount_fen: int, document: Programme) -> Line:
    """One line of a request, with what is known of the card.

    ``resource.provenance`` is told of Chinese programmes alone, where it means the maker of the card
    (国产算力); elsewhere it may mean the place of the cloud, which nobody states. Unknown stays unknown.
    """
    known: dict[str, FactValue] = {}
    if item.card:
        known |= {"resource.id": item.card, "resource.kind": "accelerator"}
    if item.origin and document.id.startswith("cn."):
        known["resource.provenance"] = "domestic" if item.origin == "CN" else "other"
    return Line(item.kind, amount_fen, stated=known)


def contract_day(facts: Mapping[str, Json]) -> date | None:
    """The day of the contract among an application's facts, where it is stated."""
    signed = facts.get("contract.signed_on")
    return date.fromisoformat(str(signed)) if signed else None


def stated(facts: Mapping[str, Json]) -> dict[str, FactValue]:
    """Facts of a stored application, typed again; they were checked when it was made."""
    return {name: parse_fact(name, value) for name, value in facts.items()}


def trace_of(decision: Decision) -> tuple[TraceLine, ...]:
    """The trace as lines: the steps taken, then the reasons why nothing is paid."""
    steps = [TraceLine(step.name, step.citing, step.en, step.zh) for step in decision.trace]
    refusals = [
        TraceLine(failure.code.name, failure.where, failure.sentence("en"), failure.sentence("zh"))
        for failure in decision.failures
    ]
    return (*steps, *refusals)


def shares_of(decision: Decision) -> tuple[PayerShare, ...]:
    """Who pays which part."""
    return tuple(PayerShare(share.payer, share.fen) for share in decision.shares)


def as_json(decision: Decision) -> dict[str, Json]:
    """A decision as it is stored beside the application it is about."""
    return {
        "programme": decision.programme,
        "version": decision.version,
        "digest": decision.digest,
        "granted": decision.granted,
        "auto_approved": decision.auto_approved,
        "invoice_fen": decision.invoice_fen,
        "base": str(decision.base),
        "tier": decision.tier,
        "rate": str(decision.rate) if decision.rate is not None else None,
        "gross": str(decision.gross),
        "subsidy_fen": decision.subsidy_fen,
        "copay_fen": decision.copay_fen,
        "shares": [{"payer": share.payer, "fen": share.fen} for share in decision.shares],
        "cap_left_fen": dict(decision.cap_left_fen),
        "budget_left_fen": dict(decision.budget_left_fen),
        "trace": [
            {"step": line.step, "citing": line.citing, "en": line.en, "zh": line.zh}
            for line in trace_of(decision)
        ],
    }
