"""On an application's page: an interest declared, an objection decided, a rejection, an award set."""

from __future__ import annotations

import re

import pytest
from tests.hub.console.office import FOLDER, HENAN, apply_for
from tests.hub.console.test_pages import read
from tests.people import Person, make_person, signer

from hesuan.hub.programmes import services
from hesuan.hub.programmes.models import Application, Interest, Objection, ProgrammeVersion


def henan(officer: Person, *changes: tuple[str, str]) -> ProgrammeVersion:
    """Henan's document with lines replaced, active."""
    text = (FOLDER / HENAN).read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    version = services.load_programme(actor=officer.actor, text=text, source_name=HENAN)
    return services.activate(actor=signer(officer).actor, version_id=version.id)


PUBLIC = ('transferable: "?"}', 'transferable: "?", publicity_days: 7}')


@pytest.fixture
def asked(officer: Person, owner: Person) -> Application:
    """An application that waits for its reviewer, under a programme with seven public days."""
    return apply_for(owner, henan(officer, PUBLIC))


@pytest.fixture
def objected(asked: Application, reviewer: Person, approver: Person, stranger: Person) -> Objection:
    """It is approved and public, and a stranger has objected."""
    services.review(actor=reviewer.actor, application_id=asked.id, verdict="pass")
    services.approve(actor=approver.actor, application_id=asked.id)
    return services.object_to(actor=stranger.actor, application_id=asked.id, reason="a shell company")


def page(person: Person, asked: Application, language: str = "en") -> str:
    return read(person.client, f"/applications/{asked.id}/", language)[1]


def offered(person: Person, asked: Application) -> set[str]:
    return set(re.findall(r'data-test="open-([a-z]+)"', page(person, asked)))


def send(person: Person, asked: Application, verb: str, **sent: str) -> tuple[int, str]:
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(f"/applications/{asked.id}/", {"verb": verb, **sent})
    return answer.status_code, answer.content.decode()


def state(asked: Application) -> str:
    return str(Application.objects.get(pk=asked.pk).state)


def test_who_declares_an_interest_takes_no_step_and_sees_why(
    asked: Application, reviewer: Person, owner: Person, auditor: Person
) -> None:
    assert offered(reviewer, asked) == {"interest", "reject"}
    assert offered(owner, asked) == offered(auditor, asked) == set()
    assert send(reviewer, asked, "interest", reason="my brother's firm")[0] == 422, "no tick"
    assert send(reviewer, asked, "interest", reason="", sure="yes")[0] == 409
    assert not Interest.objects.exists()
    assert send(reviewer, asked, "interest", reason="my brother's firm", sure="yes")[0] == 302
    text = page(reviewer, asked)
    assert "somebody else takes every step" in text and 'data-test="pass"' not in text
    assert offered(reviewer, asked) == set()
    assert "brother" not in page(owner, asked), "the applicant is not told"
    assert send(reviewer, asked, "review", verdict="pass")[0] == 409


def test_an_objection_is_decided_by_somebody_without_another_part(
    asked: Application,
    objected: Objection,
    officer: Person,
    reviewer: Person,
    approver: Person,
    owner: Person,
    stranger: Person,
) -> None:
    assert "resolve" in offered(officer, asked)
    for person in (reviewer, approver, owner):
        assert "resolve" not in offered(person, asked), "has acted, or is the applicant"
    assert "stella" not in page(owner, asked).lower(), "the applicant does not learn who objected"
    assert send(approver, asked, "resolve", on=objected.id, verdict="dismiss", reason="no")[0] == 409
    assert send(stranger, asked, "resolve", on=objected.id, verdict="dismiss", reason="no")[0] == 404
    assert send(officer, asked, "resolve", on="elsewhere", verdict="dismiss", reason="no")[0] == 404
    status, text = send(officer, asked, "resolve", on=objected.id, verdict="dismiss", reason="")
    assert status == 409 and "errorlist" in text.partition('data-test="objection"')[2]
    assert send(officer, asked, "resolve", on=objected.id, verdict="dismiss", reason="it is not")[0] == 302
    assert state(asked) == "PUBLICISED" and "it is not" in page(owner, asked)


@pytest.mark.parametrize(("verdict", "then"), [("return", "RETURNED"), ("reject", "REJECTED")])
def test_an_upheld_objection_takes_it_off_the_list(
    asked: Application, objected: Objection, officer: Person, verdict: str, then: str
) -> None:
    assert send(officer, asked, "resolve", on=objected.id, verdict=verdict, reason="shown")[0] == 302
    assert state(asked) == then


def test_rejecting_needs_a_reason_and_the_tick(asked: Application, reviewer: Person, owner: Person) -> None:
    assert send(reviewer, asked, "reject", reason="no contract")[0] == 422
    assert send(owner, asked, "reject", reason="x", sure="yes")[0] == 409
    assert state(asked) == "SUBMITTED"
    assert send(reviewer, asked, "reject", reason="no contract", sure="yes")[0] == 302
    assert state(asked) == "REJECTED" and "no contract" in page(owner, asked)


def test_the_first_approver_sets_the_rate_where_the_document_names_a_ceiling(
    officer: Person, owner: Person, reviewer: Person
) -> None:
    """20 % at most by the document; 10 % for this award: ¥5,000.00 of ¥50,000.00."""
    asked = apply_for(owner, henan(officer, ("rate_kind: exact", "rate_kind: ceiling")))
    services.review(actor=reviewer.actor, application_id=asked.id, verdict="pass")
    adam = make_person("adam", officer.organisation, "approver")
    assert 'name="award.rate"' in page(adam, asked)
    assert 'name="award.rate"' not in page(reviewer, asked)
    status, text = send(adam, asked, "approve", verdict="pass", **{"award.rate": "many"})
    assert status == 422 and 'value="many"' in text
    assert send(adam, asked, "approve", verdict="pass", **{"award.rate": "10%"})[0] == 302
    asked.refresh_from_db()
    assert (asked.state, asked.decision["subsidy_fen"]) == ("APPROVED", 500_000)
