"""A published folder that is gone is no new installation: nothing is signed until somebody has looked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from tests.append_only import triggers_lifted
from tests.people import Person

from hesuan.errors import InputFault, NotFound, Refused
from hesuan.hub.audit import publishing, restoring, services, signing
from hesuan.hub.audit.models import Checkpoint, Fact, Publication
from hesuan.hub.disclosure import notices
from hesuan.hub.worker import loop
from hesuan.wire.folder import Disk
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db(transaction=True)

LOG = signing.PLATFORM


def happen(*numbers: int) -> None:
    for number in numbers:
        services.record(kind="test.happened", subject=f"S{number}", actor="system", public={"n": number})
    services.sequence()
    services.publish()


def files(folder: Path) -> dict[str, bytes]:
    return {
        one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()
    }


def beside(folder: Path, name: str) -> Path:
    """A place outside the folder of the logs: whatever lies in there and has a checkpoint is a log."""
    return folder.parent.with_name(f"{folder.parent.name}-{name}")


def gone(folder: Path) -> int:
    """The mount point without its disk."""
    folder.rename(beside(folder, "elsewhere"))
    return 0


def emptied(folder: Path) -> int:
    gone(folder)
    folder.mkdir()
    return 0


def older(folder: Path) -> int:
    """A copy of two leaves ago."""
    size = gone(folder) or publishing.shown_size() - 2
    shutil.copytree(beside(folder, "older"), folder)
    return size


@pytest.fixture
def published() -> Path:
    """At least four leaves, the last two published by themselves; ``older`` is the folder without these."""
    happen(0, 1)
    folder = publishing.folder()
    shutil.copytree(folder, beside(folder, "older"))
    happen(2, 3)
    return folder


@pytest.mark.parametrize("lost", [gone, emptied, older])
def test_nothing_is_signed_or_published_while_the_folder_is_gone(
    lost: Callable[[Path], int], published: Path, platform_operator: Person
) -> None:
    size, left = publishing.published_size(), lost(published)
    services.record(kind="test.happened", subject="S4", actor="system")
    steps: list[Callable[[], object]] = [services.sequence, services.publish, restoring.refuse]
    steps.append(lambda: notices.accept_restore(actor=platform_operator.actor, reason="x"))
    for step in steps:
        with pytest.raises(Refused, match=r"audit\.folder_lost") as refused:
            step()
        facts = refused.value.facts
        assert (facts["published"], facts["found"], facts["folder"]) == (size, left, str(published))
        assert "rebuild-log platform" in str(refused.value)
    with pytest.raises(loop.LogsFailed, match="platform"):
        loop.sequence_log()
    assert Checkpoint.objects.order_by("-size")[0].size == size and publishing.published_size() == left
    shutil.rmtree(published, ignore_errors=True)
    beside(published, "elsewhere").rename(published)
    restoring.refuse()
    assert loop.sequence_log() == 2 and publishing.published_size() > size, "found again, it goes on"


def test_a_process_killed_between_signing_and_publishing_lost_no_folder() -> None:
    services.record(kind="test.happened", subject="S0", actor="system")
    services.sequence()
    restoring.refuse()
    assert services.publish() == 1
    services.record(kind="test.happened", subject="S1", actor="system")
    services.sequence()
    restoring.refuse()
    assert services.publish() == 1 and publishing.shown_size() == 2


def test_what_was_published_and_not_remembered_is_remembered_in_the_next_round(published: Path) -> None:
    with triggers_lifted(connection):
        Publication.objects.all().delete()
    assert services.publish() == 0 and publishing.shown_size() == publishing.published_size()


@pytest.mark.parametrize("lost", [gone, emptied, older])
def test_the_operator_has_the_folder_written_anew_and_the_log_says_so(
    lost: Callable[[Path], int], published: Path, platform_operator: Person, owner: Person
) -> None:
    """Byte for byte what had been there; nothing is signed twice."""
    before, size = files(published), publishing.published_size()
    lost(published)
    for person, log, code in (
        (owner, LOG, r"notices\.role_missing"),
        (platform_operator, "none", r"notices\.no_such_log"),
    ):
        with pytest.raises((Refused, NotFound), match=code):
            notices.rebuild_log(actor=person.actor, log=log, reason="x")
    assert notices.rebuild_log(actor=platform_operator.actor, log=LOG, reason="盘坏") == (size, [])
    assert before.items() <= files(published).items()
    assert loop.sequence_log() == 2
    verdict = verify_log(Disk(published))
    assert (verdict.result, verdict.size) == (Result.SOUND, publishing.shown_size())
    told = json.loads(Fact.objects.get(kind="incident").logged)["what"]
    assert f"of {size} leaves were left" in told and told.endswith("盘坏")


def test_a_reason_too_long_beside_what_the_hub_says_is_refused_with_both_numbers(
    published: Path, platform_operator: Person
) -> None:
    """It was cut, silently, in a leaf that stands for ever."""
    before = files(published)

    def rebuild(reason: str) -> None:
        notices.rebuild_log(actor=platform_operator.actor, log=LOG, reason=reason)

    with pytest.raises(InputFault, match=r"notices\.reason_too_long") as refused:
        rebuild("x" * notices.MAX_REASON)
    room = refused.value.facts["most"]
    assert isinstance(room, int) and 300 < room < notices.MAX_REASON
    assert refused.value.facts["characters"] == notices.MAX_REASON
    with pytest.raises(InputFault, match=r"notices\.reason_missing"):
        rebuild("  ")
    assert not Fact.objects.filter(kind="incident").exists() and files(published) == before
    rebuild("x" * (room - 1) + "y")
    told = json.loads(Fact.objects.get(kind="incident").logged)["what"]
    assert len(told) == notices.MAX_REASON and told.endswith("xy")


def forget_after(size: int) -> None:
    """What a restore from an older backup leaves in the database."""
    with triggers_lifted(connection), connection.cursor() as cursor:
        later = "SELECT id FROM audit_checkpoint WHERE size > %s"
        cursor.execute(f"DELETE FROM audit_publication WHERE checkpoint_id IN ({later})", [size])
        cursor.execute("DELETE FROM audit_checkpoint WHERE size > %s", [size])
        cursor.execute("DELETE FROM audit_fact WHERE leaf_index >= %s", [size])
        cursor.execute('DELETE FROM audit_node WHERE ("index" + 1) * (1 << level) > %s', [size])


def test_a_database_restored_too_far_back_beside_no_folder_signs_nothing_a_second_time(
    published: Path, platform_operator: Person
) -> None:
    """Both are gone at once, and the operator asks for a new folder: the mark beside the key still knows."""
    size = publishing.published_size()
    forget_after(size - 2)
    gone(published)
    services.record(kind="test.happened", subject="other", actor="system")
    for step in (
        restoring.refuse,
        services.sequence,
        lambda: notices.rebuild_log(actor=platform_operator.actor, log=LOG, reason="x"),
    ):
        with pytest.raises(Refused, match=r"audit\.behind_the_key") as refused:
            step()
        assert (refused.value.facts["signed"], refused.value.facts["stored"]) == (size, size - 2)
    assert Checkpoint.objects.order_by("-size")[0].size == size - 2


def test_without_mark_and_memory_a_second_history_would_be_signed(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the same loss, and nothing that remembers what had been signed and shown."""
    first = bytes(Checkpoint.objects.get(size=4).root)
    forget_after(2)
    gone(published)
    monkeypatch.setattr(signing, "mark", lambda log=LOG: (0, b""))
    with pytest.raises(Refused, match=r"audit\.folder_lost"):
        services.sequence()
    monkeypatch.setattr(publishing, "shown_size", lambda log=LOG: 0)
    restoring.refuse()
    happen(12, 13)
    newest = Checkpoint.objects.order_by("-size")[0]
    assert newest.size == 4 and bytes(newest.root) != first, "two roots of one size, both signed"


def test_the_mark_never_goes_back_and_outlives_a_kill_after_the_commit(published: Path) -> None:
    signing.set_mark(LOG, 2, b"\1" * 32)
    assert signing.mark()[0] == 4
    signing.mark_file().unlink()
    services.sequence()
    assert signing.mark() == (4, bytes(Checkpoint.objects.get(size=4).root))
