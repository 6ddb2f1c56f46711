"""After a credit note: every later decision, made again in order, and what changes.

A credit note takes lines off an invoice that was settled. The claim is then worth less, so the cap it used
has more left, and a later claim that met the cap was cut too far. Nothing is edited: the claims are decided
anew in their order, and each that comes out otherwise becomes one adjustment, downwards (to be recovered)
or upwards (to be paid). No published rule about credit notes was found; this one follows from the order of
evaluation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hesuan.policy.book import Book
from hesuan.policy.decision import Decision, Facts, Line, Share
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import needed
from hesuan.policy.programme import Programme


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it was settled."""

    id: str
    facts: Facts
    subsidy_fen: int
    shares: tuple[Share, ...] = ()
    voucher_fen: int | None = None
    """What its voucher had left before it, where one was used."""


@dataclass(frozen=True, slots=True)
class CreditNote:
    """Negative lines on a settled claim."""

    claim: str
    lines: tuple[Line, ...]
    """Amounts as they are taken off, positive; each of a kind that the claim has."""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A claim that comes out otherwise."""

    claim: str
    before_fen: int
    after_fen: int
    shares: tuple[Share, ...]
    """Payer → the difference; negative where money comes back. They sum to ``difference_fen``."""
    decision: Decision

    @property
    def difference_fen(self) -> int:
        """To be paid; negative: to be recovered."""
        return self.after_fen - self.before_fen


def recompute(
    programme: Programme, claims: Sequence[Claim], notes: Sequence[CreditNote], *, opening: Book | None = None
) -> tuple[Adjustment, ...]:
    """Every claim that comes out otherwise once the credit notes count.

    Args:
        programme: The version all of them were settled under.
        claims: In the order they were settled, from the first one that a note is about.
        notes: The credit notes.
        opening: What was counted before the first of the claims.

    Raises:
        ValueError: a note takes off more than its claim has of a kind, or is about no claim given.
    """
    taken = defaultdict[str, list[Line]](list)
    for note in notes:
        taken[note.claim].extend(note.lines)
    if unknown := set(taken) - {one.id for one in claims}:
        raise ValueError(f"no such claim: {', '.join(sorted(unknown))}")
    book = opening.copy() if opening is not None else Book()
    changed = []
    for claim in claims:
        facts = credited(claim.facts, taken[claim.id])
        counters = book.counters(needed(programme, facts), voucher_fen=claim.voucher_fen)
        decision = decide(programme, facts, counters)
        book.add(decision, facts.counting_day)
        if decision.subsidy_fen != claim.subsidy_fen:
            shares = differences(claim.shares, decision.shares)
            changed.append(Adjustment(claim.id, claim.subsidy_fen, decision.subsidy_fen, shares, decision))
    return tuple(changed)


def credited(facts: Facts, taken: Sequence[Line]) -> Facts:
    """The claim's facts with the credited amounts taken off its lines, the last of a kind first."""
    lines = list(facts.lines)
    for one in taken:
        rest, tax = one.amount_fen, one.tax_fen
        for index in reversed(range(len(lines))):
            line = lines[index]
            if line.kind != one.kind or not rest:
                continue
            cut = min(rest, line.amount_fen)
            cut_tax = min(tax, line.tax_fen)
            lines[index] = replace(line, amount_fen=line.amount_fen - cut, tax_fen=line.tax_fen - cut_tax)
            rest, tax = rest - cut, tax - cut_tax
        if rest or tax:
            raise ValueError(f"a credit note takes {rest + tax} fen more of {one.kind} than the claim has")
    return replace(facts, lines=tuple(lines))


def differences(before: Sequence[Share], after: Sequence[Share]) -> tuple[Share, ...]:
    """Payer by payer, what changes; a payer of whom nothing is known before is taken from 0."""
    was = {share.payer: share.fen for share in before}
    now = {share.payer: share.fen for share in after}
    return tuple(Share(payer, now.get(payer, 0) - was.get(payer, 0)) for payer in {**was, **now})
