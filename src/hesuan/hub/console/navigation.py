"""Navigation: which entries a person sees, from their roles alone.

An entry that is left out is a courtesy, not a protection: the pages ask the selectors themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hesuan.hub.identity.actors import Actor

USERS = frozenset({"owner", "member"})
"""Roles of those who buy computing."""
OFFICE = frozenset({"programme_officer", "reviewer", "approver"})
"""Roles of those who give public money."""
SEE_ALL = frozenset({"auditor", "platform_operator"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One link: a route name, its text, and the first path segments that it stands for."""

    route: str
    text: str | Promise
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under one heading."""

    heading: str | Promise
    entries: tuple[Entry, ...]


HOME = Entry("console:home", _("Home"), ("",))
OFFERINGS = Entry("console:offerings", _("Offerings"), ("offerings",))
QUOTES = Entry("console:quotes", _("Quotes"), ("quotes",))
ORDERS = Entry("console:orders", _("Orders"), ("orders", "receipts"))
FILES = Entry("console:files", _("Input files"), ("files",))
VOUCHERS = Entry("console:vouchers", _("Vouchers"), ("vouchers",))
PROGRAMMES = Entry("console:programmes", _("Programmes"), ("programmes", "bank-statements"))
APPLICATIONS = Entry("console:applications", _("Applications"), ("applications",))
RECORDS = Entry("console:records", _("Records"), ("registry",))
CLAIMS = Entry("console:claims", _("Redemption"), ("claims", "batches", "clawbacks", "floats"))
PUBLICITY = Entry("console:publicity", _("Publicity"), ("publicity",))
CENTRES = Entry("console:centres", _("Centres"), ("centres",))
FLAGS = Entry("console:flags", _("Surveillance"), ("flags",))
LOG = Entry("console:log", _("Public log"), ("log",))


def groups(actor: Actor) -> tuple[Group, ...]:
    """The navigation of one person."""
    roles = roles_of(actor)
    work = [HOME, OFFERINGS]
    if roles & (USERS | SEE_ALL):
        work.append(QUOTES)
    if roles & (USERS | SEE_ALL | {"centre_operator"}):
        work.append(ORDERS)
    if roles & USERS:
        work.append(FILES)
    funding = [PROGRAMMES]
    if roles & (USERS | OFFICE | SEE_ALL):
        funding += [APPLICATIONS, VOUCHERS]
    if roles & (USERS | OFFICE | SEE_ALL | {"centre_operator"}):
        funding.append(CLAIMS)
    if roles:
        funding.append(RECORDS)
    funding.append(PUBLICITY)
    if roles & (OFFICE | SEE_ALL):
        funding.append(FLAGS)
    return (
        Group(_("Work"), tuple(work)),
        Group(_("Funding"), tuple(funding)),
        Group(_("Supply and proof"), (CENTRES, LOG)),
    )


def roles_of(actor: Actor) -> frozenset[str]:
    """Every role that a person holds anywhere."""
    return frozenset(role for held in actor.roles.values() for role in held)
