"""The published folder: what the hub writes is what an outsider verifies, and it never goes back."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from tests.append_only import triggers_lifted
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.audit import publishing, rotating, selectors, services, signing, witnessing
from hesuan.hub.audit.models import Anchor, Checkpoint, Cosignature, Fact
from hesuan.hub.disclosure import notices
from hesuan.wire import checkpoint as signed_notes
from hesuan.wire import keys, verify_log
from hesuan.wire.checkpoint import log_key
from hesuan.wire.cosignature import witness_key
from hesuan.wire.folder import Disk
from hesuan.wire.quorum import parse_policy
from hesuan.wire.tiles import bundle_path, bundles_of, tiles_of
from hesuan.wire.verdict import Result
from hesuan.wire.witness import Store, Witness
from hesuan.wire.witness_server import Server

PROGRAMME = "cn.example.2026"


def record(number: int) -> Fact:
    return services.record(kind="test.happened", subject=f"S{number}", actor="system", public={"n": number})


def grow(count: int, *, log: str = signing.PLATFORM) -> None:
    for number in range(count):
        record(number)
    services.sequence(log)
    services.publish(log)


def verdict(folder: Path, **more: Any) -> verify_log.LogVerdict:
    return verify_log.verify_log(Disk(folder), **more)


@pytest.mark.django_db
def test_what_the_hub_publishes_is_sound_in_however_many_steps(client: Client) -> None:
    assert services.publish() == 0, "nothing to publish"
    for _ in range(3):
        grow(100)
    folder = publishing.folder()
    found = verdict(folder)
    assert (found.result, found.size) == (Result.SOUND, 300), [one.sentence() for one in found.checks]
    assert services.publish() == 0, "nothing new"
    for address in ("/log/", "/hesuan/platform/"):
        for path in (
            "checkpoint",
            "key",
            "tile/0/000",
            "tile/0/001.p/44",
            "tile/1/000.p/1",
            "tile/entries/000",
        ):
            answer = client.get(address + path)
            assert answer.content == (folder / path).read_bytes()
        assert client.get(f"{address}tile/0/000")["Content-Type"] == "application/octet-stream"
        assert "immutable" in client.get(f"{address}tile/0/000")["Cache-Control"]
        assert client.get(f"{address}checkpoint")["Content-Type"] == "text/plain; charset=utf-8"
        assert client.get(f"{address}checkpoint")["Cache-Control"] == "no-cache"
    for path in ("tile/0/../../key", "tile/9/000", "tile/entries/000.p/", "tile/0/x000/000"):
        assert client.get(f"/log/{path}").status_code == 404
    assert client.get("/hesuan/../key").status_code == 404
    assert client.post("/log/tile/0/000").status_code == 405


@pytest.mark.django_db
def test_the_partial_tiles_of_every_signed_size_are_served(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """C2SP tlog-tiles: of each size for which a checkpoint was made, also one that was never the newest."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    monkeypatch.setattr(settings, "LOG_DIR", tmp_path / "log")
    monkeypatch.setattr(services, "BATCH", 300)
    grow(3)
    for number in range(1_000):  # more than a batch, so several checkpoints before one publication
        record(number)
    services.sequence()
    record(0)
    services.sequence()  # its publication failed
    rotating.rotate()
    sizes = list(Checkpoint.objects.order_by("size").values_list("size", flat=True))
    assert sizes == [3, 303, 603, 903, 1_003, 1_004, 1_005, 1_006]
    for size in sizes:
        wanted = [tile.path for tile in tiles_of(size)]
        wanted += [bundle_path(index, width) for index, width in bundles_of(size)]
        assert [path for path in wanted if client.get(f"/log/{path}").status_code != 200] == [], size
    assert verdict(publishing.folder()).result is Result.SOUND


