"""``hesuan audit``: the facts recorded about an order, each proven to be in the public log.

The proofs are checked here, on the reader's machine: the hub's word is not taken for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from hesuan.cli import frame, show
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit, Told
from hesuan.cli.language import said
from hesuan.errors import HesuanError
from hesuan.wire.canonical import canonical
from hesuan.wire.checkpoint import open_note, parse_checkpoint, parse_log_key
from hesuan.wire.leaves import opens
from hesuan.wire.merkle import leaf_hash, verify_inclusion


@frame.command(
    "audit",
    en="Shows every fact recorded about an order (or a receipt), checks that each stands in the public log,"
    " and prints the line that verifies the receipt without the hub.",
    zh="显示订单（或回执）的全部事实记录，验证每条均在公开日志中，并给出脱离平台验证回执的命令。",
)
@click.argument("order_or_receipt", metavar="ORDER_OR_RECEIPT")
@frame.AS_JSON
def audit(order_or_receipt: str, as_json: bool) -> int:
    """Fetches, checks, prints."""
    with Hub() as hub:
        trail = _trail(hub, order_or_receipt)
        verdicts = [_verdict(hub, fact, trail["log_key"]) for fact in trail["facts"]]
    sound = "wrong" not in verdicts
    if as_json:
        show.print_json({**trail, "verdicts": verdicts})
    else:
        _print(trail, verdicts)
    return Exit.DONE if sound else Exit.REFUSED


def _trail(hub: Hub, identity: str) -> dict[str, Any]:
    """The trail by an order's id, else by a receipt's."""
    try:
        trail: dict[str, Any] = hub.get(f"orders/{identity}/facts")
    except Told as error:
        if error.status != 404:
            raise
        trail = hub.get(f"receipts/{identity}/facts")
    return trail


def _verdict(hub: Hub, fact: Mapping[str, Any], log_key: str) -> str:
    """``proven``, ``waiting`` for the next checkpoint, or ``wrong``: not in the log, or not what opens it."""
    private = fact.get("private")
    if private and "salt" in private and not opens(fact["leaf"], **private):
        return "wrong"
    if fact["leaf_index"] is None:
        return "waiting"
    proof = hub.get(f"log/inclusion/{fact['leaf_index']}")
    return "proven" if _is_proven(fact, proof, log_key) else "wrong"


def _is_proven(fact: Mapping[str, Any], proof: Mapping[str, Any], log_key: str) -> bool:
    try:
        checkpoint = parse_checkpoint(open_note(proof["checkpoint"], parse_log_key(log_key)))
        path = [bytes.fromhex(text) for text in proof["hashes"]]
    except (HesuanError, ValueError):
        return False
    return proof["index"] == fact["leaf_index"] and verify_inclusion(
        index=proof["index"],
        size=checkpoint.size,
        hash_of_leaf=leaf_hash(canonical(fact["leaf"])),
        path=path,
        expected_root=checkpoint.root,
    )


def _print(trail: Mapping[str, Any], verdicts: list[str]) -> None:
    words = {
        "proven": said(en="in the log, proven", zh="已证实在日志中"),
        "waiting": said(en="waits for the next checkpoint", zh="等待下一个检查点"),
        "wrong": said(
            en="NOT PROVEN: the proof does not lead to the signed root", zh="未证实：证明与签名根不符"
        ),
    }
    columns = [
        (said(en="Leaf", zh="序号"), "right"),
        (said(en="When", zh="时间"), "left"),
        (said(en="Fact", zh="事实"), "left"),
        (said(en="Of", zh="对象"), "left"),
        (said(en="Proof", zh="证明"), "left"),
    ]
    rows = [
        (
            "–" if fact["leaf_index"] is None else str(fact["leaf_index"]),
            show.moment(fact["at"]),
            fact["kind"],
            fact["subject"],
            words[verdict],
        )
        for fact, verdict in zip(trail["facts"], verdicts, strict=True)
    ]
    console = show.out()
    show.put(show.table(columns, rows))
    console.print()
    console.print(said(en="Log key:", zh="日志公钥："), trail["log_key"])
    if trail["checkpoint"]:
        console.print(said(en="Newest checkpoint:", zh="最新检查点："))
        console.print(trail["checkpoint"]["note"])
    if not trail.get("witnessed"):
        console.print(
            said(
                en="UNWITNESSED: nobody outside the platform, or too few, cosigned it.",
                zh="未经见证：平台以外无人联署，或联署不足。",
            )
        )
    if trail["receipt"]:
        order = trail["order"]
        file = f"receipt-{trail['receipt']}.json"
        console.print(f"hesuan settle {order} --receipt {file} && hesuan verify {file}")


def main(argv: list[str]) -> int:
    """Runs the command."""
    return frame.run(audit, argv)
