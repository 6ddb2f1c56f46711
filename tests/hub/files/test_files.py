"""Files for runs: in pieces, taken up again, whole only when the digest agrees, each organisation's own."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.people import Person

from hesuan.errors import Conflict, InputFault, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.files import selectors, services, store
from hesuan.hub.files.models import File
from hesuan.wire.ids import new_id

CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
RUN = new_id()


def begin(person: Person, **other: Any) -> File:
    asked: dict[str, Any] = {"name": "a.bin", "size_bytes": len(CONTENT), "sha256": SHA256}
    asked |= {"organisation_id": person.organisation.id, **other}
    return services.begin(actor=person.actor, **asked)


def send(person: Person, file: File, offset: int, content: bytes) -> File:
    return services.append(actor=person.actor, file_id=file.id, offset=offset, content=content)


def whole(person: Person, **other: Any) -> File:
    return send(person, begin(person, **other), 0, CONTENT)


def hold(person: Person, file: File, run: str = RUN) -> None:
    services.hold(organisation_id=person.organisation.id, run_id=run, file_ids=[file.id])


def refused(kind: type[Exception], call: Any) -> tuple[str, dict[str, Any]]:
    with pytest.raises(kind) as found:
        call()
    error: Any = found.value
    return error.code.name, error.facts


def test_a_file_in_pieces_is_complete_with_the_last(owner: Person) -> None:
    file = begin(owner)
    for offset in range(0, len(CONTENT), 4000):
        file = send(owner, file, offset, CONTENT[offset : offset + 4000])
        assert (file.completed_at is not None) == (file.received_bytes == len(CONTENT))
    place = store.content(owner.organisation.id, SHA256)
    assert place.read_bytes() == CONTENT and place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert Fact.objects.filter(kind="file.added").count() == 1


def test_a_piece_at_another_place_is_told_where_the_file_stands(owner: Person) -> None:
    file = send(owner, begin(owner), 0, CONTENT[:1000])
    for offset in (0, 999, 1001, len(CONTENT)):
        code, facts = refused(Conflict, lambda at=offset: send(owner, file, at, CONTENT[:10]))
        assert (code, facts["offset"], facts["received_bytes"]) == ("file.offset_differs", offset, 1000)
    assert send(owner, file, 1000, CONTENT[1000:]).completed_at is not None
    assert refused(Conflict, lambda: send(owner, file, 0, CONTENT))[1]["received_bytes"] == len(CONTENT)


def test_a_piece_that_was_written_and_not_counted_is_sent_again(owner: Person) -> None:
    """The hub died between the disk and the table: what stands in the table is where it goes on."""
    file = send(owner, begin(owner), 0, CONTENT[:1000])
    store.write(owner.organisation.id, file.id, 1000, b"\0" * 5000)
    assert selectors.stands(file) == 1000
    assert send(owner, file, 1000, CONTENT[1000:]).completed_at is not None


def test_a_disk_that_holds_less_than_was_counted_says_where_it_stands(owner: Person) -> None:
    file = send(owner, begin(owner), 0, CONTENT[:1000])
    store.write(owner.organisation.id, file.id, 0, CONTENT[:300])
    assert refused(Conflict, lambda: send(owner, file, 1000, b"x"))[1]["received_bytes"] == 300
    assert send(owner, file, 300, CONTENT[300:]).completed_at is not None


def test_an_altered_byte_is_no_complete_file_and_it_begins_anew(owner: Person) -> None:
    file = send(owner, begin(owner), 0, CONTENT[:1000])
    code, facts = refused(InputFault, lambda: send(owner, file, 1000, b"!" + CONTENT[1001:]))
    assert code == "file.digest_differs" and facts["said"] == SHA256
    file.refresh_from_db()
    assert file.received_bytes == 0 and file.completed_at is None
    assert selectors.complete(owner.organisation.id, [file.id]) == {}
    assert not store.content(owner.organisation.id, SHA256).exists()
    assert send(owner, file, 0, CONTENT).completed_at is not None


def test_without_the_check_an_altered_byte_would_pass(owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above."""
    monkeypatch.setattr(store, "digest", lambda *_: SHA256)
    assert send(owner, begin(owner), 0, b"!" + CONTENT[1:]).completed_at is not None


