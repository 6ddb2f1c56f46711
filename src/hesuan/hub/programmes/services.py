"""The programmes room's verbs. Every one is safe to call twice."""

from __future__ import annotations

from hesuan.hub.programmes.applications import apply, approve, review
from hesuan.hub.programmes.issuing import issue
from hesuan.hub.programmes.redemption import plan_voucher, subsidy
from hesuan.hub.programmes.versions import activate, admit_supplier, load_programme

__all__ = [
    "activate",
    "admit_supplier",
    "apply",
    "approve",
    "issue",
    "load_programme",
    "plan_voucher",
    "review",
    "subsidy",
]
