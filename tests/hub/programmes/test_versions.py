"""Loading, activating, funding: a version never changes, and an open rule is never activated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from django.db import connection, transaction
from tests.people import Person, signer

from hesuan.errors import Conflict, Faults, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.centres.models import Centre
from hesuan.hub.identity import services as identity
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, selectors, services
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.programmes.versions import lock, open_window

from .conftest import CHENGDU, HENAN

MONEY = accounts.ledger_of("cn.henan.suanliquan.2023")
SECOND = HENAN.replace("version: 1", "version: 2")


def load(person: Person, text: str, name: str = "henan.yaml") -> ProgrammeVersion:
    return services.load_programme(actor=person.actor, text=text, source_name=name)


def available(key: str) -> int:
    return balances.balance(MONEY, key).available_fen


def test_chengdu_is_refused_with_every_open_rule_its_field_and_line(officer: Person) -> None:
    draft = load(officer, CHENGDU, "cn.chengdu.suanliquan.2023.yaml")
    with pytest.raises(Refused) as refused:
        services.activate(actor=signer(officer).actor, version_id=draft.id)
    assert refused.value.code.name == "programme.open_rule"
    line = (
        CHENGDU.split("\n").index('      rate: "?"                         # the ordinary rate was not found')
        + 1
    )
    for language in ("en", "zh"):
        sentence = refused.value.sentence(language)
        assert "rates.tiers[general].rate" in sentence
        assert f"cn.chengdu.suanliquan.2023.yaml:{line}" in sentence
    reasons = refused.value.facts["reasons"]
    assert isinstance(reasons, list)
    assert {reason["field"] for reason in reasons} == {
        "period.to",
        "budgets[city_year].on_exhaust",
        "base.kinds",
        "base.tax",
        "rates.tiers[general].rate",
        "stacking.mode",
        "issuance.validity",
        "settlement.float.size",
        "settlement.float.replenish",
        "settlement.float.refund_unused",
    }
    draft.refresh_from_db()
    assert draft.state == "draft"
    assert not balances.exists(accounts.ledger_of(draft.programme_id), accounts.BUDGET)


def test_henan_without_one_interpretation_is_refused_too(officer: Person) -> None:
    """Negative control: the interpretations are what lets Henan pass, one by one."""
    without = HENAN.replace("  - field: base.tax\n", "  - field: base.min\n").replace(
        'kinds: ["?"], tax: "?"', 'kinds: ["?"], tax: "?", min: "?"'
    )
    with pytest.raises(Faults):  # a value that is right for tax is not an amount
        load(officer, without)
    lines = HENAN.split("\n")
    at = lines.index("  - field: base.tax")
    text = "\n".join(lines[:at] + lines[at + 5 :])
    draft = load(officer, text)
    with pytest.raises(Refused) as refused:
        services.activate(actor=signer(officer).actor, version_id=draft.id)
    reasons = refused.value.facts["reasons"]
    assert isinstance(reasons, list) and [reason["field"] for reason in reasons] == ["base.tax"]


def test_activation_funds_the_budget_once(officer: Person, henan: ProgrammeVersion) -> None:
    assert henan.state == "active" and henan.activated_by == signer(officer).identity.id
    assert available(accounts.BUDGET) == 5_000_000_000
    assert available(accounts.APPROPRIATION) == -5_000_000_000
    again = services.activate(actor=signer(officer).actor, version_id=henan.id)
    assert again.activated_at == henan.activated_at
    assert available(accounts.BUDGET) == 5_000_000_000
    kinds = Fact.objects.filter(subject=henan.id).order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["programme.loaded", "programme.activated"]
    view = selectors.budget(officer.actor, henan.programme_id)
    assert view is not None and (view.funded_fen, view.used_fen) == (5_000_000_000, 0)


def test_the_same_text_is_the_same_version_and_another_text_is_not(officer: Person) -> None:
    first = load(officer, HENAN)
    assert load(officer, HENAN) == first
    with pytest.raises(Conflict) as conflict:
        load(officer, HENAN + "# one more line\n")
    assert conflict.value.code.name == "programme.version_taken"
    assert first.digest in conflict.value.sentence()


def test_every_fault_of_a_document_is_told_at_once(officer: Person) -> None:
    broken = HENAN.replace("rounding:", "roundin:").replace("20/100", "0.2").replace("unit: CNY", "unit: cny")
    with pytest.raises(Faults) as faults:
        load(officer, broken)
    told = str(faults.value)
    assert "Did you mean `rounding`?" in told and "`0.2` is not a ratio" in told and "`cny`" in told
    assert all(fault.where.startswith("henan.yaml:") for fault in faults.value.faults)
    assert ProgrammeVersion.objects.count() == 0


def test_a_second_version_takes_the_place_and_the_first_does_not_come_back(
    officer: Person, henan: ProgrammeVersion
) -> None:
    second = load(officer, SECOND.replace('limit: "50000000.00"', 'limit: "60000000.00"'))
    services.activate(actor=signer(officer).actor, version_id=second.id)
    henan.refresh_from_db()
    assert henan.state == "retired" and henan.retired_at is not None
    assert available(accounts.BUDGET) == 6_000_000_000
    with pytest.raises(Refused) as refused:
        services.activate(actor=signer(officer).actor, version_id=henan.id)
    assert refused.value.code.name == "programme.version_retired"


def test_a_new_year_opens_a_new_budget_and_the_old_rest_goes_back(
    officer: Person, henan: ProgrammeVersion, issue: Callable[..., Voucher]
) -> None:
    """
    fund     budget 2026   50,000,000.00
    issue    V1               640,000.00
    expire   budget        49,360,000.00   -> appropriation, at the year's end
    fund     budget 2027   50,000,000.00
    """
    voucher = issue()
    with transaction.atomic():
        open_window(lock(henan.programme_id), date(2999, 1, 1))
    assert available(accounts.BUDGET) == 5_000_000_000
    assert available(accounts.APPROPRIATION) == -(5_000_000_000 + voucher.face_fen)
    view = selectors.budget(officer.actor, henan.programme_id)
    assert view is not None and (view.window, view.used_fen) == ("2999", 0)
    assert checks.check() == []


def test_a_lowered_limit_counts_what_is_used(
    officer: Person, henan: ProgrammeVersion, issue: Callable[..., Voucher], owner: Person
) -> None:
    """40,000,000 fen of 64,000,000 used: the new version has nothing left, although the account has."""
    issue(320_000_000)
    lower = SECOND.replace('limit: "50000000.00"', 'limit: "400000.00"')
    second = services.activate(actor=signer(officer).actor, version_id=load(officer, lower).id)
    with pytest.raises(Refused) as refused:
        services.apply(
            actor=owner.actor,
            organisation_id=owner.organisation.id,
            version_id=second.id,
            planned_fen=100_000,
            facts={},
        )
    reasons = refused.value.facts["reasons"]
    assert isinstance(reasons, list) and reasons[0]["code"] == "policy.budget_exhausted"


def test_a_retired_version_takes_no_applications(
    officer: Person, owner: Person, henan: ProgrammeVersion
) -> None:
    services.activate(actor=signer(officer).actor, version_id=load(officer, SECOND).id)
    with pytest.raises(Refused) as refused:
        services.apply(
            actor=owner.actor,
            organisation_id=owner.organisation.id,
            version_id=henan.id,
            planned_fen=100_000,
            facts={},
        )
    assert refused.value.code.name == "programme.not_active"


def test_a_version_is_immutable_in_the_database(henan: ProgrammeVersion) -> None:
    for change in (
        "UPDATE programmes_programmeversion SET text = 'other'",
        "UPDATE programmes_programmeversion SET digest = 'other'",
        "DELETE FROM programmes_programmeversion",
    ):
        with (
            pytest.raises(Exception, match="immutable"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change)
    assert ProgrammeVersion.objects.get(pk=henan.id).text == HENAN


# --- Who may do and see what ---


def test_a_draft_is_its_offices_own(
    officer: Person, reviewer: Person, owner: Person, stranger: Person, other_office: Person, auditor: Person
) -> None:
    draft = load(officer, HENAN)
    for person in (officer, reviewer, auditor):
        assert selectors.version(person.actor, draft.id) == draft
        assert selectors.findings(person.actor, draft.id)
    for person in (owner, stranger, other_office):
        assert selectors.versions(person.actor) == []
        for attempt in (
            lambda actor: selectors.version(actor, draft.id),
            lambda actor: selectors.findings(actor, draft.id),
            lambda actor: selectors.programme(actor, draft.programme_id),
            lambda actor: services.activate(actor=actor, version_id=draft.id),
        ):
            with pytest.raises(NotFound):
                attempt(person.actor)


def test_who_wrote_a_version_does_not_put_it_into_force(officer: Person, reviewer: Person) -> None:
    """Neither as an officer, nor with the approver's role as well; the draft stays one."""
    draft = load(officer, HENAN)
    told = []
    for person in (officer, reviewer):
        with pytest.raises(Refused) as refused:
            services.activate(actor=person.actor, version_id=draft.id)
        told.append(refused.value.code.name)
    identity.grant_role(
        actor=SYSTEM,
        identity_id=officer.identity.id,
        organisation_id=officer.organisation.id,
        role="approver",
    )
    both = Person(officer.identity, officer.organisation, "approver")
    with pytest.raises(Refused) as refused:
        services.activate(actor=both.actor, version_id=draft.id)
    told.append(refused.value.code.name)
    assert told == ["programme.role_missing", "programme.role_missing", "programme.same_person"]
    draft.refresh_from_db()
    assert draft.state == "draft"


