"""What the registry says of an application: facts that hold on the day, relation to the supplier, other aid.

Each is asked as of a moment, so that judging again gives what was given then, whatever was entered since.
"""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import Sum

from hesuan.hub.centres.models import Centre
from hesuan.hub.centres.once import remembered
from hesuan.hub.identity.models import Organisation
from hesuan.hub.programmes import admissions, engine, rules
from hesuan.hub.programmes.models import Application, Voucher
from hesuan.hub.registry import standing
from hesuan.money import decimal_yuan
from hesuan.policy.decision import Aid
from hesuan.wire.canonical import Json

RELATED = "relation.related_party"
BASE_TOTAL = "year.base_total"


def known_facts(organisation: Organisation, programme_id: str, at: datetime) -> dict[str, Json]:
    """What the platform knows of an applicant at a moment; nobody's word is taken for any of it."""
    day = rules.programme_day(at)
    record = standing.facts_of(organisation.id, day, known_at=at)
    supplies = admissions.supplies(programme_id, organisation.id, at)
    return engine.known_facts(organisation, supplies=supplies, on=day, record=record.values())


def facts_at(application: Application, at: datetime) -> dict[str, Json]:
    """An application's facts at a later moment: what the applicant stated, and what is known by then.

    What the registry knew at submission and no longer knows (a certificate that expired) is left out: it was
    never the applicant's statement.
    """
    programme_id = application.programme_version.programme_id
    known = known_facts(application.organisation, programme_id, at)
    if BASE_TOTAL in engine.asked(engine.programme_of(application.programme_version)):
        known[BASE_TOTAL] = decimal_yuan(year_base_fen(application, at))
    return {**application.declared, **known}


def year_base_fen(application: Application, at: datetime) -> int:
    """What an applicant's vouchers of the calendar year were issued for, and this application [fen].

    Contracts with related parties are not in it: nothing is issued for them. A revoked voucher's is not.
    """
    year = rules.programme_day(at).year
    begin, end = (datetime(one, 1, 1, tzinfo=rules.PROGRAMME_TIME) for one in (year, year + 1))
    earlier = Application.objects.filter(
        organisation_id=application.organisation_id,
        programme_version__programme_id=application.programme_version.programme_id,
        voucher__issued_at__gte=begin,
        voucher__issued_at__lt=end,
        voucher__issued_at__lte=at,
    )
    others = earlier.exclude(pk=application.pk).exclude(voucher__state=Voucher.State.REVOKED)
    return application.planned_fen + (others.aggregate(fen=Sum("planned_fen"))["fen"] or 0)


@remembered
def supplier_of(centre_id: str) -> str:
    """The organisation that runs a centre."""
    return str(Centre.objects.values_list("organisation_id", flat=True).get(pk=centre_id))


@remembered
def related_to(organisation_id: str, centre_id: str, at: datetime) -> bool:
    """Whether the registry relates an applicant to the organisation of a centre."""
    supplier_id = supplier_of(centre_id)
    if supplier_id == organisation_id:
        return True
    day = rules.programme_day(at)
    return standing.relation_between(organisation_id, supplier_id, day, known_at=at) is not None


def with_relation(facts: dict[str, Json], *, related: bool) -> dict[str, Json]:
    """The facts with the computed relation; who declared one against themselves is believed."""
    return {**facts, RELATED: related or facts.get(RELATED) in (True, "true")}


def aid_of(
    organisation_id: str, facts: dict[str, Json], *, invoice_fen: int, at: datetime, before_fen: int = 0
) -> tuple[Aid, ...]:
    """Other public money on record for the contract or project that the facts name.

    Args:
        organisation_id: Who got it.
        facts: ``contract.id`` and ``project.id`` say for what; without either nothing is found.
        invoice_fen: What it is counted against; no more than this of all of it together falls on it [fen].
        at: The moment.
        before_fen: What of it falls on other orders of the same claim, which come before [fen].
    """
    on: date = rules.programme_day(at)
    entries = standing.aid_for(
        organisation_id,
        on,
        contract_number=str(facts.get("contract.id", "")),
        project_number=str(facts.get("project.id", "")),
        known_at=at,
    )
    found, left_fen = [], invoice_fen
    for entry in entries:
        gone_fen = min(entry.amount_fen, before_fen)
        before_fen -= gone_fen
        amount_fen = min(entry.amount_fen - gone_fen, left_fen)
        left_fen -= amount_fen
        found.append(Aid(entry.authority, entry.scope, amount_fen, entry.programme))
    return tuple(one for one in found if one.amount_fen)
