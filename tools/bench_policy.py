"""``make bench-policy``: how fast the policy engine decides on one core of this machine, beside its bar.

Decisions are made under the Henan programme as it ships, each for another applicant and amount, with the
whole trace in both languages. Times are processor seconds of this process on one core, the best of several
rounds, since other work on the machine only ever adds. The ceiling, in the same run, is the arithmetic of
the same decisions and nothing else: exact fractions, no rules read, no trace. ``--strict`` ends with 1
below the bar.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path

import hesuan.policy
from hesuan.policy.book import Book
from hesuan.policy.decision import Counters, Facts, Line
from hesuan.policy.evaluator import decide
from hesuan.policy.keys import needed
from hesuan.policy.schema import load
from tools.bench_planner import machine, pin_to_one_core

PROGRAMME = Path(hesuan.policy.__file__).parent / "programmes" / "cn.henan.suanliquan.2023.yaml"
BAR_PER_S = 5_000
REQUESTS = 2_000
RATE, CAP_FEN, BUDGET_FEN = Fraction(1, 5), 1_000_000_00, 50_000_000_00
SHARES = (Fraction(1, 2), Fraction(1, 2))


def main(arguments: list[str]) -> int:
    """Prints machine, figures and the bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--strict", action="store_true")
    asked = parser.parse_args(arguments)
    pin_to_one_core()
    print(machine())
    programme = load(PROGRAMME.read_text(), source=PROGRAMME.name)
    requests = [request(index) for index in range(REQUESTS)]
    used = Counters(caps={"applicant_year": 0}, budgets={"province_year": 0})
    first = decide(programme, requests[0], used)
    assert first.granted and first.subsidy_fen == arithmetic(requests[0].lines[0].amount_fen)[0]

    def decided() -> None:
        for facts in requests:
            decide(programme, facts, used)

    def booked() -> None:
        book = Book()
        for facts in requests:
            book.add(decide(programme, facts, book.counters(needed(programme, facts))), facts.on)

    def bare() -> None:
        for facts in requests:
            arithmetic(facts.lines[0].amount_fen)

    decisions, ceiling = per_s(decided, asked.rounds), per_s(bare, asked.rounds)
    with_counters = per_s(booked, max(1, asked.rounds // 3))
    verdict = "met" if decisions >= BAR_PER_S else "MISSED"
    print(
        f"{'decisions with their whole trace':<52} {decisions:>10,.0f} /s   bar {BAR_PER_S:,} /s   {verdict}"
    )
    print(f"{'the same, counters found by key and counted in a book':<52} {with_counters:>10,.0f} /s")
    print(f"{'ceiling: the same arithmetic in bare fractions':<52} {ceiling:>10,.0f} /s")
    print(f"{'decisions / ceiling':<52} {decisions / ceiling:>10.2f}")
    return int(asked.strict and decisions < BAR_PER_S)


def request(index: int) -> Facts:
    """One applicant's request; no two have the same amount."""
    return Facts(
        event="issue",
        on=date(2023, 6, 1),
        lines=(Line("compute", 3_000_00 + 7 * index),),
        stated={"applicant.kind": "university", "applicant.id": f"org-{index}"},
    )


def arithmetic(amount_fen: int) -> tuple[int, list[int], int]:
    """Subsidy, shares and co-pay [fen] by the rules of Henan, and nothing else."""
    base = Fraction(amount_fen)
    amount = min(base * RATE, Fraction(CAP_FEN), Fraction(BUDGET_FEN))
    subsidy = amount.numerator // amount.denominator
    shares = [subsidy * share.numerator // share.denominator for share in SHARES]
    shares[0] += subsidy - sum(shares)
    return subsidy, shares, amount_fen - subsidy


def per_s(work: Callable[[], None], rounds: int) -> float:
    """Requests a processor second, best of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.process_time()
        work()
        best = min(best, time.process_time() - begin)
    return REQUESTS / best


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
