"""Handing facts on: each committed fact to every handler of its kind, once.

A fact whose handler raises is kept with its fault and tried again later; it does not hold back the others.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from hesuan.hub.audit.models import Fact
from hesuan.hub.worker import rules, table
from hesuan.hub.worker.models import Setback

log = logging.getLogger(__name__)

BATCH = 500


def hand_on() -> int:
    """Hands on every fact that waits, those included that the handlers record; returns how many."""
    done = 0
    tried: set[int] = set()
    while batch := _waiting(tried):
        tried |= {seq for seq, _ in batch}
        idle = [seq for seq, kind in batch if kind not in table.FACTS]
        if idle:
            Fact.objects.filter(seq__in=idle, handed_on_at=None).update(handed_on_at=timezone.now())
        done += sum(_hand_on(seq) for seq, kind in batch if kind in table.FACTS)
    return done


def _waiting(tried: set[int]) -> list[tuple[int, str]]:
    due = Q(setback__isnull=True) | Q(setback__due_at__lte=timezone.now())
    facts = Fact.objects.filter(due, handed_on_at=None).order_by("seq").values_list("seq", "kind")
    return [(seq, kind) for seq, kind in facts[: BATCH + len(tried)] if seq not in tried]


def _hand_on(seq: int) -> int:
    with transaction.atomic():
        rows = Fact.objects.select_for_update(of=("self",), skip_locked=True)
        fact = rows.filter(seq=seq, handed_on_at=None).first()
        if fact is None:  # another worker has it, or had it
            return 0
        try:
            with transaction.atomic():
                for handler in table.FACTS[fact.kind]:
                    handler(fact)
        except Exception as error:
            log.exception("fact %s (%s) could not be handed on", fact.id, fact.kind)
            _set_back(fact, error)
            return 0
        Setback.objects.filter(fact=fact).delete()
        Fact.objects.filter(seq=seq).update(handed_on_at=timezone.now())
        return 1


def _set_back(fact: Fact, error: Exception) -> None:
    before = Setback.objects.filter(fact=fact).first()
    attempts = (before.attempts if before else 0) + 1
    Setback.objects.update_or_create(
        fact=fact,
        defaults={
            "attempts": attempts,
            "fault": f"{type(error).__name__}: {error}",
            "due_at": timezone.now() + rules.wait_after(attempts),
        },
    )
