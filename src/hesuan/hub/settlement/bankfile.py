"""A bank statement as a file: CSV with a heading, read whole, every fault told with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from hesuan.errors import Faults, InputFault
from hesuan.hub.settlement import audit_errors as errors
from hesuan.money import parse_yuan

COLUMNS = ("day", "reference", "amount")
ALSO = ("payment", "payee")
MOST_LINES = 20_000
MOST_LETTERS = {"reference": 100, "payment": 100, "payee": 200}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file."""

    number: int
    """In the file, the heading being 1."""
    day: date
    reference: str
    payment: str
    payee: str
    amount_fen: int


def read(content: str) -> list[Line]:
    """The lines of a statement.

    Raises:
        InputFault: ``bank_statement.unreadable``.
        Faults: every line that cannot be read.
    """
    try:
        table = csv.DictReader(io.StringIO(content.removeprefix("\ufeff"), newline=""), strict=True)
        head = [name.strip() for name in table.fieldnames or ()]
        table.fieldnames = head
        rows = list(table)
    except csv.Error as fault:
        raise _unreadable(str(fault)) from None
    if not set(COLUMNS) <= set(head) <= {*COLUMNS, *ALSO}:
        raise _unreadable(", ".join(head)[:200])
    if len(rows) > MOST_LINES:
        raise _unreadable(f"{len(rows)} > {MOST_LINES}")
    faults: list[InputFault] = []
    lines = [_line(number, row, faults) for number, row in enumerate(rows, start=2)]
    if faults:
        raise Faults(faults)
    return [line for line in lines if line is not None]


def _line(number: int, row: Mapping[str, str | None], faults: list[InputFault]) -> Line | None:
    said = {name: (row.get(name) or "").strip() for name in (*COLUMNS, *ALSO)}
    before = len(faults)
    day, amount_fen = None, 0
    try:
        day = date.fromisoformat(said["day"])
    except ValueError:
        faults.append(_wrong(number, "day", said["day"], "a day such as 2026-12-31", "日期，如 2026-12-31"))
    try:
        amount_fen = parse_yuan(said["amount"], where=f"{number}: amount")
    except InputFault as fault:
        faults.append(fault)
    if not amount_fen and len(faults) == before:
        faults.append(_wrong(number, "amount", said["amount"], "above 0", "大于 0 的金额"))
    if not said["reference"] and not said["payment"]:
        faults.append(_wrong(number, "reference", "", "a reference or a payment", "参考号或付款编号"))
    for name, most in MOST_LETTERS.items():
        if len(said[name]) > most:
            expected = f"at most {most} letters"
            faults.append(_wrong(number, name, said[name][:40], expected, f"不超过 {most} 个字符"))
    if day is None or len(faults) > before:
        return None
    return Line(number, day, said["reference"], said["payment"], said["payee"], amount_fen)


def _wrong(number: int, field: str, value: str, expected: str, expected_zh: str) -> InputFault:
    return InputFault(
        errors.STATEMENT_LINE,
        where=f"{number}: {field}",
        field=field,
        value=value,
        expected=expected,
        expected_zh=expected_zh,
    )


def _unreadable(found: str) -> InputFault:
    return InputFault(
        errors.STATEMENT_UNREADABLE,
        where="content",
        columns=", ".join(COLUMNS),
        also=", ".join(ALSO),
        found=found,
    )
