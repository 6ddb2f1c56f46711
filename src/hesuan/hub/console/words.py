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
}

_GOOD = frozenset({"COMPLETED", "SETTLED", "SIGNED", "ISSUED", "active", "admitted", "ACCEPTED"})
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
        "PENDING",
    }
)
_BAD = frozenset({"FAILED", "KILLED", "TIMEOUT", "REFUSED", "UNKNOWN", "REJECTED", "RETURNED", "OBJECTED"})


def tone(value: str) -> str:
    """``good``, ``going``, ``bad`` or ``still``: how a state is coloured, whatever table it is from."""
    if value in _GOOD:
        return "good"
    if value in _GOING:
        return "going"
    return "bad" if value in _BAD else "still"
