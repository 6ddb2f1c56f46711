"""The one style sheet: contrast of text on its ground, in light and dark; nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import hesuan.hub.console

FOLDER = Path(hesuan.hub.console.__file__).parent
SHEET = (FOLDER / "static" / "console" / "hesuan.css").read_text()
AA = 4.5
"""Least contrast of body text, WCAG 2.2 level AA."""

PAIRS = [
    *((text, "ground") for text in ("ink", "ink-soft", "accent", "bad", "care", "good")),
    *((text, "sheet") for text in ("ink", "ink-soft", "accent", "bad", "care", "good")),
    ("ink", "sunk"), ("ink-soft", "sunk"), ("accent-ink", "accent"), ("ink", "accent-wash"),
    ("ink-soft", "accent-wash"), ("ink", "bad-wash"), ("bad", "bad-wash"), ("ink-soft", "bad-wash"),
    ("ink", "care-wash"), ("care", "care-wash"), ("ink-soft", "care-wash"), ("ink", "good-wash"),
]  # fmt: skip
"""Which text stands on which ground somewhere in the console."""


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))


LIGHT = tokens(SHEET.partition("@media (prefers-color-scheme: dark)")[0])
DARK = tokens(SHEET.partition("@media (prefers-color-scheme: dark)")[2].partition("/* ----")[0])


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_is_readable_on_its_ground(scheme: dict[str, str]) -> None:
    weak = {pair: round(contrast(scheme[pair[0]], scheme[pair[1]]), 2) for pair in PAIRS}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < AA} == {}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_focus_and_borders_of_fields_stand_out(scheme: dict[str, str]) -> None:
    """3:1 for what is not text (WCAG 2.2, 1.4.11)."""
    for token in ("focus", "line-strong"):
        assert contrast(scheme[token], scheme["sheet"]) >= 3, token


def test_the_contrast_is_the_standards() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_dark_changes_every_colour_of_light() -> None:
    assert set(LIGHT) == set(DARK)


def test_the_sheet_asks_no_other_address_and_names_chinese_fonts_first() -> None:
    assert re.findall(r"url\(|@import|https?:", SHEET) == []
    assert (
        '--lead-font: "Noto Sans CJK SC"' in SHEET
        and '"PingFang SC"' in SHEET
        and '"Microsoft YaHei"' in SHEET
    )
    assert "tabular-nums" in SHEET and "prefers-color-scheme: dark" in SHEET and "@media print" in SHEET


def test_there_is_one_sheet_and_no_script_of_our_own() -> None:
    files = [path.name for path in (FOLDER / "static").rglob("*") if path.is_file()]
    assert sorted(files) == ["hesuan.css", "mark.svg"]


def test_every_class_of_a_template_is_in_the_sheet() -> None:
    known = set(re.findall(r"\.([a-z][a-z0-9-]*)", SHEET)) | UNSTYLED
    used: set[str] = set()
    for path in (FOLDER / "templates").rglob("*"):
        if path.is_file():
            for found in re.findall(r'class="([^"]*)"', path.read_text()):
                plain = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", found)
                used |= {one for one in plain.split() if not one.endswith("-")}
    assert used - known == set()


UNSTYLED = {"language", "trace", "said", "no-break", "vertical"}
"""Names that mark a part for tests and readers and need no style."""
