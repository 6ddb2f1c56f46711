"""Words for what becomes of vouchers; the other tables are in :mod:`.words`."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

Words = dict[str, str | Promise]

STATE: Words = {
    "ISSUED": pgettext_lazy("voucher", "issued, nothing released yet"),
    "ACTIVE": pgettext_lazy("voucher", "may be used"),
    "HELD": pgettext_lazy("voucher", "may be used, some of it held"),
    "REDUCED": pgettext_lazy("voucher", "reduced, may be used"),
    "SUSPENDED": pgettext_lazy("voucher", "suspended"),
    "EXHAUSTED": pgettext_lazy("voucher", "used up"),
    "EXPIRED": pgettext_lazy("voucher", "expired"),
    "SURRENDERED": pgettext_lazy("voucher", "surrendered"),
    "REVOKED": pgettext_lazy("voucher", "revoked"),
    "CLOSED": pgettext_lazy("voucher", "closed"),
}
STEP: Words = {
    "issue": pgettext_lazy("voucher step", "issued"),
    "event": pgettext_lazy("voucher step", "an event was confirmed"),
    "release": pgettext_lazy("voucher step", "a tranche was released"),
    "reduce": pgettext_lazy("voucher step", "reduced at a checkpoint"),
    "exempt": pgettext_lazy("voucher step", "exempted from a checkpoint"),
    "undecided": pgettext_lazy("voucher step", "a checkpoint whose share lies in no bracket: to be decided"),
    "extend": pgettext_lazy("voucher step", "extended; its last day is now"),
    "end_claims": pgettext_lazy("voucher step", "the claim time was ended"),
    "suspend": pgettext_lazy("voucher step", "suspended"),
    "answer": pgettext_lazy("voucher step", "the holder was heard"),
    "reinstate": pgettext_lazy("voucher step", "reinstated"),
    "revoke": pgettext_lazy("voucher step", "revoked"),
    "surrender": pgettext_lazy("voucher step", "surrendered"),
    "undo": pgettext_lazy("voucher step", "given up with the claim that made it"),
    "use": pgettext_lazy("voucher step", "used up"),
    "expire": pgettext_lazy("voucher step", "expired"),
    "close": pgettext_lazy("voucher step", "closed, the rest given back"),
}
