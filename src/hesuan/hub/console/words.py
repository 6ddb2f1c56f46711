"""Words for stored values: one table per kind of value, English here, Chinese in the catalogue."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = dict[str, str | Promise]

RUN: Words = {
    "CREATED": _("created"),
    "PENDING": _("waiting for the agent"),
    "SUBMITTED": _("submitted"),
    "RUNNING": _("running"),
    "COMPLETED": _("completed"),
    "FAILED": _("failed"),
    "KILLED": _("killed"),
    "TIMEOUT": _("time limit reached"),
    "CANCELLED": _("cancelled"),
    "REFUSED": _("refused by the agent"),
    "UNKNOWN": _("unknown"),
}
ORDER: Words = {"PLACED": _("placed"), "SETTLED": _("settled")}
QUOTE: Words = {
    "OPEN": pgettext_lazy("quote", "open"),
    "ACCEPTED": pgettext_lazy("quote", "accepted"),
    "EXPIRED": pgettext_lazy("quote", "expired"),
}
VERSION: Words = {"draft": _("draft"), "active": _("active"), "retired": _("retired")}
APPLICATION: Words = {
    "DRAFT": pgettext_lazy("application", "being written"),
    "SUBMITTED": pgettext_lazy("application", "waits for review"),
    "AUTO_APPROVED": pgettext_lazy("application", "approved by the rule"),
    "UNDER_REVIEW": pgettext_lazy("application", "under review"),
    "RETURNED": pgettext_lazy("application", "returned for completion"),
    "APPROVED": pgettext_lazy("application", "waits for issue"),
    "PUBLICISED": pgettext_lazy("application", "public, open to objection"),
    "OBJECTED": pgettext_lazy("application", "objected to"),
    "REJECTED": pgettext_lazy("application", "rejected"),
    "ISSUED": pgettext_lazy("application", "issued"),
}
CENTRE: Words = {
    "applied": pgettext_lazy("centre", "waits for admission"),
    "admitted": pgettext_lazy("centre", "admitted"),
}
RECEIPT: Words = {"DRAFT": _("waits for the site's signature"), "SIGNED": _("signed and in the log")}
ROLE: Words = {
    "owner": _("owner"),
    "member": _("member"),
    "centre_operator": _("centre operator"),
    "programme_officer": _("programme officer"),
    "reviewer": _("reviewer"),
    "approver": _("approver"),
    "auditor": _("auditor"),
    "platform_operator": _("platform operator"),
}
ORGANISATION: Words = {
    "enterprise": _("enterprise"),
    "tech_msme": _("technology small or medium enterprise"),
    "maker": _("maker"),
    "research_institute": _("research institute"),
    "university": _("university"),
    "compute_intermediary": _("compute intermediary"),
    "centre": _("centre"),
    "programme_office": _("programme office"),
    "audit_office": _("audit office"),
    "platform": _("platform"),
}
TRANSFER: Words = {
    "fund": pgettext_lazy("transfer", "fund"),
    "issue": pgettext_lazy("transfer", "issue"),
    "deposit": pgettext_lazy("transfer", "deposit"),
    "hold": pgettext_lazy("transfer", "hold"),
    "capture": pgettext_lazy("transfer", "capture"),
    "release": pgettext_lazy("transfer", "release"),
    "settle": pgettext_lazy("transfer", "settle"),
    "expire": pgettext_lazy("transfer", "expire"),
    "reverse": pgettext_lazy("transfer", "reverse"),
}

WORK_UNITS = _("work units")
UNIT: Words = {"sample": _("samples"), "samples": _("samples"), "token": _("tokens"), "tokens": _("tokens")}
ACCOUNT: Words = {
    "budget": pgettext_lazy("account", "budget"),
    "appropriation": pgettext_lazy("account", "appropriation"),
    "bank": pgettext_lazy("account", "bank"),
}
PAYER: Words = {
    "state": _("central government"),
    "province": _("province"),
    "city": _("city"),
    "county": _("county"),
}

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

TABLES: dict[str, Words] = {
    "run": RUN,
    "order": ORDER,
    "quote": QUOTE,
    "version": VERSION,
    "application": APPLICATION,
    "centre": CENTRE,
    "receipt": RECEIPT,
    "role": ROLE,
    "organisation": ORGANISATION,
    "transfer": TRANSFER,
    "unit": UNIT,
    "payer": PAYER,
    "fact": FACT,
    "relation": RELATION,
    "aid_scope": AID_SCOPE,
    "entry": ENTRY,
    "record": RECORD,
}

_GOOD = frozenset({"checked", "COMPLETED", "SETTLED", "SIGNED", "ISSUED", "active", "admitted", "ACCEPTED"})
_GOING = frozenset(
    {
        "RUNNING",
        "SUBMITTED",
        "AUTO_APPROVED",
        "UNDER_REVIEW",
        "PUBLICISED",
        "PLACED",
        "OPEN",
        "APPROVED",
        "DRAFT",
        "applied",
        "declared",
        "PENDING",
    }
)
_BAD = frozenset(
    {"refused", "FAILED", "KILLED", "TIMEOUT", "REFUSED", "UNKNOWN", "REJECTED", "RETURNED", "OBJECTED"}
)


def tone(value: str) -> str:
    """``good``, ``going``, ``bad`` or ``still``: how a state is coloured, whatever table it is from."""
    if value in _GOOD:
        return "good"
    if value in _GOING:
        return "going"
    return "bad" if value in _BAD else "still"
