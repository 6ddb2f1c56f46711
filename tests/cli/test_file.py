"""``hesuan file`` against a live hub: add, list, remove, and going on where an upload was cut off."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.cli.terminal import Shell
from tests.people import Person

from hesuan.cli import file as verbs
from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.hub.files import selectors, services, store
from hesuan.hub.files.models import File

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = b"id,count\n" + b"7,1\n" * 1000


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(verbs, "PIECE_BYTES", 1000)
    monkeypatch.setattr(verbs, "PAUSE_S", 0.0)
    found = tmp_path / "counts.csv"
    found.write_bytes(CONTENT)
    return found


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The offsets of the pieces that were sent."""
    offsets: list[int] = []
    real = Hub.patch_bytes

    def noted(self: Hub, path: str, content: bytes, **query: Any) -> Any:
        offsets.append(query["offset"])
        return real(self, path, content, **query)

    monkeypatch.setattr(Hub, "patch_bytes", noted)
    return offsets


def test_a_file_is_added_listed_and_removed(owner: Person, shell: Shell, path: Path, sent: list[int]) -> None:
    assert shell("file", "add", str(path)) == Exit.DONE, shell.err
    made = File.objects.get()
    assert shell.out.strip() == made.id and made.completed_at and made.name == "counts.csv"
    assert sent == [0, 1000, 2000, 3000, 4000]
    place = store.content(owner.organisation.id, hashlib.sha256(CONTENT).hexdigest())
    assert place.read_bytes() == CONTENT
    assert shell("file", "list") == Exit.DONE
    assert made.id in shell.out and "counts.csv" in shell.out and "all" in shell.out
    assert shell("file", "add", str(path)) == Exit.DONE and shell.out.strip() == made.id
    assert len(sent) == 5, "what is there already is not sent again"
    assert shell("file", "remove", made.id) == Exit.DONE and not place.exists()
    assert shell("file", "remove", made.id) == Exit.NOT_FOUND and "file.not_found" in shell.err


def test_an_interrupted_upload_goes_on_where_it_stopped(
    owner: Person, shell: Shell, path: Path, sent: list[int]
) -> None:
    sha256, size = hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)
    before = services.begin(
        actor=owner.actor, organisation_id=owner.organisation.id, name="x", size_bytes=size, sha256=sha256
    )
    services.append(actor=owner.actor, file_id=before.id, offset=0, content=CONTENT[:2500])
    assert shell("file", "add", str(path)) == Exit.DONE
    assert shell.out.strip() == before.id and "going on" in shell.err
    assert sent == [2500, 3500], "no byte twice"
    assert selectors.complete(owner.organisation.id, [before.id])


def test_an_answer_that_was_lost_does_not_send_a_piece_twice(
    shell: Shell, path: Path, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []
    real = httpx.Client.request

    def cut(self: httpx.Client, method: str, url: Any, **more: Any) -> httpx.Response:
        answer = real(self, method, url, **more)
        answers.append(method)
        if method == "PATCH" and answers.count("PATCH") == 2:
            raise httpx.ReadError("cut off")
        return answer

    monkeypatch.setattr(httpx.Client, "request", cut)
    assert shell("file", "add", str(path)) == Exit.DONE, shell.err
    assert sent == [0, 1000, 2000, 3000, 4000] and File.objects.get().completed_at


def test_a_file_that_changes_while_it_is_sent_is_told(
    shell: Shell, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verbs, "_measured", lambda _: (len(CONTENT), "0" * 64))
    assert shell("file", "add", str(path)) == Exit.FAULTY
    assert "file.digest_differs" in shell.err and File.objects.get().received_bytes == 0


def test_no_file_and_an_empty_one_are_told(shell: Shell, tmp_path: Path) -> None:
    assert shell("file", "add", str(tmp_path / "none")) == Exit.FAULTY and "cli.file_unreadable" in shell.err
    (tmp_path / "empty").touch()
    assert shell("file", "add", str(tmp_path / "empty")) == Exit.FAULTY and "file.empty" in shell.err
