"""Documents: whose, how many, who opens them, and that they leave as attachments alone."""

from __future__ import annotations

import hashlib

import pytest
from django.contrib.staticfiles import finders
from django.db import DatabaseError, transaction
from django.test import Client
from tests.hub.registry.files import GOOD, HTML, pdf
from tests.people import Person

from hesuan.errors import Conflict, Faults, NotFound, Refused, Unavailable
from hesuan.hub.identity.models import Organisation
from hesuan.hub.registry import selectors, services, store
from hesuan.hub.registry.models import Document
from hesuan.wire.ids import new_id


def send(person: Person, *, to: Organisation | None = None, content: bytes = b"", **more: str) -> Document:
    return services.upload(
        actor=person.actor,
        organisation_id=(to or person.organisation).id,
        file_name=more.pop("file_name", "营业执照.pdf"),
        media_type="application/pdf",
        content=content or pdf(),
        **more,
    )


def test_a_document_lies_under_its_hash_for_its_owner_alone_to_read() -> None:
    sha256 = store.keep(b"content")
    place = store.folder() / sha256[:2] / sha256
    assert sha256 == hashlib.sha256(b"content").hexdigest() and place.read_bytes() == b"content"
    assert place.stat().st_mode & 0o777 == 0o600 and place.parent.stat().st_mode & 0o777 == 0o700
    assert store.keep(b"content") == sha256 and len(list(place.parent.iterdir())) == 1


def test_no_address_leads_to_the_folder(owner: Person) -> None:
    made = send(owner)
    name = f"documents/{made.sha256[:2]}/{made.sha256}"
    assert finders.find(name) is None
    for address in (f"/{name}", f"/static/{name}", f"/static/../{name}", f"/media/{name}"):
        assert owner.client.get(address).status_code == 404


def test_the_same_id_is_the_same_document_and_the_same_bytes_are_kept_once(owner: Person) -> None:
    chosen = new_id()
    first = send(owner, document_id=chosen)
    assert send(owner, document_id=chosen) == first
    assert send(owner).sha256 == first.sha256 and Document.objects.count() == 2
    with pytest.raises(Conflict) as conflict:
        send(owner, document_id=chosen, content=pdf(b"% other\n"))
    assert conflict.value.code.name == "registry.document_taken"
    assert sum(path.is_file() for path in store.folder().rglob("*")) == 2


def test_a_refused_file_leaves_nothing(owner: Person) -> None:
    with pytest.raises(Faults):
        send(owner, content=HTML)
    assert Document.objects.count() == 0 and not store.folder().exists()


def test_documents_of_an_organisation_are_counted(owner: Person, stranger: Person, settings: object) -> None:
    settings.UPLOADS_PER_ORGANISATION = 1  # type: ignore[attr-defined]
    send(owner)
    with pytest.raises(Refused) as refused:
        send(owner)
    assert refused.value.code.name == "document.too_many"
    send(stranger)


def test_documents_of_an_organisation_are_weighed(owner: Person, stranger: Person, settings: object) -> None:
    """The limit is what fits exactly, and no byte more; the second would fit by its count."""
    size = send(owner).size_bytes
    settings.UPLOAD_BYTES_PER_ORGANISATION = 3 * size - 1  # type: ignore[attr-defined]
    send(owner)
    with pytest.raises(Refused) as refused:
        send(owner)
    assert (refused.value.code.name, refused.value.facts["size_bytes"]) == ("document.too_much", 3 * size)
    send(stranger)
    settings.UPLOAD_BYTES_PER_ORGANISATION = 3 * size  # type: ignore[attr-defined]
    send(owner)


