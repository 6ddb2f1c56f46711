"""Whether all books agree: every ledger's invariants, and what settlement says it moved beside what moved.

One place for whoever asks: the command, the worker's round, the test of every test. Nothing is mended.
"""

from __future__ import annotations

from hesuan.hub.ledger import checks
from hesuan.hub.ledger.checks import Finding, Invariant

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
INVARIANTS = (*checks.INVARIANTS, PAID, SETTLED)


def check() -> list[Finding]:
    """Runs every invariant of the ledger and of settlement; an empty list means that all books agree."""
    found = checks.check()
    for one in (PAID, SETTLED):
        if broken := checks.rows(one.sql, []):
            found.append(Finding(one.name, one.en, one.zh, broken))
    return found
