"""What an office does to an application besides its steps: interests, objections, rejecting, the award."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from django.utils.translation import gettext_lazy as _

from hesuan.hub.console.deeds import REASON, Deed
from hesuan.hub.console.entryform import Input
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.application_rules import RESOLVER
from hesuan.hub.programmes.models import Application, Objection
from hesuan.hub.programmes.waiting import acted_as
from hesuan.wire.canonical import Json

OPEN = Objection.Outcome.OPEN
OFFICE = ("programme_officer", "reviewer", "approver")
FINAL = ("interest", "reject")
"""A declared interest stands, and a rejected application is not opened again."""
AWARD = (
    Input("award.rate", _("Rate of this award"), help=_("Such as 20% or 1/5; at most the document's.")),
    Input("award.max_subsidy", _("At most, in yuan"), "amount"),
    Input("award.cap", _("Limit of this award, in yuan"), "amount"),
)
"""What the first approver may set; empty fields stay the document's."""
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*[%％]")


def deeds(
    actor: Actor, application: Application, verb: str, objections: list[Objection], *, conflicted: bool
) -> list[Deed]:
    """What this person may do besides passing a step on.

    Args:
        actor: Who looks.
        application: It may be seen by them.
        verb: The step they may take now, empty where it is somebody else's.
        objections: Those to the application.
        conflicted: Whether they declared an interest.
    """
    found = [_resolve(one) for one in objections if may_resolve(actor, application, one) and not conflicted]
    if verb in ("review", "approve"):
        says = _("The application ends here. The applicant reads your reason and may apply anew.")
        found.append(Deed("reject", _("Reject it"), says, final=True))
    if sees_as_office(actor, application) and not conflicted and _is_going(application):
        which = Input("reason", _("Which interest"), "long")
        says = _("From then on you take no step of this application; somebody else does.")
        found.append(Deed("interest", _("Declare an interest"), says, (which,), final=True))
    return found


def _resolve(objection: Objection) -> Deed:
    verdicts = (
        ("dismiss", _("Dismiss it: the public's days run on")),
        ("return", _("Uphold it: return the application for completion")),
        ("reject", _("Uphold it: reject the application")),
    )
    verdict = Input("verdict", _("Decision"), "choice", verdicts)
    says = _("Applicant and office read your reason. A rejected application is not opened again.")
    return Deed("resolve", _("Decide the objection"), says, (verdict, REASON), on=objection.id)


def may_resolve(actor: Actor, application: Application, objection: Objection) -> bool:
    """Whether deciding an objection is this person's: the role, and no other part in the matter."""
    office = application.programme_version.programme.office_id
    role = actor.has("programme_officer", office) or actor.has("approver", office)
    outside = application.organisation_id not in actor.organisations()
    mine = objection.raised_by == actor.identity_id or acted_as(actor.identity_id, application, step=RESOLVER)
    return objection.outcome == OPEN and role and outside and not mine


def sees_as_office(actor: Actor, application: Application) -> bool:
    """Whether somebody of an office that decides about it looks."""
    programme = application.programme_version.programme
    theirs = {programme.office_id, *(one.office_id for one in programme.desks.all())}
    return any(actor.has(role, one) for one in theirs for role in OFFICE)


def _is_going(application: Application) -> bool:
    return application.state not in (Application.State.REJECTED, Application.State.ISSUED)


def act(actor: Actor, application: Application, verb: str, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb.

    Args:
        actor: Who does it.
        application: It may be seen by them.
        verb: The step they may take now: who rejects does so in its name.
        sent: The form.
    """
    reason = sent.get("reason", "")
    match sent.get("verb", ""):
        case "interest":
            services.declare_interest(
                actor=actor, application_id=application.id, conflicted=True, reason=reason
            )
        case "resolve":
            known = [one.id for one in selectors.objections(actor, application.id)]
            if sent.get("on") not in known:
                return False
            verdict = sent.get("verdict", "")
            services.resolve(actor=actor, objection_id=sent["on"], verdict=verdict, reason=reason)
        case "reject" if verb == "approve":
            services.approve(actor=actor, application_id=application.id, verdict="reject", note=reason)
        case "reject":
            services.review(actor=actor, application_id=application.id, verdict="reject", note=reason)
        case _:
            return False
    return True


def award(sent: Mapping[str, str]) -> dict[str, Json]:
    """What an approver typed for this award alone; what is empty is left to the document."""
    found: dict[str, Json] = {}
    for one in AWARD:
        text = sent.get(one.name, "").strip()
        if not text:
            continue
        percent = _PERCENT.fullmatch(text)
        if percent and one.name == "award.rate":
            text = str(Fraction(percent[1]) / 100)
        found[one.name] = text.replace(",", "").replace("¥", "")
    return found


def asks_award(application: Application, verb: str) -> bool:
    """Whether the approver's page offers to set this award: once, by whoever approves first."""
    return verb == "approve" and not application.award
