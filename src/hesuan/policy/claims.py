"""A year of claims as a CSV: one row for each line of each claim.

Columns: ``claim`` (rows with the same one are the lines of one claim), ``on``, ``kind`` and ``amount`` are
required. ``tax``, ``metered_on`` (the day the meter counted the line), ``event`` (``issue``, or ``redeem``
where nothing is issued beforehand), ``registries`` (names with spaces between; empty where no supplier is
chosen) and ``other_aid`` may be left out. Every other column is a fact by its name. An empty cell states
nothing. A fact that all rows of a claim state alike is the claim's; one that differs is each line's own.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeVar, cast

from hesuan.errors import Faults, InputFault, declare, unknown_key
from hesuan.money import decimal_yuan, parse_yuan
from hesuan.policy.decision import Facts, Line
from hesuan.policy.facts import FACTS, Type
from hesuan.policy.fields import MISSING_KEY, parse_choice, parse_date
from hesuan.policy.predicates import FactValue, parse_fact
from hesuan.policy.programme import Programme
from hesuan.policy.requests import AID_ABOVE_INVOICE, TAX_ABOVE_AMOUNT
from hesuan.policy.sections import LINE_KINDS

T = TypeVar("T")

REQUIRED = ("claim", "on", "kind", "amount")
OPTIONAL = ("tax", "metered_on", "event", "registries", "other_aid")
OF_CLAIM = ("on", "event", "registries", "other_aid")

COLUMN_TWICE = declare(
    "claims.column_twice",
    en="Column `{column}` stands twice; the first time as column {first}.",
    zh="列“{column}”出现两次；第一次为第 {first} 列。",
)
ROW_LENGTH = declare(
    "claims.row_length",
    en="This row has {cells} cells, the head has {columns}.",
    zh="本行有 {cells} 个单元格，而表头有 {columns} 列。",
)
ROWS_DISAGREE = declare(
    "claims.rows_disagree",
    en="Claim `{claim}` says {value} here and {first} in line {line}; all rows of a claim say the same.",
    zh="申领“{claim}”在此为 {value}，而第 {line} 行为 {first}；同一申领的各行须一致。",
)
NO_CLAIMS = declare(
    "claims.empty",
    en="There is no claim in this table.",
    zh="表中没有任何申领。",
)
NOT_A_TABLE = declare(
    "claims.not_a_table",
    en="This is not a CSV: {problem}.",
    zh="不是 CSV：{problem}。",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One request of the year."""

    id: str
    line: int
    """Of the file, where it begins."""
    facts: Facts


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: its cells by column, each with its place."""

    number: int
    cells: dict[str, str]
    places: dict[str, str]


def load_claims(text: str, *, source: str, programme: Programme) -> tuple[Claim, ...]:
    """Reads a table of claims, in the order of their days, and of the table within a day.

    Raises:
        Faults: everything that is wrong with it, each as ``file:line:column``, columns counted in cells.
    """
    reader = _Reader(source, "redeem" if programme.event == "none" else "issue")
    claims = reader.read(text)
    if not claims and not reader.faults:
        reader.faults.append(InputFault(NO_CLAIMS, where=f"{source}:1:1"))
    if reader.faults:
        raise Faults(reader.faults)
    return tuple(sorted(claims, key=lambda claim: (claim.facts.on, claim.line)))


class _Reader:
    """Collects every fault; what it answers is whole only where there is none."""

    def __init__(self, source: str, event: str) -> None:
        self.source = source
        self.event = event
        self.faults: list[InputFault] = []

    def read(self, text: str) -> list[Claim]:
        groups: dict[str, list[Row]] = {}
        for row in self.rows(text):
            groups.setdefault(row.cells.get("claim", ""), []).append(row)
        claims = [self.claim(name, rows) for name, rows in groups.items()]
        return [claim for claim in claims if claim is not None]

    def rows(self, text: str) -> Iterator[Row]:
        table = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        try:
            columns = self.head(next(table, []))
            number = table.line_num + 1
            for cells in table:
                if cells and columns:
                    yield from self.row(number, columns, cells)
                number = table.line_num + 1
        except csv.Error as error:
            self.faults.append(
                InputFault(NOT_A_TABLE, where=f"{self.source}:{table.line_num}:1", problem=error)
            )

    def head(self, columns: Sequence[str]) -> list[str]:
        before = len(self.faults)
        names = [name.strip() for name in columns]
        known = (*REQUIRED, *OPTIONAL, *FACTS)
        for at, name in enumerate(names):
            where = f"{self.source}:1:{at + 1}"
            if name not in known:
                self.faults.append(unknown_key(name, known, where=where))
            elif name in names[:at]:
                first = names.index(name) + 1
                self.faults.append(InputFault(COLUMN_TWICE, where=where, column=name, first=first))
        for name in REQUIRED:
            if name not in names:
                self.faults.append(InputFault(MISSING_KEY, where=f"{self.source}:1:1", key=name))
        return names if len(self.faults) == before else []

    def row(self, number: int, columns: list[str], cells: list[str]) -> Iterator[Row]:
        if len(cells) != len(columns):
            where = f"{self.source}:{number}:{min(len(cells), len(columns)) + 1}"
            self.faults.append(InputFault(ROW_LENGTH, where=where, cells=len(cells), columns=len(columns)))
            return
        places = {name: f"{self.source}:{number}:{at + 1}" for at, name in enumerate(columns)}
        filled = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
        missing = [name for name in REQUIRED if name not in filled]
        self.faults += [InputFault(MISSING_KEY, where=places[name], key=name) for name in missing]
        if not missing:
            yield Row(number, filled, places)

    def claim(self, name: str, rows: list[Row]) -> Claim | None:
        before, head = len(self.faults), rows[0]
        self.agree(name, rows)
        facts = [self.facts(row) for row in rows]
        shared = {
            fact: value for fact, value in facts[0].items() if all(one.get(fact) == value for one in facts)
        }
        lines = [self.line(row, own, shared) for row, own in zip(rows, facts, strict=True)]
        on = self.value(head, "on", parse_date)
        event = self.value(head, "event", lambda text, at: parse_choice(text, ("issue", "redeem"), at))
        aid_fen = self.value(head, "other_aid", lambda text, at: parse_yuan(text, where=at)) or 0
        invoice_fen = sum(line.amount_fen for line in lines)
        if aid_fen > invoice_fen:
            shown = {"aid": decimal_yuan(aid_fen), "invoice": decimal_yuan(invoice_fen)}
            self.faults.append(InputFault(AID_ABOVE_INVOICE, where=head.places["other_aid"], **shown))
        if len(self.faults) > before or on is None:
            return None
        registries = head.cells.get("registries")
        asked = Facts(
            event=cast('Literal["issue", "redeem"]', event or self.event),
            on=on,
            lines=tuple(lines),
            stated=shared,
            registries=None if registries is None else frozenset(registries.split()),
            other_aid_fen=aid_fen,
        )
        return Claim(name, head.number, asked)

    def agree(self, name: str, rows: list[Row]) -> None:
        """What is of the claim as a whole stands in its rows alike."""
        head = rows[0]
        for row in rows[1:]:
            for column in OF_CLAIM:
                value, first = (one.cells.get(column, "") for one in (row, head))
                if value != first:
                    facts = {"claim": name, "value": value or "–", "first": first or "–", "line": head.number}
                    self.faults.append(InputFault(ROWS_DISAGREE, where=row.places[column], **facts))

    def facts(self, row: Row) -> dict[str, FactValue]:
        found: dict[str, FactValue] = {}
        for name, text in row.cells.items():
            if name in FACTS:
                value: object = text.split() if FACTS[name] is Type.NAMES else text
                try:
                    found[name] = parse_fact(name, value, where=row.places[name])
                except InputFault as fault:
                    self.faults.append(fault)
        return found

    def line(self, row: Row, facts: dict[str, FactValue], shared: dict[str, FactValue]) -> Line:
        kind = self.value(row, "kind", lambda text, at: parse_choice(text, LINE_KINDS, at))
        amount_fen = self.value(row, "amount", lambda text, at: parse_yuan(text, where=at)) or 0
        tax_fen = self.value(row, "tax", lambda text, at: parse_yuan(text, where=at)) or 0
        if tax_fen > amount_fen:
            shown = {"tax": decimal_yuan(tax_fen), "amount": decimal_yuan(amount_fen)}
            self.faults.append(InputFault(TAX_ABOVE_AMOUNT, where=row.places["tax"], **shown))
            tax_fen = 0
        return Line(
            kind=kind or "",
            amount_fen=amount_fen,
            tax_fen=tax_fen,
            stated={name: value for name, value in facts.items() if name not in shared},
            on=self.value(row, "metered_on", parse_date),
        )

    def value(self, row: Row, column: str, parse: Callable[[str, str], T]) -> T | None:
        text = row.cells.get(column)
        if text is None:
            return None
        try:
            return parse(text, row.places[column])
        except InputFault as fault:
            self.faults.append(fault)
            return None


def day_span(claims: Sequence[Claim]) -> tuple[date, date]:
    """The first and the last day of claims in order."""
    return claims[0].facts.on, claims[-1].facts.on
