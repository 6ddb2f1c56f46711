"""A log's key is changed on a real log: verifiers follow from the key they trust, and old proofs hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from hesuan.hub.audit import checks, public, publishing, rotating, services, signing
from hesuan.hub.audit.models import Fact
from hesuan.wire import keys, rotation
from hesuan.wire.checkpoint import LogKey, log_key
from hesuan.wire.folder import Disk
from hesuan.wire.log_verdict import LogVerdict
from hesuan.wire.quorum import parse_policy
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and published files of this test alone: the others keep theirs."""
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path / "data")
    monkeypatch.setattr(settings, "LOG_DIR", tmp_path / "data" / "log")


def happen(count: int = 1) -> None:
    for number in range(count):
        services.record(kind="test.happened", subject=f"S{number}", actor="system")
    services.sequence()
    services.publish()


def verify(*known: LogKey) -> LogVerdict:
    policy = "".join(f"log {key.text()}\n" for key in known) + "quorum none\n"
    return verify_log(Disk(publishing.folder()), policy=parse_policy(policy.encode()))


def told(verdict: LogVerdict) -> str:
    return "\n".join(check.sentence() for check in verdict.checks)


def test_a_verifier_follows_from_the_key_it_trusts_to_the_newest() -> None:
    happen(3)
    first = signing.public_key()
    second = rotating.rotate()
    happen()
    third = rotating.rotate()
    assert (
        len({one.text() for one in (first, second, third)}) == 3
        and signing.public_key().text() == third.text()
    )
    for trusted in (first, second, third):
        verdict = verify(trusted)
        assert verdict.result is Result.SOUND, told(verdict)
        assert f"signed with {third.key_id.hex()}" in told(verdict)
    assert f"now trust {third.text()}" in told(verify(first))
    assert [one.text() for one in signing.public_keys()] == [third.text(), second.text(), first.text()]
    assert checks.check() == [], "each checkpoint under the key of its day"
    happen()
    assert verify(first).result is Result.SOUND
    assert public.policy().count(f"log {signing.origin()}+") == 3


def test_the_old_private_key_is_gone_and_every_process_takes_the_new_one() -> None:
    happen()
    before = signing.key_file().read_bytes()
    old = keys.public_text(signing.private_key())
    rotating.rotate()
    assert all(file.read_bytes() != before for file in signing.key_file().parent.rglob("*") if file.is_file())
    assert keys.public_text(signing.private_key()) != old
    assert signing.key_file().stat().st_mode & 0o077 == 0


def stolen_folder(monkeypatch: pytest.MonkeyPatch) -> LogKey:
    """Whoever holds the machine signs with a key of their own, without the old one's announcement."""
    happen(2)
    trusted = signing.public_key()
    signing.key_file().unlink()
    happen()
    assert signing.public_key().text() != trusted.text()
    return trusted


def test_a_key_that_was_never_announced_is_tampered(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = stolen_folder(monkeypatch)
    verdict = verify(trusted)
    assert verdict.result is Result.TAMPERED
    assert "rotation.not_announced" in {check.code.name for check in verdict.checks}
    assert verify(signing.public_key()).result is Result.SOUND, "the control: who trusts the thief's key"


def test_an_announcement_that_the_old_key_did_not_sign_is_tampered(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = stolen_folder(monkeypatch)
    thief = signing.private_key()
    own = rotation.announcement(following=signing.public_key(), private=thief).split(" ")
    forged = " ".join([own[0], trusted.text(), own[2]])
    services.record_entry(log=signing.PLATFORM, kind="key", subject="next-key:x", public={"what": forged})
    happen()
    verdict = verify(trusted)
    found = {check.code.name for check in verdict.checks}
    assert verdict.result is Result.TAMPERED and {"rotation.forged", "rotation.not_announced"} <= found


def test_a_rotation_that_was_interrupted_goes_on_with_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    happen()
    first = signing.public_key()
    with monkeypatch.context() as patch:
        patch.setattr(rotating, "_put_in_place", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotating.rotate()
    assert signing.public_key().text() == first.text() and verify(first).result is Result.SOUND
    second = rotating.rotate()
    assert Fact.objects.filter(subject__startswith="next-key:").count() == 1
    assert verify(first).result is Result.SOUND and signing.public_key().text() == second.text()


def test_a_programmes_log_changes_its_key_alone() -> None:
    log = "cn.example.2026"
    services.record_entry(log=log, kind="programme", subject="P", public={"a": 1})
    happen()
    platform, first = signing.public_key(), signing.public_key(log)
    services.sequence(log)
    rotating.rotate(log)
    policy = parse_policy(f"log {first.text()}\nquorum none\n".encode())
    verdict = verify_log(Disk(publishing.folder(log)), policy=policy)
    assert verdict.result is Result.SOUND, told(verdict)
    assert signing.public_key().text() == platform.text()


def test_the_next_key_is_named_like_the_log() -> None:
    stranger = log_key("other.example/log", keys.generate())
    leaf = {"v": 2, "k": "key", "what": rotation.announcement(following=stranger, private=keys.generate())}
    chain = rotation.Chain()
    assert list(chain.take(0, leaf)) == [] and len(chain.links) == 1
    assert chain.from_key(signing.public_key()) == [signing.public_key()]
