"""The invariants of every ledger, recomputed from its rows: what ``hesuan ledger check`` prints.

Each is one query that an auditor can run by hand on either database; a sound ledger returns no row. A
finding is never mended here: corrections are new transfers, made by people.

I8 belongs to the audit room (the log is whole) and to disclosure (it says what was moved), I10 to I13 to
settlement, whose charges and payments they speak of.

No ``NOT IN (SELECT …)``: PostgreSQL reads the inner rows anew for each outer row as soon as they do not fit
its working memory, which they do not beyond some hundred thousand transfers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from hesuan.errors import Refused, declare
from hesuan.hub.ledger import clock

UNSOUND = declare(
    "ledger.unsound",
    en="The books do not add up ({invariants}), so nothing is paid. `hesuan ledger check` lists the rows;"
    " someone has to look before money leaves.",
    zh="账目不符（{invariants}），暂停付款。`hesuan ledger check` 列出相应记录；须先由人核查，款项方可付出。",
)

EXPIRY_GRACE = timedelta(seconds=60)
"""How long a hold may stay open after its time is over: the worker releases it by then."""
LATE = "I6b"
"""The one invariant that is about time and not about money."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """What must hold, and the query for the rows that break it."""

    name: str
    en: str
    zh: str
    sql: str
    needs_deadline: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken invariant with the rows that break it."""

    invariant: str
    en: str
    zh: str
    rows: tuple[dict[str, object], ...]


INVARIANTS = (
    Invariant(
        "I1",
        "Posted debits and credits of a ledger are equal.",
        "每个账本的已入账借方与贷方合计相等。",
        """
        SELECT ledger, sum(debits_posted) AS debits_fen, sum(credits_posted) AS credits_fen
        FROM ledger_account GROUP BY ledger HAVING sum(debits_posted) <> sum(credits_posted)
        """,
    ),
    Invariant(
        "I2",
        "Pending debits and credits of a ledger are equal.",
        "每个账本的冻结借方与贷方合计相等。",
        """
        SELECT ledger, sum(debits_pending) AS debits_fen, sum(credits_pending) AS credits_fen
        FROM ledger_account GROUP BY ledger HAVING sum(debits_pending) <> sum(credits_pending)
        """,
    ),
    Invariant(
        "I3",
        "No account is overdrawn that may not be.",
        "不得透支的账户没有透支。",
        """
        SELECT ledger, key, credits_posted - debits_posted - debits_pending AS available_fen
        FROM ledger_account
        WHERE NOT may_overdraw AND credits_posted - debits_posted - debits_pending < 0
        """,
    ),
    Invariant(
        "I4",
        "The four counters of every account equal the sums of its transfers.",
        "每个账户的四个计数等于其转账之和。",
        """
        WITH moved AS (
            SELECT t.debit_id, t.credit_id,
                sum(CASE WHEN t.kind IN ('transfer', 'capture') THEN t.amount_fen ELSE 0 END) AS posted,
                sum(CASE WHEN t.kind = 'hold' AND r.hold IS NULL THEN t.amount_fen ELSE 0 END) AS pending
            FROM ledger_transfer t LEFT JOIN
                (SELECT DISTINCT pending_id AS hold FROM ledger_transfer WHERE pending_id IS NOT NULL) r
                ON r.hold = t.id
            GROUP BY t.debit_id, t.credit_id
        ), total AS (
            SELECT account_id, sum(dpo) AS dpo, sum(cpo) AS cpo, sum(dp) AS dp, sum(cp) AS cp FROM (
                SELECT debit_id AS account_id, posted AS dpo, 0 AS cpo, pending AS dp, 0 AS cp FROM moved
                UNION ALL
                SELECT credit_id AS account_id, 0 AS dpo, posted AS cpo, 0 AS dp, pending AS cp FROM moved
            ) side GROUP BY account_id
        )
        SELECT a.ledger, a.key, a.debits_posted, t.dpo, a.credits_posted, t.cpo,
            a.debits_pending, t.dp, a.credits_pending, t.cp
        FROM ledger_account a LEFT JOIN total t ON t.account_id = a.id
        WHERE a.debits_posted <> coalesce(t.dpo, 0) OR a.credits_posted <> coalesce(t.cpo, 0)
            OR a.debits_pending <> coalesce(t.dp, 0) OR a.credits_pending <> coalesce(t.cp, 0)
        """,
    ),
    Invariant(
        "I5",
        "A capture is at most its hold, a release exactly its hold.",
        "扣划不超过其冻结，解冻等于其冻结。",
        """
        SELECT r.id, r.kind, r.amount_fen, h.id AS hold, h.amount_fen AS held_fen
        FROM ledger_transfer r JOIN ledger_transfer h ON h.id = r.pending_id
        WHERE (r.kind = 'capture' AND r.amount_fen > h.amount_fen)
            OR (r.kind = 'release' AND r.amount_fen <> h.amount_fen)
        """,
    ),
    Invariant(
        "I6a",
        "A hold is resolved at most once.",
        "一笔冻结至多处理一次。",
        """
        SELECT pending_id AS hold, count(*) AS times FROM ledger_transfer
        WHERE pending_id IS NOT NULL GROUP BY pending_id HAVING count(*) > 1
        """,
    ),
    Invariant(
        LATE,
        "No hold is open a minute after its time is over.",
        "没有到期一分钟后仍未处理的冻结。",
        """
        SELECT h.id AS hold, h.amount_fen, h.expires_at FROM ledger_transfer h
        WHERE h.kind = 'hold' AND h.expires_at < %s
            AND NOT EXISTS (SELECT 1 FROM ledger_transfer r WHERE r.pending_id = h.id)
        """,
        needs_deadline=True,
    ),
    Invariant(
        "I7",
        "Both sides of a transfer are in one ledger, and a resolution has the sides of its hold.",
        "转账双方在同一账本，处理冻结的双方与冻结相同。",
        """
        SELECT t.id, d.ledger AS debit_ledger, c.ledger AS credit_ledger, t.pending_id AS hold
        FROM ledger_transfer t
        JOIN ledger_account d ON d.id = t.debit_id JOIN ledger_account c ON c.id = t.credit_id
        LEFT JOIN ledger_transfer h ON h.id = t.pending_id
        WHERE d.ledger <> c.ledger
            OR (h.id IS NOT NULL AND (h.debit_id <> t.debit_id OR h.credit_id <> t.credit_id))
        """,
    ),
    Invariant(
        "I9",
        "Every accepted attempt has a transfer, and no other attempt has.",
        "每个被接受的请求都有转账，其他请求都没有。",
        """
        SELECT a.id AS attempt, a.result, t.id AS transfer
        FROM ledger_attempt a LEFT JOIN ledger_transfer t ON t.id = a.id
        WHERE (a.result = 'ok' AND t.id IS NULL) OR (a.result <> 'ok' AND t.id IS NOT NULL)
        UNION ALL
        SELECT NULL AS attempt, NULL AS result, t.id AS transfer
        FROM ledger_transfer t WHERE NOT EXISTS (SELECT 1 FROM ledger_attempt a WHERE a.id = t.id)
        """,
    ),
    Invariant(
        "I14a",
        "An account is frozen if its last act of record froze it, and not otherwise.",
        "账户是否停用，与其最后一次停用或恢复的记录一致。",
        """
        SELECT a.ledger, a.key, a.frozen, f.number AS act FROM ledger_account a
        LEFT JOIN (SELECT account_id, max(number) AS number FROM ledger_freezing GROUP BY account_id) last
            ON last.account_id = a.id
        LEFT JOIN ledger_freezing f ON f.account_id = a.id AND f.number = last.number
        WHERE a.frozen <> coalesce(f.frozen, FALSE)
        """,
    ),
    Invariant(
        "I14b",
        "While an account was frozen, no transfer and no hold took from it.",
        "账户停用期间，没有转账或冻结从中支出。",
        """
        SELECT t.id, t.kind, t.amount_fen, a.ledger, a.key, f.number AS act
        FROM ledger_freezing f JOIN ledger_account a ON a.id = f.account_id
        LEFT JOIN ledger_freezing e ON e.account_id = f.account_id AND e.number = f.number + 1
        JOIN ledger_transfer t ON t.debit_id = f.account_id AND t.seq > f.after_seq
            AND (e.after_seq IS NULL OR t.seq <= e.after_seq)
        WHERE f.frozen AND t.pending_id IS NULL
        """,
    ),
)


