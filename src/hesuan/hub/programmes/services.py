"""The programmes room's verbs. Every one is safe to call twice."""

from __future__ import annotations

from hesuan.hub.programmes.applications import amend, apply, draft, submit
from hesuan.hub.programmes.calls import close_call, open_call
from hesuan.hub.programmes.clock import advance_due
from hesuan.hub.programmes.conflicts import declare_interest
from hesuan.hub.programmes.issuing import issue
from hesuan.hub.programmes.publicity import object_to, resolve
from hesuan.hub.programmes.redemption import plan_voucher, subsidy
from hesuan.hub.programmes.reviewing import approve, assign_desk, review
from hesuan.hub.programmes.versions import activate, admit_supplier, load_programme

__all__ = [
    "activate",
    "admit_supplier",
    "advance_due",
    "amend",
    "apply",
    "approve",
    "assign_desk",
    "close_call",
    "declare_interest",
    "draft",
    "issue",
    "load_programme",
    "object_to",
    "open_call",
    "plan_voucher",
    "resolve",
    "review",
    "submit",
    "subsidy",
]
