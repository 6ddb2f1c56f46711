"""A process that dies at a statement of its work: every write, and what lies between them, is a place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction


class Killed(BaseException):
    """The process is gone: no handler of errors catches it."""


class Statements:
    """Counts what is asked of the database, and dies before one of them."""

    def __init__(self, dies_at: int = -1) -> None:
        self.done = 0
        self.dies_at = dies_at

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if self.done == self.dies_at:
            raise Killed
        self.done += 1
        return execute(sql, params, many, context)


def statements_of(work: Callable[[], Any]) -> int:
    """How many statements some work takes; it is undone."""
    counted = Statements()
    with transaction.atomic():
        with connection.execute_wrapper(counted):
            work()
        transaction.set_rollback(True)
    return counted.done


def dies(at: int, work: Callable[[], Any]) -> bool:
    """Does the work and dies before its statement ``at``; returns whether it came so far."""
    try:
        with transaction.atomic(), connection.execute_wrapper(Statements(at)):
            work()
    except Killed:
        return True
    return False
