"""Saving a picture: the file's name says the format, and what goes wrong is one sentence."""

from __future__ import annotations

from pathlib import Path

from hesuan.cli.planning import png, svg
from hesuan.cli.planning.scene import Scene
from hesuan.errors import InputFault, declare

PICTURE_FORMAT = declare(
    "plan.picture_format",
    en="{path} ends in neither .svg nor .png; those two can be written.",
    zh="{path} 的扩展名既非 .svg 也非 .png；只能写这两种。",
)
PNG_NEEDS_PILLOW = declare(
    "plan.png_needs_pillow",
    en="{path}: a PNG needs the Python package Pillow, which is not installed here:"
    " pip install 'hesuan[plot]'; {instead} needs nothing.",
    zh="{path}：PNG 需要 Python 包 Pillow，本机尚未安装："
    "pip install 'hesuan[plot]'；{instead} 则什么都不需要。",
)
UNWRITABLE = declare(
    "plan.unwritable",
    en="{path} cannot be written: {problem}.",
    zh="无法写入 {path}：{problem}。",
)
FORMATS = (".svg", ".png")


def check(path: Path | None) -> None:
    """Refuses a name that cannot become a picture, before any work is done.

    Raises:
        InputFault: ``plan.picture_format``.
    """
    if path is not None and path.suffix.lower() not in FORMATS:
        raise InputFault(PICTURE_FORMAT, path=path)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8.

    Raises:
        InputFault: ``plan.unwritable``.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputFault(UNWRITABLE, path=path, problem=error.strerror or error) from None


def write(scene: Scene, path: Path) -> None:
    """Writes the picture.

    Raises:
        InputFault: ``plan.picture_format``, ``plan.png_needs_pillow``, ``plan.unwritable``.
    """
    check(path)
    try:
        if path.suffix.lower() == ".svg":
            path.write_text(svg.write(scene), encoding="utf-8")
        else:
            png.write(scene, path)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "PIL":
            raise
        raise InputFault(PNG_NEEDS_PILLOW, path=path, instead=path.with_suffix(".svg")) from None
    except OSError as error:
        raise InputFault(UNWRITABLE, path=path, problem=error.strerror or error) from None
