"""The rate of a claim under a ceiling ("up to", 最高): set by whoever verifies it, never by who approves it.

A document may leave to a person how much of its ceiling a claim gets (``rates.set_by``). As long as nobody
has said so, the claim is held for the ceiling, so that what it may get is promised to nobody else. Setting
the rate gives that entitlement up and makes another of the same facts and the same day, in one transaction:
who set it, which rate and why stand in the claim's steps, in the log, and in the entitlement's own facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hesuan.errors import InputFault, Refused
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.paying import PayingTerms, paying_terms
from hesuan.hub.settlement import claim_errors as errors
from hesuan.hub.settlement import gate
from hesuan.hub.settlement.holds import RATE_SET, hold_anew, release_holds
from hesuan.hub.settlement.models import Claim

VERB = ("Setting the rate", "核定比例")


@dataclass(frozen=True, slots=True)
class Rate:
    """How a claim's rate stands."""

    most: Fraction | None
    """The highest that the document lets its orders have; ``None`` once it is set."""
    rate: Fraction | None
    """As it was set; ``None`` as long as it is not."""
    role: str
    """Whose step it is, in the document's word."""
    set_by: str = ""
    reason: str = ""


def rate_of(claim: Claim) -> Rate | None:
    """The rate of a submitted claim; ``None`` where nobody sets any, or nothing is held."""
    terms = paying_terms(claim.programme_version_id)
    voucher = _entitlement(claim) if terms.rate_set_by else None
    if voucher is None:
        return None
    said = voucher.application.award.get("award.rate")
    if not isinstance(said, str):
        return Rate(programmes.most_rate(voucher), None, terms.rate_set_by)
    step = claim.steps.filter(trigger=RATE_SET).order_by("-id").first()
    return Rate(
        None,
        programmes.rate_said(said, where="rate"),
        terms.rate_set_by,
        set_by=step.actor if step else "",
        reason=step.reason.partition(": ")[2] if step else "",
    )


def is_set_to(claim: Claim, rate: str) -> bool:
    """Whether nothing else is said than what was set: the same request again."""
    standing = rate_of(claim)
    return not rate.strip() or (
        standing is not None and standing.rate == programmes.rate_said(rate, where="rate")
    )


def sets_rate(terms: PayingTerms, stage: int) -> bool:
    """Whether the step that verifies at a stage sets the rate: the first that bears the document's word."""
    labels = [one.label for one in gate.stages(terms)[:-1]]
    return terms.rate_set_by in labels and labels.index(terms.rate_set_by) == stage


def set_rate(claim: Claim, terms: PayingTerms, rate: str, *, actor: Actor, reason: str) -> None:
    """Decides a claim anew by the rate that its verifier sets; the caller has checked who that is.

    Raises:
        InputFault: ``claim.rate_missing``, ``claim.reason_missing``; it is no number.
        Refused: ``claim.rate_outside``; ``claim.nothing_paid``, ``claim.adjusted_otherwise``.
    """
    before = rate_of(claim)
    most = before.most if before and before.most is not None else Fraction(0)
    if not rate.strip():
        raise InputFault(errors.RATE_MISSING, where="rate", claim=claim.id, most=most, role=terms.rate_set_by)
    gate.need_reason(reason, VERB)
    said = programmes.rate_said(rate, where="rate")
    if not 0 < said <= most:
        raise Refused(errors.RATE_OUTSIDE, claim=claim.id, rate=said, most=most)
    state = claim.state
    release_holds(claim, actor=actor, reason=f"{said}: {reason}")
    claim.state = Claim.State.DRAFT  # lines are decided in a draft alone; nobody sees it as one
    claim.save(update_fields=["state"])
    drawn = hold_anew(claim, actor, {"award.rate": str(said)})
    if max((one.rate for one in drawn if one.rate is not None), default=None) != said:
        # A match of other public money has its own rate, which nobody sets otherwise.
        raise Refused(errors.RATE_OUTSIDE, claim=claim.id, rate=said, most=most)
    claim.state = state
    claim.save(update_fields=["state"])
    total = sum(claim.lines.values_list("subsidy_fen", flat=True))
    gate.move(
        claim,
        state,
        trigger=RATE_SET,
        actor=actor,
        reason=f"{said}: {reason}",
        role=terms.rate_set_by,
        public={"rate": str(said), "most": str(most), "subsidy_fen": total},
    )


def _entitlement(claim: Claim) -> Voucher | None:
    rows = claim.lines.filter(voucher__isnull=False).select_related("voucher__application")
    line = rows.first() if claim.state != Claim.State.DRAFT else None
    return line.voucher if line else None
