"""Bars, columns and pictures of ``hesuan plan``: widths in columns, files that other programs read."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from hesuan.cli.planning import png, scene, svg, terminal
from hesuan.cli.planning.scene import Dot, Line, Rect, Scene, Text

SVG = "{http://www.w3.org/2000/svg}"


def drawn() -> Scene:
    one = Scene(200, 100, "A & <b>", "why > because")
    one.add(
        Rect(10, 10, 50, 20, "compute", tip="1 < 2"),
        Line(0, 50, 200, 50, dashed=True),
        Dot(100, 50, 4, "bad"),
        Text(10, 90, "合算 <script>&", anchor="middle", bold=True),
    )
    return one


def test_an_svg_is_well_formed_escaped_and_has_both_papers() -> None:
    text = svg.write(drawn())
    root = ET.fromstring(text)
    assert root.find(f"{SVG}title").text == "A & <b>"
    assert [one.text for one in root.iter(f"{SVG}text")] == ["合算 <script>&"]
    assert "<script" not in text
    assert "prefers-color-scheme:dark" in text and text.index("Noto Sans CJK SC") < text.index("DejaVu Sans")


def test_each_role_has_a_colour_on_both_papers_and_text_can_be_read() -> None:
    assert set(scene.LIGHT) == set(scene.DARK)
    for colours in (scene.LIGHT, scene.DARK):
        for role in ("ink", "muted", "bad", "good"):
            assert contrast(colours[role], colours["paper"]) >= 4.5, role


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(code: str) -> float:
    parts = [int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_png_has_the_scenes_shapes_at_twice_its_size(tmp_path: Path) -> None:
    image_module = pytest.importorskip("PIL.Image", reason="the extra `plot` is not installed")
    png.write(drawn(), tmp_path / "p.png")
    with image_module.open(tmp_path / "p.png") as image:
        assert image.size == (400, 200)
        assert image.getpixel((60, 40)) == tuple(bytes.fromhex(scene.LIGHT["compute"][1:]))
        assert image.getpixel((390, 10)) == (255, 255, 255)


def test_columns_count_chinese_twice() -> None:
    assert terminal.columns_of("步时 s") == 6
    assert terminal.pad("步时", 6) == "步时  " and terminal.pad("步时", 6, "right") == "  步时"
    lines = terminal.table([("名", "left"), ("数", "right")], [("计算", "1"), ("a", "22")])
    assert lines == ["名    数", "────  ──", "计算   1", "a     22"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (12345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123")],
)
def test_numbers_keep_three_digits(value: float, text: str) -> None:
    assert terminal.number(value) == text


def test_a_bar_is_as_long_as_its_share_and_never_vanishes() -> None:
    assert terminal.bar(0.5, 0.25, 8) == " " * 4 + "██"
    assert terminal.bar(0, 1e-9, 8) == "▏"
    assert terminal.bar(0, 0, 8) == ""


def test_lines_break_at_words_and_between_chinese_characters() -> None:
    assert terminal.wrap("aa bb cc", 5) == ["aa bb", "cc"]
    broken = terminal.wrap("算" * 30, 20, "  ")
    assert "".join(line.strip() for line in broken) == "算" * 30
    assert all(terminal.columns_of(line) <= 20 for line in broken)


def test_ticks_are_round_and_reach_the_highest() -> None:
    assert scene.ticks(7.3) == [0, 2, 4, 6, 8]
    assert scene.ticks(0) == [0.0, 1.0]
    assert scene.tick_text(0.25, 0.05) == "0.25" and scene.tick_text(2000, 500) == "2,000"
