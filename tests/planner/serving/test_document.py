"""The document says what the code holds."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hesuan.planner.serving import DEFAULT

DOCUMENT = (Path(__file__).parents[3] / "docs" / "model" / "serving.md").read_text(encoding="utf-8")
INTERVALS = ("tpot", "ttft", "rate")


@pytest.mark.parametrize(
    "name", [f.name for f in fields(DEFAULT) if not f.name.startswith(tuple(f"{i}_" for i in INTERVALS))]
)
def test_every_constant_stands_in_the_document_with_its_value(name: str) -> None:
    assert f"| `{name}` | {getattr(DEFAULT, name):g} |" in DOCUMENT


@pytest.mark.parametrize("name", INTERVALS)
def test_every_interval_stands_in_the_document(name: str) -> None:
    assert f"{getattr(DEFAULT, f'{name}_low'):.2f}–{getattr(DEFAULT, f'{name}_high'):.2f}" in DOCUMENT
