"""What is on record of an organisation: entered by its owner, checked by an office, hidden from others."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings
from tests.hub.console.test_pages import LANGUAGES, all_answer, faults_of_page, read
from tests.hub.registry import files
from tests.people import Person

from hesuan.hub.registry import services
from hesuan.hub.registry.models import AidEntry, Document, OrganisationFact, Relation

FACT = {"verb": "fact", "name": "size", "value": "small", "issuer": "Tax office", "valid_from": "2026-01-01"}


def page_of(person: Person) -> str:
    return f"/registry/{person.organisation.id}/"


def send(person: Person, address: str, **sent: Any) -> tuple[int, str]:
    """Status and text after a form, in English."""
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(address, sent)
    return answer.status_code, answer.content.decode()


def upload(person: Person, content: bytes, name: str = "licence.pdf", kind: str = "application/pdf") -> int:
    file = SimpleUploadedFile(name, content, content_type=kind)
    return send(person, page_of(person), verb="upload", file=file)[0]


def opened(owner: Person, reviewer: Person) -> None:
    """The owner opens the record to the reviewer's office, as applying does."""
    services.open_record(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        office_id=reviewer.organisation.id,
        because="a test",
    )


def test_only_its_people_and_an_office_it_is_open_to_find_a_record(
    owner: Person, colleague: Person, stranger: Person, reviewer: Person, nobody: Client
) -> None:
    upload(owner, files.pdf())
    document = f"/documents/{Document.objects.get().id}/"
    for person in (owner, colleague):
        all_answer(person.client, ("/registry/", page_of(owner)))
        assert person.client.get(document).status_code == 200
    for person in (stranger, reviewer):
        for address in (page_of(owner), document):
            assert person.client.get(address).status_code == 404
        assert person.client.post(page_of(owner), FACT).status_code == 404
    opened(owner, reviewer)
    assert reviewer.client.get(page_of(owner)).status_code == 200
    assert reviewer.client.get(document).status_code == 404, "a document that proves nothing on record"
    assert nobody.get(page_of(owner)).status_code == 302


