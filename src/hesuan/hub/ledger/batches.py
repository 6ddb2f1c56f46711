"""Many journals decided one after another, as if each had been alone; pure like :mod:`.rules`.

A batch is no journal: each journal in it is accepted or refused by itself, and sees what those before it in
the batch did — the money they moved, the holds they made or resolved, the ids they used. So one transaction
can carry hundreds of requests, and nobody can tell from an answer that it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hesuan.hub.ledger.rules import (
    Counters,
    Decision,
    Event,
    Ref,
    Remembered,
    Target,
    decide,
)


@dataclass(frozen=True, slots=True)
class Journal:
    """Events that happen together or not at all, with the digest of the request they came in."""

    events: tuple[Event, ...]
    digest: str


@dataclass(slots=True)
class State:
    """What a batch was decided on, read under lock; afterwards what it left, if it is written."""

    accounts: dict[Ref, Counters]
    known: dict[str, Remembered]
    targets: dict[str, Target]


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch's decisions in the order of its journals, and the sum of their changes."""

    decisions: tuple[Decision, ...]
    changes: dict[Ref, Counters]


def decide_all(journals: Sequence[Journal], state: State, *, at: datetime) -> Decided:
    """Decides a batch at one time; the state is moved on journal by journal."""
    decisions: list[Decision] = []
    total: dict[Ref, Counters] = {}
    for journal in journals:
        decision = decide(
            journal.events,
            accounts=state.accounts,
            known=state.known,
            pending=state.targets,
            digest=journal.digest,
            at=at,
        )
        for outcome in decision.new:
            state.known[outcome.id] = Remembered(journal.digest, outcome)
        for ref, change in decision.changes.items():
            state.accounts[ref] = state.accounts[ref].plus(change)
            total[ref] = total[ref].plus(change) if ref in total else change
        state.targets.update(decision.targets)
        decisions.append(decision)
    return Decided(tuple(decisions), total)


def refs_of(events: Sequence[Event], targets: dict[str, Target]) -> set[Ref]:
    """Every account the events name, and those of the holds they resolve."""
    refs = set()
    for event in events:
        if event.debit:
            refs.add((event.ledger, event.debit))
        if event.credit:
            refs.add((event.ledger, event.credit))
        target = targets.get(event.pending_id) if event.pending_id else None
        if target is not None:
            refs |= {(target.ledger, target.debit), (target.ledger, target.credit)}
    return refs
