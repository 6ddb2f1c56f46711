"""A voucher's life on its page: suspended, heard, decided by another; released; surrendered with a tick."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from tests.hub.console.test_pages import LANGUAGES, faults_of_page, read
from tests.hub.programmes.offices import Office, view
from tests.people import Person, make_person

from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Voucher

HALVES = (
    "issuance: {event: approval, validity: P12M, transferable: false, tranches: ["
    "{id: first, share: 1/2, release: issuance}, {id: second, share: 1/2, release: progress_report}]}"
)


@pytest.fixture
def office(officer: Person, reviewer: Person, approver: Person, owner: Person) -> Office:
    return Office(officer, reviewer, approver, owner)


@pytest.fixture
def voucher(office: Office) -> Voucher:
    return office.issue(office.activate(HALVES), 1_000_000)


def offered(person: Person, voucher: Voucher) -> set[str]:
    """The verbs that the page offers somebody."""
    text = read(person.client, address(voucher), "en")[1]
    return set(re.findall(r'data-test="open-([a-z_]+)"', text))


def address(voucher: Voucher) -> str:
    return f"/vouchers/{voucher.id}/"


def send(person: Person, voucher: Voucher, verb: str, **sent: str) -> tuple[int, str]:
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(address(voucher), {"verb": verb, **sent})
    return answer.status_code, answer.content.decode()


def state(voucher: Voucher) -> str:
    return str(Voucher.objects.get(pk=voucher.pk).state)


def test_each_is_offered_what_is_theirs(
    voucher: Voucher,
    owner: Person,
    colleague: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    auditor: Person,
    stranger: Person,
) -> None:
    assert offered(officer, voucher) == {"suspend", "release"}
    assert offered(reviewer, voucher) == {"suspend"}
    assert offered(owner, voucher) == {"surrender"}
    assert [offered(one, voucher) for one in (colleague, approver, auditor)] == [set()] * 3
    for verb in ("suspend", "surrender", "revoke", "nonsense"):
        assert send(stranger, voucher, verb, reason="x", sure="yes")[0] == 404
    assert send(officer, voucher, "nonsense", reason="x")[0] == 404
    assert send(colleague, voucher, "surrender", reason="x", sure="yes")[0] == 409
    assert state(voucher) == "ACTIVE"


def test_a_suspension_is_noticed_heard_and_decided_by_another(
    voucher: Voucher, owner: Person, officer: Person, reviewer: Person, approver: Person
) -> None:
    """notice → hearing → decision, each by somebody else; before the hearing nothing is revoked."""
    status, text = send(reviewer, voucher, "suspend", reason=" ")
    assert status == 409 and "voucher.reason_missing" not in text.partition('data-test="open-suspend"')[0]
    assert send(reviewer, voucher, "suspend", reason="<b>resold</b>")[0] == 302
    assert state(voucher) == "SUSPENDED"
    shown = read(owner.client, address(voucher), "en")[1]
    assert "&lt;b&gt;resold&lt;/b&gt;" in shown and "may answer until" in shown
    assert "the holder, who may answer" in shown.partition('data-test="waits"')[2].partition("</p>")[0]
    assert offered(owner, voucher) == {"answer"} and offered(approver, voucher) == {"reinstate"}
    assert offered(reviewer, voucher) == offered(officer, voucher) == set()
    assert send(approver, voucher, "revoke", reason="resold", sure="yes")[0] == 409, "not heard yet"
    assert send(owner, voucher, "answer", reason="it was our branch")[0] == 302
    assert "it was our branch" in read(approver.client, address(voucher), "en")[1]
    assert offered(approver, voucher) == {"reinstate", "revoke"}
    assert send(approver, voucher, "reinstate", reason="explained")[0] == 302
    assert state(voucher) == "ACTIVE"
    assert "explained" in read(owner.client, address(voucher), "en")[1]


def test_revoking_needs_the_tick_and_comes_back_with_what_was_typed(
    voucher: Voucher, owner: Person, officer: Person, approver: Person
) -> None:
    send(officer, voucher, "suspend", reason="resold")
    send(owner, voucher, "answer", reason="no")
    status, text = send(approver, voucher, "revoke", reason="shown to be resold")
    assert (status, state(voucher)) == (422, "SUSPENDED")
    form = text.partition('data-test="open-revoke"')[2].partition("</details>")[0]
    assert "shown to be resold" in form and "cannot be undone" in form and "errorlist" in form
    assert send(approver, voucher, "revoke", reason="shown to be resold", sure="yes")[0] == 302
    assert state(voucher) == "CLOSED"
    for person in (owner, officer, approver):
        assert offered(person, voucher) == set()


def test_whose_time_to_answer_is_over_is_revoked_unheard(
    voucher: Voucher, officer: Person, approver: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hesuan.hub.programmes.suspending.ANSWER_DAYS", 0)
    send(officer, voucher, "suspend", reason="resold")
    assert "revoke" in offered(approver, voucher)


def test_who_suspended_does_not_decide(voucher: Voucher, office: Office) -> None:
    both = make_person("bo", office.officer.organisation, "approver")
    from hesuan.hub.identity import services
    from hesuan.hub.identity.actors import SYSTEM

    services.grant_role(
        actor=SYSTEM, identity_id=both.identity.id, organisation_id=both.organisation.id, role="reviewer"
    )
    assert send(both, voucher, "suspend", reason="resold")[0] == 302
    assert offered(both, voucher) == set()
    assert send(both, voucher, "reinstate", reason="after all")[0] == 409


def test_a_tranche_is_released_by_its_event_and_no_other(voucher: Voucher, officer: Person) -> None:
    before = read(officer.client, address(voucher), "en")[1]
    assert '<option value="progress_report"' in before and "waits for the event" in before
    assert send(officer, voucher, "release", event="rain", reason="seen")[0] == 409
    assert send(officer, voucher, "release", event="progress_report", reason="report of 3 May")[0] == 302
    after = read(officer.client, address(voucher), "en")[1]
    assert "waits for the event" not in after and "report of 3 May" in after
    assert "release" not in offered(officer, voucher)
    assert re.search(r'data-test="available">¥3,000.00<', after)


def test_surrendering_needs_a_reason_and_the_tick(voucher: Voucher, owner: Person) -> None:
    assert send(owner, voucher, "surrender", reason="done")[0] == 422
    assert send(owner, voucher, "surrender", reason="", sure="yes")[0] == 409
    assert state(voucher) == "ACTIVE"
    assert send(owner, voucher, "surrender", reason="project ended", sure="yes")[0] == 302
    assert state(voucher) == "CLOSED"


def test_the_page_has_no_fault_in_either_language(
    voucher: Voucher, officer: Person, owner: Person, approver: Person
) -> None:
    send(officer, voucher, "suspend", reason="resold")
    for person in (officer, owner, approver):
        for language in LANGUAGES:
            status, text = read(person.client, address(voucher), language)
            assert (status, faults_of_page(text, language)) == (200, [])
            assert language == "en" or "Waits on" not in text


DECAY = (
    "expiry: {mode: decay, returns_to: budget, exemption: manager, checkpoints: [{date: 2030-03-01,"
    " reference: current, brackets: [{gt: 0/1, lt: 10/100, remove_of_unused: 25/100},"
    " {gt: 10/100, lt: 25/100, remove_of_unused: 15/100}]}]}"
)
LONG = "issuance: {event: approval, validity: P10Y}"
THE_DAY = datetime(2030, 3, 1, 4, tzinfo=UTC)


def test_an_approver_decides_a_checkpoint_that_lies_in_no_bracket(
    office: Office, owner: Person, officer: Person, approver: Person
) -> None:
    """Nothing is used of 3,000.00: 0 lies in no bracket. Before the day, and to others, nothing."""
    voucher = office.issue(office.activate(DECAY, LONG), 1_000_000)
    assert offered(approver, voucher) == set()
    services.keep_dates(THE_DAY)
    assert offered(approver, voucher) == {"share"}
    assert address(voucher) in read(approver.client, "/", "en")[1].partition('data-test="undecided"')[2]
    assert "share" not in offered(officer, voucher) | offered(owner, voucher)
    page = read(approver.client, address(voucher), "en")[1]
    assert "The document allows: 0, 3/20 – 1/4." in page and "an approver, who decides" in page
    say = {"day": "2030-03-01", "reason": "the lower one was meant"}
    assert send(approver, voucher, "share", share="15/100", **say)[0] == 422, "no tick"
    for wrong, status in (("0.15", 422), ("26/100", 409), ("", 422)):
        assert send(approver, voucher, "share", share=wrong, sure="yes", **say)[0] == status
    assert send(officer, voucher, "share", share="15/100", sure="yes", **say)[0] == 409
    assert state(voucher) == "ACTIVE"
    assert send(approver, voucher, "share", share="15 %", sure="yes", **say)[0] == 302
    assert (state(voucher), view(voucher).returned_fen) == ("REDUCED", 45_000)
    assert offered(approver, voucher) == set()
    assert 'data-test="undecided"' not in read(approver.client, "/", "en")[1]


REIMBURSED = "settlement: {flow: reimburse_user, cadence: quarterly, steps: [bureau]}"


def test_an_approver_ends_the_claim_time_that_no_document_states(
    office: Office, owner: Person, officer: Person, approver: Person
) -> None:
    """Only after its last day; never where the document states the time, which the hub keeps by itself."""
    voucher = office.issue(office.activate(REIMBURSED), 1_000_000)
    assert voucher.expires_at is not None
    assert offered(approver, voucher) == set()
    services.expire_vouchers(voucher.expires_at)
    assert (state(voucher), offered(approver, voucher)) == ("EXPIRED", {"end_claims"})
    waits = [read(one.client, "/", "en")[1].count('data-test="undecided"') for one in (approver, officer)]
    assert waits == [1, 0], "the first page tells whoever may decide it"
    assert offered(officer, voucher) == offered(owner, voucher) == set()
    assert "an approver, who ends the claim time" in read(owner.client, address(voucher), "en")[1]
    assert send(approver, voucher, "end_claims", reason="all claimed")[0] == 422, "no tick"
    assert send(officer, voucher, "end_claims", reason="all claimed", sure="yes")[0] == 409
    assert send(approver, voucher, "end_claims", reason="all claimed", sure="yes")[0] == 302
    assert (state(voucher), view(voucher).returned_fen) == ("CLOSED", voucher.face_fen)
    assert offered(approver, voucher) == set()


def test_a_stated_claim_time_is_offered_to_nobody_to_end(office: Office, approver: Person) -> None:
    stated = "redemption: {claimant: demander, claim_until: P30D}"
    voucher = office.issue(office.activate(REIMBURSED, stated), 1_000_000)
    assert voucher.expires_at is not None
    services.expire_vouchers(voucher.expires_at)
    assert (state(voucher), offered(approver, voucher)) == ("EXPIRED", set())


def test_an_approver_extends_a_voucher_as_far_as_its_document_allows(
    office: Office, owner: Person, officer: Person, approver: Person
) -> None:
    """Without ``issuance.extension`` nobody is offered it: the voucher of ``HALVES`` above."""
    allowed = "issuance: {event: approval, validity: P12M, extension: 2035-06-30}"
    voucher = office.issue(office.activate(allowed, name="test.longer"), 1_000_000)
    assert offered(approver, voucher) == {"extend"}
    assert "extend" not in offered(officer, voucher) | offered(owner, voucher)
    assert "the document allows until 2035-06-30" in read(approver.client, address(voucher), "en")[1]
    say = {"reason": "the machine was down", "last_day": "2035-06-30"}
    assert send(approver, voucher, "extend", **say)[0] == 422, "no tick"
    for wrong, status in (("soon", 422), ("2035-07-01", 409), ("2020-01-01", 409)):
        assert send(approver, voucher, "extend", sure="yes", **{**say, "last_day": wrong})[0] == status
    assert send(officer, voucher, "extend", sure="yes", **say)[0] == 409
    assert send(approver, voucher, "extend", sure="yes", **say)[0] == 302
    shown = read(owner.client, address(voucher), "en")[1]
    assert 'data-test="extended"' in shown and "the machine was down" in shown
    assert offered(approver, voucher) == set(), "no room is left"
    plain = office.issue(office.activate(HALVES), 1_000_000)
    assert "extend" not in offered(approver, plain)
