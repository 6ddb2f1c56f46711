"""What an officer does about calls and review steps: deeds for the page, arguments for the services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from django.utils.translation import gettext_lazy as _

from hesuan.errors import Faults, InputFault
from hesuan.hub.console.deed_words import REVIEW_STEP
from hesuan.hub.console.deeds import Deed
from hesuan.hub.console.entryform import NOT_A_DAY, Input
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import ahead, services
from hesuan.hub.programmes.models import Call, Programme, ProgrammeVersion
from hesuan.wire.ids import new_id

FINAL = ("close",)
"""A call that is closed stays closed."""
PUBLIC_REASON = Input("reason", _("Reason"), "long", help=_("It is public."))


def deeds(actor: Actor, programme: Programme, version: ProgrammeVersion, calls: list[Call]) -> list[Deed]:
    """Opening one, closing each that is not over, and giving a step to another office."""
    if not actor.has("programme_officer", programme.office_id):
        return []
    found = [_open(version)] if version.state == ProgrammeVersion.State.ACTIVE else []
    steps, offices = ahead.review_steps(version), ahead.offices(actor)
    if len(offices) > 1:
        found.append(_assign(steps, [(one.id, one.name) for one in offices]))
    return found + [_close(one) for one in calls if one.state_on(ahead.today()) != Call.State.CLOSED]


def _open(version: ProgrammeVersion) -> Deed:
    budgets = ahead.budget_ids(version)
    inputs = [
        Input("title", _("Name of the call"), help=_("For people; it may stay empty.")),
        Input("opens_on", _("First day"), "date", value=ahead.today().isoformat()),
        Input("closes_on", _("Last day"), "date", help=_("Empty: without a last day.")),
    ]
    if len(budgets) > 1:
        inputs.append(
            Input("budget", _("Budget it draws on"), "choice", tuple((one, one) for one in budgets))
        )
    says = _("Applications are taken from the first day to the last. The call is public.")
    return Deed("open", _("Open a call"), says, inputs=tuple(inputs), id=new_id())


def _close(call: Call) -> Deed:
    says = _("It takes no more applications from now on; what it took is decided and issued.")
    return Deed("close", _("Close the call"), says, (PUBLIC_REASON,), final=True, on=call.id)


def _assign(steps: tuple[str, ...], offices: list[tuple[str, str]]) -> Deed:
    inputs = (
        Input("step", _("Step"), "choice", tuple((one, REVIEW_STEP.get(one, one)) for one in steps)),
        Input("office", _("Office"), "choice", tuple(offices)),
    )
    says = _("From now on this office's people take the step; the last assignment counts.")
    return Deed("assign", _("Give a step to an office"), says, inputs)


def act(actor: Actor, programme_id: str, version: ProgrammeVersion, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    match sent.get("verb", ""):
        case "open":
            _open_call(actor, version, sent)
        case "close":
            services.close_call(actor=actor, call_id=sent.get("on", ""), reason=sent.get("reason", ""))
        case "assign":
            services.assign_desk(
                actor=actor,
                programme_id=programme_id,
                step=sent.get("step", ""),
                office_id=sent.get("office", ""),
            )
        case _:
            return False
    return True


def _open_call(actor: Actor, version: ProgrammeVersion, sent: Mapping[str, str]) -> None:
    wrong: list[InputFault] = []
    begin = _day(sent, "opens_on", wrong)
    end = _day(sent, "closes_on", wrong) if sent.get("closes_on", "").strip() else None
    if wrong or begin is None:
        raise Faults(wrong)
    services.open_call(
        actor=actor,
        version_id=version.id,
        opens_on=begin,
        closes_on=end,
        budget=sent.get("budget", ""),
        title=sent.get("title", "").strip()[:200],
        call_id=sent.get("id") or None,
    )


def _day(sent: Mapping[str, str], name: str, wrong: list[InputFault]) -> date | None:
    text = sent.get(name, "").strip()
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong.append(InputFault(NOT_A_DAY, where=name, value=text[:40]))
        return None
