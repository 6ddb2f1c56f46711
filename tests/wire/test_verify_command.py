"""``hesuan verify`` as a person or a script meets it: exit codes, two languages, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wire import receipts

from hesuan.cli import main as hesuan
from hesuan.wire import verify
from hesuan.wire.checks import Outcome
from hesuan.wire.evidence import read_trust
from hesuan.wire.verify import Result, verify_receipt

SOUND = receipts.as_file(receipts.Issuer().issue())
SOURCE = Path(verify.__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "receipt.json"
    path.write_bytes(SOUND)
    return path


def write_trust(folder: Path, document: object) -> str:
    path = folder / "trust.json"
    path.write_text(json.dumps(document, indent=2))
    return str(path)


def test_a_sound_receipt_exits_0_and_ends_with_the_verdict(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main([str(file), "--lang", "en"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("SOUND: receipt 01K0RECEPT0000000000000000, charge ¥0.62; 14 checks hold")
    assert "✓ Charge: 62 s × 4 cores × ¥9.00/core-hour, COMPLETED pays 100 %:" in "\n".join(lines)
    assert not any(line.startswith("✗") for line in lines)


def test_without_a_trust_file_the_verdict_shows_the_fingerprints_to_compare(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main([str(file), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "! Keys: those inside this file, compared with nothing" in out
    assert "    log key   e747 be1c 4db1 19db 109c 095f 4d82 07be\n" in out
    assert "    site key  797f 4ba0 2768 7835 5502 3b6f a4ab d058\n" in out
    assert out.endswith("if the keys above are the published ones.\n")


def test_a_trust_file_turns_the_note_into_a_check(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trust = write_trust(tmp_path, {"log_key": receipts.log_key(), "site_keys": [receipts.site_key()]})
    assert verify.main([str(file), "--lang", "en", "--trust", trust]) == 0
    assert "✓ Keys: the trusted ones" in capsys.readouterr().out
    stranger = write_trust(tmp_path, {"log_key": receipts.log_key("x"), "site_keys": [receipts.site_key()]})
    assert verify.main([str(file), "--lang", "en", "--trust", stranger]) == 2
    out = capsys.readouterr().out
    assert "✗ Keys: the log key of this file is e747" in out
    assert "TAMPERED: 1 of 15 checks fail." in out


def test_a_tampered_receipt_exits_2_and_names_both_figures_in_both_languages(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(SOUND.replace(b'"charge_fen":62,"copay"', b'"charge_fen":26,"copay"'))
    assert verify.main([str(file), "--lang", "en"]) == 2
    assert "`charge.charge_fen` is written as ¥0.26; computed again" in capsys.readouterr().out
    assert verify.main([str(file), "--lang", "zh"]) == 2
    out = capsys.readouterr().out
    assert "“charge.charge_fen”写为 ¥0.26；按用量与报价重新计算为 ¥0.62" in out
    assert "已被篡改" in out


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"9" * 100_000,
        b'{"receipt":1e400}',
        b'{"receipt":NaN}',
        b'{"receipt":{},"receipt":{}}',
        b" " * (1 << 20) + b"{}",
        json.dumps({"name": "another document"}).encode(),
    ],
    ids=range(15),
)
def test_what_is_no_receipt_exits_1_with_a_sentence(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert verify.main([str(path), "--lang", "en"]) == 1
    assert capsys.readouterr().out.endswith("NOT VERIFIED: the file cannot be read.\n")


def test_files_that_cannot_be_opened_and_wrong_words_exit_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main([str(tmp_path / "absent")]) == 1
    assert verify.main([str(tmp_path)]) == 1
    assert verify.main(["nul\0byte"]) == 1
    for words in ([], ["--nonsense", "x"], ["a", "b"]):
        with pytest.raises(SystemExit) as ended:
            verify.main(words)
        assert ended.value.code == 1, "2 says TAMPERED and nothing else"
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "trust",
    [
        [],
        {},
        {"log_key": receipts.log_key()},
        {"log_key": "x", "site_keys": []},
        {"log_key": receipts.log_key(), "site_keys": ["x"]},
        {"log_key": receipts.log_key(), "site_keys": {"agent": 7}},
        {"log_key": receipts.log_key(), "site_keys": [], "more": 1},
    ],
)
def test_a_faulty_trust_file_exits_1_and_trusts_nothing(
    trust: object, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main([str(file), "--trust", write_trust(tmp_path, trust)]) == 1
    assert capsys.readouterr().err


def test_a_trust_file_may_name_the_key_of_each_agent(file: Path, tmp_path: Path) -> None:
    agent = receipts.receipt()["agent"]
    keys = {"log_key": receipts.log_key(), "site_keys": {agent: receipts.site_key()}}
    assert verify.main([str(file), "--trust", write_trust(tmp_path, keys)]) == 0
    assert read_trust(json.dumps(keys).encode()).knows_site(agent=agent, key=receipts.site_key())


def test_json_is_for_programs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(file), "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["verdict"], verdict["exit"], verdict["charge_fen"]) == ("sound", 0, 62)
    assert verdict["keys"] == "inside"
    assert {check["outcome"] for check in verdict["checks"]} == {"sound", "note"}
    file.write_bytes(SOUND[:-1])
    assert verify.main([str(file), "--json"]) == 2
    verdict = json.loads(capsys.readouterr().out)
    assert [check["code"] for check in verdict["checks"] if check["outcome"] == "broken"] == [
        "verify.not_canonical"
    ]


def test_the_dispatcher_leads_here_in_its_language(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert hesuan.main(["--lang", "zh", "verify", str(file)]) == 0
    assert "完好" in capsys.readouterr().out
    assert hesuan.main(["verify", str(file), "--lang", "en"]) == 0
    assert "SOUND" in capsys.readouterr().out


BARE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"django", "click", "rich", "httpx", "numpy", "yaml", "socket", "ssl"}:
            raise ImportError(f"{name} is not for the verifier")
sys.meta_path.insert(0, Refuse())
from hesuan.wire.verify import main
sys.exit(main(sys.argv[1:]))
"""


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own, with nothing of the hub in its environment."""
    usual = {"PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, *words], env=usual | environment, capture_output=True, check=False)


def test_a_bare_installation_verifies_without_django_network_or_extras(file: Path) -> None:
    done = run("-c", BARE, str(file))
    assert (done.returncode, done.stderr) == (0, b"")
    done = run("-m", "hesuan.wire.verify", str(file), LANG="zh_CN.UTF-8")
    assert done.returncode == 0 and "完好".encode() in done.stdout


def test_a_terminal_without_unicode_gets_words_for_marks_and_no_traceback(file: Path) -> None:
    for language in ("en", "zh"):
        done = run("-m", "hesuan.wire.verify", str(file), "--lang", language, PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.startswith(b"ok  ")


def test_a_reader_that_leaves_early_gets_no_traceback(file: Path) -> None:
    command = f"'{sys.executable}' -m hesuan.wire.verify '{file}' | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, check=False
    )
    assert done.stderr == b"" and done.returncode in (0, 141)


def test_standard_input_is_read_for_a_dash(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hesuan.wire.verify", "-"],
        input=SOUND,
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0


def everywhere(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inner for deeper in everywhere(item, (*path, key)))]


def put(document: Any, path: tuple[str | int, ...], value: object) -> Any:
    if not path:
        return value
    copied = document.copy()
    copied[path[0]] = put(document[path[0]], path[1:], value)
    return copied


FILE = receipts.Issuer().issue()
ODD: list[Any] = [None, True, -1, 2**53 - 1, "", "x", [], {}, [[]], {"x": 1}, "\u202e\x1b", "é" * 20_000]


def test_any_member_replaced_by_anything_is_told_and_never_a_traceback() -> None:
    for path in everywhere(FILE):
        for value in ODD:
            data = receipts.as_file(put(FILE, path, value))
            verdict = verify_receipt(data, trust=None)
            assert verdict.result is not Result.SOUND or data == SOUND, path
            for check in verdict.checks:
                assert check.sentence("en") and check.sentence("zh")


def test_any_member_left_out_is_told() -> None:
    def without(document: Any, path: tuple[str | int, ...]) -> Any:
        copied = document.copy()
        if len(path) == 1:
            del copied[path[0]]
        else:
            copied[path[0]] = without(document[path[0]], path[1:])
        return copied

    for path in everywhere(FILE)[1:]:
        assert verify_receipt(receipts.as_file(without(FILE, path)), trust=None).result is not Result.SOUND


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(sorted(FILE)), inner),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_that_anybody_writes_makes_the_verifier_raise(data: bytes) -> None:
    verdict = verify_receipt(data, trust=None)
    assert verdict.result is not Result.SOUND
    assert any(check.outcome is Outcome.BROKEN for check in verdict.checks)
    assert json.dumps(verdict.document("zh"))
