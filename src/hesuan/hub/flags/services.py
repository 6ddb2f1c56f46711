"""Writing flags: raised once by what they say, decided once by a person. Only surveillance calls these."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.flags.models import Flag, FlagKey, FlagStep, Tuning
from hesuan.hub.identity.actors import Actor
from hesuan.surveillance import flags as verdicts

MOST_REFS = 200
"""Rows that a stored flag names; how many there were in all stands beside them."""


def raise_flag(verdict: verdicts.Flag, *, concerning: Iterable[str]) -> bool:
    """Stores a verdict unless it is stored; records the fact.

    Args:
        verdict: What the rule said.
        concerning: Further keys, such as ``programme:<id>``.

    Returns:
        Whether it is new.
    """
    named = {name: getattr(verdict, name) for name in ("rule", "version", "subject", "window")}
    with transaction.atomic():
        if Flag.objects.filter(**named).exists():
            return False
        digest = "sha256:" + hashlib.sha256(verdicts.as_bytes([verdict])).hexdigest()
        flag, is_new = Flag.objects.get_or_create(
            **named,
            defaults={
                "action": verdict.action.value,
                "refs": list(verdict.refs[:MOST_REFS]),
                "numbers": {**dict(verdict.numbers), "refs": len(verdict.refs)},
                "digest": digest,
                "raised_at": timezone.now(),
            },
        )
        if is_new:
            keys = sorted({*verdict.keys, *concerning})
            FlagKey.objects.bulk_create([FlagKey(flag=flag, key=key) for key in keys])
            public = {"rule": flag.rule, "version": flag.version, "action": flag.action}
            private = {"about": flag.subject, "window": flag.window, "numbers": flag.numbers}
            private |= {"digest": digest}
            audit.record(kind="flag.raised", subject=flag.id, actor="system", public=public, private=private)
        return is_new


def decide(flag: Flag, *, actor: Actor, to: str, reason: str, measure: str = "") -> None:
    """Writes a person's answer to a locked, open flag."""
    flag.state = to
    flag.save(update_fields=["state"])
    FlagStep.objects.create(
        flag=flag, to_state=to, measure=measure, actor=actor.identity_id, reason=reason, at=timezone.now()
    )
    audit.record(
        kind=f"flag.{to.lower()}",
        subject=flag.id,
        actor=actor.identity_id,
        public={"rule": flag.rule, "action": flag.action, "measure": measure},
        private={"reason": reason, "about": flag.subject},
    )


def tune(*, actor: Actor, programme_id: str, name: str, value: int, reason: str) -> Tuning:
    """Writes a programme's own threshold."""
    made = Tuning.objects.create(
        programme=programme_id,
        name=name,
        value=value,
        reason=reason,
        actor=actor.identity_id,
        at=timezone.now(),
    )
    audit.record(
        kind="threshold.tuned",
        subject=programme_id,
        actor=actor.identity_id,
        public={"programme": programme_id, "name": name, "value": value},
        private={"reason": reason},
    )
    # A rule of the programme's money changed: its own log says so too, where its money is followed.
    audit.record_entry(
        log=audit.log_of(programme_id),
        kind="rule",
        subject=f"threshold:{made.pk}",
        actor=actor.identity_id,
        public={"what": f"threshold {name}={value}"},
        private={"reason": reason},
    )
    return made