@pytest.mark.django_db
def test_the_origin_of_a_programmes_log_stands_beside_the_platforms() -> None:
    assert signing.origin() == "localhost/hesuan/platform"
    assert signing.origin(PROGRAMME) == f"localhost/hesuan/{PROGRAMME}"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_restored_too_far_back_signs_nothing_further() -> None:
    """T14's half of it: the folder knows more than the database."""
    grow(5)
    folder = publishing.folder()
    longer = shutil.copytree(folder, folder.with_name("longer"))
    grow(3)
    shutil.copytree(folder, longer, dirs_exist_ok=True)
    settings.LOG_DIR = folder.parent / "restored"
    other = publishing.folder()
    shutil.copytree(longer, other)
    with triggers_lifted(connection), connection.cursor() as cursor:
        newest = "SELECT id FROM audit_checkpoint WHERE size = 8"
        cursor.execute(f"DELETE FROM audit_publication WHERE checkpoint_id IN ({newest})")
        cursor.execute("DELETE FROM audit_checkpoint WHERE size = 8")
        cursor.execute("DELETE FROM audit_fact WHERE leaf_index >= 5")
    record(9)
    for step in (services.sequence, services.publish):
        with pytest.raises(Refused, match=r"audit\.behind_the_published_log") as refused:
            step()
        assert refused.value.facts["stored"] == 5 and refused.value.facts["last"] == 7
    shutil.rmtree(other)


@pytest.fixture
def witnessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[Witness]:
    """A witness of this hub's log, and a policy that asks for it."""
    private = keys.generate()
    name = "witness.example/w1"
    known = log_key(signing.origin(), signing.private_key())
    witness = Witness(name=name, private=private, logs=[known], store=Store(tmp_path / "witness"))
    with Server(("127.0.0.1", 0), witness) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        port = server.server_address[1]
        policy = tmp_path / "policy.txt"
        lines = [
            f"log {known.text()}",
            f"witness w {witness_key(name, private).text()} http://127.0.0.1:{port}/",
            "quorum w",
        ]
        policy.write_text("\n".join(lines) + "\n")
        monkeypatch.setattr(settings, "ENVIRONMENT", _with(log_policy=str(policy)))
        yield witness
        server.shutdown()
        thread.join(20)


def _with(**changes: str) -> Any:
    from dataclasses import replace

    return replace(settings.ENVIRONMENT, **changes)


def test_a_witness_is_asked_and_its_line_published(witnessed: Witness, tmp_path: Path) -> None:
    policy = parse_policy((tmp_path / "policy.txt").read_bytes())
    record(0)
    services.sequence()
    services.publish()
    assert selectors.witnessing() == selectors.Witnessing((), reached=False)
    assert verdict(publishing.folder(), policy=policy).result is Result.UNREADABLE
    assert services.ask() == 1 and services.ask() == 0, "asked once an hour, or when there is something new"
    services.publish()
    assert selectors.witnessing().reached
    assert verdict(publishing.folder(), policy=policy).result is Result.SOUND
    record(1)
    services.sequence()
    assert services.ask() == 1 and Cosignature.objects.count() == 2
    latest = witnessed.latest(signing.origin())
    assert latest is not None and latest.size == 2


