"""A programme office's pages: rules as text, activation refused, applications, vouchers."""

from __future__ import annotations

import re

import pytest
from tests.hub.console.office import CHENGDU, HENAN, Office, apply_for, load, open_office
from tests.hub.console.world import World
from tests.people import Person, signer

from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Application, Voucher


@pytest.fixture
def office(world: World, owner: Person, officer: Person, reviewer: Person, approver: Person) -> Office:
    """The Henan programme, active, with one voucher."""
    return open_office(world.centre, owner, officer, reviewer, approver)


def english(person: Person, address: str) -> str:
    """A page in English."""
    person.client.cookies["django_language"] = "en"
    return person.client.get(address).content.decode()


def send(person: Person, address: str, **sent: str) -> tuple[int, str]:
    """Status and text after a form, in English."""
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(address, sent)
    return answer.status_code, answer.content.decode()


def test_an_open_rule_is_marked_on_its_line(officer: Person) -> None:
    version = load(officer, CHENGDU)
    text = english(officer, f"/programmes/{version.programme_id}/")
    number = next(
        n for n, line in enumerate(version.text.splitlines(), 1) if line.strip().startswith('rate: "?"')
    )
    assert re.search(rf'<li class="open" id="line-{number}">.*?rate: &quot;\?&quot;', text)
    assert f"{CHENGDU}:{number}" in text and "rates.tiers[general].rate" in text


def test_activation_is_refused_with_every_field_and_line(officer: Person, approver: Person) -> None:
    version = load(officer, CHENGDU)
    address = f"/programmes/{version.programme_id}/"
    status, text = send(approver, address, verb="activate", version_id=version.id)
    assert status == 409 and "programme.open_rule" in text
    faults = text.partition('<section class="faults"')[2].partition("</section>")[0]
    for said in ("rates.tiers[general].rate", "base.tax", f"{CHENGDU}:36"):
        assert said in faults, said
    version.refresh_from_db()
    assert version.state == "draft"


def test_an_approver_activates_a_sound_version_and_again_nothing_changes(
    officer: Person, approver: Person
) -> None:
    version = load(officer, HENAN)
    address = f"/programmes/{version.programme_id}/"
    assert "An approver of the office" in english(officer, address)
    assert 'data-test="activate"' not in english(officer, address)
    assert 'data-test="activate"' in english(approver, address)
    for _ in range(2):
        assert send(approver, address, verb="activate", version_id=version.id)[0] == 302
    text = english(officer, address)
    assert "¥50,000,000.00" in text and "Activate this version" not in text
    assert "decided below" in text


def test_a_draft_is_the_offices_own(officer: Person, stranger: Person) -> None:
    version = load(officer, HENAN)
    assert stranger.client.get(f"/programmes/{version.programme_id}/").status_code == 404
    assert version.title not in english(stranger, "/programmes/")


def test_the_officer_admits_a_centre_with_a_reason(office: Office, world: World, officer: Person) -> None:
    text = english(officer, f"/programmes/{office.version.programme_id}/")
    assert "on the list" in text and world.centre.name in text


def test_an_application_goes_from_form_to_voucher_by_three_people(
    world: World, owner: Person, officer: Person, reviewer: Person, approver: Person
) -> None:
    version = services.activate(actor=signer(officer).actor, version_id=load(officer, HENAN).id)
    form = english(owner, f"/programmes/{version.programme_id}/apply/")
    identifier = re.search(r'name="application_id" value="(\w+)"', form)
    assert identifier is not None
    sent = {"organisation": owner.organisation.id, "planned": "50,000.00", "application_id": identifier[1]}
    for _ in range(2):
        status, _text = send(owner, f"/programmes/{version.programme_id}/apply/", **sent)
        assert status == 302
    asked = Application.objects.get()
    page = f"/applications/{asked.id}/"
    assert "Waits on: reviewer." in english(owner, page)
    assert 'data-test="pass"' not in english(approver, page)
    assert owner.organisation.name in english(reviewer, "/")
    assert send(reviewer, page, verb="review", verdict="pass", note="complete")[0] == 302
    assert 'data-test="pass"' not in english(reviewer, page)
    assert send(approver, page, verb="approve", verdict="pass", note="agreed")[0] == 302
    for _ in range(2):
        assert send(officer, page, verb="issue")[0] == 302
    voucher = Voucher.objects.get()
    text = english(owner, page)
    assert voucher.code in text and "complete" in text and str(reviewer.identity) in text


def test_a_reviewer_cannot_approve_what_they_reviewed(
    office: Office, owner: Person, reviewer: Person
) -> None:
    asked = apply_for(owner, office.version, 100_000)
    page = f"/applications/{asked.id}/"
    send(reviewer, page, verb="review", verdict="pass")
    status, text = send(reviewer, page, verb="approve", verdict="pass", note="mine too")
    assert status == 409 and 'role="alert"' in text
    asked.refresh_from_db()
    assert asked.state == "UNDER_REVIEW"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"planned": "lots"}, "is not an amount of money"),
        ({"planned": "100", "facts": "project.level : 1"}, "cannot be read as facts"),
        ({"planned": "100", "facts": 'project.lvel = "x"'}, "project.level"),
    ],
)
def test_a_fault_of_an_application_stands_beside_its_field(
    office: Office, owner: Person, sent: dict[str, str], said: str
) -> None:
    address = f"/programmes/{office.version.programme_id}/apply/"
    status, text = send(owner, address, organisation=owner.organisation.id, **sent)
    assert status == 422 and said in text
    assert all(typed.replace('"', "&quot;") in text for typed in sent.values())


def test_a_voucher_shows_every_row_of_its_ledger(office: Office, world: World, owner: Person) -> None:
    receipt = world.settled(owner)
    text = english(owner, f"/vouchers/{office.voucher.id}/")
    rows = re.findall(r'data-label="What"><span>(\w+)</span>', text)
    assert rows == ["issue", "hold", "capture"]
    share = receipt.document["charge"]["vouchers"][0]["captured_fen"]
    assert f"¥0.{share:02d}" in text and world.centre.name in text


def test_accepting_with_a_voucher_names_both_holds(office: Office, world: World, owner: Person) -> None:
    asked = world.ask(owner)
    text = english(owner, f"/quotes/{asked.id}/")
    assert re.search(
        rf"holds ¥\d+\.\d\d on voucher {office.voucher.code} and ¥\d+\.\d\d of your balance", text
    )


def test_a_voucher_tells_every_step_of_its_life(office: Office, owner: Person) -> None:
    services.surrender(actor=owner.actor, voucher_id=office.voucher.id, reason="<b>not needed</b>")
    life = english(owner, f"/vouchers/{office.voucher.id}/").partition('data-test="life"')[2]
    life = life.partition("</section>")[0]
    assert 'data-state="CLOSED"' in life and "surrendered" in life
    assert "&lt;b&gt;not needed&lt;/b&gt;" in life and "closed, the rest given back" in life


def test_a_reviewer_returns_an_application_with_the_reason(
    office: Office, owner: Person, reviewer: Person
) -> None:
    asked = apply_for(owner, office.version, 100_000)
    page = f"/applications/{asked.id}/"
    assert 'data-test="return"' in english(reviewer, page)
    assert send(reviewer, page, verb="review", verdict="return")[0] == 409, "without a reason"
    assert send(reviewer, page, verb="review", verdict="return", note="the licence is missing")[0] == 302
    text = english(owner, page)
    assert "the licence is missing" in text and 'data-state="RETURNED"' in text
