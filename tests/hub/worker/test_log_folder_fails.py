"""The log's folder fails while the hub serves: what was recorded waits, nothing wrong is shown."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from django.test import Client
from tests.people import Person

from hesuan.errors import Refused
from hesuan.hub.audit import publishing, restoring, selectors, services
from hesuan.hub.settlement import payment
from hesuan.hub.worker import loop
from hesuan.wire.folder import Disk
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db


def happen(subject: str) -> None:
    services.record(kind="test.happened", subject=subject, actor="system")


@pytest.fixture
def published() -> int:
    """Leaves of a log that was up to date."""
    happen("before")
    loop.sequence_log()
    return publishing.published_size()


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_folder_that_cannot_be_written_shows_the_old_checkpoint_and_catches_up(
    fault: int, published: int, monkeypatch: pytest.MonkeyPatch, nobody: Client
) -> None:
    """Signed and not shown: outsiders see the log of before, whole and sound, and then all of it."""
    note = publishing.file("checkpoint")
    happen("meanwhile")

    def fail(self: Path, data: bytes) -> int:
        raise OSError(fault, os.strerror(fault), str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(loop.LogsFailed, match="platform"):
            loop.sequence_log()
    newest = selectors.latest_checkpoint()
    assert newest is not None and newest.size > published
    assert publishing.file("checkpoint") == note == nobody.get("/hesuan/platform/checkpoint").content
    assert verify_log(Disk(publishing.folder())).result is Result.SOUND
    payment.need_sound()
    assert loop.sequence_log() == 1 and publishing.published_size() == newest.size
    assert verify_log(Disk(publishing.folder())).result is Result.SOUND


def test_with_the_folder_gone_no_money_leaves_and_each_is_told_why(
    published: int, platform_operator: Person, tmp_path: Path
) -> None:
    publishing.folder().rename(tmp_path / "elsewhere")
    happen("meanwhile")
    before = selectors.latest_checkpoint()
    with pytest.raises(loop.LogsFailed, match="platform"):
        loop.sequence_log()
    with pytest.raises(Refused, match=r"audit\.folder_lost") as refused:
        payment.need_sound()
    assert (refused.value.facts["published"], refused.value.facts["found"]) == (published, 0)
    assert selectors.latest_checkpoint() == before, "nothing was signed"
    page = platform_operator.client.get("/log/")
    assert page.status_code == 200, "what is in the database is still shown"
    (tmp_path / "elsewhere").rename(publishing.folder())
    restoring.refuse()
    payment.need_sound()
    assert loop.sequence_log() >= 1 and publishing.published_size() > published


def test_while_the_worker_is_dead_what_is_recorded_waits_and_says_so(
    published: int, platform_operator: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step dies; nothing is signed, nothing lost, and the next round does it all."""

    def dead() -> int:
        raise RuntimeError("killed")

    happen("meanwhile")
    with monkeypatch.context() as patch:
        patch.setattr(loop, "STEPS", tuple((name, dead) for name, _ in loop.STEPS))
        assert len(loop.tick().failed) == len(loop.STEPS)
    fact = selectors.facts(platform_operator.actor, "meanwhile")[0]
    assert fact.leaf_index is None and publishing.published_size() == published
    assert loop.tick().failed == ()
    assert selectors.facts(platform_operator.actor, "meanwhile")[0].leaf_index is not None
