"""``hesuan find``: what is on offer, at what price, and what shows that it works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said


@frame.command(
    "find",
    en="Lists every offering with its price and the evidence behind it.",
    zh="列出全部算力产品及其价格与依据。",
)
@frame.option("--app", default="", en="Only the evidence of this application.", zh="只看此应用的依据。")
@frame.AS_JSON
def find(app: str, as_json: bool) -> int:
    """Fetches and prints."""
    with Hub() as hub:
        offerings = list(hub.items("offerings", app=app))
    if as_json:
        show.print_json(offerings)
        return Exit.DONE
    offerings.sort(key=lambda one: (not one["evidence"], one["price_yuan_per_core_hour"] is None))
    columns = [
        (said(en="Offering", zh="算力产品"), "left"),
        (said(en="Centre", zh="算力中心"), "left"),
        (said(en="Kind", zh="类别"), "left"),
        (said(en="Cores", zh="核数"), "right"),
        (said(en="Memory", zh="内存"), "right"),
        (said(en="Price per core-hour", zh="每核时价格"), "right"),
        (said(en="Evidence", zh="依据"), "left"),
    ]
    show.put(show.table(columns, [_row(one) for one in offerings]))
    if not offerings:
        show.err().print(said(en="Nothing is on offer.", zh="暂无挂牌的算力产品。"))
    return Exit.DONE


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    price = one["price_yuan_per_core_hour"]
    no_price = said(en="none valid today", zh="今日无有效价格")
    return (
        one["title"],
        f"{one['centre_name']} ({one['city']})",
        "\n".join(filter(None, (one["line_kind"], one["card"]))),
        str(one["cores"]),
        show.memory(one["memory_bytes"]),
        show.yuan(price) if price is not None else no_price,
        "\n".join(map(_evidence, one["evidence"])) or said(en="no evidence", zh="无依据"),
    )


def _evidence(one: Mapping[str, Any]) -> str:
    """The largest measured point as a rate: ``omics-match 2 cores 8,123 units/s, measured 2026-05-01``."""
    largest = max(one["points"], key=lambda point: point["units"])
    rate = largest["units"] * 1000 // max(largest["wall_ms"], 1)
    day = one["at"][:10]
    word = show.kind(one["kind"])
    return said(
        en=f"{one['app']}, {one['cores']} cores: {rate:,} units/s, {word} {day}",
        zh=f"{one['app']}，{one['cores']} 核：{rate:,} 单位/秒，{word}于 {day}",
    )


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(find, argv)
