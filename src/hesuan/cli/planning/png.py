"""A scene as PNG at twice its size, drawn by Pillow (extra ``plot``); why: docs/decisions/0009."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hesuan.cli.planning.scene import LIGHT, Dot, Line, Rect, Scene, Text

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SCALE = 2
"""Pixels of the file per pixel of the scene: sharp on a dense screen and in print."""
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}
FONT_NAMES = (
    "NotoSansCJK-{weight}.ttc",
    "NotoSansCJKsc-{weight}.otf",
    "SourceHanSansSC-{weight}.otf",
    "wqy-microhei.ttc",
    "msyh.ttc",
    "PingFang.ttc",
    "DejaVuSans{dash}.ttf",
)
"""Chinese fonts first: they have Latin letters too."""
FONT_FOLDERS = (
    "/usr/share/fonts/opentype/noto",
    "/usr/share/fonts/truetype/wqy",
    "/usr/share/fonts/noto-cjk",
)
"""Where Pillow, which looks through the usual folders by a font's name, may not look."""


def write(scene: Scene, path: Path) -> None:
    """Writes the file, on light paper.

    Raises:
        ModuleNotFoundError: Pillow is not installed.
        OSError: the file cannot be written.
    """
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (round(scene.width * SCALE), round(scene.height * SCALE)), LIGHT["paper"])
    draw = ImageDraw.Draw(image)
    for shape in scene.shapes:
        _DRAWERS[type(shape)](draw, shape)
    image.save(path, "PNG", optimize=True)


def _rect(draw: ImageDraw, shape: Rect) -> None:
    right, bottom = (shape.x + shape.width) * SCALE - 1, (shape.y + shape.height) * SCALE - 1
    left, top = min(shape.x * SCALE, right), min(shape.y * SCALE, bottom)
    draw.rectangle((left, top, right, bottom), fill=LIGHT[shape.fill])


def _dot(draw: ImageDraw, shape: Dot) -> None:
    x, y, radius = shape.x * SCALE, shape.y * SCALE, shape.radius * SCALE
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=LIGHT[shape.fill])


def _line(draw: ImageDraw, shape: Line) -> None:
    start, end = (shape.x1 * SCALE, shape.y1 * SCALE), (shape.x2 * SCALE, shape.y2 * SCALE)
    width = max(1, round(shape.width * SCALE))
    for part in _dashes(start, end) if shape.dashed else [(start, end)]:
        draw.line(part, fill=LIGHT[shape.stroke], width=width)


Point = tuple[float, float]


def _dashes(start: Point, end: Point) -> list[tuple[Point, Point]]:
    """A line cut into strokes of 4 px with gaps of 3 px."""
    (x1, y1), (x2, y2) = start, end
    length = max(((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5, 1e-9)
    stroke, period = 4 * SCALE, 7 * SCALE
    starts = [at * period for at in range(int(length // period) + 1)]

    def along(distance: float) -> Point:
        share = min(distance / length, 1.0)
        return x1 + (x2 - x1) * share, y1 + (y2 - y1) * share

    return [(along(at), along(at + stroke)) for at in starts]


def _text(draw: ImageDraw, shape: Text) -> None:
    font = _font(round(shape.size * SCALE), shape.bold)
    place = (shape.x * SCALE, shape.y * SCALE)
    draw.text(place, shape.text, font=font, anchor=ANCHORS[shape.anchor], fill=LIGHT[shape.fill])


_DRAWERS: dict[type, Callable[[Any, Any], None]] = {Rect: _rect, Dot: _dot, Line: _line, Text: _text}


@cache
def _font(size: int, bold: bool) -> Any:
    """The first font there is; Pillow's own, which has no Chinese, where there is none."""
    from PIL import ImageFont

    for name in _font_files(bold):
        try:
            return ImageFont.truetype(name, size, index=_SIMPLIFIED if "NotoSansCJK-" in name else 0)
        except OSError:
            continue
    return ImageFont.load_default(size)


_SIMPLIFIED = 2
"""Place of the simplified Chinese face in Noto's collection."""


def _font_files(bold: bool) -> list[str]:
    names = [
        name.format(weight="Bold" if bold else "Regular", dash="-Bold" if bold else "") for name in FONT_NAMES
    ]
    return [*(str(Path(folder) / name) for name in names for folder in FONT_FOLDERS), *names]
