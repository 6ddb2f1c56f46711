"""Issuing: from an approved application to a voucher, within cap and budget. Part of :mod:`.services`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils import timezone

from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, engine, rules
from hesuan.hub.programmes.checks import for_office
from hesuan.hub.programmes.judging import judge_application, refuse_ungranted
from hesuan.hub.programmes.models import Application, Voucher
from hesuan.hub.programmes.publicity import need_issuable
from hesuan.hub.programmes.steps import move
from hesuan.hub.programmes.versions import lock, open_window
from hesuan.policy.decision import Decision
from hesuan.policy.programme import Cap, Validity
from hesuan.policy.programme import Programme as Document
from hesuan.wire.ids import new_id

State = Application.State


def issue(*, actor: Actor, application_id: str) -> Voucher:
    """Issues the voucher of an approved application: budget → voucher, once.

    The decision is made anew under the programme's lock, with what is left of cap and budget now; it is kept
    with its trace. The ledger refuses what would pass either, whatever was decided.

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
        document = engine.programme_of(version)
        open_window(lock(version.programme_id), rules.programme_day(now))
        decision = judge_application(application, now)
        refuse_ungranted(application, decision)
        voucher = _new_voucher(application, document, decision, actor, now)
        _post(voucher, document, now)
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


def _post(voucher: Voucher, document: Document, now: datetime) -> None:
    """One journal: budget → voucher, and the same amount counted against every cap."""
    money = accounts.ledger_of(document.id)
    account = accounts.voucher_account(voucher.id)
    ledger.open_account(ledger=money, key=account, kind="voucher")
    event_id = f"issue:{voucher.application_id}"
    journal = [
        _transfer(event_id, money, accounts.BUDGET, account, amount_fen=voucher.face_fen, code="issue")
    ]
    for cap in document.caps:
        journal += _count(voucher, cap, accounts.caps_ledger_of(document.id), now)
    ledger.post_or_raise(journal)


def _count(voucher: Voucher, cap: Cap, caps: str, now: datetime) -> list[ledger.Event]:
    """Counts a voucher against a cap, whose account is first filled up to the limit."""
    assert isinstance(cap.window, str) and isinstance(cap.limit_fen, int), "the linter saw to it"
    window = rules.window_of(cap.window, rules.programme_day(now))
    key = accounts.cap_account(cap.id, voucher.organisation_id, window)
    ledger.open_account(ledger=caps, key=key, kind="cap")
    tail = f"{voucher.application_id}:{cap.id}"
    counted = _transfer(
        f"count:{tail}", caps, key, accounts.COUNTED, amount_fen=voucher.face_fen, code="issue"
    )
    missing_fen = cap.limit_fen - balances.balance(caps, key).credits_posted
    if missing_fen <= 0:
        return [counted]
    return [_transfer(f"cap:{tail}", caps, accounts.LIMIT, key, amount_fen=missing_fen, code="fund"), counted]


def _transfer(
    event_id: str, book: str, debit: str, credit: str, *, amount_fen: int, code: Literal["fund", "issue"]
) -> ledger.Event:
    return ledger.Event(
        id=event_id,
        kind="transfer",
        ledger=book,
        amount_fen=amount_fen,
        code=code,
        debit=debit,
        credit=credit,
    )
