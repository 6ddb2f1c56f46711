"""Words for what offices do to calls, vouchers and money; the other tables are in :mod:`.words`."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

Words = dict[str, str | Promise]

REVIEW_STEP: Words = {
    "reviewer": pgettext_lazy("review step", "reviewer"),
    "approver": pgettext_lazy("review step", "approver"),
    "second_approver": pgettext_lazy("review step", "second approver"),
    "programme_officer": pgettext_lazy("review step", "programme officer"),
    "county": pgettext_lazy("review step", "county"),
    "bureau": pgettext_lazy("review step", "bureau in charge"),
    "finance": pgettext_lazy("review step", "finance bureau"),
}
"""Steps that documents name; unknown ones are shown as they stand."""
SUSPENSION: Words = {
    "reinstated": pgettext_lazy("suspension", "reinstated"),
    "revoked": pgettext_lazy("suspension", "revoked"),
}
CALL: Words = {
    "planned": pgettext_lazy("call", "planned"),
    "open": pgettext_lazy("call", "open"),
    "closed": pgettext_lazy("call", "closed"),
}
CLAWBACK_STEP: Words = {
    "due": pgettext_lazy("clawback step", "demanded"),
    "recovered": pgettext_lazy("clawback step", "booked as come back"),
    "set_off": pgettext_lazy("clawback step", "set off against a payment"),
    "write_off_proposed": pgettext_lazy("clawback step", "writing it off was proposed"),
    "written_off": pgettext_lazy("clawback step", "written off"),
}
FLOAT: Words = {
    "fund": pgettext_lazy("float", "first put in"),
    "replenish": pgettext_lazy("float", "topped up"),
    "draw": pgettext_lazy("float", "drawn by a payment"),
    "refund": pgettext_lazy("float", "taken back"),
}
DISPUTE: Words = {
    "upheld": pgettext_lazy("dispute", "the line is paid as it stands"),
    "refused": pgettext_lazy("dispute", "the line is not paid"),
}
AUDIT: Words = {
    "passed": pgettext_lazy("audit", "nothing was found"),
    "findings": pgettext_lazy("audit", "something was found"),
}