def test_without_the_second_person_the_writer_would_activate(
    officer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the role and the person asked for, one person does both."""
    draft = load(officer, HENAN)
    monkeypatch.setattr("hesuan.hub.programmes.versions.APPROVER", ("programme_officer",))
    monkeypatch.setattr("hesuan.hub.programmes.versions._need_another", lambda *_: None)
    assert services.activate(actor=officer.actor, version_id=draft.id).state == "active"


def test_an_active_version_is_public_and_only_its_office_changes_it(
    henan: ProgrammeVersion, stranger: Person, other_office: Person, reviewer: Person, centre: Centre
) -> None:
    assert selectors.active_version(stranger.actor, henan.programme_id) == henan
    for person in (stranger, other_office, reviewer):
        with pytest.raises(Refused) as refused:
            services.activate(actor=person.actor, version_id=henan.id)
        assert refused.value.code.name == "programme.role_missing"
        with pytest.raises(Refused) as refused:
            services.admit_supplier(
                actor=person.actor, programme_id=henan.programme_id, centre_id=centre.id, reason="mine"
            )
        assert refused.value.code.name == "programme.role_missing"
    with pytest.raises(Refused) as refused:
        load(other_office, SECOND)
    assert refused.value.code.name == "programme.other_office"
    with pytest.raises(Refused) as refused:
        load(stranger, SECOND)
    assert refused.value.code.name == "programme.role_missing"


def test_a_supplier_is_admitted_once_with_a_reason_on_record(
    officer: Person, owner: Person, admitted: Centre, henan: ProgrammeVersion
) -> None:
    [admission] = selectors.admissions(owner.actor, henan.programme_id)
    again = services.admit_supplier(
        actor=officer.actor, programme_id=henan.programme_id, centre_id=admitted.id, reason="another"
    )
    assert again == admission and again.reason == "on the list"
    assert balances.exists(MONEY, accounts.centre_account(admitted.id))
    with pytest.raises(NotFound):
        services.admit_supplier(
            actor=officer.actor, programme_id=henan.programme_id, centre_id="nowhere", reason="none"
        )


def test_an_admission_needs_a_reason(officer: Person, henan: ProgrammeVersion, centre: Centre) -> None:
    with pytest.raises(Refused) as refused:
        services.admit_supplier(
            actor=officer.actor, programme_id=henan.programme_id, centre_id=centre.id, reason=" "
        )
    assert refused.value.code.name == "programme.reason_missing"
