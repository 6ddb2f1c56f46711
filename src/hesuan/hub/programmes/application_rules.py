"""The life of an application on plain values: states, steps, the public's days. No Django."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from hesuan.hub.programmes.rules import PROGRAMME_TIME, programme_day

PASS, RETURN, REJECT = "pass", "return", "reject"
VERDICTS = (PASS, RETURN, REJECT)
DISMISS = "dismiss"
RESOLUTIONS = (DISMISS, RETURN, REJECT)

REVIEW, APPROVE = "review", "approve"
DEFAULT_STEPS = ("reviewer", "approver")
"""Where a document does not say who has to agree."""
SECOND_APPROVER = "second_approver"
AUTHOR, RESOLVER = "author", "resolver"

MOVES: dict[str, tuple[str, ...]] = {
    "": ("DRAFT", "ISSUED"),
    "DRAFT": ("SUBMITTED",),
    "SUBMITTED": ("AUTO_APPROVED", "UNDER_REVIEW", "RETURNED", "REJECTED", "APPROVED"),
    "UNDER_REVIEW": ("UNDER_REVIEW", "RETURNED", "REJECTED", "APPROVED"),
    "RETURNED": ("SUBMITTED",),
    "AUTO_APPROVED": ("PUBLICISED", "ISSUED"),
    "APPROVED": ("PUBLICISED", "ISSUED"),
    "PUBLICISED": ("OBJECTED", "ISSUED"),
    "OBJECTED": ("OBJECTED", "PUBLICISED", "RETURNED", "REJECTED"),
    "REJECTED": (),
    "ISSUED": (),
}
"""State → the states that may follow it. ``UNDER_REVIEW`` follows itself step by step; ``ISSUED`` follows
nothing where a claim makes its own entitlement, and whoever reviews the claim reviews the application."""
CLAIMED = "claim"
"""The trigger of such an entitlement."""
UNDONE = "undo"
"""The trigger that ends its voucher where the claim came back undecided or was refused."""

IN_REVIEW = ("SUBMITTED", "UNDER_REVIEW")
ENDED = ("REJECTED", "ISSUED")
PUBLIC = ("PUBLICISED", "OBJECTED")
"""States in which an application stands on the public list."""


@dataclass(frozen=True, slots=True)
class ReviewStep:
    """One of the steps that have to agree, in order."""

    name: str
    """As the document calls it: ``county``, ``bureau``, ``finance``."""
    verb: str
    """``review``, or ``approve`` for those who decide last."""

    @property
    def role(self) -> str:
        """The office role that takes it."""
        return "approver" if self.verb == APPROVE else "reviewer"


def review_steps(named: Iterable[str], *, second_approver: bool) -> tuple[ReviewStep, ...]:
    """Who has to agree, in order: reviewers, and last an approver; above a limit a second one.

    Args:
        named: ``issuance.else_steps``; none stands for a reviewer and an approver.
        second_approver: Whether the amount is above the limit from which two people approve.
    """
    names = tuple(named) or DEFAULT_STEPS
    last = len(names) - 1
    steps = [ReviewStep(name, APPROVE if place == last else REVIEW) for place, name in enumerate(names)]
    if second_approver:
        steps.append(ReviewStep(SECOND_APPROVER, APPROVE))
    return tuple(steps)


def publicity_end(begun_at: datetime, days: int) -> datetime:
    """The midnight, in the programme's time, that ends the last of so many full days after the first."""
    last = programme_day(begun_at) + timedelta(days=days)
    return datetime.combine(last + timedelta(days=1), time(), tzinfo=PROGRAMME_TIME).astimezone(UTC)
