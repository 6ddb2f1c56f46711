"""Which verbs of a voucher's life a page offers to whom, and on whom a voucher waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hesuan.hub.console.deeds import REASON, Deed
from hesuan.hub.console.entryform import Input, day, ratio
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import selectors, services
from hesuan.hub.programmes.ahead import Ahead, Undecided
from hesuan.hub.programmes.ahead import ahead as ahead_of
from hesuan.hub.programmes.decaying import UNDECIDED
from hesuan.hub.programmes.entitling import is_claimed_after_use
from hesuan.hub.programmes.extending import Room
from hesuan.hub.programmes.models import Suspension, Voucher, VoucherStep

State = Voucher.State
LIVING = (State.ISSUED, State.ACTIVE, State.REDUCED)
FINAL = ("revoke", "surrender", "share", "end_claims", "extend")
"""Verbs that nothing undoes."""
ACTS: dict[str, Callable[..., object]] = {
    "suspend": services.suspend,
    "reinstate": services.reinstate,
    "revoke": services.revoke,
    "surrender": services.surrender,
    "end_claims": services.end_claims,
}
"""Those that take a reason and nothing else."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """On whom a voucher waits, and until when."""

    who: str | Promise
    until: datetime | None = None


def act(actor: Actor, voucher_id: str, sent: dict[str, Any]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    verb, reason = sent.get("verb", ""), sent.get("reason", "")
    who: dict[str, Any] = {"actor": actor, "voucher_id": voucher_id}
    if verb in ACTS:
        ACTS[verb](**who, reason=reason)
    elif verb == "answer":
        services.answer(**who, statement=reason)
    elif verb == "release":
        services.release_tranche(**who, event=sent.get("event", ""), reason=reason)
    elif verb == "exempt":
        services.exempt(**who, day=day(sent, "day"), reason=reason)
    elif verb == "share":
        share = ratio(sent.get("share", ""), where="share")
        services.decide_share(**who, day=day(sent, "day"), remove_of_unused=share, reason=reason)
    elif verb == "extend":
        services.extend(**who, last_day=day(sent, "last_day"), reason=reason)
    else:
        return False
    return True


def deeds(actor: Actor, voucher: Voucher, case: Suspension | None, ahead: Ahead) -> list[Deed]:
    """What this person may do with a voucher now.

    Args:
        actor: Who looks.
        voucher: It may be seen by them.
        case: Its open suspension, if there is one.
        ahead: What its document still holds ready.
    """
    office = voucher.programme_version.programme.office_id
    found: list[Deed] = []
    if actor.has("owner", voucher.organisation_id):
        found += _holders(voucher, case)
    if voucher.state in LIVING:
        found += _officers(actor.has("programme_officer", office), ahead)
        if actor.has("programme_officer", office) or actor.has("reviewer", office):
            found.append(SUSPEND)
    if actor.has("approver", office) and voucher.organisation_id not in actor.organisations():
        found += _approvers(voucher, ahead)
    if case is not None and actor.has("approver", office) and may_decide(actor, voucher, case):
        found.append(REINSTATE)
        if _heard(case):
            found.append(REVOKE)
    return found


SUSPEND = Deed(
    "suspend",
    _("Suspend it"),
    _(
        "The holder is given notice with your reason and 14 days to answer. Nothing new is held of it"
        " meanwhile; orders that run go on. Another person decides."
    ),
)
REINSTATE = Deed(
    "reinstate", _("Reinstate it"), _("The voucher is what it was before. The holder reads your reason.")
)
REVOKE = Deed(
    "revoke",
    _("Revoke it"),
    _("What is left goes back to the budget once no order holds any. The holder reads your reason."),
    final=True,
)


def _holders(voucher: Voucher, case: Suspension | None) -> list[Deed]:
    if case is not None:
        said = Input("reason", _("What you say to it"), "long")
        return [
            Deed("answer", _("Answer"), _("Who decides reads it; you may add to it later."), inputs=(said,))
        ]
    if voucher.state not in LIVING or is_claimed_after_use(voucher.programme_version_id):
        return []
    return [
        Deed(
            "surrender",
            _("Surrender it"),
            _("You give it up: what is left goes back to the budget once no order holds any."),
            final=True,
        )
    ]


def _officers(is_officer: bool, ahead: Ahead) -> list[Deed]:
    found: list[Deed] = []
    if is_officer and ahead.events:
        event = Input("event", _("What happened"), "choice", tuple((one, one) for one in ahead.events))
        seen = Input("reason", _("What you saw"), "long", help=_("It is public."))
        says = _("The event is recorded, and what waits for it is released to the holder.")
        found.append(Deed("release", _("Release a tranche"), says, inputs=(event, seen)))
    if is_officer and ahead.exempted_by and ahead.checkpoints:
        days = tuple((one.isoformat(), one.isoformat()) for one in ahead.checkpoints)
        day = Input("day", _("Checkpoint"), "choice", days)
        says = _("Nothing is taken back on that day. The reason goes on record.")
        found.append(Deed("exempt", _("Exempt from a checkpoint"), says, inputs=(day, REASON)))
    return found


def _approvers(voucher: Voucher, ahead: Ahead) -> list[Deed]:
    """What the document leaves open at a voucher's end, and a person decides."""
    found: list[Deed] = []
    if voucher.state in LIVING and ahead.undecided:
        days = tuple((one.day.isoformat(), one.day.isoformat()) for one in ahead.undecided)
        allowed = "; ".join(dict.fromkeys(_allowed(one) for one in ahead.undecided))
        share = Input(
            "share",
            _("What of the unused is taken"),
            help=_("A ratio such as 15/100, or a percentage. The document allows: %(allowed)s.")
            % {"allowed": allowed},
        )
        says = _(
            "On that day the used share lay in none of the document's brackets. So much of what is unused"
            " now goes back to the budget. The holder reads your reason."
        )
        day = Input("day", _("Checkpoint"), "choice", days)
        found.append(Deed("share", _("Decide a checkpoint"), says, (day, share, REASON), final=True))
    if voucher.state in LIVING and ahead.room is not None:
        found.append(_extend(ahead.room))
    if ahead.claims_open:
        says = _(
            "The document names no last day for claims. Nothing more is claimed on this voucher then, and"
            " its rest goes back to the budget. The holder reads your reason."
        )
        found.append(Deed("end_claims", _("End the claim time"), says, final=True))
    return found


