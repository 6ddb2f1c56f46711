"""The guide to serving: its commands print what it shows, its file is a serving, its keys are read."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tools.guide_figures import BLOCK, PAGES, ROOT, printed

from hesuan.cli.main import main
from hesuan.errors import Faults
from hesuan.planner.serving.file import read_serving

COMMAND = re.compile(r"^\$ hesuan (plan .*)$", re.M)
LANGUAGES = sorted(PAGES)


def test_both_languages_show_the_same_commands() -> None:
    one, other = (COMMAND.findall(PAGES[language].read_text()) for language in LANGUAGES)
    assert one == other and len(one) == 3


@pytest.mark.parametrize("command", COMMAND.findall(PAGES["en"].read_text()))
def test_a_command_runs_as_written(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command)) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_figures_are_those_that_are_printed(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where constants have moved: ``python -m tools.guide_figures write``."""
    monkeypatch.chdir(ROOT)
    text = PAGES[language].read_text()
    assert len(BLOCK.findall(text)) == 2
    assert printed(text, language) == text


def test_a_figure_that_is_not_printed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = PAGES["en"].read_text().replace("estimated", "measured", 1)
    assert printed(text, "en") != text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_on_the_page_is_a_serving(language: str, tmp_path: Path) -> None:
    first, apart = re.findall(r"```toml\n(.*?)```", PAGES[language].read_text(), re.S)
    path = tmp_path / "run.toml"
    path.write_text(first)
    run = read_serving(path)
    assert run.deployment is not None and run.deployment.cards == run.cluster.cards == 32
    wide = first.partition("[plan]")[0].replace("cards = 32", "cards = 768")
    path.write_text(wide.replace("llama-3-70b", "deepseek-r1") + apart)
    run = read_serving(path)
    assert run.deployment is not None and run.deployment.prefill is not None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_of_the_table_is_one_the_reader_takes(language: str, tmp_path: Path) -> None:
    """A key on the page that the reader does not know would be refused as unknown."""
    rows = re.findall(r"^\| (`\[(?:serving|plan).*?) \| (.*) \|$", PAGES[language].read_text(), re.M)
    assert len(rows) == 3
    tables: dict[str, str] = {"[model]": "", "[cluster]": ""}
    for names, keys in rows:
        bare = re.sub(r"[(（].*?[)）]", "", keys)
        for name in re.findall(r"`(\[.*?\])`", names):
            tables[name] = "\n".join(f"{key} = []" for key in re.findall(r"`([a-z_]+)`", bare))
    path = tmp_path / "run.toml"
    path.write_text("\n".join(f"{table}\n{text}" for table, text in tables.items()))
    with pytest.raises(Faults) as caught:
        read_serving(path)
    unknown = [fault.facts["key"] for fault in caught.value.faults if fault.code.name == "input.unknown_key"]
    # Beside two pools [plan] holds no sizes of its own.
    assert set(unknown) <= {"tp", "dp", "pp", "ep", "instances"}
