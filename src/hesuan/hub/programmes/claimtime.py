"""How long a voucher that reimburses may be claimed on after its last day. Reads only.

A voucher is used on the day of the service (README of the programmes, 6.1), and what is delivered before its
last day may be claimed after it: so at its end only new use stops. Its rest goes back when the claim time of
its document (``redemption.claim_until``) is over. Where the document says nothing, or ``"?"``, the hub gives
nothing back by itself: an approver of the office ends the claim time, with a reason, on record.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hesuan.hub.programmes import engine, rules
from hesuan.hub.programmes.models import Voucher
from hesuan.policy.terms import Validity
from hesuan.policy.windows import later

ENDED = "end_claims"
"""The step that ends a claim time which no document states."""
REIMBURSING = ("reimburse_user",)


def claims_over(voucher: Voucher, now: datetime) -> bool:
    """Whether nothing that was used before a voucher's end may be claimed any more.

    Of flows that draw on the voucher when an order is settled nothing is ever claimed on it later.
    """
    if engine.programme_of(voucher.programme_version).flow not in REIMBURSING:
        return True
    until = claim_until(voucher)
    if until is not None:
        return now >= until
    return voucher.steps.filter(trigger=ENDED).exists()


def claim_until(voucher: Voucher) -> datetime | None:
    """The first moment at which nothing may be claimed any more; ``None`` where no document says one."""
    proof = engine.programme_of(voucher.programme_version).terms.redemption
    rule = proof.claim_until if proof is not None else None
    if voucher.ends_at is None or not isinstance(rule, Validity):
        return None
    if rule.until is None and not rule.count:
        return None
    last = rules.programme_day(voucher.ends_at - timedelta(microseconds=1))
    day = rule.until if rule.until is not None else later(last, rule.count, rule.unit)
    return datetime.combine(
        max(day, last) + timedelta(days=1), time(), tzinfo=rules.PROGRAMME_TIME
    ).astimezone(UTC)


def served_in_time(voucher: Voucher, served_at: datetime) -> bool:
    """Whether a service was delivered while the voucher was good."""
    return voucher.ends_at is None or served_at < voucher.ends_at
