"""Whether a programme's log says what the ledger moved, transfer by transfer (I8): nothing is mended.

What waits for its entry is no finding; it has a row, and the worker's next round writes the entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hesuan.hub.audit import entries
from hesuan.hub.audit.models import Fact, Log
from hesuan.hub.disclosure import batching, sealing, services
from hesuan.hub.disclosure.models import Disclosed
from hesuan.hub.ledger import checks as books
from hesuan.hub.ledger import selectors as journal
from hesuan.hub.ledger.checks import Finding, Invariant
from hesuan.hub.ledger.selectors import TransferRow
from hesuan.wire import seals
from hesuan.wire.canonical import Json
from hesuan.wire.leaves import VERSION

UNTOLD = Invariant(
    "I8.untold",
    "Every transfer in a programme's ledger is told to that programme's log, and nothing else is.",
    "计划账本的每笔转账均告知该计划的日志，且仅限于此。",
    """
    SELECT t.id AS transfer, a.ledger, d.programme FROM ledger_transfer t
    JOIN ledger_account a ON a.id = t.debit_id
    LEFT JOIN disclosure_disclosed d ON d.transfer_id = t.seq
    WHERE (d.transfer_id IS NULL AND a.ledger LIKE 'programme:%')
        OR 'programme:' || d.programme <> a.ledger
    """,
)
OTHERWISE = Invariant(
    "I8.otherwise",
    "An entry says of its transfer all that is to be said: kind, amount, centre, payer, matter, firm, time.",
    "条目所载与其转账应载者全部一致：类别、金额、算力中心、出资方、事由、企业、时间。",
    "",
)
SEALED = Invariant(
    "I8.seal",
    "The root of each log's newest seal is that of the journal's balances at that day's end.",
    "每个日志最近一次封存的根，与当日终了时凭证所得余额的根一致。",
    "",
)
BATCHES = Invariant(
    "I8.batch",
    "The leaf of a paid batch names its payments, their number and their sum, and no payment else.",
    "已付批次的条目载明其各笔支付、笔数与合计，且仅限于此。",
    "",
)
INVARIANTS = (UNTOLD, OTHERWISE, SEALED, BATCHES)
CHUNK = 1_000
FRAME = frozenset({"v", "p", "s", "k", "t", "h"})
"""Members that the log gives an entry of its own."""


def check() -> list[Finding]:
    """Compares every transfer with its entry; an empty list means that the logs say what was moved."""
    found = [
        (UNTOLD, books.rows(UNTOLD.sql, [])),
        (OTHERWISE, tuple(_otherwise())),
        (SEALED, tuple(_sealed_otherwise())),
        (BATCHES, tuple(_batches_otherwise())),
    ]
    return [Finding(one.name, one.en, one.zh, rows) for one, rows in found if rows]


def _otherwise() -> list[dict[str, object]]:
    faults, last = list[dict[str, object]](), 0
    while rows := list(_told_after(last)):
        last = rows[-1].transfer_id
        moves = journal.by_number(row.transfer_id for row in rows)
        told = {move.seq: (move, tells) for move, tells in zip(moves, services.said(moves), strict=True)}
        for row in rows:
            assert row.entry is not None
            move, tells = told[row.transfer_id]
            leaf = json.loads(row.entry.logged)
            if differs := _differing(
                leaf, row.entry, _wanted(entries.log_of(row.programme), move, tells), move
            ):
                said = {"leaf": leaf.get("k"), "leaf_fen": leaf.get("a"), "differs": ", ".join(differs)}
                faults.append({"transfer": move.id, **said})
    return faults


def _wanted(log: str, move: TransferRow, tells: services.Said) -> dict[str, Json]:
    """All that the leaf says in public but its numbers and the digest of its record."""
    at = move.at.strftime("%Y-%m-%dT%H:%MZ")
    wanted: dict[str, Json] = {"v": VERSION, "p": log, "k": tells.kind, "t": at, **tells.public}
    return wanted | ({"w": entries.pseudonym(tells.firm, move.at.year)} if tells.firm else {})


def _differing(leaf: dict[str, Json], fact: Fact, wanted: dict[str, Json], move: TransferRow) -> list[str]:
    names = (wanted.keys() | leaf.keys()) - {"s", "h", "ref"}
    differs = sorted(name for name in names if leaf.get(name) != wanted.get(name))
    if (fact.log, fact.subject, fact.refers or "") != (wanted["p"], move.id, move.pending_id or ""):
        differs.append("ref")
    return differs


def _sealed_otherwise() -> Iterator[dict[str, object]]:
    for log in Log.objects.values_list("name", flat=True):
        last = Fact.objects.filter(log=log, subject=entries.SEAL, kind=seals.KIND).order_by("-seq").first()
        if last is None:
            continue
        leaf, made = json.loads(last.logged), sealing.of_seal(last)
        computed = made.root() if made.balances else None
        if (leaf.get("root"), leaf.get("day")) != (computed, made.day):
            yield {"log": log, "day": leaf.get("day"), "sealed": leaf.get("root"), "computed": computed}


def _batches_otherwise() -> Iterator[dict[str, object]]:
    """What waits for its leaf is no finding, unless rows and payments differ and it will never get one."""
    for batch in batching.paid():
        where, leaves = batching.found(batch), [json.loads(one.logged) for one in batching.of_batch(batch)]
        told = [{name: leaf[name] for name in leaf.keys() - FRAME} for leaf in leaves]
        if where.waits and not leaves:
            continue
        if where.told != where.owed or (leaves and told != list(batching.said(batch, where))):
            owed, said = sum(where.owed.values()), sum(leaf.get("a", 0) for leaf in leaves)
            yield {
                "batch": batch.id,
                "paid_fen": owed,
                "in_the_log_fen": sum(where.told.values()),
                "said_fen": said,
            }


def _told_after(last: int) -> list[Disclosed]:
    rows = Disclosed.objects.filter(transfer__gt=last, entry__isnull=False).select_related("entry")
    return list(rows.order_by("transfer")[:CHUNK])
