"""Words for what is on record of organisations; the other tables are in :mod:`.words`."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = dict[str, str | Promise]

FACT: Words = {
    "kind": _("kind of organisation"),
    "registered_in": _("registered in (division code)"),
    "industry": _("industry"),
    "size": _("size"),
    "stage": _("stage"),
    "user_class": _("class of user"),
    "group": _("group of companies"),
    "tags": _("titles and lists"),
    "employees": _("employees"),
    "revenue": _("revenue a year"),
    "founded_on": _("founded on"),
    "is_legal_person": _("legal person"),
    "is_independent_legal_person": _("independent legal person"),
    "is_eligible_pi": _("eligible principal investigator"),
    "is_newly_landed": _("newly settled here"),
    "in_incubator": _("in an incubator"),
    "has_series_a": _("has had a series A round"),
    "finance_sound": _("sound finances"),
    "is_dishonest": _("on the list of dishonest debtors"),
    "major_penalty_within_three_years": _("major penalty within three years"),
    "major_accident_within_three_years": _("major accident within three years"),
}
RELATION: Words = {
    "shareholding": _("shareholding"),
    "legal_representative": _("legal representative"),
    "registration": _("registration number"),
    "address": _("address"),
    "bank_account": _("bank account"),
    "phone": _("telephone"),
}
AID_SCOPE: Words = {
    "line": _("one line of an invoice"),
    "contract": _("one contract"),
    "project": _("one project"),
    "type": _("a kind of spending"),
}
ENTRY: Words = {
    "declared": pgettext_lazy("record", "declared, not checked"),
    "checked": pgettext_lazy("record", "checked"),
    "refused": pgettext_lazy("record", "not confirmed"),
    "withdrawn": pgettext_lazy("record", "withdrawn"),
}
RECORD: Words = {
    "fact": pgettext_lazy("record", "a fact of the organisation"),
    "relation": _("relation"),
    "aid": _("other aid"),
}

ASKED: Words = {
    **{f"applicant.{name}": text for name, text in FACT.items()},
    "applicant.age_months": _("Months since founding"),
    "applicant.subsidy_declared": _("Other subsidies are declared"),
    "contract.id": _("Contract number"),
    "contract.amount": _("Amount of the contract"),
    "contract.signed_on": _("Contract signed on"),
    "contract.starts_on": _("Contract begins on"),
    "contract.ends_on": _("Contract ends on"),
    "contract.months": _("Months of the contract"),
    "project.id": _("Project number"),
    "project.amount": _("Amount of the project"),
    "project.level": _("Level of the project"),
    "project.role": _("Role in the project"),
    "relation.related_party": _("Related to the supplier"),
    "relation.counterpart_claimed": _("The other side has claimed too"),
    "relation.same_group": _("In one group with the supplier"),
    "request.draw": _("Amount drawn"),
    "request.gpu_hours": _("GPU hours asked for"),
    "request.kind": _("Kind of request"),
    "request.matches": _("Answers the call"),
    "request.months": _("Months asked for"),
    "request.ordinal": _("Which request this is, counted"),
    "request.pool": _("Pool"),
    "request.units": _("Units asked for"),
    "use.kind": _("Kind of use"),
    "use.purpose": _("Purpose of use"),
    "use.is_own_use": _("For one's own use"),
    "use.is_self_built": _("On one's own machines"),
}
"""What an applicant states, by the names of conditions."""
