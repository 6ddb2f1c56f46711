"""Floats on pages: whose they are, what an approver may do with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from hesuan.errors import NotFound
from hesuan.hub.centres.models import Centre
from hesuan.hub.console.deeds import Deed
from hesuan.hub.console.entryform import Input
from hesuan.hub.console.views.pages import NO_PAGE
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.hub.programmes.paying import paying_terms
from hesuan.hub.settlement import floats
from hesuan.hub.settlement.gate import OFFICE_ROLES as OFFICE
from hesuan.money import parse_yuan
from hesuan.wire.ids import new_id

FINAL = ("refund",)
REFERENCE = Input("reference", _("Bank reference"))


@dataclass(frozen=True, slots=True)
class Float:
    """One supplier's float under a programme."""

    version: ProgrammeVersion
    centre: Centre
    balance_fen: int
    size_fen: int | None
    """At most so much; ``None`` where the document names no size."""


def mine(actor: Actor) -> list[Float]:
    """The floats of this person's offices and centres, each under the active version or else the newest."""
    found: dict[tuple[str, str], Float] = {}
    for version in programmes.versions(actor):
        terms = paying_terms(version.id) if version.state != ProgrammeVersion.State.DRAFT else None
        if terms is None or terms.flow != floats.FLOW:
            continue
        for one in programmes.admissions(actor, version.programme_id):
            key = (version.programme_id, one.centre_id)
            active = version.state == ProgrammeVersion.State.ACTIVE
            if _is_theirs(actor, version, one.centre) and (active or key not in found):
                balance = floats.balance_fen(version.programme_id, one.centre_id)
                found[key] = Float(version, one.centre, balance, terms.float_size_fen)
    return list(found.values())


def _is_theirs(actor: Actor, version: ProgrammeVersion, centre: Centre) -> bool:
    office = any(actor.has(role, version.programme.office_id) for role in OFFICE)
    return office or sees_everything(actor) or centre.organisation_id in actor.organisations()


def one(actor: Actor, programme_id: str, centre_id: str, path: str) -> Float:
    """One float.

    Raises:
        NotFound: ``console.no_such_page``, to strangers too.
    """
    for each in mine(actor):
        if (each.version.programme_id, each.centre.id) == (programme_id, centre_id):
            return each
    raise NotFound(NO_PAGE, path=path)


def deeds(actor: Actor, found: Float) -> list[Deed]:
    """Topping up, and taking back what is unused: an approver's."""
    if not actor.has("approver", found.version.programme.office_id):
        return []
    amount = Input("amount", _("Amount in yuan"), "amount")
    says = _("It is with the supplier in advance; payments draw on it before any cash moves.")
    offered = [Deed("fund", _("Top it up"), says, (amount, REFERENCE), id=new_id())]
    if found.balance_fen:
        says = _("All that is unused goes back to the programme, such as at the year's end.")
        offered.append(Deed("refund", _("Take it back"), says, (REFERENCE,), final=True, id=new_id()))
    return offered


def act(actor: Actor, found: Float, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    movement_id = sent.get("id") or new_id()
    reference = sent.get("reference", "").strip()[:100]
    match sent.get("verb", ""):
        case "fund":
            text = sent.get("amount", "").replace(",", "").replace("¥", "").strip()
            floats.fund(
                actor=actor,
                movement_id=movement_id,
                version_id=found.version.id,
                centre_id=found.centre.id,
                amount_fen=parse_yuan(text, where="amount"),
                reference=reference,
            )
        case "refund":
            floats.refund(
                actor=actor,
                movement_id=movement_id,
                version_id=found.version.id,
                centre_id=found.centre.id,
                reference=reference,
            )
        case _:
            return False
    return True
