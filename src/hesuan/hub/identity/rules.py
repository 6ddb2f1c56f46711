"""Who may do what in the identity room, and what a bearer token looks like; on plain values."""

from __future__ import annotations

import re
import secrets
import string
import zlib
from hashlib import sha256

from hesuan.hub.identity.actors import Actor

ADMINISTRATORS = frozenset({"platform_operator", "security_admin", "auditor"})
"""System, security and audit administration (三员): one person holds at most one of them, anywhere.

The operator runs the platform and books what is paid in, the security administrator gives and takes roles,
the auditor reads everything and changes nothing.
"""

OFFICE_ROLES = frozenset({"programme_officer", "reviewer", "approver"})
"""Whoever decides on public money; no administrator does."""

SECOND_FACTOR_ROLES = ADMINISTRATORS | OFFICE_ROLES | {"centre_operator"}
"""Whoever moves public money, reads everything, gives roles or runs a centre: a password is not enough."""

SELF_REGISTERED_KINDS = frozenset(
    {
        "enterprise",
        "tech_msme",
        "maker",
        "research_institute",
        "university",
        "compute_intermediary",
        "centre",
    }
)
"""Kinds of organisation that anybody signed in may register (a centre is admitted later, by others)."""

ROLES_OF_KIND = {
    "programme_office": frozenset({"owner", "member", "programme_officer", "reviewer", "approver"}),
    "audit_office": frozenset({"owner", "member", "auditor"}),
    "platform": frozenset({"owner", "member", *ADMINISTRATORS}),
    "centre": frozenset({"owner", "member", "centre_operator"}),
}
"""Roles an organisation of a kind can give; any other kind gives ``owner`` and ``member``."""

GIVEN_BY_OWNERS = frozenset({"owner", "member", "centre_operator"})
"""Roles that an organisation's owner gives; all others are given by a security administrator."""

LONGEST_TOKEN_DAYS = 90
_RANDOM = 32
_BASE62 = string.digits + string.ascii_letters
_TOKEN = re.compile(rf"hsn_[0-9A-Za-z]{{{_RANDOM}}}_([0-9a-f]{{8}})")


def roles_of_kind(kind: str) -> frozenset[str]:
    """The roles that make sense in an organisation of a kind."""
    return ROLES_OF_KIND.get(kind, frozenset({"owner", "member"}))


def may_register(actor: Actor, kind: str) -> bool:
    """Whether an actor may bring an organisation of a kind into being."""
    return actor.is_system or actor.has("platform_operator") or kind in SELF_REGISTERED_KINDS


def may_grant(actor: Actor, *, organisation_id: str, role: str) -> bool:
    """Whether an actor may give or take a role in an organisation."""
    if actor.is_system or actor.has("security_admin"):
        return True
    return role in GIVEN_BY_OWNERS and actor.has("owner", organisation_id)


def may_hold_both(role: str, other: str) -> bool:
    """Whether one person may hold two roles, in whichever organisations.

    An administrator is no other administrator and decides on no public money.
    """
    if role == other:
        return True
    apart = ADMINISTRATORS | OFFICE_ROLES
    administers = role in ADMINISTRATORS or other in ADMINISTRATORS
    return not (administers and role in apart and other in apart)


def new_token() -> str:
    """A bearer token: ``hsn_``, 32 random base-62 characters (190 bits), ``_`` and their CRC-32.

    The prefix lets secret scanners find a leaked one, the checksum lets them (and us) drop what merely
    looks like one without asking the database.
    """
    random = "".join(secrets.choice(_BASE62) for _ in range(_RANDOM))
    return f"hsn_{random}_{zlib.crc32(random.encode()):08x}"


def is_token(text: str) -> bool:
    """Whether a text has a token's form and checksum."""
    match = _TOKEN.fullmatch(text)
    return match is not None and match[1] == f"{zlib.crc32(text[4 : 4 + _RANDOM].encode()):08x}"


def token_digest(text: str) -> str:
    """What is kept of a token: it has 190 random bits, so a plain SHA-256 cannot be guessed backwards."""
    return sha256(text.encode()).hexdigest()
