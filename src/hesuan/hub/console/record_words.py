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
