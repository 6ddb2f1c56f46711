"""``hesuan quote WORK.toml``: every offering's answer to a work order, best first, with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.workfile import read_work
from hesuan.errors import Faults, InputFault, declare

WHICH_ORGANISATION = declare(
    "cli.which_organisation",
    en="You belong to {count} organisations that can buy: {names}. Name one with --organisation.",
    zh="您属于 {count} 个可以购买的组织：{names}。请用 --organisation 指定一个。",
)


@frame.command(
    "quote",
    en="Asks every offering for a binding quote for the work order in WORK.toml, and ranks the answers by"
    " work per yuan of your own money.",
    zh="按 WORK.toml 中的工作单向全部算力产品询价，并按每元自有资金完成的工作量排序。",
)
@click.argument("work", type=click.Path(path_type=Path), metavar="WORK.toml")
@frame.option("--organisation", default="", en="Id of the organisation that buys.", zh="购买方组织的 id。")
@frame.AS_JSON
def quote(work: Path, organisation: str, as_json: bool) -> int:
    """Reads, asks, prints."""
    file = read_work(work)
    with Hub() as hub:
        buyer = organisation or only_organisation(hub)
        try:
            answer = hub.post("quote-requests", {"organisation": buyer, "work": file.value})
        except Faults as faults:
            raise file.placed(faults) from None
    if as_json:
        show.print_json(answer)
    else:
        _print(answer)
    return Exit.DONE if answer["quotes"] else Exit.REFUSED


def only_organisation(hub: Hub) -> str:
    """The one organisation in which this person can ask for quotes.

    Raises:
        InputFault: ``cli.which_organisation``.
    """
    mine = [at for at in hub.get("me")["memberships"] if {"owner", "member"} & set(at["roles"])]
    if len(mine) != 1:
        names = ", ".join(f"{at['name']} ({at['organisation']})" for at in mine) or "–"
        raise InputFault(WHICH_ORGANISATION, count=len(mine), names=names)
    return str(mine[0]["organisation"])


def _print(answer: Mapping[str, Any]) -> None:
    console = show.out()
    columns = [
        ("#", "right"),
        (said(en="Offering", zh="算力产品"), "left"),
        (said(en="Time, expected", zh="预计时间"), "right"),
        (said(en="Charge, expected", zh="预计费用"), "right"),
        (said(en="Voucher", zh="算力券"), "right"),
        (said(en="You pay", zh="自付"), "right"),
        (said(en="At most", zh="自付上限"), "right"),
        (said(en="Units per yuan", zh="每元工作量"), "right"),
    ]
    show.put(show.table(columns, [_row(one) for one in answer["quotes"]]))
    console.print()
    for one in answer["quotes"]:
        console.print(f"#{one['rank']}  {one['document']['offering_title']}  {one['id']}")
        for reason in one["document"]["reasons"]:
            console.print(f"    {show.sentence(reason)}")
    if answer["refusals"]:
        console.print()
        console.print(said(en="Cannot quote:", zh="无法报价："))
    for one in answer["refusals"]:
        console.print(f"    {one['offering_title']}: {show.sentence(one['sentence'])} [{one['code']}]")
    if answer["quotes"]:
        best = answer["quotes"][0]
        until = show.moment(best["valid_until"])
        show.err().print(
            said(
                en=f"Until {until}: hesuan run {best['id']} --follow",
                zh=f"有效期至 {until}：hesuan run {best['id']} --follow",
            )
        )


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    document = one["document"]
    expected = document["expected"]
    return (
        str(one["rank"]),
        document["offering_title"],
        _time(document),
        show.fen(expected["charge_fen"]),
        show.fen(expected["voucher_fen"]) if document.get("vouchers") or document.get("voucher") else "–",
        show.fen(expected["copay_fen"]),
        show.fen(document["copay_max_fen"]),
        document["units_per_yuan"] or said(en="no evidence", zh="无依据"),
    )


def _time(document: Mapping[str, Any]) -> str:
    """``12.0 s (10.1–14.2 s) calibrated``; without a prediction, the time limit."""
    found = document["prediction"]
    if not found:
        limit = show.seconds(document["time_limit_s"] * 1000)
        return said(en=f"at most {limit}", zh=f"至多 {limit}")
    low, high = show.seconds(found["low_ms"]), show.seconds(found["high_ms"])
    return f"{show.seconds(found['mid_ms'])} ({low} – {high}) {show.kind(found['kind'])}"


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(quote, argv)
