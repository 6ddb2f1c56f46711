"""An applicant's pages: a form made from the rules, a look before submitting, returns, objections."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.hub.console.office import FOLDER, HENAN
from tests.people import Person, signer

from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Application, Objection, ProgrammeVersion
from hesuan.hub.registry import services as registry

ELIGIBLE = '["applicant.kind in [enterprise, tech_msme, research_institute, university]"]'
ASKS = (
    '["applicant.is_dishonest == false", "applicant.major_penalty_within_three_years == false",'
    ' "relation.related_party == false", "contract.starts_on >= 2025-01-01",'
    ' "project.level in [national, provincial]"]'
)
ISSUANCE = 'issuance: {event: "?", validity: "?", transferable: "?"'


def page(person: Person, address: str) -> str:
    """A page in English."""
    person.client.cookies["django_language"] = "en"
    return person.client.get(address).content.decode()


def send(person: Person, address: str, **sent: object) -> tuple[int, str]:
    """Status and text after a form, in English."""
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(address, sent)
    return answer.status_code, answer.content.decode()


def active(officer: Person, changes: dict[str, str] | None = None) -> ProgrammeVersion:
    """Henan, changed in places, active."""
    text = (FOLDER / HENAN).read_text()
    for before, after in (changes or {}).items():
        assert before in text, before
        text = text.replace(before, after)
    draft = services.load_programme(actor=officer.actor, text=text, source_name=HENAN)
    return services.activate(actor=signer(officer).actor, version_id=draft.id)


@pytest.fixture
def version(officer: Person) -> ProgrammeVersion:
    """Henan, active."""
    return active(officer)


@pytest.fixture
def asking(officer: Person) -> ProgrammeVersion:
    """The same with rules that ask for many facts."""
    return active(officer, {ELIGIBLE: ASKS})


def form(owner: Person, **sent: object) -> dict[str, object]:
    """What a browser sends of the form."""
    return {"organisation": owner.organisation.id, "verb": "submit", **sent}


def test_the_form_asks_what_the_rules_read_each_by_its_type(asking: ProgrammeVersion, owner: Person) -> None:
    text = page(owner, f"/programmes/{asking.programme_id}/apply/")
    assert '<select id="facts.applicant.is_dishonest"' in text
    assert 'name="facts.contract.starts_on" type="date"' in text
    assert "facts.applicant.kind" not in text, "the register knows it"
    assert re.search(r'id="facts.project.level".*value="national".*value="provincial"', text, re.DOTALL)


def test_what_the_registry_has_checked_is_not_asked_again(
    asking: ProgrammeVersion, owner: Person, platform_operator: Person
) -> None:
    registry.enter_fact(
        actor=platform_operator.actor,
        organisation_id=owner.organisation.id,
        name="is_dishonest",
        value=False,
        proof=registry.Proof(issuer="register", valid_from=asking.loaded_at.date()),
    )
    text = page(owner, f"/programmes/{asking.programme_id}/apply/")
    assert "facts.applicant.is_dishonest" not in text
    assert "facts.applicant.major_penalty_within_three_years" in text


def test_all_faults_stand_beside_their_fields_at_once(asking: ProgrammeVersion, owner: Person) -> None:
    sent = form(
        owner, planned="lots", **{"facts.contract.starts_on": "spring", "facts.applicant.is_dishonest": "no"}
    )
    status, text = send(owner, f"/programmes/{asking.programme_id}/apply/", **sent)
    assert status == 422
    assert text.count('<p class="errorlist">') == 3
    assert 'value="lots"' in text and 'value="spring"' in text


def test_a_look_at_the_decision_keeps_nothing(version: ProgrammeVersion, owner: Person) -> None:
    address = f"/programmes/{version.programme_id}/apply/"
    status, text = send(owner, address, **form(owner, planned="50000.00", verb="preview"))
    assert status == 200 and 'data-test="preview"' in text and "¥10,000.00" in text
    assert 'value="50000.00"' in text, "what was typed is lost"
    assert not Application.objects.exists()


def test_a_look_names_every_condition_that_is_not_met(asking: ProgrammeVersion, owner: Person) -> None:
    sent = form(owner, planned="50000.00", verb="preview")
    sent |= {"facts.applicant.is_dishonest": "true", "facts.relation.related_party": "true"}
    status, text = send(owner, f"/programmes/{asking.programme_id}/apply/", **sent)
    assert status == 200
    shown = text.partition('data-test="preview"')[2].partition("</section>")[0]
    assert "applicant.is_dishonest" in shown and "relation.related_party" in shown


def test_a_draft_is_kept_and_gone_on_with(version: ProgrammeVersion, owner: Person, officer: Person) -> None:
    address = f"/programmes/{version.programme_id}/apply/"
    assert send(owner, address, **form(owner, planned="50000.00", verb="keep"))[0] == 302
    made = Application.objects.get()
    assert made.state == "DRAFT"
    assert officer.client.get(f"/applications/{made.id}/").status_code == 404
    assert 'value="50000.00"' in page(owner, f"/applications/{made.id}/amend/")
    assert send(owner, f"/applications/{made.id}/amend/", planned="60000.00", verb="submit")[0] == 302
    made.refresh_from_db()
    assert (made.state, made.planned_fen) == ("SUBMITTED", 6_000_000)


def test_what_was_returned_says_why_and_is_submitted_again(
    version: ProgrammeVersion, owner: Person, reviewer: Person
) -> None:
    address = f"/programmes/{version.programme_id}/apply/"
    assert send(owner, address, **form(owner, planned="50000.00"))[0] == 302
    made = Application.objects.get()
    services.review(
        actor=reviewer.actor, application_id=made.id, verdict="return", note="<b>Which</b> contract?"
    )
    told = page(owner, f"/applications/{made.id}/")
    assert 'data-test="amend"' in told and "&lt;b&gt;Which&lt;/b&gt; contract?" in told
    assert "<b>Which" not in told
    assert 'data-test="amend"' not in page(reviewer, f"/applications/{made.id}/")
    assert reviewer.client.get(f"/applications/{made.id}/amend/").status_code == 404
    assert "&lt;b&gt;Which" in page(owner, f"/applications/{made.id}/amend/")
    assert send(owner, f"/applications/{made.id}/amend/", planned="50000.00", verb="submit")[0] == 302
    made.refresh_from_db()
    assert (made.state, made.round) == ("SUBMITTED", 2)
    assert owner.client.get(f"/applications/{made.id}/amend/").status_code == 404


def test_a_marked_document_is_opened_to_the_office_with_the_application(
    version: ProgrammeVersion, owner: Person, officer: Person
) -> None:
    sent = registry.upload(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        file_name="contract.csv",
        media_type="text/csv",
        content=b"a,b\n1,2\n",
    )
    address = f"/programmes/{version.programme_id}/apply/"
    assert "contract.csv" in page(owner, address)
    assert send(owner, address, **form(owner, planned="50000.00", document=[sent.id]))[0] == 302
    assert sent.openings.get().office_id == officer.organisation.id


def test_strangers_find_neither_draft_nor_form(
    version: ProgrammeVersion, owner: Person, stranger: Person
) -> None:
    send(owner, f"/programmes/{version.programme_id}/apply/", **form(owner, planned="50000.00", verb="keep"))
    made = Application.objects.get()
    for address in (f"/applications/{made.id}/", f"/applications/{made.id}/amend/", f"/publicity/{made.id}/"):
        assert stranger.client.get(address).status_code == 404
        assert stranger.client.post(address).status_code == 404


@pytest.fixture
def public(officer: Person, owner: Person, reviewer: Person, approver: Person) -> Application:
    """An approved application on the public list."""
    version = active(officer, {ISSUANCE: ISSUANCE + ", publicity_days: 5"})
    send(owner, f"/programmes/{version.programme_id}/apply/", **form(owner, planned="50000.00"))
    made = Application.objects.get()
    services.review(actor=reviewer.actor, application_id=made.id, verdict="pass", note="ok")
    services.approve(actor=approver.actor, application_id=made.id, verdict="pass", note="ok")
    made.refresh_from_db()
    assert made.state == "PUBLICISED"
    return made


def test_everybody_reads_the_public_list_and_nothing_more(public: Application, owner: Person) -> None:
    visitor = Client()
    visitor.cookies["django_language"] = "en"
    listed = visitor.get("/publicity/").content.decode()
    assert owner.organisation.name in listed and "¥10,000.00" in listed
    one = visitor.get(f"/publicity/{public.id}/").content.decode()
    assert 'data-test="object"' not in one and "Sign in to object." in one
    assert visitor.post(f"/publicity/{public.id}/", {"reason": "x"}).status_code == 302
    assert not Objection.objects.exists()
    assert visitor.get(f"/applications/{public.id}/").status_code == 302


def test_an_objection_stops_the_clock_and_hides_who_made_it(
    public: Application, owner: Person, stranger: Person, officer: Person
) -> None:
    address = f"/publicity/{public.id}/"
    assert send(stranger, address, reason="", objection_id="01J" + "0" * 23)[0] == 409
    for _ in range(2):
        status, _text = send(stranger, address, reason="a <i>shell</i>", objection_id="01J" + "0" * 23)
        assert status == 302
    assert Objection.objects.count() == 1
    public.refresh_from_db()
    assert public.state == "OBJECTED"
    mine = page(owner, f"/applications/{public.id}/")
    assert "a &lt;i&gt;shell&lt;/i&gt;" in mine and str(stranger.identity) not in mine
    assert str(stranger.identity) in page(officer, f"/applications/{public.id}/")
