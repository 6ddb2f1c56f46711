"""What administrators put on public record from the page of the log: an incident, in their words."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from hesuan.hub.audit import selectors
from hesuan.hub.console.deeds import Deed
from hesuan.hub.console.entryform import Input
from hesuan.hub.disclosure import notices
from hesuan.hub.identity.actors import Actor
from hesuan.wire.ids import is_id, new_id

FINAL = ("incident",)
"""Verbs that nothing undoes."""


def deeds(actor: Actor) -> list[Deed]:
    """Putting an incident on record: an administrator's of the platform or of security."""
    logs = selectors.logs() if notices.may_record(actor) else []
    if not logs:
        return []
    inputs = (
        Input("log", _("Log"), "choice", tuple((one, one) for one in logs)),
        Input(
            "reason",
            _("What happened"),
            "long",
            help=_("At most %(most)s characters. They stand in the log for ever: name no person and no firm.")
            % {"most": notices.MAX_REASON},
        ),
    )
    says = _(
        "Your words become a leaf of the log, as written, for everybody to read. Your name is not in it: it"
        " stays in the private record behind the leaf."
    )
    return [Deed("incident", _("Put an incident on record"), says, inputs, final=True, id=new_id())]


def act(actor: Actor, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    if sent.get("verb") != "incident":
        return False
    chosen = sent.get("id", "")
    notices.record_incident(
        actor=actor,
        # A browser ends the lines of a text with two characters; the leaf counts one.
        reason=sent.get("reason", "").replace("\r\n", "\n").strip(),
        log=sent.get("log", ""),
        incident_id=chosen if is_id(chosen) else new_id(),
    )
    return True
