"""Issuing: from an approved application to a voucher, within cap and budget. Part of :mod:`.services`."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, counting, engine, rules
from hesuan.hub.programmes.checks import for_office
from hesuan.hub.programmes.judging import facts_of, refuse_ungranted
from hesuan.hub.programmes.life import step
from hesuan.hub.programmes.models import Application, Voucher
from hesuan.hub.programmes.publicity import need_issuable
from hesuan.hub.programmes.steps import move
from hesuan.hub.programmes.versions import lock, open_window
from hesuan.policy.decision import Decision
from hesuan.policy.evaluator import decide
from hesuan.policy.programme import Programme as Document
from hesuan.policy.programme import Validity
from hesuan.policy.tranches import ISSUANCE, Piece, pieces
from hesuan.wire.ids import new_id

State = Application.State


def issue(*, actor: Actor, application_id: str) -> Voucher:
    """Issues the voucher of an approved application: budget → voucher, once.

    The decision is made anew under the lock of every counter it reads; it is kept with its trace. The ledger
    refuses what would pass a cap or a budget, whatever was decided. Of an award in tranches only what
    issuance releases can be spent; the rest is locked beside the voucher.

    Raises:
        NotFound: ``application.not_found``.
        Refused: ``programme.role_missing``, ``application.wrong_state``;
            ``application.not_eligible`` where cap or budget are used up meanwhile;
            ``application.nothing_granted``.
    """
    verb = ("Issuing a voucher", "发放算力券")
    with transaction.atomic():
        application = for_office(actor, application_id, ("approver", "programme_officer"), verb)
        if application.state == State.ISSUED:
            return application.voucher
        need_issuable(application, verb)
        now = timezone.now()
        version = application.programme_version
        document = engine.within_a_call(engine.programme_of(version))
        open_window(lock(version.programme_id), rules.programme_day(now))
        took, decision = _decide(application, document, now)
        refuse_ungranted(application, decision)
        voucher = _new_voucher(application, document, decision, actor, now)
        _post(voucher, document, took, decision, actor)
        application.decision = engine.as_json(decision)
        application.due_at = None
        move(application, State.ISSUED, trigger="issue", actor=actor, at=now)
        application.save(update_fields=["decision", "state", "due_at"])
        audit.record(
            kind="voucher.issued",
            subject=voucher.id,
            actor=actor.identity_id,
            public={
                "programme": version.programme_id,
                "version": version.version,
                "digest": version.digest,
                "face_fen": voucher.face_fen,
            },
            private={"application": application.id, "organisation": application.organisation_id},
        )
        return voucher


def _decide(application: Application, document: Document, now: datetime) -> tuple[counting.Taken, Decision]:
    """The decision, and the counters it was made on, under the lock of all that its journal will touch."""
    facts = facts_of(application, now)
    money = accounts.ledger_of(document.id)
    own = [(money, accounts.APPROPRIATION), (money, accounts.BUDGET)]
    locked = ledger.lock([*own, *counting.refs(document, facts)])
    took = counting.taken(document, facts, locked)
    return took, decide(document, facts, took.counters())


def _new_voucher(
    application: Application, document: Document, decision: Decision, actor: Actor, now: datetime
) -> Voucher:
    code = rules.new_code()
    while Voucher.objects.filter(code=code).exists():
        code = rules.new_code()
    validity = document.validity if isinstance(document.validity, Validity) else Validity()
    return Voucher.objects.create(
        id=new_id(),
        code=code,
        programme_version=application.programme_version,
        organisation=application.organisation,
        application=application,
        face_fen=decision.subsidy_fen,
        issued_by=actor.identity_id,
        issued_at=now,
        expires_at=rules.expiry(now, count=validity.count, unit=validity.unit, until=validity.until),
    )


def _post(
    voucher: Voucher, document: Document, took: counting.Taken, decision: Decision, actor: Actor
) -> None:
    """One journal: budget → voucher (or its locked part), and the amount counted against every limit."""
    day, subject = rules.programme_day(voucher.issued_at), voucher.application_id
    award = pieces(document, voucher.face_fen, on=day, stated=engine.stated(voucher.application.facts))
    counted = took.counting(decision.counted, subject)
    events = [*_money(voucher, document, award), *took.preparing(subject), *counted]
    ledger.post_or_raise(events)
    counting.write_down(counted, took, voucher=voucher, day=day, at=voucher.issued_at)
    released_fen = sum(one.fen for one in award if one.released)
    step(voucher, Voucher.State.ISSUED, "issue", actor, amount_fen=voucher.face_fen, before="")
    for one in award:
        if one.released:
            detail = one.id or ISSUANCE
            step(voucher, Voucher.State.ACTIVE, "release", actor, detail=detail, amount_fen=one.fen)
    assert released_fen <= voucher.face_fen


def _money(voucher: Voucher, document: Document, award: tuple[Piece, ...]) -> list[ledger.Event]:
    """The award out of the budget, by what is released and what is locked."""
    book, event_id = accounts.ledger_of(document.id), f"issue:{voucher.application_id}"
    released_fen = sum(one.fen for one in award if one.released)
    parts = [
        (event_id, accounts.voucher_account(voucher.id), "voucher", released_fen),
        (
            f"lock:{voucher.application_id}",
            accounts.locked_account(voucher.id),
            "locked",
            voucher.face_fen - released_fen,
        ),
    ]
    ledger.open_account(ledger=book, key=accounts.voucher_account(voucher.id), kind="voucher")
    events = []
    if rules.funding_budget(document) is None:
        events.append(
            counting.transfer(
                f"fund:{voucher.application_id}",
                book,
                accounts.APPROPRIATION,
                accounts.BUDGET,
                amount_fen=voucher.face_fen,
                code="fund",
            )
        )
    for part_id, account, kind, fen in parts:
        if fen:
            ledger.open_account(ledger=book, key=account, kind=kind)
            events.append(
                counting.transfer(part_id, book, accounts.BUDGET, account, amount_fen=fen, code="issue")
            )
    return events
