"""Words of surveillance; the other tables are in :mod:`.words`."""

from __future__ import annotations

from django.utils.functional import Promise
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
