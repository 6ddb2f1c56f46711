"""Deciding a batch together, where a short budget is paid in proportion (``on_exhaust: prorate_batch``).

First every request is decided as if that budget were unlimited, in the order given and with the caps
counting on; what they ask together against what is left gives one exact ratio. Then each is decided again
at that ratio, so the order inside a batch moves nobody ahead, and the ratio stands in each trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from hesuan.policy.book import Book
from hesuan.policy.decision import Decision, Facts
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import Needed, needed
from hesuan.policy.programme import Programme

PRORATED = "prorate_batch"


def decide_batch(programme: Programme, requests: Sequence[Facts], book: Book) -> tuple[Decision, ...]:
    """One decision for each request; ``book`` counts them as they are made.

    Args:
        programme: One version.
        requests: The batch, in the order in which caps count them.
        book: What was counted before; the batch is added to it.
    """
    ratios = batch_ratios(programme, requests, book)
    decisions = []
    for facts in requests:
        needs = needed(programme, facts)
        batch = {one.id: ratios[one] for one in needs if one in ratios}
        decision = decide(programme, facts, replace(book.counters(needs), batch=batch))
        book.add(decision, facts.counting_day)
        decisions.append(decision)
    return tuple(decisions)


def batch_ratios(programme: Programme, requests: Sequence[Facts], book: Book) -> dict[Needed, Fraction]:
    """Budget counter → min(1, what is left / what the batch asks of it)."""
    prorated = {one.id for one in programme.budgets if one.on_exhaust == PRORATED}
    others = replace(programme, budgets=tuple(one for one in programme.budgets if one.id not in prorated))
    scratch, asked = book.copy(), defaultdict[Needed, int](int)
    for facts in requests:
        needs = needed(programme, facts)
        own = [one for one in needs if one.kind != "budget" or one.id not in prorated]
        decision = decide(others, facts, scratch.counters(own))
        scratch.add(decision, facts.counting_day)
        for one in needs:
            if one.kind == "budget" and one.id in prorated:
                asked[one] += decision.subsidy_fen
    return {
        one: min(Fraction(1), Fraction(max(0, one.limit_fen - book.used(one)), fen))
        for one, fen in asked.items()
        if fen and one.limit_fen is not None
    }
