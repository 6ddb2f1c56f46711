"""From an approved application to a voucher: cap, budget, once; and what each person may see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from tests.people import Person

from hesuan.errors import NotFound, Refused
from hesuan.hub.ledger import checks
from hesuan.hub.ledger import selectors as balances
from hesuan.hub.programmes import accounts, counting, rules, selectors, services
from hesuan.hub.programmes.models import Application, ProgrammeVersion, Voucher
from hesuan.policy.decision import Counters

Issue = Callable[..., Voucher]
Approved = Callable[..., Application]

MONEY = accounts.ledger_of("cn.henan.suanliquan.2023")
CAPS = accounts.caps_ledger_of("cn.henan.suanliquan.2023")


def test_henan_pays_a_fifth_and_books_it(issue: Issue) -> None:
    """
    fund     budget      50,000,000.00
    issue    V1             640,000.00     20 % of 3,200,000.00
    ----
    budget   left        49,360,000.00     cap of the applicant   left 360,000.00
    """
    voucher = issue(320_000_000)
    assert voucher.face_fen == 64_000_000
    assert balances.balance(MONEY, accounts.BUDGET).available_fen == 4_936_000_000
    assert balances.balance(MONEY, accounts.voucher_account(voucher.id)).available_fen == 64_000_000
    window = rules.window_of("calendar_year", rules.programme_day(voucher.issued_at))
    cap = balances.balance(CAPS, accounts.cap_account("applicant_year", voucher.organisation_id, window))
    assert (cap.debits_posted, cap.available_fen) == (64_000_000, 36_000_000)
    assert checks.check() == []


def test_the_decision_is_kept_with_its_trace(issue: Issue) -> None:
    application = Application.objects.get(pk=issue().application_id)
    trace = application.decision["trace"]
    assert application.state == "ISSUED"
    assert [line["step"] for line in trace][4:7] == ["tier", "gross", "other aid"]
    assert all(line["citing"].startswith("henan.yaml") and line["zh"] for line in trace)
    assert application.decision["cap_left_fen"] == {"applicant_year": 36_000_000}


def test_issuing_twice_is_issuing_once(approved: Approved, approver: Person, officer: Person) -> None:
    application = approved()
    first = services.issue(actor=approver.actor, application_id=application.id)
    again = services.issue(actor=officer.actor, application_id=application.id)
    assert first == again
    assert Voucher.objects.count() == 1
    assert balances.balance(MONEY, accounts.BUDGET).debits_posted == first.face_fen


def test_the_cap_of_a_year_binds_over_several_applications(issue: Issue) -> None:
    faces = [issue(320_000_000).face_fen, issue(320_000_000).face_fen]
    assert faces == [64_000_000, 36_000_000]
    with pytest.raises(Refused) as refused:
        issue(100_000)
    assert refused.value.code.name == "application.not_eligible"
    reasons = refused.value.facts["reasons"]
    assert isinstance(reasons, list) and reasons[0]["code"] == "policy.cap_exhausted"
    assert checks.check() == []


def test_another_applicant_has_a_cap_of_their_own(issue: Issue, stranger: Person) -> None:
    issue(500_000_000)
    assert issue(500_000_000, by=stranger).face_fen == 100_000_000


def test_a_cap_used_up_between_approval_and_issue_gives_what_is_left(
    approved: Approved, approver: Person
) -> None:
    """Both were approved while 1,000,000.00 was free; the second gets the 200,000.00 that are left."""
    first, second = approved(400_000_000), approved(400_000_000)
    faces = [services.issue(actor=approver.actor, application_id=one.id).face_fen for one in (first, second)]
    assert faces == [80_000_000, 20_000_000]


def test_the_ledger_refuses_past_the_cap_even_if_the_decision_did_not(
    approved: Approved, approver: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with counters that always say 0, the cap's own account still stops the money."""
    services.issue(actor=approver.actor, application_id=approved(500_000_000).id)
    blind = Counters(caps={"applicant_year": 0}, budgets={"province_year": 0})
    monkeypatch.setattr(counting, "as_counters", lambda *_: blind)
    second = approved(500_000_000)
    with pytest.raises(Refused) as refused:
        services.issue(actor=approver.actor, application_id=second.id)
    assert refused.value.code.name == "ledger.available_exceeded"
    assert Voucher.objects.count() == 1
    assert balances.balance(MONEY, accounts.BUDGET).debits_posted == 100_000_000
    assert checks.check() == []


