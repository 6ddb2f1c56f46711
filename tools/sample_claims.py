"""A made-up year of claims to try programmes on: ``python -m tools.sample_claims > FILE.csv``.

Nobody's trace: sixty invented applicants, amounts drawn around the sizes at which rules change, and the
mistakes people make (wrong kind of applicant, related supplier, nothing said about it). The same seed gives
the same table on every machine.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TextIO

COLUMNS = (
    *("claim", "on", "kind", "amount", "registries"),
    *("applicant.id", "applicant.kind", "relation.related_party"),
)
APPLICANTS = 60
CLAIMS = 180
KINDS = ("enterprise",) * 7 + ("university", "research_institute", "agency")
SIZES_FEN = (1_500_000, 4_000_000, 12_000_000, 30_000_000, 49_999_999, 50_000_001, 80_000_000, 300_000_000)


def rows(*, seed: int = 20260101, claims: int = CLAIMS) -> Iterator[tuple[str, ...]]:
    """The table's rows, without its head, in the order of days."""
    draw = random.Random(seed)  # noqa: S311 - a table, no secret

    def below(limit: int) -> int:
        # random() alone is promised to give the same numbers in every version of Python.
        return int(draw.random() * limit)

    kinds = [KINDS[below(len(KINDS))] for _ in range(APPLICANTS)]
    days = sorted(below(365) for _ in range(claims))
    for number, day in enumerate(days, 1):
        # Squared: a few applicants ask often.
        who = int(draw.random() ** 2 * APPLICANTS)
        size_fen = SIZES_FEN[below(len(SIZES_FEN))]
        fen = size_fen if below(4) == 0 else size_fen * (50 + below(100)) // 100
        related = ("false",) * 18 + ("true", "")
        asked = (f"c{number:03d}", (date(2026, 1, 1) + timedelta(days=day)).isoformat())
        about = ("city_centres", f"org-{who + 1:02d}", kinds[who], related[below(len(related))])
        yield (*asked, "ai_compute", f"{fen // 100}.{fen % 100:02d}", *about)
        if below(6) == 0:
            storage = fen // 10
            yield (*asked, "storage", f"{storage // 100}.{storage % 100:02d}", *about)


def write(out: TextIO) -> None:
    """Writes the whole table."""
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows())


if __name__ == "__main__":
    write(sys.stdout)
