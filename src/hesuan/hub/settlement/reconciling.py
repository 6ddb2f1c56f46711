"""Reconciliation (对账): what the books paid against what the bank says, to the fen; and the end of a claim.

A line of the statement names a payment by its id, or all payments under one reference (a batch is one bank
order): what the lines of one name come to must be what the payments of that name come to in cash. What agrees
is reconciled, and a claim with it once all its payments are. What differs is a finding with both numbers, and
nothing is corrected by it. A float drawn and a debt set off move no cash: the bank is not asked for them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from django.utils import timezone

from hesuan.errors import Code, Conflict, InputFault, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts as programme_accounts
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.programmes.versions import lock
from hesuan.hub.settlement import accounts, bankfile, gate
from hesuan.hub.settlement import audit_errors as errors
from hesuan.hub.settlement import audit_selectors as audits
from hesuan.hub.settlement import claim_errors as claim_words
from hesuan.hub.settlement.models import (
    BankLine,
    BankStatement,
    Claim,
    Clawback,
    Payment,
    Reconciled,
    ReconcileFinding,
)
from hesuan.hub.settlement.payables import due
from hesuan.money import format_yuan

State = Claim.State


@dataclass(slots=True)
class _Name:
    """Everything that goes by one reference or one payment's id."""

    key: str
    lines: list[bankfile.Line] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    before: list[Payment] = field(default_factory=list)
    """Payments of that name that were found at the bank by an earlier statement."""

    @property
    def bank_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines)

    @property
    def books_fen(self) -> int:
        return sum(payment.cash_fen for payment in self.payments)


def load_statement(
    *,
    actor: Actor,
    statement_id: str,
    programme_id: str,
    payer: str,
    begins_on: date,
    ends_on: date,
    name: str,
    content: str,
) -> BankStatement:
    """Loads a payer's bank statement, reconciles what agrees to the fen, and writes down what does not.

    Args:
        actor: A programme officer or approver of the office, who paid none of what it names.
        statement_id: A ULID chosen by the caller; the same id again is the same statement.
        programme_id: The programme.
        payer: Whose account it is.
        begins_on: The first day of the statement.
        ends_on: Its last day; payments of these days that it does not name are findings.
        name: Of the file.
        content: CSV; see :mod:`.bankfile`.

    Raises:
        NotFound: ``programme.not_found``.
        Refused: ``claim.role_missing``, ``claim.same_person``, ``bank_statement.not_a_payer``.
        Conflict: ``bank_statement.id_taken``.
        InputFault, Faults: what cannot be read.
    """
    verb = ("Reconciling with the bank", "与银行对账")
    programme = audits.programme(actor, programme_id)
    gate.need_role(actor, programme.office, ("programme_officer", "approver"), verb)
    if ends_on < begins_on:
        raise InputFault(
            claim_words.AMOUNT_WRONG, where="to", field="to", low=begins_on, high="–", value=ends_on
        )
    lines = bankfile.read(content)
    digest = f"sha256:{sha256(content.encode()).hexdigest()}"
    with ledger.atomic():
        lock(programme.id)
        found = BankStatement.objects.filter(pk=statement_id).first()
        if found is not None:
            if (found.programme_id, found.payer, found.digest) != (programme.id, payer, digest):
                raise Conflict(errors.STATEMENT_TAKEN, statement=statement_id)
            return found
        payments = _payments(programme.id, payer)
        names = list(_named(lines, payments, begins_on, ends_on))
        _need_another(actor, names, verb)
        statement = BankStatement.objects.create(
            id=statement_id,
            programme=programme,
            payer=payer,
            begins_on=begins_on,
            ends_on=ends_on,
            name=name,
            digest=digest,
            loaded_by=actor.identity_id,
            loaded_at=timezone.now(),
        )
        BankLine.objects.bulk_create(
            BankLine(
                statement=statement,
                number=one.number,
                day=one.day,
                reference=one.reference,
                payment=one.payment,
                payee=one.payee,
                amount_fen=one.amount_fen,
            )
            for one in lines
        )
        _judge(statement, names)
        _record(statement, actor)
        _move_claims(programme.id, statement, actor)
    return statement


def books_agree(programme_id: str, payer: str) -> tuple[int, int]:
    """What the ledger says a payer paid and keeps paid, and what payments less clawbacks come to [fen]."""
    book, key = programme_accounts.ledger_of(programme_id), accounts.paid_account(payer)
    posted = balances.balance(book, key).posted_fen if balances.exists(book, key) else 0
    here = {"claim__programme_version__programme_id": programme_id}
    paid = sum(Payment.objects.filter(**here, payer=payer).values_list("amount_fen", flat=True))
    back = sum(
        share["fen"]
        for clawback in Clawback.objects.filter(**here)
        for share in clawback.shares
        if share["payer"] == payer
    )
    return posted, paid - back


