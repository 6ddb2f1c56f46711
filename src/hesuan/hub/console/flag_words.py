"""Words of surveillance; the other tables are in :mod:`.words`."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = dict[str, str | Promise]

STATE: Words = {
    "OPEN": pgettext_lazy("flag", "waits for an answer"),
    "DISMISSED": pgettext_lazy("flag", "dismissed"),
    "CONFIRMED": pgettext_lazy("flag", "confirmed"),
}
ACTION: Words = {
    "stop": pgettext_lazy("flag", "stops"),
    "hold": pgettext_lazy("flag", "keeps payment back"),
    "flag": pgettext_lazy("flag", "shows"),
}
MEASURE: Words = {
    "reject": pgettext_lazy("measure", "the claim is rejected"),
    "clawback": pgettext_lazy("measure", "what was paid is demanded back"),
    "suspend": pgettext_lazy("measure", "the voucher is suspended"),
    "correct": pgettext_lazy("measure", "a record is corrected"),
    "report": pgettext_lazy("measure", "it is reported to the authority"),
    "other": pgettext_lazy("measure", "something else, as the reason says"),
}
UNIT: Words = {
    "cancels": pgettext_lazy("threshold unit", "cancellations"),
    "claims": pgettext_lazy("threshold unit", "claims"),
    "days": pgettext_lazy("threshold unit", "days"),
    "holds": pgettext_lazy("threshold unit", "holds"),
    "hours": pgettext_lazy("threshold unit", "hours"),
    "orders": pgettext_lazy("threshold unit", "orders"),
    "organisations": pgettext_lazy("threshold unit", "organisations"),
    "payments": pgettext_lazy("threshold unit", "payments"),
    "percent": pgettext_lazy("threshold unit", "%"),
    "percentile": pgettext_lazy("threshold unit", "th percentile"),
    "permille": pgettext_lazy("threshold unit", "‰"),
    "redemptions": pgettext_lazy("threshold unit", "redemptions"),
    "requests": pgettext_lazy("threshold unit", "requests"),
    "sales": pgettext_lazy("threshold unit", "sales"),
    "seconds": pgettext_lazy("threshold unit", "seconds"),
    "ties": pgettext_lazy("threshold unit", "ties"),
    "times": pgettext_lazy("threshold unit", "times"),
}
SOURCE: Words = {
    "an even pace over a year": _("an even pace over a year"),
    "audit practice; proposed here": _("audit practice; proposed here"),
    "physics; rounding of the meter": _("physics; rounding of the meter"),
    "proposed here": _("proposed here"),
    "NERSC AY2021 allocation reductions": _("NERSC AY2021 allocation reductions"),
    "SSE definition of high-frequency trading": _("SSE definition of high-frequency trading"),
    "STAR Market monitoring rules (secondary source)": _("STAR Market monitoring rules (secondary source)"),
    "Yangzhou: buyer and supplier are not related": _("Yangzhou: buyer and supplier are not related"),
    "scaled from SHFE/ZCE: 500 cancels, 50 large ones a day (secondary source)": _(
        "scaled from SHFE/ZCE: 500 cancels, 50 large ones a day (secondary source)"
    ),
    "scaled from SSE/SZSE: within 1 s, repeatedly": _("scaled from SSE/SZSE: within 1 s, repeatedly"),
    "taken from A3: STAR Market monitoring rules (secondary source)": _(
        "taken from A3: STAR Market monitoring rules (secondary source)"
    ),
}
"""Where a threshold's number is from, as ``measures.txt`` says; unknown ones are shown as they stand."""
