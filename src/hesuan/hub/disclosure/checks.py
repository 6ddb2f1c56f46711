"""Whether a programme's log says what the ledger moved, transfer by transfer (I8): nothing is mended.

What waits for its entry is no finding; it has a row, and the worker's next round writes the entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from hesuan.hub.audit import entries
from hesuan.hub.audit.models import Fact, Log
from hesuan.hub.disclosure import rules, sealing
from hesuan.hub.disclosure.models import Disclosed
from hesuan.hub.ledger import checks as books
from hesuan.hub.ledger import selectors as journal
from hesuan.hub.ledger.checks import Finding, Invariant
from hesuan.wire import seals

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
    "An entry has the kind and the amount of its transfer, and is of its programme.",
    "条目的类别与金额和其转账一致，且属于该计划。",
    "",
)
SEALED = Invariant(
    "I8.seal",
    "The root of each log's newest seal is that of the journal's balances at that day's end.",
    "每个日志最近一次封存的根，与当日终了时凭证所得余额的根一致。",
    "",
)
INVARIANTS = (UNTOLD, OTHERWISE, SEALED)
CHUNK = 1_000


def check() -> list[Finding]:
    """Compares every transfer with its entry; an empty list means that the logs say what was moved."""
    found = [
        (UNTOLD, books.rows(UNTOLD.sql, [])),
        (OTHERWISE, tuple(_otherwise())),
        (SEALED, tuple(_sealed_otherwise())),
    ]
    return [Finding(one.name, one.en, one.zh, rows) for one, rows in found if rows]


def _otherwise() -> list[dict[str, object]]:
    faults, last = list[dict[str, object]](), 0
    while rows := list(_told_after(last)):
        last = rows[-1].transfer_id
        moves = {one.seq: one for one in journal.by_number(row.transfer_id for row in rows)}
        for row in rows:
            move, fact = moves[row.transfer_id], row.entry
            assert fact is not None
            leaf = json.loads(fact.logged)
            said = rules.told(rules.Move(move.kind, move.code, move.debit, move.credit, move.amount_fen))
            wanted = (said.kind, move.amount_fen, move.id)
            if (leaf.get("k"), leaf.get("a"), fact.subject) != wanted:
                faults.append({"transfer": move.id, "leaf": leaf.get("k"), "leaf_fen": leaf.get("a")})
    return faults


def _sealed_otherwise() -> Iterator[dict[str, object]]:
    for log in Log.objects.values_list("name", flat=True):
        last = Fact.objects.filter(log=log, subject=entries.SEAL, kind=seals.KIND).order_by("-seq").first()
        if last is None:
            continue
        leaf, made = json.loads(last.logged), sealing.of_seal(last)
        computed = made.root() if made.balances else None
        if (leaf.get("root"), leaf.get("day")) != (computed, made.day):
            yield {"log": log, "day": leaf.get("day"), "sealed": leaf.get("root"), "computed": computed}


def _told_after(last: int) -> list[Disclosed]:
    rows = Disclosed.objects.filter(transfer__gt=last, entry__isnull=False).select_related("entry")
    return list(rows.order_by("transfer")[:CHUNK])
