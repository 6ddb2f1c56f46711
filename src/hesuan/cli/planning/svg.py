"""A scene as SVG: small, self-contained, no script, readable on light and dark paper, Chinese fonts first."""

from __future__ import annotations

from html import escape

from hesuan.cli.planning.scene import DARK, LIGHT, Dot, Line, Rect, Scene, Shape, Text

CJK_FONTS = "'Noto Sans CJK SC','Source Han Sans SC','PingFang SC','Microsoft YaHei'"
FONTS = f"{CJK_FONTS},'Noto Sans','DejaVu Sans',sans-serif"


def write(scene: Scene) -> str:
    """The whole file as text."""
    size = f'width="{scene.width:.0f}" height="{scene.height:.0f}"'
    box = f'viewBox="0 0 {scene.width:.0f} {scene.height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img">',
        f"<title>{escape(scene.title)}</title>",
        f"<desc>{escape(scene.description)}</desc>" if scene.description else "",
        f"<style>{style()}</style>",
        '<rect class="f-paper" width="100%" height="100%"/>',
        *map(_shape, scene.shapes),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def style() -> str:
    """The roles as classes; a second set where the reader's paper is dark."""
    return (
        f"text{{font-family:{FONTS};font-variant-numeric:tabular-nums}}"
        f"{_roles(LIGHT)}@media(prefers-color-scheme:dark){{{_roles(DARK)}}}"
    )


def _roles(colours: dict[str, str]) -> str:
    return "".join(f".f-{name}{{fill:{code}}}.s-{name}{{stroke:{code}}}" for name, code in colours.items())


def _shape(shape: Shape) -> str:
    match shape:
        case Rect():
            place = (
                f'x="{shape.x:.1f}" y="{shape.y:.1f}" width="{shape.width:.1f}" height="{shape.height:.1f}"'
            )
            return _tipped("rect", f'class="f-{shape.fill}" {place}', shape.tip)
        case Dot():
            place = f'cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:.1f}"'
            return _tipped("circle", f'class="f-{shape.fill}" {place}', shape.tip)
        case Line():
            place = f'x1="{shape.x1:.1f}" y1="{shape.y1:.1f}" x2="{shape.x2:.1f}" y2="{shape.y2:.1f}"'
            dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
            return f'<line class="s-{shape.stroke}" {place} stroke-width="{shape.width:g}"{dash}/>'
        case Text():
            return _text(shape)


def _tipped(name: str, attributes: str, tip: str) -> str:
    return f"<{name} {attributes}><title>{escape(tip)}</title></{name}>" if tip else f"<{name} {attributes}/>"


def _text(shape: Text) -> str:
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}" font-size="{shape.size:g}"'
    anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
    weight = ' font-weight="600"' if shape.bold else ""
    return f'<text class="f-{shape.fill}" {place}{anchor}{weight}>{escape(shape.text)}</text>'