def test_a_log_in_which_nothing_happens_is_cosigned_anew_every_hour(
    witnessed: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever asks for a fresh cosignature can tell a quiet log from one that is held back."""
    record(0)
    services.sequence()
    assert services.ask() == 1
    begin = timezone.now()
    for minutes, asked in ((59, 0), (61, 1), (62, 0)):
        monkeypatch.setattr(timezone, "now", lambda m=minutes: begin + timedelta(minutes=m))
        assert services.ask() == asked, minutes
    assert Cosignature.objects.count() == 2
    services.publish()
    note = publishing.file("checkpoint")
    assert note is not None and note.count("\u2014".encode()) == 2, "the log's line and the witness's newest"


def test_a_witness_that_is_ahead_of_what_is_known_here_is_asked_from_its_own_size(
    witnessed: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        record(number)
        services.sequence()
        services.ask()
    monkeypatch.setattr(witnessing, "_last_size", lambda *_: 0)
    record(4)
    services.sequence()
    assert services.ask() == 1, "409 says the size, and the second request goes from there"


def test_no_folder_is_written_anew_behind_what_a_witness_has_seen(
    witnessed: Witness, platform_operator: Person
) -> None:
    """The folder is lost, the database restored too far back, and the mark beside the key with it."""

    def rebuild() -> tuple[int, list[str]]:
        shutil.rmtree(publishing.folder())
        return notices.rebuild_log(actor=platform_operator.actor, log=signing.PLATFORM, reason="x")

    for number in range(3):
        record(number)
        services.sequence()
        services.publish()
        assert services.ask() == 1
    size = publishing.published_size()
    assert rebuild() == (size, []), "a witness that has as much has nothing against it"
    latest = witnessed.latest

    def saw(size: int, root: bytes | None = None) -> None:
        def told(origin: str) -> signed_notes.Checkpoint | None:
            seen = latest(origin)
            return seen and signed_notes.Checkpoint(seen.origin, size, root or seen.root)

        witnessed.latest = told  # type: ignore[method-assign]

    saw(size + 2)
    with pytest.raises(Refused, match=r"audit\.behind_a_witness") as refused:
        rebuild()
    assert (refused.value.facts["size"], refused.value.facts["stored"]) == (size + 2, size)
    publishing.folder().mkdir()
    saw(size, b"\1" * 32)
    with pytest.raises(Refused, match=r"audit\.witnessed_otherwise"):
        rebuild()
    publishing.folder().mkdir()
    saw(size - 1)
    assert rebuild() == (size, []), "one that has less is no reason either"


def test_a_witness_cosigns_again_once_it_was_given_the_logs_next_key(
    witnessed: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has the next key before the rotation makes it: until the witness has its line the log goes out
    unwitnessed, and nothing else happens."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    before = signing.public_key()
    witnessed._logs = {signing.origin(): [before]}
    record(0)
    services.sequence()
    assert services.ask() == 1
    following = rotating.rotate()
    assert services.ask() == 0 and not selectors.witnessing().reached
    assert publishing.file("checkpoint") == selectors.published_note(_newest()).encode()
    witnessing._paused.clear()
    witnessed._logs = {signing.origin(): [before, following]}
    assert services.ask() == 1 and selectors.witnessing().reached, (
        "with both lines it goes on from where it was"
    )


def _newest() -> Checkpoint:
    newest = selectors.latest_checkpoint()
    assert newest is not None
    return newest


@pytest.mark.django_db
def test_a_dead_witness_stops_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = witness_key("dead.example", keys.generate()).text()
    policy = tmp_path / "policy.txt"
    policy.write_text(f"witness w {key} http://127.0.0.1:9/\nquorum w\n")
    monkeypatch.setattr(settings, "ENVIRONMENT", _with(log_policy=str(policy)))
    record(0)
    services.sequence()
    assert services.ask() == 0 and services.publish() == 1
    assert not selectors.witnessing().reached


@pytest.mark.django_db
def test_the_anchor_is_handed_a_hash_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    record(0)
    services.sequence()
    assert services.anchor() == 0, "none is configured"
    monkeypatch.setattr(settings, "ENVIRONMENT", _with(anchor_command="echo anchored"))
    assert services.anchor() == 1 and services.anchor() == 0
    kept = Anchor.objects.get()
    assert kept.succeeded and kept.said == f"anchored {signing.origin()} 1 {kept.digest}"


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["false", "/no/such/command"])
def test_an_anchor_that_fails_is_on_record_and_tried_again_the_same_day(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(0)
    services.sequence()
    noon = timezone.now().replace(hour=12, minute=0)
    for minutes, words, ran in (
        (0, command, 1),
        (59, command, 0),
        (61, "echo anchored", 1),
        (200, command, 0),
    ):
        monkeypatch.setattr(timezone, "now", lambda m=minutes: noon + timedelta(minutes=m))
        monkeypatch.setattr(settings, "ENVIRONMENT", _with(anchor_command=words))
        assert services.anchor() == ran, minutes
    assert list(Anchor.objects.order_by("pk").values_list("succeeded", flat=True)) == [False, True]


@pytest.mark.django_db
def test_two_hubs_that_anchor_at_once_keep_one_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    record(0)
    services.sequence()
    monkeypatch.setattr(settings, "ENVIRONMENT", _with(anchor_command="echo anchored"))
    monkeypatch.setattr(witnessing, "_anchor_is_due", lambda *_: True)  # each looked before the other wrote
    services.anchor()
    services.anchor()
    assert Anchor.objects.count() == 1
    assert Anchor.objects.get().log == signing.PLATFORM
