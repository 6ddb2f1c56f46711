"""Who sees what of programmes and applications, as conditions on queries; the selectors apply them."""

from __future__ import annotations

from django.db.models import Q

from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything, visible_to
from hesuan.hub.programmes.models import Application, Desk

OFFICE_ROLES = ("programme_officer", "reviewer", "approver")


def offices(actor: Actor) -> list[str]:
    """The programme offices in which somebody works."""
    return [
        one for one in sorted(actor.organisations()) if any(actor.has(role, one) for role in OFFICE_ROLES)
    ]


def theirs_or_their_offices(actor: Actor) -> Q:
    """Rows with ``organisation`` and ``programme_version``: the applicant's people's, and the office's.

    ``Q() | Q(x)`` would be ``Q(x)``: who sees everything must not be narrowed by their offices.
    """
    if sees_everything(actor):
        return Q()
    return visible_to(actor) | of_their_offices(actor)


def of_their_offices(actor: Actor) -> Q:
    """Rows of programmes that one of the actor's offices keeps."""
    return Q(programme_version__programme__office_id__in=offices(actor))


def applications(actor: Actor) -> Q:
    """Applications: besides the above, an office that does one step sees them; a draft only its authors."""
    if sees_everything(actor):
        return Q()
    desks = Desk.objects.filter(office_id__in=offices(actor)).values("programme_id")
    at_a_desk = Q(programme_version__programme_id__in=desks)
    handed_in = ~Q(state=Application.State.DRAFT)
    return visible_to(actor) | (handed_in & (of_their_offices(actor) | at_a_desk))