def test_limits_are_told_with_both_numbers(owner: Person, stranger: Person, settings: Any) -> None:
    size = len(CONTENT)
    settings.FILE_BYTES, settings.FILES_BYTES = size, 3 * size - 1
    code, facts = refused(InputFault, lambda: begin(owner, size_bytes=size + 1))
    assert (code, facts) == ("file.too_large", {"size_bytes": size + 1, "limit_bytes": size})
    begin(owner), begin(owner)
    code, facts = refused(Refused, lambda: begin(owner))
    assert (code, facts["size_bytes"], facts["limit_bytes"]) == ("file.too_much", 3 * size, 3 * size - 1)
    begin(stranger)
    settings.FILES_BYTES = 3 * size
    begin(owner)
    file = begin(stranger)
    assert refused(InputFault, lambda: send(stranger, file, 0, CONTENT + b"x"))[0] == "file.too_long"
    long = b"\0" * (selectors.MOST_PIECE_BYTES + 1)
    assert refused(InputFault, lambda: send(stranger, file, 0, long))[0] == "file.piece_too_large"


@pytest.mark.parametrize("name", ["", "a/b", "a\nb", "x" * 151])
def test_a_name_is_a_label(owner: Person, name: str) -> None:
    assert refused(InputFault, lambda: begin(owner, name=name))[0] == "file.name_unusable"


def test_the_same_id_is_the_same_file(owner: Person) -> None:
    chosen = new_id()
    assert begin(owner, file_id=chosen) == begin(owner, file_id=chosen)
    assert refused(Conflict, lambda: begin(owner, file_id=chosen, name="b"))[0] == "file.taken"


def test_organisations_do_not_share_content(owner: Person, stranger: Person) -> None:
    """Somebody who names another's digest learns nothing and must send every byte."""
    mine = whole(owner)
    theirs = begin(stranger)
    assert theirs.completed_at is None and selectors.stands(theirs) == 0
    done = send(stranger, theirs, 0, CONTENT)
    services.remove(actor=owner.actor, file_id=mine.id)
    assert store.content(stranger.organisation.id, SHA256).read_bytes() == CONTENT and done.completed_at


def test_a_strangers_file_is_as_unknown_as_none(owner: Person, stranger: Person) -> None:
    file, unknown = whole(owner), new_id()
    for file_id in (file.id, unknown):
        for call in (
            lambda one=file_id: selectors.file(stranger.actor, one),
            lambda one=file_id: services.remove(actor=stranger.actor, file_id=one),
            lambda one=file_id: services.append(actor=stranger.actor, file_id=one, offset=0, content=b"x"),
        ):
            code, facts = refused(NotFound, call)
            assert (code, facts) == ("file.not_found", {"file": file_id})
    assert selectors.files(stranger.actor) == [] and selectors.files(owner.actor) == [file]
    assert selectors.complete(stranger.organisation.id, [file.id]) == {}


def test_a_removed_file_leaves_its_row_and_no_bytes(
    owner: Person, django_capture_on_commit_callbacks: Any
) -> None:
    first, second = whole(owner), whole(owner)
    place = store.content(owner.organisation.id, SHA256)
    for file, stays in ((first, True), (second, False)):
        with django_capture_on_commit_callbacks(execute=True):
            services.remove(actor=owner.actor, file_id=file.id)
        assert place.exists() == stays
    assert File.objects.count() == 2 and selectors.files(owner.actor) == []
    assert refused(NotFound, lambda: services.remove(actor=owner.actor, file_id=first.id))
    assert begin(owner).received_bytes == 0


def test_a_file_that_an_open_run_needs_is_not_removed(owner: Person) -> None:
    file = whole(owner)
    hold(owner, file)
    hold(owner, file)
    code, facts = refused(Refused, lambda: services.remove(actor=owner.actor, file_id=file.id))
    assert (code, facts) == ("file.in_use", {"count": 1, "run": RUN})
    services.let_go(RUN)
    services.remove(actor=owner.actor, file_id=file.id)
    assert refused(Refused, lambda: hold(owner, file, new_id()))[0] == "file.not_here"


def test_an_incomplete_or_foreign_file_is_not_held(owner: Person, stranger: Person) -> None:
    for file in (begin(owner), whole(stranger)):
        assert refused(Refused, lambda one=file: hold(owner, one))[0] == "file.not_here"


def test_pieces_go_only_to_an_open_run_that_needs_the_file(owner: Person) -> None:
    file = whole(owner)
    assert selectors.piece_for_run(RUN, SHA256, 0, 9) is None
    hold(owner, file)
    assert selectors.piece_for_run(RUN, SHA256, 10_000, 100) == (CONTENT[10_000:10_100], len(CONTENT))
    assert selectors.piece_for_run(new_id(), SHA256, 0, 9) is None
    assert selectors.piece_for_run(RUN, "0" * 64, 0, 9) is None
    services.let_go(RUN)
    assert selectors.piece_for_run(RUN, SHA256, 0, 9) is None
