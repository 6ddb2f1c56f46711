"""Programme versions from text to money: load, activate, fund. Part of :mod:`.services`."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.utils import timezone

from hesuan.errors import Conflict, NotFound, Refused
from hesuan.hub.audit import services as audit
from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.ledger import services as ledger
from hesuan.hub.programmes import accounts, calls, errors, reach, rules, selectors
from hesuan.hub.programmes.checks import need_role
from hesuan.hub.programmes.engine import programme_of
from hesuan.hub.programmes.models import BudgetYear, Programme, ProgrammeVersion
from hesuan.policy.programme import Programme as Document
from hesuan.policy.schema import load
from hesuan.wire.ids import new_id

OFFICER = ("programme_officer",)
APPROVER = ("approver",)


def load_programme(
    *, actor: Actor, text: str, source_name: str, office_id: str | None = None
) -> ProgrammeVersion:
    """Stores one document as a draft version; the same text again is the same version.

    Args:
        actor: A programme officer.
        text: The document.
        source_name: Its file name, by which findings name ``file:line``.
        office_id: The office that keeps the programme, where the officer serves more than one.

    Raises:
        Faults: everything that is wrong with the document.
        Refused: ``programme.role_missing``, ``programme.office_unclear``, ``programme.other_office``.
        Conflict: ``programme.version_taken``.
    """
    document = load(text, source=source_name)
    with transaction.atomic():
        office = _office(actor, office_id)
        programme = _programme(document.id, office)
        before = ProgrammeVersion.objects.filter(programme=programme, version=document.version).first()
        if before is not None and before.digest == document.digest:
            return before
        if before is not None:
            raise Conflict(
                errors.VERSION_TAKEN,
                programme=programme.id,
                version=before.version,
                before=before.digest,
                now=document.digest,
            )
        version = ProgrammeVersion.objects.create(
            id=new_id(),
            programme=programme,
            version=document.version,
            text=text,
            source_name=source_name,
            digest=document.digest,
            title=document.title,
            issuer=document.issuer,
            loaded_by=actor.identity_id,
        )
        _record("programme.loaded", version, actor)
        return version


def activate(*, actor: Actor, version_id: str) -> ProgrammeVersion:
    """Activates a draft: it takes the place of the version active before, and its budget is funded.

    Officers write, approvers activate, and never the person who loaded the version, whatever roles are held.

    Raises:
        NotFound: ``programme.not_found``, to everybody who may not see the draft.
        Refused: ``programme.role_missing``; ``programme.same_person``; ``programme.open_rule`` (or
            ``programme.not_activatable``) with every finding, its field and ``file:line``;
            ``programme.version_retired``.
    """
    with transaction.atomic():
        version = selectors.version(actor, version_id)
        need_role(actor, version.programme.office, APPROVER, ("Activating a programme", "激活计划"))
        _need_another(actor, version)
        programme = lock(version.programme_id)
        version = ProgrammeVersion.objects.select_for_update().get(pk=version.id)
        if version.state == ProgrammeVersion.State.ACTIVE:
            return version
        document = programme_of(version)
        _refuse_findings(version, document)
        now = timezone.now()
        _take_the_place(version)
        version.programme = programme
        version.state = ProgrammeVersion.State.ACTIVE
        version.activated_by = actor.identity_id
        version.activated_at = now
        version.save(update_fields=["state", "activated_by", "activated_at"])
        open_window(programme, rules.programme_day(now))
        calls.begin(version, actor)
        _record("programme.activated", version, actor)
        audit.record_entry(
            log=audit.log_of(programme.id),
            kind="rule",
            subject=f"rule:{version.id}",
            actor=actor.identity_id,
            public={"rule": f"r{version.version}", "root": version.digest, "what": "activated"},
        )
        return version


def may_activate(actor: Actor, version: ProgrammeVersion) -> bool:
    """Whether this person would be let through to activate a version that is still a draft."""
    approves = any(actor.has(role, version.programme.office_id) for role in APPROVER)
    draft = version.state == ProgrammeVersion.State.DRAFT
    return draft and approves and actor.identity_id != version.loaded_by


def _need_another(actor: Actor, version: ProgrammeVersion) -> None:
    if actor.identity_id == version.loaded_by and not actor.is_system:
        raise Refused(
            errors.WRITER_ACTIVATES,
            name=actor.name,
            version=version.version,
            programme=version.programme_id,
        )


def open_window(programme: Programme, day: date) -> None:
    """Opens the funding budget's window of a day, or tops it up to the active version's limit.

    A programme without a budget of that kind is paid from its appropriation as vouchers are issued.

    The caller holds the programme's lock. What an ended window left goes back to the appropriation first, so
    the one account ``budget`` never holds more than one window's money. A lowered limit takes nothing back:
    the decision counts what is used against the new limit.
    """
    active = ProgrammeVersion.objects.get(programme=programme, state=ProgrammeVersion.State.ACTIVE)
    document = programme_of(active)
    budget = rules.funding_budget(document)
    _open_accounts(programme)
    open_rows = BudgetYear.objects.select_for_update().filter(programme=programme, closed_at=None)
    if budget is None:
        for row in open_rows:
            _close(row)
        return
    assert isinstance(budget.limit_fen, int) and isinstance(budget.window, str), "the linter saw to it"
    start = document.fiscal_year_start
    window = rules.window_of(
        budget.window, day, fiscal_year_start=start if isinstance(start, tuple) else (1, 1)
    )
    for row in open_rows.exclude(budget=budget.id, window=window):
        _close(row)
    row, _ = BudgetYear.objects.select_for_update().get_or_create(
        programme=programme, budget=budget.id, window=window, defaults={"funded_fen": 0, "steps": 0}
    )
    row.closed_at = None
    missing_fen = budget.limit_fen - row.funded_fen
    if missing_fen > 0:
        row.steps += 1
        row.funded_fen = budget.limit_fen
        _move(
            row,
            f"fund:{row.pk}:{row.steps}",
            debit=accounts.APPROPRIATION,
            credit=accounts.BUDGET,
            amount_fen=missing_fen,
        )
    row.save(update_fields=["closed_at", "steps", "funded_fen"])


def lock(programme_id: str) -> Programme:
    """Takes the programme's row: counters read after it are still true when they are acted on."""
    return Programme.objects.select_for_update().get(pk=programme_id)


