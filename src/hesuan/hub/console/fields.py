"""Which fields each page's form knows: a POST that brings another is refused before the page reads it.

A page takes the fields it names and would pass over the rest in silence; so nothing is assigned that nobody
meant to, and yet a misspelt ``amuont`` looks like an empty one. A page that is not in the table takes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from hesuan.errors import InputFault, declare
from hesuan.hub.console import applicationdesk, applyform, claimform, entryform, workform
from hesuan.hub.settlement.papers import KEYS

UNKNOWN_FIELD = declare(
    "console.unknown_field",
    en="The form of this page has no field `{field}`. Nothing was done. Load the page again and repeat.",
    zh="本页表单没有“{field}”这一项。未作任何处理。请重新打开页面后再提交。",
)
MOST_TOLD = 20
OF_EVERY_FORM = ("csrfmiddlewaretoken",)
DEED = ("verb", "on", "id", "sure", "reason")
"""What parts/deed.html sends besides a deed's own inputs."""
FACTS = (f"{applyform.FACT}*",)
"""Which facts there are a programme's document says; the engine refuses one that it does not know."""
PAPERS = tuple(
    f"{claimform.PAPERS}{kind}.{name}"
    for kind, names in KEYS.items()
    for name in names
    if name not in claimform.LEFT_OUT or name == "document"
)
EDITOR = ("verb", "text", "office")
APPLICATION = ("verb", "document", *applyform.FIELDS, *FACTS)
RECORD = sorted({one.name for form in entryform.FORMS.values() for one in form})

FIELDS: dict[str, tuple[str, ...]] = {
    "quote_new": workform.FIELDS,
    "quote": ("quote_id", "order_id"),
    "files": (*DEED, "organisation", "file"),
    "programme": (
        *DEED, "version_id", "last_day", "centre_id", "batch", "service_item", "valid_from", "valid_until",
    ),
    "programme_new": EDITOR,
    "programme_edit": EDITOR,
    "programme_calls": (*DEED, "title", "opens_on", "closes_on", "budget", "step", "office"),
    "programme_simulate": ("file",),
    "programme_audits": (*DEED, "share", "days", "period"),
    "programme_bank": (*DEED, "payer", "begins_on", "ends_on", "file"),
    "programme_thresholds": (*DEED, "name", "value"),
    "apply": APPLICATION,
    "amend": APPLICATION,
    "application": (*DEED, "note", "verdict", *(one.name for one in applicationdesk.AWARD)),
    "record": ("verb", "id", "file", "entry", "to", "reason", *RECORD),
    "claim_new": ("claim_id", "order", "voucher", *PAPERS, *FACTS),
    "claim": (
        *DEED, "note", "rate", "note_id", "number", "taken.*", "tolerance", "outcome", "amount",
        *PAPERS, *FACTS,
    ),
    "clawback": (*DEED, "reference"),
    "float": (*DEED, "amount", "reference"),
    "batch": ("verb", "note"),
    "publicity_one": ("objection_id", "reason"),
    "voucher": (*DEED, "event", "day", "share", "last_day"),
    "centre": DEED,
    "flag": ("outcome", "measure", "reason"),
    "log": (*DEED, "log"),
}  # fmt: skip
"""Name of the address → its fields; ``*`` stands for what is numbered or named elsewhere."""

PASSWORDS = ("password1", "password2", "next")
ACCOUNTS: dict[str, tuple[str, ...]] = {
    "account_login": ("login", "password", "remember", "next"),
    "account_logout": ("next",),
    "account_signup": ("username", "email", *PASSWORDS),
    "account_reauthenticate": ("password", "next"),
    "account_change_password": ("oldpassword", *PASSWORDS),
    "account_set_password": PASSWORDS,
    "account_inactive": (),
    "account_email": ("email", "action_add", "action_send", "action_remove", "action_primary", "next"),
    "account_reset_password": ("email", "next"),
    "account_reset_password_from_key": PASSWORDS,
    "mfa_index": (),
    "mfa_authenticate": ("code", "next"),
    "mfa_reauthenticate": ("code", "next"),
    "mfa_activate_totp": ("code", "next"),
    "mfa_deactivate_totp": ("next",),
    "mfa_view_recovery_codes": (),
    "mfa_generate_recovery_codes": ("next",),
    "mfa_download_recovery_codes": (),
    "socialaccount_login_cancelled": (),
    "socialaccount_login_error": (),
    "socialaccount_signup": ("username", "email", "next"),
    "socialaccount_connections": ("account", "next"),
    "openid_connect_login": ("process", "next"),
    "openid_connect_callback": (),
    "set_language": ("language", "next"),
}
"""The same of django-allauth's pages and the language switch; what it may add later is left to it."""


def judged(page: str, rooms: Sequence[str]) -> bool:
    """Whether an address takes only what these tables say; the API and the gateway judge their bodies."""
    return "console" in rooms or page in ACCOUNTS


def unknown(page: str, sent: Iterable[str]) -> list[InputFault]:
    """One fault for each field that the form of a page does not know, :data:`MOST_TOLD` of them at most."""
    known = (*OF_EVERY_FORM, *FIELDS.get(page, ACCOUNTS.get(page, ())))
    strange = [name for name in sent if not any(fnmatchcase(name, one) for one in known)]
    return [InputFault(UNKNOWN_FIELD, where=name[:100], field=name[:100]) for name in strange[:MOST_TOLD]]
