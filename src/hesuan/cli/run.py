"""``hesuan run QUOTE_ID``: accepts a quote, and with ``--follow`` stays beside the run until its end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.cli.output import show_output
from hesuan.errors import InputFault, declare
from hesuan.wire.ids import new_id

FINAL = ("COMPLETED", "FAILED", "KILLED", "TIMEOUT", "CANCELLED", "REFUSED")
POLL_S = 0.5
SETTLE_WAIT_S = 30.0

QUOTE_OR_ORDER = declare(
    "cli.quote_or_order",
    en="Give one of: a QUOTE_ID to accept, `--order ORDER_ID` to follow, `--cancel ORDER_ID` to end,"
    " `--output ORDER_ID` for its files.",
    zh="请给出其一：要接受的 QUOTE_ID、要跟踪的 `--order ORDER_ID`、要取消的 `--cancel ORDER_ID`、"
    "要取文件的 `--output ORDER_ID`。",
)


@frame.command(
    "run",
    en="Accepts a quote: voucher and balance are held and the job is sent to its centre. With --follow, shows"
    " its state and log until it ends; exit code 0 then means COMPLETED.",
    zh="接受报价：冻结算力券与余额，并把作业送往算力中心。"
    "加 --follow 则显示状态与日志直至结束，此时退出码 0 表示 COMPLETED。",
)
@click.argument("quote_id", default="", metavar="[QUOTE_ID]")
@frame.option("--follow", is_flag=True, en="Show state and log until the end.", zh="显示状态与日志直至结束。")
@frame.option(
    "--order", default="", metavar="ORDER_ID", en="Follow an order placed before.", zh="跟踪已有订单。"
)
@frame.option(
    "--cancel", default="", metavar="ORDER_ID", en="End the run of an order.", zh="取消订单的运行。"
)
@frame.option(
    "--output",
    default="",
    metavar="ORDER_ID",
    en="List the files that the run of an order has left.",
    zh="列出订单的运行留下的文件。",
)
@frame.option(
    "--to",
    default=None,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    en="With --output: save them below this folder, each checked by its SHA-256.",
    zh="与 --output 同用：存入此文件夹，逐个校验 SHA-256。",
)
@frame.AS_JSON
def run(
    *, quote_id: str, follow: bool, order: str, cancel: str, output: str, to: Path | None, as_json: bool
) -> int:
    """Accepts, follows, cancels or fetches."""
    if sum(map(bool, (quote_id, order, cancel, output))) != 1 or (to and not output):
        raise InputFault(QUOTE_OR_ORDER)
    with Hub() as hub:
        if output:
            return show_output(hub, output, to, as_json=as_json)
        if cancel:
            placed = hub.post(f"orders/{cancel}/cancel", key=new_id())
        elif order:
            placed = hub.get(f"orders/{order}")
        else:
            placed = hub.post(f"quotes/{quote_id}/accept", key=new_id())
        if not as_json and not order:
            _announce(placed, cancelled=bool(cancel))
        if follow or order:
            placed = _follow(hub, placed)
    if as_json:
        show.print_json(placed)
    elif follow or order:
        _conclude(placed)
    ended_well = placed["run"]["state"] == "COMPLETED"
    return Exit.DONE if ended_well or not (follow or order) else Exit.REFUSED


def _announce(order: Mapping[str, Any], *, cancelled: bool) -> None:
    identity = order["id"]
    if cancelled:
        text = said(
            en=f"Order {identity}: the agent was asked to end the run.",
            zh=f"订单 {identity}：已请求代理结束运行。",
        )
    else:
        document = order["quote_document"]
        held = show.fen(document["max_charge_fen"])
        text = said(
            en=f"Order {identity} at {document['offering_title']}; at most {held} is held.",
            zh=f"订单 {identity}，{document['offering_title']}；至多冻结 {held}。",
        )
    show.err().print(text)


def _follow(hub: Hub, order: Mapping[str, Any]) -> dict[str, Any]:
    """Prints the log as it comes, with a progress line beside it; returns the order at its end."""
    identity = order["id"]
    total_ms = (order["quote_document"]["prediction"] or {}).get("mid_ms")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    offset = 0
    try:
        with Progress(*columns, console=show.err(), transient=True) as progress:
            task = progress.add_task(order["run"]["state"], total=total_ms)
            began = time.monotonic()
            while True:
                offset, state = _pour_log(hub, identity, offset, progress)
                elapsed_ms = int((time.monotonic() - began) * 1000)
                done = min(elapsed_ms, total_ms) if total_ms else None
                progress.update(task, description=state, completed=done)
                if state in FINAL:
                    break
                time.sleep(POLL_S)
            offset = _pour_rest(hub, identity, offset, progress)
            settled = _settled(hub, identity)
            _pour_rest(hub, identity, offset, progress)  # a long log follows its run's end
            return settled
    except KeyboardInterrupt:
        show.err().print(
            said(
                en=f"The job goes on. Follow again: hesuan run --order {identity};"
                f" end it: hesuan run --cancel {identity}",
                zh=f"作业仍在运行。继续跟踪：hesuan run --order {identity}；"
                f"取消：hesuan run --cancel {identity}",
            )
        )
        raise


def _pour_log(hub: Hub, identity: str, offset: int, progress: Progress) -> tuple[int, str]:
    log = hub.get(f"orders/{identity}/log", offset=offset)
    if log["text"]:
        # Straight to standard output: what the program printed is not ours to format.
        progress.console.file.flush()
        click.echo(log["text"], nl=False)
    return log["next_offset"], log["run_state"]


def _pour_rest(hub: Hub, identity: str, offset: int, progress: Progress) -> int:
    """Prints what lies there, answer by answer; returns where to go on."""
    while (further := _pour_log(hub, identity, offset, progress)[0]) != offset:
        offset = further
    return offset


def _settled(hub: Hub, identity: str) -> dict[str, Any]:
    """The order once it is settled, or as it is after a short wait."""
    until = time.monotonic() + SETTLE_WAIT_S
    while True:
        order: dict[str, Any] = hub.get(f"orders/{identity}")
        if order["receipt_state"] == "SIGNED" or time.monotonic() > until:
            return order
        time.sleep(POLL_S)


def _conclude(order: Mapping[str, Any]) -> None:
    ended = order["run"]
    reason = f" ({ended['reason']})" if ended["reason"] else ""
    status = f", exit status {ended['exit_status']}" if ended["exit_status"] is not None else ""
    console = show.err()
    console.print(f"{ended['state']}{reason}{status}")
    settled = order["settlement"]
    if settled is None:
        waiting = said(en="Not settled yet; ask later:", zh="尚未结算，请稍后查询：")
        console.print(f"{waiting} hesuan settle {order['id']}")
        return
    charge, own = show.yuan(settled["charge_yuan"]), show.yuan(settled["copay_captured_yuan"])
    console.print(
        said(
            en=f"Charged {charge}, of which you pay {own}. hesuan settle {order['id']}",
            zh=f"费用 {charge}，其中自付 {own}。hesuan settle {order['id']}",
        )
    )


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(run, argv)
