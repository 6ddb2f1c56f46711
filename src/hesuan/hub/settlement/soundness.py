"""Whether all books agree: every ledger's invariants, and what settlement says it moved beside what moved.

One place for whoever asks: the command, the worker's round, who pays, the end of every test. Nothing is
mended. The queries read transfers, not the counters that they are compared with.
"""

# ruff: noqa: S608 - statements are put together from this module's own words

from __future__ import annotations

from collections.abc import Iterator

from hesuan.errors import InputFault
from hesuan.hub.audit import restoring
from hesuan.hub.ledger import checks
from hesuan.hub.ledger.checks import Finding, Invariant
from hesuan.hub.metering.models import UsageRecord
from hesuan.hub.runs import rules as run_rules
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Settlement
from hesuan.hub.settlement.rules import zero_usage
from hesuan.wire.receipt import charge_fen

_CROSSED = """
    WITH placed AS (
        SELECT id, ledger, CASE
            WHEN kind = 'appropriation' THEN 0
            WHEN kind = 'budget' THEN 1
            WHEN kind IN ('centre', 'user') THEN 3
            WHEN kind = 'payable' THEN 4
            WHEN kind IN ('paid', 'clawback_receivable', 'returned', 'written_off') THEN 5
            ELSE 2 END AS place
        FROM ledger_account WHERE ledger LIKE 'programme:%' AND kind NOT IN ('paid_ahead', 'float')
    ), moved AS (
        SELECT d.ledger, d.place AS debit, c.place AS credit, t.amount_fen AS fen FROM ledger_transfer t
        JOIN placed d ON d.id = t.debit_id JOIN placed c ON c.id = t.credit_id
        WHERE t.kind IN ('transfer', 'capture')
    ), crossed AS (
        SELECT ledger,
            sum(CASE WHEN debit < 1 AND credit >= 1 THEN fen WHEN debit >= 1 AND credit < 1 THEN -fen
                ELSE 0 END) AS funded_fen,
            sum(CASE WHEN debit < 2 AND credit >= 2 THEN fen WHEN debit >= 2 AND credit < 2 THEN -fen
                ELSE 0 END) AS issued_fen,
            sum(CASE WHEN debit < 3 AND credit >= 3 THEN fen WHEN debit >= 3 AND credit < 3 THEN -fen
                ELSE 0 END) AS captured_fen,
            sum(CASE WHEN debit < 5 AND credit >= 5 THEN fen WHEN debit >= 5 AND credit < 5 THEN -fen
                ELSE 0 END) AS paid_fen
        FROM moved GROUP BY ledger
    )
"""
"""What went, less what came back, past each step of a programme's money [fen]."""

