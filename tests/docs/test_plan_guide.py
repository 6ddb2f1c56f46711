"""The guide to planning: every command on it runs as written, its file is a run, its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from hesuan.cli.main import main
from hesuan.planner.files import read_run

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "guide" / "plan.md", ROOT / "docs" / "guide" / "plan.zh.md"]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
COMMAND = re.compile(
    r"^(?:\$ )?hesuan (plan (?:forecast|search|compare|sweep|fit|backtest) .*?)(?: +#.*)?$", re.M
)
COMMANDS = sorted({found for page in (*PAGES, *READMES) for found in COMMAND.findall(page.read_text())})


def test_both_languages_show_the_same_commands() -> None:
    for one, other in (PAGES, READMES):
        assert COMMAND.findall(one.read_text()) == COMMAND.findall(other.read_text()) != []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's files beside what the commands save: nothing is written into the repository."""
    made = tmp_path_factory.mktemp("guide")
    for name in ("examples", "tests"):
        (made / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        for command in COMMANDS:
            assert "--save" not in command or main(shlex.split(command)) == 0
    return made


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_runs_as_written(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert main(shlex.split(command)) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_file_on_the_page_is_a_run(page: Path, tmp_path: Path) -> None:
    match = re.search(r"```toml\n(.*?)```", page.read_text(), re.S)
    assert match is not None
    (tmp_path / "run.toml").write_text(match[1])
    run = read_run(tmp_path / "run.toml")
    assert run.plan is not None and run.plan.cards == 1024


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_on_the_page_runs(page: Path) -> None:
    match = re.search(r"```python\n(.*?)```", page.read_text(), re.S)
    assert match is not None
    exec(compile(match[1], page.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_key_of_the_table_is_one_the_reader_takes(page: Path, tmp_path: Path) -> None:
    """A key on the page that the reader does not know would be refused as unknown."""
    rows = re.findall(r"^\| `(\[+[a-z.]+\]+)` \| (.*) \|$", page.read_text(), re.M)
    assert len(rows) == 5
    whole = {"[model]": "", "[cluster]": "", "[training]": "", "[plan]": ""}
    for table, keys in rows:
        if table in whole:
            named = [key for key in re.findall(r"`([a-z_]+)`", keys) if key not in ("chip", "config")]
            whole[table] = "\n".join(f"{key} = []" for key in dict.fromkeys(named))
    (tmp_path / "run.toml").write_text("\n".join(f"{table}\n{text}" for table, text in whole.items()))
    from hesuan.errors import Faults

    with pytest.raises(Faults) as caught:
        read_run(tmp_path / "run.toml")
    unknown = [str(fault) for fault in caught.value.faults if fault.code.name == "input.unknown_key"]
    assert unknown == []
