"""Who got what: the list a programme publishes, and, for its office, what was not published.

Public is what went through the public's days; everything else issued is the office's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import access, selectors
from hesuan.hub.programmes.application_rules import UNDONE
from hesuan.hub.programmes.models import Application, Voucher


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the list."""

    organisation: str
    version: int
    amount_fen: int
    state: str
    """Of the application."""
    at: datetime
    """When it was issued, or when it was made public."""
    is_public: bool


def results(actor: Actor, programme_id: str) -> list[Result]:
    """A programme's results, newest first; to its office also those that are not public.

    Raises:
        NotFound: ``programme.not_found``.
    """
    programme = selectors.programme(actor, programme_id)
    sees_all = sees_everything(actor) or programme.office_id in access.offices(actor)
    lines = [*_on_the_list(programme.id), *_issued(programme.id)]
    return sorted((one for one in lines if one.is_public or sees_all), key=lambda one: one.at, reverse=True)


def _on_the_list(programme_id: str) -> list[Result]:
    """What the public may object to now."""
    return [
        Result(one.organisation, one.version, one.subsidy_fen, one.state, one.publicised_at, is_public=True)
        for one in selectors.publicised(programme_id)
    ]


def _issued(programme_id: str) -> list[Result]:
    """What was given; an entitlement that its claim gave up whole was not."""
    found = (
        Voucher.objects.filter(programme_version__programme_id=programme_id)
        .exclude(steps__trigger=UNDONE)
        .select_related("organisation", "programme_version", "application")
    )
    return [
        Result(
            organisation=one.organisation.name,
            version=one.programme_version.version,
            amount_fen=one.face_fen,
            state=Application.State.ISSUED,
            at=one.issued_at,
            is_public=any(step.trigger == "publicise" for step in one.application.steps.all()),
        )
        for one in found.prefetch_related("application__steps")
    ]
