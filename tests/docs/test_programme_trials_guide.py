"""The guide to trying programmes: every command on it prints what stands below it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from hesuan.cli import language
from hesuan.cli.main import main
from hesuan.errors import Code
from hesuan.policy import amount_checks, cliffs, linter, tier_checks

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "guide" / f"programme-trials{language}.md" for language in ("", ".zh")]


def shown(page: Path) -> Iterator[tuple[str, str]]:
    """Every command of a page with the text below it."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.S):
        for entry in re.split(r"^\$ hesuan ", block, flags=re.M)[1:]:
            command, _, answer = entry.partition("\n")
            yield command, answer.strip("\n")


@pytest.mark.parametrize(
    ("command", "answer"), [entry for page in PAGES for entry in shown(page)], ids=lambda text: text[:60]
)
def test_a_command_prints_what_the_page_shows(
    command: str,
    answer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    try:
        main(shlex.split(command))
    finally:
        language.choose(None)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.strip("\n") == answer


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = ([command for command, _ in shown(page)] for page in PAGES)
    assert [command.removeprefix("--lang zh ") for command in chinese] == english != []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_code_of_the_linter_stands_on_the_page(page: Path) -> None:
    modules = (amount_checks, cliffs, linter, tier_checks)
    declared = {
        value.name for module in modules for value in vars(module).values() if isinstance(value, Code)
    }
    told = set(re.findall(r"`(policy\.[a-z_]+)`", page.read_text()))
    refusals = {"policy.condition_unmet", "policy.no_alternative", "policy.no_tier", "policy.below_floor"}
    assert declared - refusals <= told
