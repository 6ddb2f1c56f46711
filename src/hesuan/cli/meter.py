"""``hesuan meter ORDER_ID``: what the run used, who observed it, and what had been predicted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.cli.language import said


@frame.command(
    "meter",
    en="Shows what an order's run used, as its centre's own accounting saw it, beside what was predicted.",
    zh="查看订单的运行用量（由算力中心自身的记账观测）及此前的预测。",
)
@click.argument("order_id", metavar="ORDER_ID")
@frame.AS_JSON
def meter(order_id: str, as_json: bool) -> int:
    """Fetches and prints."""
    with Hub() as hub:
        usage = hub.get(f"orders/{order_id}/usage")
        order = hub.get(f"orders/{order_id}")
        findings = list(hub.items(f"orders/{order_id}/findings"))
    if as_json:
        show.print_json({**usage, "findings": findings})
        return Exit.DONE
    console = show.out()
    show.put(show.pairs(_rows(usage, order["quote_document"]["prediction"])))
    if usage["attempts"]:
        console.print()
        show.put(show.table(_attempt_heads(), (_attempt(one) for one in usage["attempts"])))
    if usage["result"]:
        console.print()
        console.print(said(en="Reported by the program itself, not metered:", zh="程序自报，未经计量："))
        show.put(show.pairs(_claimed(name, value) for name, value in usage["result"].items()))
    for one in findings:
        told = ", ".join(f"{name}: {value}" for name, value in one["facts"].items())
        console.print()
        console.print(
            said(en=f"Does not agree [{one['kind']}]: {told}", zh=f"记录不一致 [{one['kind']}]：{told}")
        )
    return Exit.DONE


def _rows(usage: Mapping[str, Any], prediction: Mapping[str, Any] | None) -> Iterator[tuple[str, str, str]]:
    measured = f"{show.kind('measured')}, {usage['evidence']}"
    yield said(en="State", zh="状态"), usage["state"], _ending(usage)
    yield said(en="Started", zh="开始"), show.moment(usage["started_at"]), ""
    yield said(en="Ended", zh="结束"), show.moment(usage["ended_at"]), ""
    yield said(en="Wall time", zh="墙钟时间"), show.seconds(usage["wall_ms"]), measured
    if prediction:
        low, high = show.seconds(prediction["low_ms"]), show.seconds(prediction["high_ms"])
        remark = f"{low} – {high}, {show.kind(prediction['kind'])}"
        yield said(en="  predicted", zh="  预测"), show.seconds(prediction["mid_ms"]), remark
    yield said(en="CPU time", zh="CPU 时间"), show.seconds(usage["cpu_ms"]), measured
    yield said(en="Cores held", zh="占用核数"), str(usage["cores"]), ""
    yield said(en="Core-seconds held", zh="占用核秒"), f"{usage['held_core_s']:,}", _busy(usage)
    yield said(en="Peak memory", zh="峰值内存"), show.memory(usage["peak_memory_bytes"]), measured
    if usage["output_digest"]:
        yield said(en="Output", zh="输出"), "", usage["output_digest"]


def _attempt_heads() -> list[tuple[str, str]]:
    return [
        (said(en="Attempt", zh="执行"), "left"),
        (said(en="Ended", zh="结束"), "left"),
        (said(en="Wall time", zh="墙钟时间"), "right"),
        (said(en="Core-s", zh="核秒"), "right"),
        (said(en="Card-s", zh="卡秒"), "right"),
        (said(en="Node-s", zh="节点秒"), "right"),
        (said(en="MiB-s", zh="MiB 秒"), "right"),
        (said(en="Energy [J]", zh="能耗 [J]"), "right"),
        (said(en="Source", zh="来源"), "left"),
    ]


def _attempt(one: Mapping[str, Any]) -> tuple[str, ...]:
    """One time that the run was run: what was set aside × seconds; a dash where nobody read it."""
    held = (one[name] for name in ("core_s", "card_s", "node_s", "memory_mib_s", "energy_j"))
    figures = ("–" if value is None else f"{value:,}" for value in held)
    source = f"{one['evidence']}, {_evidence(one['evidence_class'])}"
    return one["key"], one["state"], show.seconds(one["wall_ms"]), *figures, source


def _evidence(name: str) -> str:
    """Who saw it."""
    return {
        "kernel": said(en="kernel", zh="内核"),
        "accounting": said(en="the scheduler's accounting", zh="调度器记账"),
        "self-reported": said(en="the engine's own word", zh="引擎自报"),
    }.get(name, name)


def _claimed(name: str, value: object) -> tuple[str, str, str]:
    """What the program says of itself; a number stands among the figures, a text beside them."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"  {name}", f"{value:,}", ""
    return f"  {name}", "", str(value)


def _ending(usage: Mapping[str, Any]) -> str:
    if usage["signal"] is not None:
        return said(en=f"signal {usage['signal']}", zh=f"信号 {usage['signal']}")
    if usage["exit_status"] is not None:
        return said(en=f"exit status {usage['exit_status']}", zh=f"退出码 {usage['exit_status']}")
    return ""


def _busy(usage: Mapping[str, Any]) -> str:
    """The share of the held core time that was busy, in whole percent."""
    held_ms = usage["wall_ms"] * usage["cores"]
    if not held_ms:
        return ""
    percent = usage["cpu_ms"] * 100 // held_ms
    return said(en=f"{percent} % busy", zh=f"{percent} % 在用")


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(meter, argv)
