"""The page from a call to a voucher: its table of states is the code's table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hesuan.hub.programmes.application_rules import MOVES

MODEL = Path(__file__).resolve().parents[2] / "docs" / "model"


@pytest.mark.parametrize("name", ["calls.md", "calls.zh.md"])
def test_every_state_stands_in_the_table_with_what_may_follow(name: str) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| .* \|([^|]*)\|$", (MODEL / name).read_text(), re.M)
    told = {state: tuple(re.findall(r"`([A-Z_]+)`", then)) for state, then in rows}
    assert told == {state: then for state, then in MOVES.items() if state}