def _extend(room: Room) -> Deed:
    told = {"after": room.after.isoformat(), "until": room.until.isoformat()}
    help_text = _("Good until %(after)s now; the document allows until %(until)s.") % told
    last = Input("last_day", _("New last day"), "date", help=help_text)
    says = _("It may be used until then. No money moves. The holder reads your reason.")
    return Deed("extend", _("Extend it"), says, (last, REASON), final=True)


def _allowed(one: Undecided) -> str:
    return "0" if one.between is None else f"0, {one.between[0]} – {one.between[1]}"


def may_decide(actor: Actor, voucher: Voucher, case: Suspension) -> bool:
    """Whether somebody with the role is another person than who suspended it, and not of the holder."""
    return case.opened_by != actor.identity_id and voucher.organisation_id not in actor.organisations()


def _heard(case: Suspension) -> bool:
    return bool(case.statement) or timezone.now() >= case.answer_until


def suspended_for(actor: Actor) -> list[Voucher]:
    """The suspended vouchers on which this person has something to say or to decide."""
    found = []
    for row in selectors.vouchers(actor):
        voucher = row.voucher
        if voucher.state != State.SUSPENDED:
            continue
        case = voucher.suspensions.filter(outcome="").first()
        holder = actor.has("owner", voucher.organisation_id)
        decides = actor.has("approver", voucher.programme_version.programme.office_id)
        if case is not None and (holder or (decides and may_decide(actor, voucher, case))):
            found.append(voucher)
    return found


def undecided_for(actor: Actor) -> list[Voucher]:
    """The vouchers on which this person decides what their documents leave open."""
    if not any("approver" in held for held in actor.roles.values()):
        return []
    between = set(VoucherStep.objects.filter(trigger=UNDECIDED).values_list("voucher_id", flat=True))
    found = []
    for row in selectors.vouchers(actor):
        voucher = row.voucher
        office = voucher.programme_version.programme.office_id
        mine = actor.has("approver", office) and voucher.organisation_id not in actor.organisations()
        if mine and (voucher.id in between or voucher.state == State.EXPIRED):
            still = ahead_of(actor, voucher.id)
            if still.claims_open or (voucher.state in LIVING and still.undecided):
                found.append(voucher)
    return found


def waiting(voucher: Voucher, case: Suspension | None, ahead: Ahead) -> Waiting | None:
    """On whom a voucher waits; ``None`` where it waits on nobody."""
    if case is not None and not _heard(case):
        return Waiting(
            _("the holder, who may answer; an approver may reinstate it before"), case.answer_until
        )
    if case is not None:
        return Waiting(_("an approver who did not suspend it"))
    office = _office_wanted(voucher, ahead)
    if office is not None:
        return Waiting(office)
    if voucher.state == State.ISSUED:
        return Waiting(_("its first tranche's day"))
    return None


def _office_wanted(voucher: Voucher, ahead: Ahead) -> Promise | None:
    """Whom of its office a voucher waits on that is not suspended."""
    living = voucher.state in LIVING
    if living and ahead.undecided:
        return _("an approver, who decides a checkpoint that lies in no bracket")
    if living and ahead.events:
        return _("a programme officer, who records what releases the next tranche")
    if ahead.claims_open:
        return _("an approver, who ends the claim time once everything is claimed")
    return None