def test_a_row_is_never_changed_and_never_deleted(owner: Person) -> None:
    made = send(owner)
    for change in (
        lambda: Document.objects.filter(pk=made.pk).update(sha256="0" * 64),
        lambda: Document.objects.filter(pk=made.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match=r"append-only|refused"), transaction.atomic():
            change()


# --- Who opens what ---


def test_only_the_organisation_sees_its_documents(
    owner: Person, colleague: Person, stranger: Person, reviewer: Person, auditor: Person
) -> None:
    made = send(owner)
    for person in (owner, colleague, auditor):
        assert selectors.download(person.actor, made.id).content == pdf()
    for person in (stranger, reviewer):
        with pytest.raises(NotFound):
            selectors.document(person.actor, made.id)
        with pytest.raises(NotFound):
            selectors.documents(person.actor, owner.organisation.id)
        with pytest.raises(NotFound):
            send(person, to=owner.organisation)


def test_an_opened_document_is_seen_by_that_office_and_no_other_document(
    owner: Person, reviewer: Person, stranger: Person
) -> None:
    opened, kept = send(owner), send(owner)
    office = reviewer.organisation.id
    for _ in range(2):
        services.open_document(actor=owner.actor, document_id=opened.id, office_id=office, because="claim:1")
    assert selectors.document(reviewer.actor, opened.id) == opened
    for person, document in ((reviewer, kept), (stranger, opened)):
        with pytest.raises(NotFound):
            selectors.document(person.actor, document.id)


def test_opening_the_record_lets_the_office_know_of_the_organisation(
    owner: Person, colleague: Person, reviewer: Person
) -> None:
    told = {"organisation_id": owner.organisation.id, "office_id": reviewer.organisation.id, "because": "a:1"}
    with pytest.raises(Refused) as refused:
        services.open_record(actor=colleague.actor, **told)
    assert refused.value.code.name == "registry.role_missing"
    services.open_record(actor=owner.actor, **told)
    assert selectors.organisation(reviewer.actor, owner.organisation.id) == owner.organisation
    assert [one.because for one in selectors.openings(owner.actor, owner.organisation.id)] == ["a:1"]
    with pytest.raises(Refused) as refused:
        send(reviewer, to=owner.organisation)
    assert refused.value.code.name == "registry.role_missing"


def test_bytes_that_changed_on_disk_are_not_served(owner: Person) -> None:
    made = send(owner)
    place = store.folder() / made.sha256[:2] / made.sha256
    place.write_bytes(place.read_bytes() + b"\n")
    with pytest.raises(Unavailable) as damaged:
        selectors.download(owner.actor, made.id)
    assert damaged.value.code.name == "document.damaged"
    place.unlink()
    with pytest.raises(Unavailable):
        selectors.download(owner.actor, made.id)
    send(owner)
    assert selectors.download(owner.actor, made.id).content == pdf()


# --- Over the API ---


def post(
    person: Person | Client,
    organisation: Organisation,
    name: str,
    declared: str,
    content: bytes,
    **headers: str,
):
    client = person if isinstance(person, Client) else person.client
    return client.post(
        f"/api/v1/organisations/{organisation.id}/documents",
        data=content,
        content_type=declared,
        query_params={"file_name": name},
        headers={"Accept-Language": "en", **headers},
    )


@pytest.mark.parametrize("name", GOOD)
def test_what_was_sent_comes_back_byte_for_byte_as_an_attachment(owner: Person, name: str) -> None:
    declared, content = GOOD[name]
    made = post(owner, owner.organisation, name, declared, content)
    assert made.status_code == 201, made.content
    assert made.json()["sha256"] == hashlib.sha256(content).hexdigest()
    answer = owner.client.get(f"/api/v1/documents/{made.json()['id']}/content")
    assert answer.content == content
    assert answer["Content-Disposition"].startswith("attachment; filename=")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert "no-store" in answer["Cache-Control"]


def test_a_stranger_gets_404_before_any_byte_is_read(owner: Person, stranger: Person) -> None:
    assert post(stranger, owner.organisation, "a.pdf", "application/pdf", pdf()).status_code == 404
    made = post(owner, owner.organisation, "a.pdf", "application/pdf", pdf()).json()
    for address in (f"/documents/{made['id']}", f"/documents/{made['id']}/content"):
        assert stranger.client.get("/api/v1" + address).status_code == 404
        assert owner.client.get("/api/v1" + address).status_code == 200


def test_a_file_above_the_limit_is_413_and_not_kept(owner: Person, settings: object) -> None:
    settings.UPLOAD_MAX_BYTES = len(pdf())  # type: ignore[attr-defined]
    assert post(owner, owner.organisation, "a.pdf", "application/pdf", pdf()).status_code == 201
    answer = post(owner, owner.organisation, "a.pdf", "application/pdf", pdf(b"%\n"))
    assert answer.status_code == 413 and answer.json()["code"] == "document.too_large"
    assert Document.objects.count() == 1


def test_a_file_larger_than_a_body_of_json_is_taken(owner: Person) -> None:
    large = pdf(b"% " + b"x" * 3_000_000 + b"\n")
    assert post(owner, owner.organisation, "a.pdf", "application/pdf", large).status_code == 201


def test_everything_wrong_is_one_problem_with_its_places(owner: Person) -> None:
    answer = post(owner, owner.organisation, "../a.pdf", "text/html", HTML)
    assert answer.status_code == 422
    assert [fault["where"] for fault in answer.json()["faults"]] == ["file_name", "media_type", "content"]


def test_a_key_with_the_same_file_is_one_document_and_with_another_a_refusal(owner: Person) -> None:
    key = {"Idempotency-Key": "scan-1"}
    first = post(owner, owner.organisation, "a.pdf", "application/pdf", pdf(), **key)
    again = post(owner, owner.organisation, "a.pdf", "application/pdf", pdf(), **key)
    assert first.json() == again.json() and Document.objects.count() == 1
    other = post(owner, owner.organisation, "a.pdf", "application/pdf", pdf(b"%\n"), **key)
    assert other.status_code == 422 and other.json()["code"] == "api.key_reused"
