"""What a page offers about a claim besides its next step: back, out, differences, disputes, money back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from hesuan.hub.console.claimdesk import OFFICE, REVIEWED, acted, is_claimant
from hesuan.hub.console.deeds import REASON, Deed
from hesuan.hub.console.entryform import Input
from hesuan.hub.identity.actors import Actor
from hesuan.hub.settlement import claim_review, clawing, closing, comparing, disputing, sampling
from hesuan.hub.settlement import claims as claiming
from hesuan.hub.settlement.disputing import LIVE
from hesuan.hub.settlement.gate import USER_FLOWS
from hesuan.hub.settlement.models import Claim, ClaimLine, Clawback, Dispute
from hesuan.money import parse_yuan
from hesuan.wire.ids import new_id

State = Claim.State
FINAL = ("withdraw", "reject", "demand", "resolve_dispute", "conclude", "close_claim")
"""Verbs that nothing undoes."""
WITH_REASON: dict[str, Callable[..., object]] = {
    "withdraw": claiming.withdraw,
    "waive": comparing.waive,
    "send_back": claim_review.send_back,
    "reject": claim_review.reject,
}
WITHDRAWABLE = (State.DRAFT, State.MATCHED, State.MISMATCH, State.VERIFIED)
WITHDRAW = Deed(
    "withdraw", _("Withdraw"), _("The claim ends here; its orders may be claimed anew."), final=True
)
WAIVE = Deed(
    "waive",
    _("Let the differences pass"),
    _("The claim goes on as if it agreed. Who lets them pass does not verify it."),
)
SEND_BACK = Deed(
    "send_back",
    _("Return for completion"),
    _("The claimant reads your reason, corrects the papers and submits again."),
)
REJECT = Deed(
    "reject",
    _("Reject"),
    _("The claim ends here; its orders may be claimed anew. The claimant reads your reason."),
    final=True,
)
REMATCH = Deed(
    "rematch",
    _("Compare again with a tolerance"),
    _("Differences of amounts up to this are let pass, and it is on record."),
    (Input("tolerance", _("Tolerance in yuan, at most 1,000.00"), "amount"), REASON),
)


def deeds(actor: Actor, claim: Claim, lines: list[ClaimLine]) -> list[Deed]:
    """What this person may do besides taking a claim a step on; deeds of a line are ``on`` its number."""
    found = [WITHDRAW] if is_claimant(actor, claim) and claim.state in WITHDRAWABLE else []
    return found + _office(actor, claim) + [one for line in lines for one in _of_a_line(actor, claim, line)]


def _office(actor: Actor, claim: Claim) -> list[Deed]:
    office = claim.programme_version.programme.office_id
    found: list[Deed] = []
    if not outside(actor, claim):
        return found
    if actor.has("reviewer", office):
        found += [WAIVE] if claim.state == State.MISMATCH else []
        found += [REMATCH] if claim.state in (State.MISMATCH, State.MATCHED) else []
    approver = actor.has("approver", office)
    if claim.state in REVIEWED and (approver or actor.has("reviewer", office)):
        found += [SEND_BACK, REJECT]
    if approver and sum(clawing.kept(claim).values()) > 0:
        found.append(_demand())
    return found + _audit(actor, claim)


def _audit(actor: Actor, claim: Claim) -> list[Deed]:
    """Concluding the audit a claim was drawn for, and closing one that is reconciled."""
    office = claim.programme_version.programme.office_id
    approver = actor.has("approver", office)
    found: list[Deed] = []
    judges = (approver or actor.has("reviewer", office)) and not acted(actor, claim, sampling.ACTED)
    if claim.state == State.SAMPLED_AUDIT and judges:
        found.append(_conclude(claim, approver=approver))
    closes = (approver or actor.has("programme_officer", office)) and not acted(actor, claim, ("paid",))
    if claim.state == State.RECONCILED and closes:
        note = Input("reason", _("What was looked at"), "long")
        says = _("No credit note and no clawback reaches it any more.")
        found.append(Deed("close_claim", _("Close the claim"), says, (note,), final=True))
    return found


def _conclude(claim: Claim, *, approver: bool) -> Deed:
    paid = bool(claim.payments.all())
    outcomes = [("passed", _("Nothing was found: it goes on from where it stood"))]
    if not paid:
        outcomes.append(("findings", _("Something was found: it goes back to the claimant")))
    elif approver:
        outcomes.append(("findings", _("Something was found: money has to come back")))
    inputs = [Input("outcome", _("Decision"), "choice", tuple(outcomes))]
    if paid and approver:
        inputs.append(Input("amount", _("What has to come back, in yuan"), "amount"))
    inputs.append(Input("reason", _("What was found"), "long", help=_("The claimant reads it.")))
    says = _("This claim was drawn for an audit; whoever had no part in it concludes.")
    return Deed("conclude", _("Conclude the audit"), says, tuple(inputs), final=True, id=new_id())


def _demand() -> Deed:
    amount = Input("amount", _("Amount in yuan"), "amount")
    says = _("The claimant owes it and reads your reason; what is paid next is set off against it.")
    return Deed("demand", _("Demand money back"), says, (amount, REASON), final=True, id=new_id())


def _of_a_line(actor: Actor, claim: Claim, line: ClaimLine) -> list[Deed]:
    number = str(line.number)
    open_one = next((one for one in line.disputes.all() if one.resolved_at is None), None)
    if open_one is None:
        if claim.state in LIVE and line.state == ClaimLine.State.CLAIMED and _has_part(actor, claim):
            says = _("This line stands still until an approver decides; the others go on.")
            return [Deed("dispute", _("Dispute this line"), says, on=number, id=new_id())]
        return []
    if not _may_resolve(actor, claim, open_one):
        return []
    outcomes = (
        ("upheld", _("The line is right: it is paid as it stands")),
        ("refused", _("The line is wrong: it is not paid")),
    )
    inputs = (
        Input("outcome", _("Decision"), "choice", outcomes),
        Input("reason", _("What was found"), "long"),
    )
    says = _("What was held or captured for a line that is not paid goes back, to be claimed anew.")
    return [Deed("resolve_dispute", _("Decide the dispute"), says, inputs, final=True, on=number)]


def _has_part(actor: Actor, claim: Claim) -> bool:
    """Somebody who answers for one of the parties, or the office."""
    office = claim.programme_version.programme.office_id
    of_the_centre = claim.claimant_id if claim.flow not in USER_FLOWS else claim.centre.organisation_id
    return (
        actor.has("owner", claim.holder_id)
        or actor.has("centre_operator", of_the_centre)
        or any(actor.has(role, office) for role in OFFICE)
    )


def _may_resolve(actor: Actor, claim: Claim, dispute: Dispute) -> bool:
    office = claim.programme_version.programme.office_id
    return actor.has("approver", office) and outside(actor, claim) and dispute.opened_by != actor.identity_id


def outside(actor: Actor, claim: Claim) -> bool:
    """Whether somebody belongs to neither party."""
    return not {claim.claimant_id, claim.holder_id} & set(actor.organisations())


def act(actor: Actor, claim: Claim, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    verb, reason = sent.get("verb", ""), sent.get("reason", "")
    who: dict[str, Any] = {"actor": actor, "claim_id": claim.id}
    line = int(sent["on"]) if sent.get("on", "").isdecimal() else 0
    if verb in WITH_REASON:
        WITH_REASON[verb](**who, reason=reason)
    elif verb == "rematch":
        comparing.rematch(**who, tolerance_fen=_yuan(sent, "tolerance"), reason=reason)
    elif verb == "demand":
        clawback_id = sent.get("id") or new_id()
        clawing.demand(**who, clawback_id=clawback_id, amount_fen=_yuan(sent, "amount"), reason=reason)
    elif verb == "dispute":
        disputing.dispute(**who, line=line, reason=reason, dispute_id=sent.get("id") or new_id())
    elif verb == "conclude":
        sampling.conclude(
            **who,
            outcome=sent.get("outcome", ""),
            finding=reason,
            amount_fen=_yuan(sent, "amount") if sent.get("amount", "").strip() else 0,
            clawback_id=sent.get("id") or new_id(),
        )
    elif verb == "close_claim":
        closing.close(**who, note=reason)
    elif verb == "resolve_dispute":
        disputing.resolve(**who, line=line, outcome=sent.get("outcome", ""), finding=reason)
    else:
        return False
    return True


def _yuan(sent: Mapping[str, str], name: str) -> int:
    return parse_yuan(sent.get(name, "").replace(",", "").replace("¥", "").strip(), where=name)


# --- What has to come back ---


def of_a_clawback(actor: Actor, clawback: Clawback) -> list[Deed]:
    """Booking that it came back, and writing it off by two people."""
    office = clawback.claim.programme_version.programme.office_id
    role = actor.has("programme_officer", office) or actor.has("approver", office)
    if clawback.state != Clawback.State.DUE or not role or not outside(actor, clawback.claim):
        return []
    reference = Input("reference", _("Bank reference"))
    says = _("Everything that is still due came back.")
    found = [Deed("recover", _("It came back"), says, (reference,), final=True)]
    if not clawback.proposed_write_off_by:
        says = _("Nothing changes until a second person agrees.")
        found.append(Deed("write_off", _("Propose to write it off"), says))
    elif clawback.proposed_write_off_by != actor.identity_id:
        says = _("Somebody else proposed it. The money does not come back.")
        found.append(Deed("write_off", _("Agree to write it off"), says, final=True))
    return found


def act_on_clawback(actor: Actor, clawback: Clawback, sent: Mapping[str, str]) -> bool:
    """Carries out what a form asks; whether there is such a verb."""
    who: dict[str, Any] = {"actor": actor, "clawback_id": clawback.id}
    match sent.get("verb", ""):
        case "recover":
            clawing.recover(**who, reference=sent.get("reference", "").strip()[:100])
        case "write_off":
            clawing.write_off(**who, reason=sent.get("reason", ""))
        case _:
            return False
    return True


def final_of_clawback(clawback: Clawback) -> tuple[str, ...]:
    """A proposal is taken back by nobody agreeing; agreeing is for good."""
    return ("recover", "write_off") if clawback.proposed_write_off_by else ("recover",)
