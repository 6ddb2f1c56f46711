"""Words for what offices do to calls, vouchers and money; the other tables are in :mod:`.words`."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

Words = dict[str, str | Promise]

SUSPENSION: Words = {
    "reinstated": pgettext_lazy("suspension", "reinstated"),
    "revoked": pgettext_lazy("suspension", "revoked"),
}
CALL: Words = {
    "planned": pgettext_lazy("call", "planned"),
    "open": pgettext_lazy("call", "open"),
    "closed": pgettext_lazy("call", "closed"),
}
