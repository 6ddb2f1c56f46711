"""The audit of dependencies: affected fails, left out is said, and never passes for sound."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from tools import audit_dependencies
from tools.audit_dependencies import Verdict, exit_code, read, told

SOUND = {"name": "numpy", "version": "2.0", "vulns": []}
AFFECTED = {
    "name": "django",
    "version": "5.2.0",
    "vulns": [{"id": "PYSEC-2026-1", "aliases": ["CVE-2026-1"], "fix_versions": ["5.2.1"]}],
}
SKIPPED = {"name": "cffi", "skip_reason": "not found"}


def report(*packages: dict[str, Any]) -> dict[str, Any]:
    return {"dependencies": list(packages)}


def test_an_affected_package_fails_with_the_release_that_mends_it() -> None:
    verdict = read(report(SOUND, AFFECTED), {})
    assert told(verdict) == [
        "AFFECTED django 5.2.0: PYSEC-2026-1; mended in 5.2.1",
        "dependencies: 2 audited, 1 affected",
    ]
    assert exit_code(verdict, required=False) == 1


def test_what_was_accepted_by_any_of_its_names_is_said_and_passes() -> None:
    verdict = read(report(AFFECTED), {"CVE-2026-1": "not used"})
    assert told(verdict)[0].startswith("accepted django") and exit_code(verdict, required=True) == 0


def test_a_package_that_was_not_audited_is_not_counted_as_sound() -> None:
    """pip-audit ends with 0 and "no known vulnerabilities" here."""
    verdict = read(report(SOUND, SKIPPED), {})
    assert told(verdict) == [
        "dependencies: 1 audited, 0 affected",
        "*** LEFT OUT: 1 NOT AUDITED, the first: cffi: not found ***",
    ]
    assert (exit_code(verdict, required=False), exit_code(verdict, required=True)) == (0, 1)


@pytest.mark.parametrize("output", ["", "Traceback", None])
def test_a_service_that_does_not_answer_leaves_everything_out(
    output: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(command: list[str], **_: Any) -> Any:
        if output is None:
            raise subprocess.TimeoutExpired(command, 1)
        return subprocess.CompletedProcess(command, 1, output, "")

    monkeypatch.setattr(audit_dependencies.subprocess, "run", run)
    verdict = audit_dependencies.audit()
    assert verdict == Verdict(left_out=verdict.left_out) and verdict.left_out[0].startswith("everything")


def test_the_locked_file_audited_holds_what_every_other_holds() -> None:
    def names(file: str) -> set[str]:
        text = (Path(__file__).resolve().parents[2] / file).read_text()
        return {line.split()[0] for line in text.splitlines() if "==" in line and line[0].isalnum()}

    everything = names(audit_dependencies.LOCKED)
    assert names("requirements/bare.txt") | names("requirements/demo.txt") <= everything
