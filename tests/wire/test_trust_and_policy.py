"""``--trust`` and ``--policy`` together: each has to accept the log, whatever the other leaves open."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.wire import logs

from hesuan.wire import merkle, rotation, verify_command, web
from hesuan.wire.canonical import canonical
from hesuan.wire.checkpoint import LogKey, log_key
from hesuan.wire.folder import Disk
from hesuan.wire.leaves import private_digest
from hesuan.wire.proof import Proof
from hesuan.wire.verify_command import main

THIEF = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
THIEFS_KEY = log_key(logs.ORIGIN, THIEF)
SALT, RECORD = "5a" * 16, {"voucher": "V1"}
OPEN = f"sha256:{private_digest(bytes.fromhex(SALT), RECORD).partition(':')[2]}"
ENTRIES = [*logs.leaves(5), logs.entry(5, "hold", a=5, h=OPEN)]


def node(level: int, index: int) -> bytes:
    return merkle.tree(ENTRIES)[level, index]


def of_log(folder: Path, private: Ed25519PrivateKey) -> list[str]:
    """The whole log in a folder, under the key beside it."""
    made = folder / "log"
    logs.write(made, ENTRIES)
    (made / "checkpoint").write_text(logs.note(6, merkle.root(6, node), private))
    (made / "key").write_text(f"{log_key(logs.ORIGIN, private).text()}\n")
    return [str(made)]


def of_entries(folder: Path, private: Ed25519PrivateKey) -> list[str]:
    """A file of opened entries."""
    proof = {
        "leaf": json.loads(ENTRIES[5]),
        "index": 5,
        "size": 6,
        "hashes": [one.hex() for one in merkle.inclusion_proof(5, 6, node)],
        "checkpoint": logs.note(6, merkle.root(6, node), private),
    }
    entry = {"salt": SALT, "record": RECORD, "proof": proof}
    file = {"entries": [entry], "log_key": log_key(logs.ORIGIN, private).text()}
    (folder / "entries.json").write_bytes(canonical(file) + b"\n")
    return [str(folder / "entries.json")]


def of_proof(folder: Path, private: Ed25519PrivateKey) -> list[str]:
    """A proof of one leaf, as tools of others read it."""
    path = tuple(merkle.inclusion_proof(5, 6, node))
    text = Proof(5, path, logs.note(6, merkle.root(6, node), private)).text()
    (folder / "leaf.tlog-proof").write_text(text)
    (folder / "leaf.json").write_bytes(ENTRIES[5])
    return [str(folder / "leaf.tlog-proof"), "--leaf", str(folder / "leaf.json")]


def trust(folder: Path, *keys: LogKey) -> list[str]:
    former = {"former_log_keys": [one.text() for one in keys[1:]]} if keys[1:] else {}
    (folder / "trust.json").write_text(json.dumps({"log_key": keys[0].text(), "site_keys": [], **former}))
    return ["--trust", str(folder / "trust.json")]


def policy(folder: Path, *keys: LogKey) -> list[str]:
    lines = [f"log {key.text()}\n" for key in keys]
    (folder / "policy.txt").write_text("".join(lines) + "quorum none\n")
    return ["--policy", str(folder / "policy.txt")]


MADE = [of_log, of_entries, of_proof]


@pytest.mark.parametrize("make", MADE)
def test_a_policy_without_logs_does_not_silence_the_trust_file(
    make: Callable[[Path, Ed25519PrivateKey], list[str]], tmp_path: Path
) -> None:
    honest, stolen = make(tmp_path, logs.LOG_PRIVATE), [*trust(tmp_path, logs.LOG_KEY), *policy(tmp_path)]
    assert main([*honest, *stolen]) == 0
    assert main([*make(tmp_path, THIEF), *stolen]) == 2


@pytest.mark.parametrize("make", MADE)
def test_a_policy_that_names_the_thief_does_not_either_nor_the_other_way_round(
    make: Callable[[Path, Ed25519PrivateKey], list[str]], tmp_path: Path
) -> None:
    thiefs = make(tmp_path, THIEF)
    assert main([*thiefs, *trust(tmp_path, THIEFS_KEY), *policy(tmp_path, THIEFS_KEY)]) == 0, "the control"
    assert main([*thiefs, *trust(tmp_path, logs.LOG_KEY), *policy(tmp_path, THIEFS_KEY)]) == 2
    assert main([*thiefs, *trust(tmp_path, THIEFS_KEY), *policy(tmp_path, logs.LOG_KEY)]) == 2


@pytest.mark.parametrize("make", [of_log, of_entries])
def test_with_keys_from_nowhere_it_says_so(
    make: Callable[[Path, Ed25519PrivateKey], list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*make(tmp_path, THIEF), *policy(tmp_path), "--lang", "en"]) == 0
    assert "compared with nothing" in capsys.readouterr().out
    assert main([*make(tmp_path, THIEF), "--lang", "en", *trust(tmp_path, THIEFS_KEY)]) == 0
    assert "compared with nothing" not in capsys.readouterr().out


def test_both_may_know_another_key_of_one_log_that_its_leaves_join(tmp_path: Path) -> None:
    """The policy is older than a rotation, the trust file younger, or the other way round."""
    what = rotation.announcement(following=THIEFS_KEY, private=logs.LOG_PRIVATE)
    entries = [*logs.leaves(3), logs.entry(3, "key", what=what)]
    logs.write(tmp_path / "log", entries)
    nodes = merkle.tree(entries)
    root = merkle.root(4, lambda level, index: nodes[level, index])
    (tmp_path / "log/checkpoint").write_text(logs.note(4, root, THIEF))
    given = [str(tmp_path / "log")]
    for one, other in [(logs.LOG_KEY, THIEFS_KEY), (THIEFS_KEY, logs.LOG_KEY), (logs.LOG_KEY, logs.LOG_KEY)]:
        assert main([*given, *trust(tmp_path, one), *policy(tmp_path, other)]) == 0
    stranger = log_key(logs.ORIGIN, Ed25519PrivateKey.generate())
    assert main([*given, *trust(tmp_path, stranger), *policy(tmp_path, THIEFS_KEY)]) == 2
    assert main([*given, *trust(tmp_path, THIEFS_KEY), *policy(tmp_path, stranger)]) == 2


def test_a_witness_that_last_saw_the_log_under_its_old_key_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    what = rotation.announcement(following=THIEFS_KEY, private=logs.LOG_PRIVATE)
    entries = [*logs.leaves(3), logs.entry(3, "key", what=what)]
    logs.write(tmp_path / "log", entries)
    nodes = merkle.tree(entries)
    roots = {size: merkle.root(size, lambda level, index: nodes[level, index]) for size in (3, 4)}
    (tmp_path / "log/checkpoint").write_text(logs.note(4, roots[4], THIEF))
    monkeypatch.setattr(verify_command, "_files", lambda _: Disk(tmp_path / "log"))
    witness = f"witness w1 {logs.witness(1)[1].text()} http://witness.example/"
    (tmp_path / "policy.txt").write_text(f"log {THIEFS_KEY.text()}\n{witness}\nquorum none\n")
    given = ["http://city.example/log/", "--policy", str(tmp_path / "policy.txt"), "--lang", "en"]

    def shows(note: str) -> int:
        monkeypatch.setattr(web, "fetch", lambda _url, **_: note.encode())
        return main(given)

    assert shows(logs.note(3, roots[3])) == 0
    assert "witness.example/w1 saw the first 3 leaves as they stand here" in capsys.readouterr().out
    assert shows(logs.note(3, b"\x05" * 32)) == 2, "two histories"
    assert shows(logs.note(3, b"\x05" * 32, Ed25519PrivateKey.generate())) == 0, "a stranger's note"
    assert "did not show its view" in capsys.readouterr().out