def names_of_broken(invariants: Iterable[Invariant]) -> str:
    """One statement that gives the names of those that do not hold."""
    return " UNION ALL ".join(f"SELECT '{one.name}' AS name WHERE EXISTS ({one.sql})" for one in invariants)


BROKEN = names_of_broken(INVARIANTS)
"""Its one parameter is the moment before which holds have ended."""


def check(at: datetime | None = None) -> list[Finding]:
    """Runs every invariant over every ledger; an empty list is a sound ledger."""
    deadline = (at or clock.now()) - EXPIRY_GRACE
    findings = []
    for invariant in INVARIANTS:
        broken = rows(invariant.sql, [deadline] if invariant.needs_deadline else [])
        if broken:
            findings.append(Finding(invariant.name, invariant.en, invariant.zh, broken))
    return findings


def broken(at: datetime | None = None) -> list[str]:
    """Names of the invariants that do not hold, by one statement: for who asks often and needs no rows."""
    return [str(row["name"]) for row in rows(BROKEN, [(at or clock.now()) - EXPIRY_GRACE])]


def require_sound(beside: Iterable[Invariant] = ()) -> None:
    """Before money leaves: the books add up.

    Open holds past their time are left to the worker; they withhold money and give none away.

    Args:
        beside: Invariants of the room that pays, without parameters.

    Raises:
        Refused: ``ledger.unsound``, with the names of the broken invariants.
    """
    found = set(broken()) - {LATE}
    if asked := names_of_broken(beside):
        found |= {str(row["name"]) for row in rows(asked, [])}
    if found:
        raise Refused(UNSOUND, invariants=", ".join(sorted(found)))


def rows(sql: str, parameters: list[datetime]) -> tuple[dict[str, object], ...]:
    """The rows of one invariant's query, by the names of their columns."""
    adapted = [connection.ops.adapt_datetimefield_value(value) for value in parameters]
    with connection.cursor() as cursor:
        cursor.execute(sql, adapted or None)
        names = [column[0] for column in cursor.description]
        return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
