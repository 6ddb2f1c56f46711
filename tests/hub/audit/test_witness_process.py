"""A programme's log and the real `hesuan witness`, over a network that fails in every way (T12).

The witness is the command itself in a process of its own. Between it and the hub stands a proxy that resets
connections, answers byte by byte, or never. Whatever it does, the log is published, and says *unwitnessed*.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from tests.wire.proxy import PATIENCE_S, Proxy

from hesuan.hub.audit import publishing, selectors, services, signing, witnessing
from hesuan.hub.audit.models import Cosignature
from hesuan.hub.worker import loop
from hesuan.wire.deadline import Deadline
from hesuan.wire.folder import Disk
from hesuan.wire.quorum import parse_policy
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db

PROGRAMME = "cn.example.2026"
PATIENCE_OF_THE_HUB_S = 0.4
NAME = "witness.example/w1"


def witness(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "hesuan.cli", "witness", str(folder), "--name", NAME, *words]


@pytest.fixture
def between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The witness's process behind a proxy, and a policy of the hub that asks for it."""
    logs = "".join(f"log {signing.public_key(log).text()}\n" for log in (signing.PLATFORM, PROGRAMME))
    (tmp_path / "logs.txt").write_text(f"{logs}quorum none\n")
    policy = tmp_path / "policy.txt"
    command = witness(tmp_path / "w", "--policy", str(tmp_path / "logs.txt"), "--listen", "127.0.0.1:0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        key, address = process.stdout.readline().strip(), process.stderr.readline()
        found = re.search(r":(\d+)/add-checkpoint", address)
        assert found, address
        try:
            with Proxy(int(found[1]), between_bytes_s=PATIENCE_OF_THE_HUB_S / 8) as proxy:
                policy.write_text(f"{logs}witness w {key} http://127.0.0.1:{proxy.port}/\nquorum w\n")
                monkeypatch.setattr(
                    settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, log_policy=str(policy))
                )
                monkeypatch.setattr(witnessing, "TIMEOUT_S", PATIENCE_OF_THE_HUB_S)
                monkeypatch.setattr(witnessing, "_paused", {})
                yield proxy
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def happen(number: int) -> None:
    """Something in the programme's log."""
    services.record_entry(log=PROGRAMME, kind="programme", subject=f"P{number}", public={"a": 100})


def verdict(tmp_path: Path) -> Result:
    policy = parse_policy((tmp_path / "policy.txt").read_bytes())
    return verify_log(Disk(publishing.folder(PROGRAMME)), policy=policy).result


def test_a_programmes_log_is_cosigned_by_the_real_witness(between: Proxy, tmp_path: Path) -> None:
    for number in range(3):
        happen(number)
        loop.sequence_log()
    assert Cosignature.objects.filter(checkpoint__log_id=PROGRAMME).count() == 3
    assert selectors.witnessing(PROGRAMME).reached and verdict(tmp_path) is Result.SOUND
    assert not selectors.witnessing(signing.PLATFORM).reached, "nothing has happened there"


@pytest.mark.parametrize("mode", ["reset", "drip", "half_open"])
def test_no_fault_of_a_witness_keeps_a_log_from_being_published(
    mode: str, between: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happen(0)
    between.mode = mode
    loop.sequence_log()
    assert publishing.published_size(PROGRAMME) == 1
    assert not selectors.witnessing(PROGRAMME).reached, "published all the same, and said to be unwitnessed"
    assert verdict(tmp_path) is Result.UNREADABLE
    happen(1)
    services.record(kind="test.happened", subject="S", actor="system")
    asked = between.asked
    loop.sequence_log()
    assert (publishing.published_size(PROGRAMME), publishing.published_size()) == (2, 1)
    assert between.asked == asked == 1, "left alone for a minute, for whichever log"
    between.mode = "pass"
    monkeypatch.setattr(witnessing, "_paused", {})
    loop.sequence_log()
    assert selectors.witnessing(PROGRAMME).reached and selectors.witnessing().reached
    assert verdict(tmp_path) is Result.SOUND


def test_without_a_deadline_for_the_whole_answer_the_hub_waits_as_long_as_the_witness_likes(
    between: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: each byte comes within the socket's time limit, so the whole is waited for."""
    happen(0)
    between.mode = "drip"
    between._pause_s = 0.001
    monkeypatch.setattr(witnessing, "TIMEOUT_S", 0.1)
    monkeypatch.setattr(Deadline, "_cut", lambda *_: None)
    loop.sequence_log()
    assert Cosignature.objects.count() == 1
    assert len(between.answered[0]) > 100
