"""The programmes room's verbs. Every one is safe to call twice."""

from __future__ import annotations

from hesuan.hub.programmes.admitting import admit_supplier, end_admission
from hesuan.hub.programmes.applications import amend, apply, draft, submit
from hesuan.hub.programmes.burning import plan_voucher, plan_vouchers
from hesuan.hub.programmes.calls import close_call, open_call
from hesuan.hub.programmes.claiming import decide_share, end_claims
from hesuan.hub.programmes.clock import advance_due
from hesuan.hub.programmes.conflicts import declare_interest
from hesuan.hub.programmes.decaying import exempt, keep_dates
from hesuan.hub.programmes.drawing import count_of_limits, counts_claims, draw, note_counted, preview
from hesuan.hub.programmes.entitling import (
    end_drawn,
    entitle,
    most_rate,
    preview_claim,
    rate_said,
    stated_facts,
    undo,
)
from hesuan.hub.programmes.extending import extend
from hesuan.hub.programmes.holding import (
    end_counts,
    hold,
    lock_vouchers,
    need_drawable,
    need_unfrozen,
    note_redeemed,
)
from hesuan.hub.programmes.issuing import issue
from hesuan.hub.programmes.life import expire_vouchers, release_tranche, surrender
from hesuan.hub.programmes.publicity import object_to, resolve
from hesuan.hub.programmes.redemption import redeem, subsidy
from hesuan.hub.programmes.reviewing import approve, assign_desk, review
from hesuan.hub.programmes.suspending import answer, reinstate, revoke, suspend
from hesuan.hub.programmes.transferring import transfer
from hesuan.hub.programmes.versions import activate, load_programme

__all__ = [
    "activate",
    "admit_supplier",
    "advance_due",
    "amend",
    "answer",
    "apply",
    "approve",
    "assign_desk",
    "close_call",
    "count_of_limits",
    "counts_claims",
    "decide_share",
    "declare_interest",
    "draft",
    "draw",
    "end_admission",
    "end_claims",
    "end_counts",
    "end_drawn",
    "entitle",
    "exempt",
    "expire_vouchers",
    "extend",
    "hold",
    "issue",
    "keep_dates",
    "load_programme",
    "lock_vouchers",
    "most_rate",
    "need_drawable",
    "need_unfrozen",
    "note_counted",
    "note_redeemed",
    "object_to",
    "open_call",
    "plan_voucher",
    "plan_vouchers",
    "preview",
    "preview_claim",
    "rate_said",
    "redeem",
    "reinstate",
    "release_tranche",
    "resolve",
    "review",
    "revoke",
    "stated_facts",
    "submit",
    "subsidy",
    "surrender",
    "suspend",
    "transfer",
    "undo",
]