def test_a_voucher_ends_after_the_last_day_of_its_validity(issue: Issue) -> None:
    voucher = issue()
    assert voucher.expires_at is not None
    last = rules.programme_day(voucher.issued_at)
    assert rules.programme_day(voucher.expires_at).year == last.year + 1
    assert voucher.expires_at.astimezone(rules.PROGRAMME_TIME).hour == 0


# --- Who sees what ---


def test_owner_colleague_and_office_see_it(
    issue: Issue, owner: Person, colleague: Person, officer: Person, reviewer: Person, auditor: Person
) -> None:
    voucher = issue()
    for person in (owner, colleague, officer, reviewer, auditor):
        assert selectors.voucher(person.actor, voucher.id).voucher == voucher
        assert selectors.voucher(person.actor, voucher.code).available_fen == voucher.face_fen
        assert selectors.application(person.actor, voucher.application_id).id == voucher.application_id
        assert [row.code for row in selectors.voucher_transfers(person.actor, voucher.id)] == ["issue"]
        assert [view.voucher for view in selectors.vouchers(person.actor)] == [voucher]


def test_a_stranger_and_another_office_get_not_found(
    issue: Issue, stranger: Person, other_office: Person
) -> None:
    voucher = issue()
    of_application = {"application_id": voucher.application_id}
    for person in (stranger, other_office):
        for attempt in (
            lambda actor: selectors.voucher(actor, voucher.id),
            lambda actor: selectors.voucher(actor, voucher.code),
            lambda actor: selectors.voucher_transfers(actor, voucher.id),
            lambda actor: selectors.application(actor, voucher.application_id),
            lambda actor: services.review(actor=actor, verdict="pass", **of_application),
            lambda actor: services.approve(actor=actor, **of_application),
            lambda actor: services.issue(actor=actor, **of_application),
        ):
            with pytest.raises(NotFound):
                attempt(person.actor)
        assert selectors.vouchers(person.actor) == []
        assert selectors.applications(person.actor) == []
        assert selectors.queue(person.actor) == []


def test_a_vouchers_face_never_changes(issue: Issue) -> None:
    voucher = issue()
    for change in (
        "UPDATE programmes_voucher SET face_fen = face_fen + 1",
        "DELETE FROM programmes_voucher",
    ):
        with (
            pytest.raises(Exception, match="immutable"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change)
    assert Voucher.objects.get(pk=voucher.id).face_fen == voucher.face_fen


def test_facts_tell_the_public_what_was_given_and_not_to_whom(issue: Issue, henan: ProgrammeVersion) -> None:
    from hesuan.hub.audit.models import Fact

    voucher = issue()
    fact = Fact.objects.get(kind="voucher.issued", subject=voucher.id)
    leaf = bytes(fact.leaf).decode()
    assert f'"face_fen":{voucher.face_fen}' in leaf and henan.digest in leaf
    assert voucher.organisation_id not in leaf and fact.private["record"]["organisation"]


def test_a_code_has_no_letter_that_is_mistaken_for_another() -> None:
    assert not set(rules.CODE_ALPHABET) & set("0O1IL2Z5S8BV")
    assert len(set(rules.CODE_ALPHABET)) == len(rules.CODE_ALPHABET)
    codes = {rules.new_code() for _ in range(200)}
    assert all(len(code) == 9 and code.startswith("HS-") for code in codes) and len(codes) > 190
