"""Writing a programme: checked as one types, kept as a draft, compared with the version before."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from tests.hub.console.office import CHENGDU, FOLDER, HENAN, load
from tests.hub.console.test_pages import LANGUAGES, all_answer, faults_of_page, read
from tests.people import Person, signer

from hesuan.hub.programmes import drafting, services
from hesuan.hub.programmes.models import ProgrammeVersion

TEXT = (FOLDER / HENAN).read_text()
NEW = "/programmes/new/"


def send(person: Person, address: str, *, htmx: bool = False, **sent: str) -> tuple[int, str]:
    """Status and text after the editor's form, in English."""
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(address, sent, headers={"HX-Request": "true"} if htmx else {})
    return answer.status_code, answer.content.decode()


def second_version(officer: Person, **changes: str) -> ProgrammeVersion:
    """Henan's text as version 2, with some of its words changed."""
    text = TEXT.replace("version: 1", "version: 2")
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return services.load_programme(actor=officer.actor, text=text, source_name=HENAN)


def test_the_editor_is_the_officers_and_to_others_it_is_not_there(
    officer: Person, reviewer: Person, stranger: Person, nobody: Client
) -> None:
    version = load(officer, HENAN)
    edit = f"/programmes/{version.programme_id}/edit/"
    all_answer(officer.client, (NEW, f"{NEW}?from={HENAN}", edit, "/programmes/"))
    for person in (reviewer, stranger):
        for address in (NEW, edit):
            assert person.client.get(address).status_code == 404
            assert person.client.post(address, {"text": TEXT, "verb": "save"}).status_code == 404
    assert nobody.get(NEW)["Location"] == f"/accounts/login/?next={NEW}"
    assert not ProgrammeVersion.objects.exclude(pk=version.pk).exists()


def test_an_active_programmes_editor_is_hidden_from_another_office(officer: Person, stranger: Person) -> None:
    version = services.activate(actor=signer(officer).actor, version_id=load(officer, HENAN).id)
    assert stranger.client.get(f"/programmes/{version.programme_id}/").status_code == 200
    assert stranger.client.get(f"/programmes/{version.programme_id}/edit/").status_code == 404


def test_it_starts_from_what_ships_and_from_nothing_else(officer: Person) -> None:
    _, text = read(officer.client, f"{NEW}?from={HENAN}", "en")
    assert "河南省算力券" in text and 'data-test="verdict"' in text
    assert officer.client.get(f"{NEW}?from=../evaluator.py").status_code == 404
    assert len(drafting.shipped()) >= 17


def test_what_is_typed_is_checked_with_a_link_to_the_line(officer: Person) -> None:
    status, said = send(officer, NEW, htmx=True, verb="check", text=TEXT.replace("caps:", "cpas:"))
    assert status == 200 and "<html" not in said
    number = next(n for n, line in enumerate(TEXT.splitlines(), 1) if line.startswith("caps:"))
    assert f'href="#line-{number}"' in said and f'id="line-{number}"' in said
    assert "`caps`" in said and "cannot be kept" in said
    assert not ProgrammeVersion.objects.exists()


def test_an_open_money_rule_is_told_while_writing(officer: Person) -> None:
    _, said = send(officer, NEW, htmx=True, verb="check", text=(FOLDER / CHENGDU).read_text())
    assert "rates.tiers[general].rate" in said and "blocks activation" in said


def test_what_is_typed_stays_and_is_escaped(officer: Person) -> None:
    status, text = send(officer, NEW, verb="save", text='title: </textarea><script>alert("x")</script>')
    assert status == 422 and "<script>alert" not in text
    assert "&lt;/textarea&gt;&lt;script&gt;" in text and faults_of_page(text, "en") == []


def test_a_sound_text_is_kept_as_a_draft_once(officer: Person) -> None:
    for _ in range(2):
        officer.client.cookies["django_language"] = "en"
        answer = officer.client.post(NEW, {"verb": "save", "text": TEXT.replace("\n", "\r\n")})
        assert answer["Location"] == "/programmes/cn.henan.suanliquan.2023/?version=1"
    kept = ProgrammeVersion.objects.get()
    assert (kept.state, kept.text, kept.source_name) == ("draft", TEXT, HENAN)


def test_a_taken_number_is_refused_and_the_editor_offers_the_next(officer: Person) -> None:
    version = load(officer, HENAN)
    status, text = send(officer, NEW, verb="save", text=TEXT.replace("20/100", "30/100"))
    assert status == 409 and "programme.version_taken" in text
    _, text = read(officer.client, f"/programmes/{version.programme_id}/edit/", "en")
    assert re.search(r"^version: 2$", text, re.M)


def test_a_difference_says_what_changed_in_money(officer: Person) -> None:
    first = load(officer, HENAN)
    second = second_version(officer, **{"rate: 20/100": "rate: 30/100", "evidence: P": "evidence: S"})
    found = drafting.difference(officer.actor, first.id, second.id)
    assert [(one.field, one.before, one.after, one.money) for one in found.changes] == [
        ("rates.tiers[general].rate", "20/100", "30/100", True),
        ("evidence", "P", "S", False),
    ]
    gone = [line.text for line in found.lines if line.kind == "gone"]
    assert gone == [
        "version: 1",
        "evidence: P",
        "    - {id: general, when: {all: []}, rate: 20/100, rate_kind: exact}",
    ]
    all_answer(officer.client, (f"/programmes/{first.programme_id}/compare/?from=1&to=2",))
    _, text = read(officer.client, f"/programmes/{first.programme_id}/compare/", "en")
    assert "From version 1 to version 2" in text and "<del>version: 1</del>" in text


def test_a_changed_decision_counts_as_a_change_of_the_rule_it_fills(officer: Person) -> None:
    first = load(officer, HENAN)
    said = next(one for one in drafting.interpretations(officer.actor, first.id) if one.value == "reject")
    second = second_version(officer, **{"value: reject": "value: partial"})
    changes = drafting.difference(officer.actor, first.id, second.id).changes
    assert (changes[0].field, changes[0].before, changes[0].after) == (said.field, "reject", "partial")


def test_no_difference_reaches_into_a_draft_of_another_office(officer: Person, stranger: Person) -> None:
    active = services.activate(actor=signer(officer).actor, version_id=load(officer, HENAN).id)
    second_version(officer, **{"rate: 20/100": "rate: 30/100"})
    address = f"/programmes/{active.programme_id}/compare/"
    assert stranger.client.get(f"{address}?from=1&to=2").status_code == 404
    assert "30/100" not in stranger.client.get(address).content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_history_names_digest_people_and_decisions(officer: Person, language: str) -> None:
    version = load(officer, HENAN)
    services.activate(actor=signer(officer).actor, version_id=version.id)
    _, text = read(officer.client, f"/programmes/{version.programme_id}/", language)
    assert version.digest in text and str(officer.identity) in text
    decisions = text.partition('id="interpretations"')[2]
    assert "budgets[province_year].on_exhaust" in decisions and "Demonstration office 示范办" in decisions


def test_a_text_beyond_the_readers_limit_is_told_so(officer: Person) -> None:
    _, said = send(officer, NEW, htmx=True, verb="check", text="#" * 300_000)
    assert "262144" in said and "cannot be kept" in said
