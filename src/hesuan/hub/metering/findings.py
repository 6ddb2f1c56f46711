"""Findings: what does not add up about a run, kept once for a person to look at, never a correction."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.metering.models import Finding
from hesuan.hub.runs.models import Run
from hesuan.wire.canonical import Json, digest


def note_finding(*, run_id: str, kind: str, facts: Mapping[str, Json]) -> Finding:
    """Keeps what does not add up about a run, once by its content."""
    with transaction.atomic():
        run = Run.objects.get(pk=run_id)
        return find(run, kind, digest(dict(facts)), facts)


def find(run: Run, kind: str, fingerprint: str, facts: Mapping[str, Json]) -> Finding:
    """Keeps a finding once by its fingerprint; a new one is a fact of the log."""
    finding, is_new = Finding.objects.get_or_create(
        run=run,
        kind=kind,
        digest=fingerprint,
        defaults={"facts": dict(facts), "found_at": timezone.now()},
    )
    if is_new:
        audit.record(
            kind="finding.raised",
            subject=run.id,
            actor="system",
            public={"finding": kind},
            private={"digest": fingerprint, "facts": dict(facts)},
        )
    return finding
