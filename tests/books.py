"""What every test's end asks of the books."""

from __future__ import annotations

from django.db import connection

from hesuan.hub.audit import checks as log_checks
from hesuan.hub.audit import selectors as audit
from hesuan.hub.disclosure import checks as disclosure
from hesuan.hub.ledger import checks
from hesuan.hub.settlement import soundness

Finding = checks.Finding | log_checks.Finding


def findings(*, but: tuple[str, ...] = ()) -> list[Finding]:
    """Broken invariants, I1 to I13, those about time left out; none where the transaction is already lost.

    The books are asked where a transfer was tried, and the logs where one was signed: recomputing a log
    takes milliseconds, and most tests write none.

    Args:
        but: How the names of those begin that the test breaks on purpose.
    """
    if connection.in_atomic_block and connection.needs_rollback:
        return []
    found: list[Finding] = []
    if _holds_a_row("ledger_attempt"):
        found += [*soundness.check(), *disclosure.check()]
    if _holds_a_row("audit_checkpoint"):
        found += [one for log in audit.logs() for one in log_checks.check(log)]
    return [one for one in found if not one.invariant.startswith((checks.LATE, *but))]


def _holds_a_row(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
        return cursor.fetchone() is not None
