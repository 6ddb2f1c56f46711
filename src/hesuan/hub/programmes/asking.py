"""What a programme asks an applicant, and what it would decide: nothing here is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass

from django.utils import timezone

from hesuan.hub.identity import selectors as identity
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import engine, onrecord, selectors
from hesuan.hub.programmes.applications import APPLYING, need_amount, need_issuing
from hesuan.hub.programmes.checks import need_role
from hesuan.hub.programmes.judging import judge_application
from hesuan.hub.programmes.models import Application
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.registry import standing
from hesuan.policy.facts import FACTS, KEY_FACTS
from hesuan.policy.predicates import Condition
from hesuan.policy.programme import Programme
from hesuan.wire.canonical import Json


@dataclass(frozen=True, slots=True)
class AskedFact:
    """One fact that the applicant may state because some rule of the document reads it."""

    name: str
    kind: str
    """``text``, ``names``, ``boolean``, ``number``, ``money`` or ``date``."""
    choices: tuple[str, ...]
    """Of a text, the values that the document's conditions name."""


@dataclass(frozen=True, slots=True)
class AskedProof:
    """One thing that has to be proved, and how it stands in the registry."""

    fact: str
    doc_type: str
    issuer: str
    holds: bool
    document_id: str
    """What proves it where it holds; empty otherwise."""
    why: Mapping[str, str]
    """Where it does not hold: ``{"en", "zh"}``."""


def asked_facts(actor: Actor, *, version_id: str, organisation_id: str) -> list[AskedFact]:
    """The facts that a version's rules read and the applicant has to state, in the closed list's order.

    What the registry already knows of the organisation is left out.

    Raises:
        NotFound: the version; the organisation.
    """
    version = selectors.version(actor, version_id)
    organisation = identity.organisation(actor, organisation_id)
    document = engine.programme_of(version)
    known = dict(onrecord.known_facts(organisation, version.programme_id, timezone.now()))
    if engine.issues_nothing(document):
        known[engine.ORDINAL] = None  # counted, not asked for
    choices = dict[str, set[str]]()
    for name in _read_by(document, choices):
        choices.setdefault(name, set())
    return [
        AskedFact(name, FACTS[name].value, tuple(sorted(choices[name])))
        for name in FACTS
        if name in choices
        and name.startswith(engine.DECLARED)
        and name not in engine.FROM_REGISTRY
        and name not in known
    ]


def check_facts(
    actor: Actor, *, version_id: str, organisation_id: str, facts: Mapping[str, Json]
) -> Mapping[str, object]:
    """What an applicant states, typed; nothing is judged.

    Raises:
        NotFound: the version; the organisation.
        Faults: every fact that is unknown, of the wrong type, or not the applicant's to state.
    """
    version = selectors.version(actor, version_id)
    organisation = identity.organisation(actor, organisation_id)
    known = onrecord.known_facts(organisation, version.programme_id, timezone.now())
    return engine.declared_facts(facts, known)


def asked_proofs(actor: Actor, *, version_id: str, organisation_id: str) -> list[AskedProof]:
    """What the document wants proved, each with how it stands in the registry today.

    Raises:
        NotFound: the version; the organisation.
    """
    version = selectors.version(actor, version_id)
    organisation = identity.organisation(actor, organisation_id)
    today = programme_day(timezone.now())
    record = standing.facts_of(organisation.id, today)
    found = []
    for proof in engine.programme_of(version).terms.proofs:
        name = proof.fact.removeprefix("applicant.")
        holds = record.holds.get(name)
        stale = next((one for one in record.stale if one.fact.name == name), None)
        found.append(
            AskedProof(
                fact=proof.fact,
                doc_type=proof.doc_type,
                issuer=proof.issuer,
                holds=holds is not None,
                document_id=str(holds.document_id or "") if holds else "",
                why={"en": stale.en, "zh": stale.zh} if stale and not holds else {},
            )
        )
    return found


def preview(
    *,
    actor: Actor,
    organisation_id: str,
    version_id: str,
    planned_fen: int,
    facts: Mapping[str, Json],
) -> dict[str, Json]:
    """What the rules would say of an application today, with its trace; nothing is written or promised.

    Args:
        actor: An owner of the organisation.
        organisation_id: The applicant.
        version_id: A version that the actor may see.
        planned_fen: Planned spending on computing [fen].
        facts: What the applicant states.

    Raises:
        NotFound: the version; the organisation.
        Faults: as :func:`check_facts`.
        Refused: ``programme.role_missing``, ``application.not_an_amount``, ``programme.nothing_issued``.
    """
    organisation = identity.organisation(actor, organisation_id)
    need_role(actor, organisation, ("owner",), APPLYING)
    need_amount(planned_fen)
    need_issuing(selectors.version(actor, version_id))
    check_facts(actor, version_id=version_id, organisation_id=organisation_id, facts=facts)
    unsaved = Application(
        programme_version=selectors.version(actor, version_id),
        organisation=organisation,
        declared=dict(facts),
        planned_fen=planned_fen,
    )
    return engine.as_json(judge_application(unsaved, timezone.now()))


# --- Which facts a document reads ---


def _read_by(document: Programme, choices: dict[str, set[str]]) -> Iterator[str]:
    """Names of facts; of text facts the named values are added to ``choices``."""
    issuance = document.terms.issuance
    rules = (document.eligible, document.tiers, document.caps, document.budgets, document.stacking, issuance)
    for condition in _conditions(rules):
        if FACTS[condition.fact].value in ("text", "names"):
            choices.setdefault(condition.fact, set()).update(str(one) for one in condition.literals)
        yield condition.fact
    for keys in (*(cap.key for cap in document.caps), *(one.key for one in document.budgets)):
        for key in keys if isinstance(keys, tuple) else ():
            yield from KEY_FACTS.get(key, ())
    if document.base is not None and document.base.apportion is not None:
        yield from ("contract.starts_on", "contract.ends_on")
    yield from (proof.fact for proof in document.terms.proofs if proof.fact in FACTS)


def _conditions(value: object) -> Iterator[Condition]:
    """Every condition inside a value of the document."""
    if isinstance(value, Condition):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _conditions(part)
    elif is_dataclass(value) and not isinstance(value, type):
        for member in fields(value):
            yield from _conditions(getattr(value, member.name))