def _office(actor: Actor, office_id: str | None) -> Organisation:
    offices = [one for one in sorted(actor.organisations()) if actor.has(OFFICER[0], one)]
    if office_id is None and len(offices) > 1:
        raise Refused(errors.OFFICE_UNCLEAR, name=actor.name, count=len(offices))
    wanted = office_id or (offices[0] if offices else None)
    office = Organisation.objects.filter(pk=wanted, id__in=actor.organisations()).first()
    if office is None and office_id is not None:
        raise NotFound(errors.PROGRAMME_NOT_FOUND, programme=office_id)
    if office is None or office.id not in offices:
        raise Refused(
            errors.ROLE_MISSING,
            verb="Loading a programme",
            verb_zh="载入计划",
            role=OFFICER[0],
            organisation=office.name if office else "a programme office / 计划办公室",
            name=actor.name,
        )
    return office


def _programme(programme_id: str, office: Organisation) -> Programme:
    Programme.objects.get_or_create(pk=programme_id, defaults={"office": office})
    programme = lock(programme_id)
    if programme.office_id != office.id:
        raise Refused(errors.OTHER_OFFICE, programme=programme_id)
    return programme


def _refuse_findings(version: ProgrammeVersion, document: Document) -> None:
    findings = [one for one in reach.findings(document) if one.blocks]
    facts = {"version": version.version, "programme": version.programme_id}
    if findings:
        is_open = any(finding.code.name == "policy.rule_unpublished" for finding in findings)
        code = errors.OPEN_RULE if is_open else errors.NOT_ACTIVATABLE
        raise Refused(code, where=version.source_name, **facts, **errors.numbered(findings))


def _take_the_place(version: ProgrammeVersion) -> None:
    """Retires the active version; a lower number does not come back after a higher one."""
    versions = ProgrammeVersion.objects.filter(programme_id=version.programme_id)
    newest = versions.exclude(state=ProgrammeVersion.State.DRAFT).order_by("-version").first()
    if newest is not None and newest.version > version.version:
        raise Refused(
            errors.VERSION_RETIRED,
            programme=version.programme_id,
            version=version.version,
            state=version.state,
            active=newest.version,
        )
    versions.filter(state=ProgrammeVersion.State.ACTIVE).update(
        state=ProgrammeVersion.State.RETIRED, retired_at=timezone.now()
    )


def _open_accounts(programme: Programme) -> None:
    money, caps = accounts.ledger_of(programme.id), accounts.caps_ledger_of(programme.id)
    ledger.open_account(ledger=money, key=accounts.APPROPRIATION, kind="appropriation", may_overdraw=True)
    ledger.open_account(ledger=money, key=accounts.BUDGET, kind="budget")
    ledger.open_account(ledger=caps, key=accounts.LIMIT, kind="limit", may_overdraw=True)
    ledger.open_account(ledger=caps, key=accounts.COUNTED, kind="counted")


def _close(row: BudgetYear) -> None:
    left = balances.balance(accounts.ledger_of(row.programme_id), accounts.BUDGET).available_fen
    if left > 0:
        row.steps += 1
        row.funded_fen -= left
        _move(
            row,
            f"lapse:{row.pk}:{row.steps}",
            debit=accounts.BUDGET,
            credit=accounts.APPROPRIATION,
            amount_fen=left,
        )
    row.closed_at = timezone.now()
    row.save(update_fields=["closed_at", "steps", "funded_fen"])


def _move(row: BudgetYear, event_id: str, *, debit: str, credit: str, amount_fen: int) -> None:
    event = ledger.Event(
        id=event_id,
        kind="transfer",
        ledger=accounts.ledger_of(row.programme_id),
        amount_fen=amount_fen,
        code="fund" if debit == accounts.APPROPRIATION else "expire",
        debit=debit,
        credit=credit,
    )
    ledger.post_or_raise([event])


def _record(kind: str, version: ProgrammeVersion, actor: Actor) -> None:
    audit.record(
        kind=kind,
        subject=version.id,
        actor=actor.identity_id,
        public={
            "programme": version.programme_id,
            "version": version.version,
            "digest": version.digest,
        },
    )