def _payments(programme_id: str, payer: str) -> list[Payment]:
    rows = Payment.objects.filter(claim__programme_version__programme_id=programme_id)
    found = list(rows.filter(payer=payer).select_related("claim__claimant", "reconciled").order_by("id"))
    if not found:
        known = ", ".join(sorted(set(rows.values_list("payer", flat=True)))) or "–"
        raise Refused(errors.NOT_A_PAYER, payer=payer[:64], programme=programme_id, known=known)
    return found


def _named(
    lines: Sequence[bankfile.Line], payments: Sequence[Payment], begins_on: date, ends_on: date
) -> Iterator[_Name]:
    """Lines and payments put together by name; a payment of the period that no line names stands alone."""
    cash = [one for one in payments if one.cash_fen]
    by_line: defaultdict[str, list[bankfile.Line]] = defaultdict(list)
    for line in lines:
        by_line[line.payment or line.reference].append(line)
    named = {one.payment for one in lines if one.payment}
    met = set[str]()
    for key, told in by_line.items():
        wanted = [one for one in cash if (one.id == key if key in named else _goes_by(one, key, named))]
        met |= {one.id for one in wanted}
        new = [one for one in wanted if not hasattr(one, "reconciled")]
        yield _Name(key, told, new, [one for one in wanted if hasattr(one, "reconciled")])
    for one in cash:
        day = programme_day(one.paid_at)
        if one.id not in met and not hasattr(one, "reconciled") and begins_on <= day <= ends_on:
            yield _Name(one.id, [], [one])


def _goes_by(payment: Payment, key: str, named: Iterable[str]) -> bool:
    return payment.reference == key and payment.id not in named


def _need_another(actor: Actor, names: Sequence[_Name], verb: gate.Verb) -> None:
    """Who paid does not say that it was paid."""
    for name in names:
        for payment in name.payments:
            if name.lines and payment.paid_by == actor.identity_id:
                raise Refused(
                    claim_words.SAME_PERSON,
                    name=actor.name,
                    thing=payment.id,
                    part="paid",
                    verb=verb[0],
                    verb_zh=verb[1],
                )


def _judge(statement: BankStatement, names: Sequence[_Name]) -> None:
    for name in names:
        code, more = _verdict(name)
        if code is None:
            Reconciled.objects.bulk_create(
                Reconciled(payment=one, statement=statement) for one in name.payments
            )
            continue
        books_fen = name.books_fen or sum(one.cash_fen for one in name.before)
        _find(statement, code, name.key, books_fen, name.bank_fen, **more)
    posted, told = books_agree(statement.programme_id, statement.payer)
    if posted != told:
        _find(statement, errors.BOOKS_DIFFER, accounts.paid_account(statement.payer), posted, told)


def _verdict(name: _Name) -> tuple[Code | None, dict[str, str]]:
    if not name.lines:
        return errors.NOT_AT_THE_BANK, {}
    if not name.payments:
        return (errors.PAID_TWICE if name.before else errors.NOT_IN_THE_BOOKS), {}
    if name.bank_fen != name.books_fen:
        return errors.AMOUNT_DIFFERS, {}
    wanted = {payment.claim.claimant.name for payment in name.payments}
    others = sorted({line.payee for line in name.lines if line.payee} - wanted)
    if others:
        return errors.PAYEE_DIFFERS, {"wanted": ", ".join(sorted(wanted)), "payee": ", ".join(others)}
    return None, {}


def _find(statement: BankStatement, code: Code, key: str, books_fen: int, bank_fen: int, **more: str) -> None:
    facts = {"key": key, "books": format_yuan(books_fen), "bank": format_yuan(bank_fen), **more}
    ReconcileFinding.objects.create(
        statement=statement,
        code=code.name,
        key=key[:100],
        books_fen=books_fen,
        bank_fen=bank_fen,
        en=code.en.format_map(facts),
        zh=code.zh.format_map(facts),
    )


def _record(statement: BankStatement, actor: Actor) -> None:
    audit.record(
        kind="bank_statement.loaded",
        subject=statement.id,
        actor=actor.identity_id,
        public={
            "programme": statement.programme_id,
            "payer": statement.payer,
            "reconciled": statement.reconciled.count(),
            "findings": statement.findings.count(),
        },
        private={"digest": statement.digest},
    )


def _move_claims(programme_id: str, statement: BankStatement, actor: Actor) -> None:
    """Paid claims of which nothing is payable and every cash payment was found are reconciled."""
    rows = Claim.objects.select_for_update(of=("self",)).filter(
        programme_version__programme_id=programme_id, state=State.PAID
    )
    for claim in rows.prefetch_related("payments__reconciled").order_by("id"):
        payments = list(claim.payments.all())
        if any(one.cash_fen and not hasattr(one, "reconciled") for one in payments) or due(claim):
            continue
        gate.move(
            claim,
            State.RECONCILED,
            trigger="reconciled",
            actor=actor,
            public={"cash_fen": sum(one.cash_fen for one in payments)},
            private={"statement": statement.id},
        )
