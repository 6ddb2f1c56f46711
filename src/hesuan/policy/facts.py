"""The facts that conditions may ask for, and of what type each is.

A closed list: a programme that needs another fact needs a new line here, so that whoever states facts (the
register of organisations, the meter, the office) and whoever asks for them mean the same thing.
"""

from __future__ import annotations

from enum import StrEnum


class Type(StrEnum):
    """What a fact's value is."""

    TEXT = "text"
    NAMES = "names"
    """A set of names; ``has`` asks whether one is among them."""
    BOOLEAN = "boolean"
    NUMBER = "number"
    """Exact: a whole number, a decimal or a ratio."""
    MONEY = "money"
    """An integer of hundredths of the programme's unit."""
    DATE = "date"


FACTS: dict[str, Type] = {
    "applicant.id": Type.TEXT,
    "applicant.group": Type.TEXT,
    "applicant.kind": Type.TEXT,
    "applicant.registered_in": Type.TEXT,
    "applicant.industry": Type.TEXT,
    "applicant.size": Type.TEXT,
    "applicant.user_class": Type.TEXT,
    "applicant.stage": Type.TEXT,
    "applicant.tags": Type.NAMES,
    "applicant.employees": Type.NUMBER,
    "applicant.age_months": Type.NUMBER,
    "applicant.founded_on": Type.DATE,
    "applicant.revenue": Type.MONEY,
    "applicant.has_series_a": Type.BOOLEAN,
    "applicant.is_legal_person": Type.BOOLEAN,
    "applicant.is_admitted_supplier": Type.BOOLEAN,
    "applicant.is_eligible_pi": Type.BOOLEAN,
    "applicant.is_newly_landed": Type.BOOLEAN,
    "applicant.in_incubator": Type.BOOLEAN,
    "applicant.finance_sound": Type.BOOLEAN,
    "applicant.is_dishonest": Type.BOOLEAN,
    "applicant.major_penalty_within_three_years": Type.BOOLEAN,
    "applicant.major_accident_within_three_years": Type.BOOLEAN,
    "applicant.subsidy_declared": Type.BOOLEAN,
    "award.id": Type.TEXT,
    "award.approved": Type.BOOLEAN,
    "award.rate": Type.NUMBER,
    "award.max_subsidy": Type.MONEY,
    "award.cap": Type.MONEY,
    "award.cap_role": Type.TEXT,
    "award.reason": Type.TEXT,
    "call.id": Type.TEXT,
    "centre.id": Type.TEXT,
    "centre.kind": Type.TEXT,
    "centre.city": Type.TEXT,
    "centre.pflops": Type.NUMBER,
    "centre.racks": Type.NUMBER,
    "contract.id": Type.TEXT,
    "contract.amount": Type.MONEY,
    "contract.signed_on": Type.DATE,
    "contract.starts_on": Type.DATE,
    "contract.ends_on": Type.DATE,
    "contract.months": Type.NUMBER,
    "funding_award.id": Type.TEXT,
    "line.kind": Type.TEXT,
    "model.is_filed": Type.BOOLEAN,
    "now": Type.DATE,
    "order.channel": Type.TEXT,
    "order.kind": Type.TEXT,
    "project.id": Type.TEXT,
    "project.amount": Type.MONEY,
    "project.level": Type.TEXT,
    "project.role": Type.TEXT,
    "relation.related_party": Type.BOOLEAN,
    "relation.counterpart_claimed": Type.BOOLEAN,
    "relation.same_group": Type.BOOLEAN,
    "request.draw": Type.MONEY,
    "request.gpu_hours": Type.NUMBER,
    "request.kind": Type.TEXT,
    "request.matches": Type.BOOLEAN,
    "request.months": Type.NUMBER,
    "request.ordinal": Type.NUMBER,
    "request.pool": Type.TEXT,
    "request.units": Type.NUMBER,
    "resource.id": Type.TEXT,
    "resource.kind": Type.TEXT,
    "resource.provenance": Type.TEXT,
    "supplier.id": Type.TEXT,
    "supplier.group": Type.TEXT,
    "supplier.is_independent_legal_person": Type.BOOLEAN,
    "supplier.admission_covers_contract_date": Type.BOOLEAN,
    "supplier.meets_price_rule": Type.BOOLEAN,
    "target.pflops": Type.NUMBER,
    "use.kind": Type.TEXT,
    "use.purpose": Type.TEXT,
    "use.is_own_use": Type.BOOLEAN,
    "use.is_self_built": Type.BOOLEAN,
    "year.base_total": Type.MONEY,
    "year.granted_total": Type.MONEY,
    "year.redeemed_total": Type.MONEY,
}

KEY_FACTS: dict[str, tuple[str, ...]] = {
    "applicant": ("applicant.id",),
    "group": ("applicant.group",),
    "contract": ("contract.id",),
    "project": ("project.id",),
    "funding_award": ("funding_award.id",),
    "award": ("award.id",),
    "supplier": ("supplier.id",),
    "pair": ("applicant.id", "supplier.id"),
    "centre": ("centre.id",),
    "pool": ("request.pool",),
    "user_class": ("applicant.user_class",),
}
"""Key of a cap or budget → the facts that tell one counter from another."""