ISSUED = Invariant(
    "I10",
    "A programme issued at most what it was given, captured at most what it issued (what expired or came back"
    " taken off), and paid at most what was captured.",
    "计划的发放不超过拨入，扣划不超过发放（已减去过期与退回），支付不超过扣划。",
    f"""
    {_CROSSED}
    SELECT ledger, funded_fen, issued_fen, captured_fen, paid_fen FROM crossed
    WHERE issued_fen > funded_fen OR captured_fen > issued_fen OR paid_fen > captured_fen
    """,
)
RESERVE = Invariant(
    "I13",
    "What a programme was given and has not paid covers what it owes and what is held on its vouchers.",
    "计划已拨入而未支付的款项，足以覆盖其应付款与算力券上的冻结。",
    f"""
    {_CROSSED}, owed AS (
        SELECT ledger,
            sum(CASE WHEN kind IN ('centre', 'user', 'payable') THEN credits_posted - debits_posted
                ELSE 0 END) AS owed_fen,
            sum(CASE WHEN kind NOT IN ('centre', 'user', 'payable', 'paid', 'paid_ahead', 'float')
                THEN debits_pending ELSE 0 END) AS held_fen
        FROM ledger_account WHERE ledger LIKE 'programme:%' GROUP BY ledger
    )
    SELECT o.ledger, coalesce(c.funded_fen, 0) AS funded_fen, coalesce(c.paid_fen, 0) AS paid_fen,
        o.owed_fen, o.held_fen
    FROM owed o LEFT JOIN crossed c ON c.ledger = o.ledger
    WHERE coalesce(c.funded_fen, 0) - coalesce(c.paid_fen, 0) < o.owed_fen + o.held_fen
    """,
)
METERED = Invariant(
    "I11",
    "What an order was charged is its quoted price times its metered use, and all of it was captured.",
    "订单的费用等于报价单价乘以计量用量，且全部已扣划。",
    """
    SELECT s.order_id, s.charge_fen, s.copay_captured_fen, coalesce(sum(t.amount_fen), 0) AS captured_fen
    FROM settlement_settlement s
    LEFT JOIN settlement_draw d ON d.settlement_id = s.id
    LEFT JOIN ledger_transfer t ON t.kind = 'capture' AND t.id = s.order_id || ':voucher:' || (
        CASE WHEN d.place = 0 THEN '' ELSE d.place || ':' END) || 'end'
    GROUP BY s.order_id, s.charge_fen, s.copay_captured_fen
    HAVING s.charge_fen <> s.copay_captured_fen + coalesce(sum(t.amount_fen), 0)
    """,
)
PAID = Invariant(
    "I12a",
    "Every payment is one transfer of its amount, and no payer's account paid anything else.",
    "每笔付款对应一笔等额转账，付款方账户没有其他付款。",
    """
    SELECT p.id AS payment, p.amount_fen, t.amount_fen AS moved_fen
    FROM settlement_payment p LEFT JOIN ledger_transfer t ON t.id = p.id
    WHERE t.id IS NULL OR t.amount_fen <> p.amount_fen
    UNION ALL
    SELECT t.id AS payment, NULL AS amount_fen, t.amount_fen AS moved_fen
    FROM ledger_transfer t LEFT JOIN settlement_payment p ON p.id = t.id
    WHERE t.id LIKE 'pay:%' AND t.id NOT LIKE '%:float' AND p.id IS NULL
        AND t.debit_id IN (SELECT id FROM ledger_account WHERE kind = 'payable')
    """,
)
SETTLED = Invariant(
    "I12b",
    "What a settlement says the organisation paid is what was captured from its hold.",
    "结算所记的自付额等于从其冻结中扣划的金额。",
    """
    SELECT s.id AS settlement, s.copay_captured_fen, t.amount_fen AS moved_fen
    FROM settlement_settlement s
    LEFT JOIN ledger_transfer t ON t.id = s.order_id || ':copay:end' AND t.kind = 'capture'
    WHERE s.copay_captured_fen <> coalesce(t.amount_fen, 0)
    """,
)
INSTRUCTED = Invariant(
    "I12c",
    "A payment instruction is the sum of its payments, and a batch instructs all that it pays.",
    "付款指令等于其各笔付款之和，批次支付的款项均有指令。",
    """
    SELECT i.id AS instruction, i.amount_fen, i.payments,
        coalesce(sum(p.amount_fen - p.from_float_fen - p.set_off_fen), 0) AS paid_fen, count(p.id) AS found
    FROM settlement_instruction i
    LEFT JOIN settlement_instructed x ON x.instruction_id = i.id
    LEFT JOIN settlement_payment p ON p.id = x.payment_id
    GROUP BY i.id, i.amount_fen, i.payments
    HAVING i.amount_fen <> coalesce(sum(p.amount_fen - p.from_float_fen - p.set_off_fen), 0)
        OR i.payments <> count(p.id)
    UNION ALL
    SELECT p.id AS instruction, NULL AS amount_fen, NULL AS payments,
        p.amount_fen - p.from_float_fen - p.set_off_fen AS paid_fen, 0 AS found
    FROM settlement_payment p LEFT JOIN settlement_instructed x ON x.payment_id = p.id
    WHERE x.payment_id IS NULL AND p.amount_fen > p.from_float_fen + p.set_off_fen
        AND p.batch_id IN (SELECT batch_id FROM settlement_instruction WHERE batch_id IS NOT NULL)
    """,
)
FROZEN = Invariant(
    "I14c",
    "The account of a suspended or revoked voucher is frozen, and that of one that can be used is not.",
    "已暂停或已撤销的算力券，其账户已停用；可使用的算力券，其账户未停用。",
    """
    SELECT v.id AS voucher, v.state, a.ledger, a.key, a.frozen
    FROM programmes_voucher v
    JOIN programmes_programmeversion w ON w.id = v.programme_version_id
    JOIN ledger_account a ON a.ledger = 'programme:' || w.programme_id AND a.key = 'voucher:' || v.id
    WHERE (v.state IN ('SUSPENDED', 'REVOKED') AND NOT a.frozen)
        OR (v.state IN ('ISSUED', 'ACTIVE', 'REDUCED') AND a.frozen)
    """,
)
OWN = (ISSUED, METERED, PAID, SETTLED, INSTRUCTED, RESERVE, FROZEN)
BEFORE_PAYING = tuple(one for one in OWN if one is not METERED)
"""Each one query. I11 computes every charge anew and I8 every entry: the worker's round."""
INVARIANTS = (*checks.INVARIANTS, *OWN, restoring.KEPT)


def check() -> list[Finding]:
    """Runs every invariant of the ledger and of settlement; an empty list means that all books agree."""
    found = checks.check()
    for one in OWN:
        broken = checks.rows(one.sql, [])
        if one is METERED:
            broken = (*broken, *_charged_otherwise())
        if broken:
            found.append(Finding(one.name, one.en, one.zh, broken))
    found += [Finding(one.invariant, one.en, one.zh, one.rows) for one in restoring.check()]
    return found


def require() -> None:
    """Before money leaves: the books add up, the ledger's and those of what was issued, captured and paid.

    Raises:
        Refused: ``ledger.unsound``, with the names of the broken invariants.
    """
    checks.require_sound(BEFORE_PAYING)


def _charged_otherwise() -> Iterator[dict[str, object]]:
    """Settlements whose charge is not what their quote and their metered use come to."""
    for settled in Settlement.objects.select_related("order__quote").iterator(chunk_size=500):
        run = Run.objects.filter(order_id=settled.order_id).first()
        usage = None
        if run is not None and run.state in run_rules.UNSTARTED:
            usage = zero_usage(run.id, cores=run.cores)
        elif run is not None:
            record = UsageRecord.objects.filter(run=run).first()
            usage = record.raw if record is not None else None
        try:
            due = charge_fen(usage, settled.order.quote.document).charge_fen if usage is not None else None
        except InputFault:
            due = None
        if due != settled.charge_fen:
            yield {"order_id": settled.order_id, "charge_fen": settled.charge_fen, "metered_fen": due}
