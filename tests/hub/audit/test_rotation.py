"""A log's key is changed on a real log: verifiers follow from the key they trust, and old proofs hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from hesuan.hub.audit import checks, public, publishing, rotating, services, signing
from hesuan.hub.audit.models import Fact
from hesuan.wire import keys, rotation
from hesuan.wire.checkpoint import Checkpoint, LogKey, log_key, sign_note
from hesuan.wire.folder import Disk
from hesuan.wire.log_verdict import LogVerdict
from hesuan.wire.quorum import parse_policy
from hesuan.wire.verdict import Result
from hesuan.wire.verify_command import main
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


def test_who_remembers_an_old_keys_checkpoint_compares_with_it(tmp_path: Path) -> None:
    """With the policy of then, of now, with the new key alone, and with none: one memory goes on."""
    happen(3)
    first, private = signing.public_key(), signing.private_key()
    policies = {"then": public.policy()}
    kept = tmp_path / "seen.txt"
    log = str(publishing.folder())

    def verified(when: str, memory: Path = kept) -> int:
        (tmp_path / "policy.txt").write_text(policies[when])
        given = ["--policy", str(tmp_path / "policy.txt")] if policies[when] else []
        return main([log, *given, "--remember", str(memory)])

    assert verified("then") == 0
    old = kept.read_text()
    rotating.rotate()
    happen()
    rotating.rotate()
    happen(2)
    policies |= {"now": public.policy(), "new": f"log {signing.public_key().text()}\nquorum none\n", "no": ""}
    assert policies["now"].count("log ") == 3
    for when in policies:
        kept.write_text(old)
        assert verified(when) == 0, when
        assert kept.read_text() == (publishing.folder() / "checkpoint").read_text()
        assert verified(when) == 0, f"{when}: the second run"
    # Negative controls: a memory of another past under the old key's name, and one of a stranger's key.
    text, stranger = old.rpartition("\n\n")[0] + "\n", keys.generate()
    foreign = tmp_path / "foreign.txt"
    foreign.write_text(sign_note(text, name=first.name, private=stranger))
    assert verified("now", foreign) == 1 and foreign.read_text() != kept.read_text()
    other = Checkpoint(first.name, 3, b"\x05" * 32).text()
    foreign.write_text(sign_note(other, name=first.name, private=private))
    assert [verified(when, foreign) for when in policies] == [2, 2, 2, 2]


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


@pytest.mark.broken_books("I8.roots")
def test_a_key_that_was_never_announced_is_tampered(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = stolen_folder(monkeypatch)
    verdict = verify(trusted)
    assert verdict.result is Result.TAMPERED
    assert "rotation.not_announced" in {check.code.name for check in verdict.checks}
    assert verify(signing.public_key()).result is Result.SOUND, "the control: who trusts the thief's key"


@pytest.mark.broken_books("I8.roots")
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


def test_the_published_policy_has_the_hubs_own_logs_and_no_others_however_they_are_indented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blanks and tabs may stand in front of a line and between its items (C2SP tlog-policy, "Structure")."""
    happen()
    other, own = log_key("other.example/log", keys.generate()).text(), signing.public_key().text()
    lines = [f"log {own}", f" log {own}", f"\tlog\t{other}", "  # logs above", " quorum none"]
    (tmp_path / "operators.txt").write_text("\n".join(lines) + "\n")
    given = replace(settings.ENVIRONMENT, log_policy=str(tmp_path / "operators.txt"))
    monkeypatch.setattr(settings, "ENVIRONMENT", given)
    policy = parse_policy(public.policy().encode())
    assert [one.key.text() for one in policy.logs] == [own]