def test_a_document_goes_in_and_comes_out_as_an_attachment_alone(owner: Person) -> None:
    assert upload(owner, files.pdf()) == 302
    kept = Document.objects.get()
    assert kept.file_name in read(owner.client, page_of(owner), "en")[1]
    answer = owner.client.get(f"/documents/{kept.id}/")
    assert answer.content == files.pdf()
    assert answer["Content-Disposition"].startswith("attachment;")
    assert answer["X-Content-Type-Options"] == "nosniff" and "sandbox" in answer["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (files.HTML, "licence.pdf", "document.content_disagrees"),
        (files.HTML, "page.html", "document.extension_unknown"),
        (b"", "licence.pdf", "document.empty"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    owner: Person, content: bytes, name: str, said: str
) -> None:
    file = SimpleUploadedFile(name, content, content_type="application/pdf")
    status, text = send(owner, page_of(owner), verb="upload", file=file)
    assert status == 422 and said in text and not Document.objects.exists()


def test_a_file_beyond_the_limit_is_not_kept_in_memory_either(owner: Person, settings: Settings) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    file = SimpleUploadedFile("long.pdf", files.pdf(b"x" * 500_000), content_type="application/pdf")
    status, text = send(owner, page_of(owner), verb="upload", file=file)
    assert status == 422 and "document.too_large" in text
    assert "1001 bytes" in text, "the rest was dropped while it came in"
    settings.UPLOAD_MAX_BYTES = 1_000_000
    assert upload(owner, files.pdf(b"x" * 500_000)) == 302


def test_a_declared_fact_is_checked_by_an_office_and_then_valid(owner: Person, reviewer: Person) -> None:
    assert send(owner, page_of(owner), **FACT)[0] == 302
    fact = OrganisationFact.objects.get()
    assert "declared; nobody has checked it" in read(owner.client, page_of(owner), "en")[1]
    assert fact.id not in read(reviewer.client, "/registry/", "en")[1]
    opened(owner, reviewer)
    assert f"#entry-{fact.id}" in read(reviewer.client, "/registry/", "en")[1]
    step = {"verb": "step", "entry": fact.id, "to": "checked"}
    assert send(owner, page_of(owner), **step)[0] == 409, "nobody checks their own"
    assert send(reviewer, page_of(owner), **step)[0] == 302
    text = read(owner.client, page_of(owner), "en")[1]
    assert "<strong>small</strong>" in text.partition('data-test="holds"')[2].partition("</table>")[0]


def test_an_owner_withdraws_their_own_with_a_reason(owner: Person) -> None:
    send(owner, page_of(owner), **FACT)
    fact = OrganisationFact.objects.get()
    step = {"verb": "step", "entry": fact.id, "to": "withdrawn"}
    assert send(owner, page_of(owner), **step)[0] == 422
    assert send(owner, page_of(owner), **step, reason="a mistake")[0] == 302
    fact.refresh_from_db()
    assert fact.state == "withdrawn"


def test_a_step_reaches_no_entry_of_another_organisation(owner: Person, stranger: Person) -> None:
    send(owner, page_of(owner), **FACT)
    fact = OrganisationFact.objects.get()
    step = {"verb": "step", "entry": fact.id, "to": "withdrawn", "reason": "mine"}
    assert send(stranger, page_of(stranger), **step)[0] == 404


def test_a_relation_keeps_no_number_and_aid_keeps_its_contract(owner: Person) -> None:
    relation = {
        "verb": "relation",
        "kind": "shareholding",
        "value": "91410100MA00000001",
        "holder": "counterpart",
        "ratio_percent": "33.3333",
        "issuer": "AMR",
        "valid_from": "2026-01-01",
    }
    aid = {
        "verb": "aid",
        "authority": "zhengzhou",
        "scope": "contract",
        "amount": "12,000.50",
        "contract_number": "HT-7",
        "issuer": "Finance bureau",
        "valid_from": "2026-02-01",
    }
    assert send(owner, page_of(owner), **relation)[0] == send(owner, page_of(owner), **aid)[0] == 302
    assert Relation.objects.get().ratio_ppm == 333_333 and AidEntry.objects.get().amount_fen == 1_200_050
    text = read(owner.client, page_of(owner), "en")[1]
    assert "33.3333 %" in text and "91410100MA" not in text
    assert "¥12,000.50" in text and "HT-7" in text


@pytest.mark.parametrize(
    ("verb", "changes", "field", "said"),
    [
        ("fact", {"valid_from": "soon"}, "valid_from", "is not a day"),
        ("fact", {"name": "employees", "value": "many"}, "value", "is not a number"),
        ("fact", {"issuer": ""}, "issuer", "is needed"),
        ("fact", {"expires_on": "2025-01-01"}, "expires_on", "before it begins"),
        ("aid", {"amount": "lots", "authority": "x", "scope": "line"}, "amount", "not an amount"),
        ("relation", {"kind": "shareholding", "value": "9141"}, "ratio_percent", "is not a share"),
    ],
)
def test_a_fault_stands_beside_its_field_and_nothing_typed_is_lost(
    owner: Person, verb: str, changes: dict[str, str], field: str, said: str
) -> None:
    status, text = send(owner, page_of(owner), **{**FACT, "verb": verb, **changes})
    assert status == 422
    beside = re.search(rf'<div class="field wrong"><label for="{verb}_{field}">.*?</div>', text, re.S)
    assert beside is not None and said in beside[0]
    assert f'<details open data-test="{verb}-form">' in text
    assert "Tax office" in text or "issuer" in changes


def test_what_was_typed_is_escaped(owner: Person) -> None:
    sent = {**FACT, "issuer": '"><script>alert(1)</script>'}
    assert send(owner, page_of(owner), **sent)[0] == 302
    status, text = send(owner, page_of(owner), **{**sent, "valid_from": "x"})
    assert status == 422 and "<script>alert" not in text and "&lt;script&gt;alert" in text
    assert faults_of_page(text, "en") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_expired_is_told_with_its_day(owner: Person, reviewer: Person, language: str) -> None:
    sent = {**FACT, "expires_on": "2026-02-01"}
    send(owner, page_of(owner), **sent)
    opened(owner, reviewer)
    fact = OrganisationFact.objects.get()
    services.take_step(actor=reviewer.actor, entry_id=fact.id, to="checked")
    assert fact.expires_on == date(2026, 2, 1)
    text = read(owner.client, page_of(owner), language)[1]
    assert ("expired on 2026-02-01" if language == "en" else "已于 2026-02-01 到期") in text


def test_a_member_may_send_documents_and_enters_nothing(owner: Person, colleague: Person) -> None:
    text = read(colleague.client, page_of(owner), "en")[1]
    assert 'data-test="upload-form"' in text and 'data-test="fact-form"' not in text
    assert send(colleague, page_of(owner), **FACT)[0] == 409 and not OrganisationFact.objects.exists()
