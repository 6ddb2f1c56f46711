"""The page on charging says what the code does: its worked example is computed here, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from hesuan.hub.market import rules
from hesuan.hub.market.work import WorkOrder
from hesuan.money import format_yuan
from hesuan.wire.receipt import charge_fen

PAGES = Path(__file__).parents[3] / "docs" / "model"
PRICE_FEN, CORES, HIGH_MS, WALL_MS = 36_000, 2, 31_000, 20_500


def example() -> dict[str, str]:
    """Beginning of a row → what must stand in it."""
    limit_s = rules.time_limit_s(WorkOrder(kind="app", cores=CORES), HIGH_MS)
    assert limit_s is not None
    most = rules.highest_charge_fen(limit_s=limit_s, cores=CORES, fen_per_core_hour=PRICE_FEN)
    quote = {
        "cores": CORES,
        "price": {"fen_per_core_hour": PRICE_FEN},
        "time_limit_s": limit_s,
        "max_charge_fen": most,
        "charge_rule": rules.CHARGE_RULE,
    }

    def charged(state: str, wall_ms: int) -> int:
        return charge_fen({"state": state, "wall_ms": wall_ms, "cores": CORES}, quote).charge_fen

    charge, voucher = charged("COMPLETED", WALL_MS), charged("COMPLETED", WALL_MS) // 5
    held = most // 5
    return {
        "time limit|时限": f"{limit_s} ",
        "most it can cost|最高费用": format_yuan(most),
        "held on the voucher|冻结算力券": format_yuan(held),
        "held on own money|冻结自有资金": format_yuan(most - held),
        "charge, COMPLETED|费用（COMPLETED）": format_yuan(charge),
        "voucher captured|扣划算力券": format_yuan(voucher),
        "own money captured|扣划自有资金": format_yuan(charge - voucher),
        "charge, had it been KILLED|若为 KILLED": format_yuan(charged("KILLED", WALL_MS)),
        "charge, had it run into the limit|若达到时限": format_yuan(charged("TIMEOUT", 10**9)),
    }


@pytest.mark.parametrize(("page", "place"), [("charging.md", 0), ("charging.zh.md", 1)])
def test_the_worked_example_is_what_the_code_computes(page: str, place: int) -> None:
    rows = [line for line in (PAGES / page).read_text().splitlines() if line.startswith("| ")]
    for names, result in example().items():
        begin = f"| {names.split('|')[place]} |"
        (row,) = [row for row in rows if row.startswith(begin)]
        assert result in row.split("|")[3], row


@pytest.mark.parametrize("page", ["charging.md", "charging.zh.md"])
def test_every_end_stands_on_the_page_with_its_share(page: str) -> None:
    text = (PAGES / page).read_text()
    for state, percent in rules.CHARGE_RULE.items():
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{state}` |")]
        assert row.endswith(f"| {percent} % |")
