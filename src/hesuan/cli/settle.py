"""``hesuan settle ORDER_ID``: the charge, line by line, from usage and price; saves the receipt."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said
from hesuan.errors import Refused, declare

NOT_SETTLED = declare(
    "cli.not_settled",
    en="Order {order} is not settled: its run is {state}. It is settled once the run has ended and its usage"
    " has arrived.",
    zh="订单 {order} 尚未结算：运行状态为 {state}。运行结束且用量到达后即结算。",
)
PROOF_WAIT_S = 15
"""A log publishes within seconds; one that waits longer, for its witnesses, is not waited for here."""
PROOF_PAUSE_S = 0.3
FILE_EXISTS = declare(
    "cli.file_exists",
    en="{path} exists; it was left as it is.",
    zh="{path} 已存在，未作改动。",
)


@frame.command(
    "settle",
    en="Shows what an order cost: usage times price, the charge rule, what the voucher paid and what you"
    " paid, and what was held and given back. --receipt saves the signed receipt.",
    zh="查看订单的费用：用量乘以价格、计费规则、算力券支付与自付，以及冻结与解冻金额。"
    "--receipt 保存签名回执。",
)
@click.argument("order_id", metavar="ORDER_ID")
@frame.option(
    "--receipt",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    en="Save the receipt that `hesuan verify` checks.",
    zh="保存供 `hesuan verify` 验证的回执。",
)
@frame.AS_JSON
def settle(order_id: str, receipt: Path | None, as_json: bool) -> int:
    """Fetches, prints, saves."""
    proven = False
    with Hub() as hub:
        order = hub.get(f"orders/{order_id}")
        if order["settlement"] is None:
            raise Refused(NOT_SETTLED, order=order_id, state=order["run"]["state"])
        if receipt is not None:
            proven = _save(_with_proof(hub, order["receipt"]), receipt)
    if as_json:
        show.print_json(order["settlement"])
    else:
        console = show.out()
        show.put(show.pairs(_lines(order)))
        if trace := order["settlement"]["trace"]:
            console.print()
            console.print(said(en="Why the voucher pays what it pays:", zh="算力券支付额的依据："))
            for line in trace:
                console.print(f"  {show.sentence(line)}")
    if receipt is not None:
        show.err().print(_saved(receipt) if proven else _saved_early(receipt))
    return Exit.DONE


def _lines(order: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    paid = order["settlement"]
    price = order["quote_document"]["price"]
    per_hour = show.fen(price["fen_per_core_hour"])
    billed, cores, percent = paid["billed_s"], paid["cores"], paid["share_percent"]
    product = said(
        en=f"{billed:,} s × {cores} cores × {per_hour}/core-hour × {percent} % for {paid['state']}",
        zh=f"{billed:,} 秒 × {cores} 核 × {per_hour}/核时 × {percent} %（{paid['state']}）",
    )
    at_most = said(en="at most, by the quote", zh="报价单上限")
    yield said(en="Charge", zh="费用"), show.yuan(paid["charge_yuan"]), product
    yield f"  {at_most}", show.yuan(paid["max_charge_yuan"]), ""
    for voucher in paid["vouchers"]:
        remark = f"{voucher['code']}, {voucher['programme']}"
        yield said(en="Voucher pays", zh="算力券支付"), show.yuan(voucher["captured_yuan"]), remark
        yield from _held(voucher, "")
    yield said(en="You pay", zh="自付"), show.yuan(paid["copay_captured_yuan"]), ""
    yield from _held(paid, "copay_")
    yield said(en="Settled", zh="结算时间"), show.moment(paid["settled_at"]), ""
    receipt = said(en="Receipt", zh="回执")
    yield receipt, order["receipt_state"] or "–", order["receipt"] or ""
    if order["receipt"] and not order.get("receipt_witnessed"):
        yield "", said(en="unwitnessed", zh="未经见证"), ""


def _held(paid: Mapping[str, Any], part: str) -> Iterator[tuple[str, str, str]]:
    held, captured = paid[f"{part}held_yuan"], paid[f"{part}captured_yuan"]
    yield said(en="  held", zh="  冻结"), show.yuan(held), ""
    yield said(en="  given back", zh="  解冻"), show.difference(held, captured), ""


def _with_proof(hub: Hub, receipt: str) -> bytes:
    """The receipt's file, waiting a little for the log's proof: it promises an entry before."""
    deadline = time.monotonic() + PROOF_WAIT_S
    while True:
        content = hub.get_bytes(f"receipts/{receipt}/file")
        if _is_proven(content) or time.monotonic() > deadline:
            return content
        time.sleep(PROOF_PAUSE_S)


def _is_proven(content: bytes) -> bool:
    return "proof" in json.loads(content)


def _save(content: bytes, path: Path) -> bool:
    """Writes the bytes as they came; says whether they hold the log's proof.

    Only the same receipt's promise is replaced; any other existing file is left as it is.
    """
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        if path.read_bytes() != content:
            if not _is_promise_of(content, path.read_bytes()):
                raise Refused(FILE_EXISTS, path=path) from None
            beside = path.with_name(path.name + ".new")
            beside.write_bytes(content)
            beside.replace(path)
    return _is_proven(content)


def _is_promise_of(content: bytes, existing: bytes) -> bool:
    """Whether ``existing`` is ``content``'s receipt as it was before its proof."""
    try:
        earlier = json.loads(existing)
    except ValueError:
        return False
    if not isinstance(earlier, dict) or "proof" in earlier:
        return False
    return bool(earlier.get("receipt") == json.loads(content)["receipt"])


def _saved(path: Path) -> str:
    return said(en=f"Saved. Check it: hesuan verify {path}", zh=f"已保存。验证：hesuan verify {path}")


def _saved_early(path: Path) -> str:
    return said(
        en=f"Saved to {path} with the log's promise: its proof is not published yet. Run this command again"
        " for it; the file is then replaced.",
        zh=f"已保存至 {path}，其中为日志的承诺：证明尚未发布。稍后再次运行本命令即可取得，届时替换该文件。",
    )


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(settle, argv)
