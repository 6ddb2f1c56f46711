"""One transition of an application: its row, its state, its fact; the only place that moves one."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.programmes.application_rules import MOVES
from hesuan.hub.programmes.models import Application, ApplicationStep
from hesuan.wire.canonical import Json


def move(
    application: Application,
    to: str,
    *,
    trigger: str,
    actor: Actor,
    part: str = "",
    reason: str = "",
    at: datetime | None = None,
) -> ApplicationStep:
    """Takes an application, whose row the caller has locked, to a state; the caller saves the row.

    Args:
        application: The application; its ``state`` is set.
        to: The state that follows.
        trigger: The verb and what it said, such as ``review.pass``.
        actor: Who; the hub itself for the clock and the engine.
        part: Where four eyes count: in which part somebody acts.
        reason: Why.
        at: When; now without.
    """
    last = ApplicationStep.objects.filter(application=application).order_by("-number").first()
    before = last.to_state if last else ""
    assert to in MOVES[before], f"no way leads from {before or 'nothing'} to {to}"
    step = ApplicationStep.objects.create(
        application=application,
        number=last.number + 1 if last else 1,
        round=application.round,
        from_state=before,
        to_state=to,
        trigger=trigger,
        part=part,
        actor=actor.identity_id,
        reason=reason,
        at=at or timezone.now(),
    )
    application.state = to
    _forget_rows_read_before(application)
    return step


def record(
    kind: str,
    application: Application,
    actor: Actor,
    public: dict[str, Json] | None = None,
    *,
    note: str = "",
) -> None:
    """A fact of the log about an application; who applies and who acts stay in its private part."""
    version = application.programme_version
    audit.record(
        kind=kind,
        subject=application.id,
        actor=actor.identity_id,
        public={"programme": version.programme_id, "digest": version.digest, **(public or {})},
        private={"organisation": application.organisation_id, "by": actor.identity_id, "note": note},
    )


def _forget_rows_read_before(application: Application) -> None:
    """Rows that were fetched with the application are older than the one just written."""
    getattr(application, "_prefetched_objects_cache", {}).pop("steps", None)
