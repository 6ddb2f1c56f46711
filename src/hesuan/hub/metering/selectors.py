"""Reads of the metering room; who sees an order sees its usage."""

from __future__ import annotations

from hesuan.hub.identity.actors import Actor
from hesuan.hub.metering.models import Finding, UsageRecord
from hesuan.hub.runs import selectors as runs


def usage(actor: Actor, run_id: str) -> UsageRecord | None:
    """The usage record of a run, None while it has not arrived.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    return UsageRecord.objects.filter(run=runs.run(actor, run_id)).first()


def findings(actor: Actor, run_id: str) -> list[Finding]:
    """What did not agree about a run.

    Raises:
        NotFound: ``run.not_found``, for strangers too.
    """
    return list(Finding.objects.filter(run=runs.run(actor, run_id)).order_by("found_at", "id"))
