"""What an office checks behind its payments, on pages: audit plans and draws, bank statements, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from hesuan.errors import InputFault
from hesuan.hub.centres.models import Centre
from hesuan.hub.console.deeds import REASON, Deed
from hesuan.hub.console.entryform import Input, day, ratio
from hesuan.hub.console.uploads import sent_table
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.selectors import sees_everything
from hesuan.hub.programmes import selectors as programmes
from hesuan.hub.programmes.models import Programme, ProgrammeVersion
from hesuan.hub.settlement import audit_errors, reconciling, sampling, statements
from hesuan.hub.settlement import audit_selectors as audits
from hesuan.hub.settlement.claim_selectors import offices
from hesuan.hub.settlement.models import AuditPlan
from hesuan.hub.surveillance import errors as flag_errors
from hesuan.hub.surveillance import selectors as watching
from hesuan.hub.surveillance import services as surveillance
from hesuan.wire.ids import new_id

FINAL = ("draw", "agree")
"""Verbs that nothing undoes."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A statement by quarter that somebody may look at."""

    programme_id: str
    title: str
    centre: Centre


def sheets(actor: Actor) -> list[Sheet]:
    """The statements of this person's offices and centres."""
    titles = _titles(actor)
    return [
        Sheet(one.programme_id, titles[one.programme_id], one.centre)
        for one in statements.places(actor)
        if one.programme_id in titles
    ]


def checked(actor: Actor) -> list[tuple[str, str]]:
    """Id and title of the programmes whose payments this person's office checks."""
    if not (sees_everything(actor) or offices(actor)):
        return []
    return [
        (one, title)
        for one, title in _titles(actor).items()
        if sees_everything(actor) or programmes.programme(actor, one).office_id in offices(actor)
    ]


def _titles(actor: Actor) -> dict[str, str]:
    """Of every programme that is or was in force, by the active version or else the newest."""
    found: dict[str, str] = {}
    for one in programmes.versions(actor):
        active = one.state == ProgrammeVersion.State.ACTIVE
        if one.state != ProgrammeVersion.State.DRAFT and (active or one.programme_id not in found):
            found[one.programme_id] = one.title
    return found


# --- Audit plans and draws ---


def of_audits(actor: Actor, programme: Programme, plans: list[AuditPlan], periods: list[str]) -> list[Deed]:
    """Proposing a plan, agreeing to one (``on`` its id), drawing from what a quarter paid."""
    office = programme.office_id
    found: list[Deed] = []
    if actor.has("approver", office):
        found.append(_propose())
        found += [_agree(one) for one in plans if not one.agreed_by and one.proposed_by != actor.identity_id]
    if periods and (actor.has("approver", office) or actor.has("programme_officer", office)):
        quarter = Input("period", _("Quarter"), "choice", tuple((one, one) for one in periods))
        says = _(
            "Each paid claim of the quarter draws one number by a seed that nobody chose. Those below the"
            " share are looked into once more."
        )
        found.append(Deed("draw", _("Draw from what was paid"), says, (quarter,), final=True))
    return found


def _propose() -> Deed:
    inputs = (
        Input("share", _("Share of the claims that is drawn"), help=_("A ratio such as 1/10, or 10 %.")),
        Input("days", _("Days for which a paid claim stays open to an audit")),
        REASON,
    )
    says = _(
        "Nothing changes until another approver agrees. Where the document says something too, the larger"
        " share and the later day apply."
    )
    return Deed("propose", _("Propose an audit plan"), says, inputs, id=new_id())


def _agree(plan: AuditPlan) -> Deed:
    says = _("It applies to what is verified from now on.")
    return Deed("agree", _("Agree"), says, (), final=True, on=plan.id)


def act_on_audits(actor: Actor, programme_id: str, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    match sent.get("verb", ""):
        case "propose":
            sampling.propose_plan(
                actor=actor,
                plan_id=sent.get("id") or new_id(),
                programme_id=programme_id,
                share=ratio(sent.get("share", ""), where="share"),
                window_days=_whole(sent.get("days", ""), where="days"),
                reason=sent.get("reason", ""),
            )
        case "agree":
            plan = audits.plan(actor, sent.get("on", ""))
            sampling.agree_plan(actor=actor, plan_id=plan.id)
        case "draw":
            period = sent.get("period", "")
            sampling.draw_paid(actor=actor, programme_id=programme_id, period=period)
        case _:
            return False
    return True


def _whole(text: str, *, where: str) -> int:
    plain = text.strip()
    if not (plain.isascii() and plain.isdigit() and len(plain) < 10):
        raise InputFault(audit_errors.NOT_A_COUNT, where=where, value=text[:40])
    return int(plain)


# --- Bank statements ---


def of_the_bank(actor: Actor, programme: Programme, payers: list[tuple[str, Any]]) -> list[Deed]:
    """Loading a payer's bank statement; offered once somebody was paid."""
    office = programme.office_id
    if not payers or not (actor.has("approver", office) or actor.has("programme_officer", office)):
        return []
    inputs = (
        Input("payer", _("Payer"), "choice", tuple(payers)),
        Input("begins_on", _("First day"), "date"),
        Input(
            "ends_on", _("Last day"), "date", help=_("Payments of these days that it does not name are told.")
        ),
        Input(
            "file",
            _("Bank statement (CSV, UTF-8)"),
            "file",
            help=_(
                "Columns: day, reference, amount; if you like, payment and payee. The reference is the one"
                " that was typed when it was paid."
            ),
        ),
    )
    says = _(
        "What agrees to the fen is reconciled, and a claim with it once all its payments are. What differs is"
        " told with both numbers; nothing is corrected by it. Who paid does not load it."
    )
    return [Deed("load", _("Load a bank statement"), says, inputs, id=new_id())]


def load_statement(request: HttpRequest, actor: Actor, programme_id: str) -> str:
    """Loads the statement that a form brings.

    Returns:
        Its id.
    """
    sent = request.POST.dict()
    begins, ends = day(sent, "begins_on"), day(sent, "ends_on")
    name, content = sent_table(request)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputFault(audit_errors.STATEMENT_NOT_UTF8, where="file", name=name) from None
    made = reconciling.load_statement(
        actor=actor,
        statement_id=sent.get("id") or new_id(),
        programme_id=programme_id,
        payer=sent.get("payer", ""),
        begins_on=begins,
        ends_on=ends,
        name=name[:100],
        content=text,
    )
    return str(made.id)


# --- Thresholds ---


def of_thresholds(actor: Actor, programme: Programme) -> list[Deed]:
    """Setting one of the programme's thresholds: an approver's."""
    if not actor.has("approver", programme.office_id):
        return []
    names = tuple((one.name, f"{one.rule} · {one.name}") for one in watching.thresholds(actor, programme.id))
    inputs = (
        Input("name", _("Threshold"), "choice", names),
        Input("value", _("New number"), help=_("A whole number of its unit.")),
        REASON,
    )
    says = _("The rules judge this programme by it from now on. Flags that were raised before stay.")
    return [Deed("tune", _("Set a threshold"), says, inputs)]


def tune(actor: Actor, programme_id: str, sent: Mapping[str, str]) -> None:
    """Sets the threshold that a form names.

    Raises:
        InputFault: ``flag.not_a_threshold`` beside what was typed, and as the service.
    """
    name, text = sent.get("name", "")[:64], sent.get("value", "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise InputFault(flag_errors.NOT_A_THRESHOLD, where="value", name=name, value=text[:40])
    surveillance.tune(
        actor=actor, programme_id=programme_id, name=name, value=int(text), reason=sent.get("reason", "")
    )
