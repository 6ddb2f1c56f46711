"""The READMEs' commands, run as written and in their order against a real hub, in both languages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hesuan.cli.demo.command import cast
from hesuan.cli.demo.stage import Stage
from hesuan.cli.demo.story import Story

pytestmark = [pytest.mark.processes, pytest.mark.database]

ROOT = Path(__file__).resolve().parents[2]
READMES = (ROOT / "README.md", ROOT / "README.zh.md")
VERBS = ("find", "quote", "run", "meter", "settle", "audit", "warn", "verify")


def commands(readme: Path) -> list[str]:
    """The ``hesuan`` lines without remarks; ``plan`` and ``programme`` are tested with their guides."""
    lines = re.findall(r"^hesuan (?!hub|plan|programme ).*$", readme.read_text(), re.M)
    return [line.split("#")[0].strip() for line in lines]


def work_order(readme: Path) -> str:
    found = re.search(r"```toml\n(.*?)```", readme.read_text(), re.S)
    assert found, f"{readme.name} shows no work order"
    return found[1]


@dataclass
class Terminal:
    """A user's terminal: a folder, and the hub and token that the demonstration prints."""

    folder: Path
    environment: dict[str, str]
    known: dict[str, str] = field(default_factory=dict)

    def run(self, line: str) -> str:
        for placeholder, value in self.known.items():
            line = re.sub(rf"\b{placeholder}\b", value, line)
        command = [sys.executable, "-m", "hesuan.cli", *line.split()[1:]]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr if "--json" not in line else done.stdout


@pytest.fixture(scope="module")
def terminal(stage: Stage, apps: Path, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    people = cast(stage)
    stage.start_hub()
    story = Story(stage, people, apps, lambda _en, _zh: None)
    for act in (story.find, story.programmes, story.quote):
        act()
    login = {"HESUAN_HUB": stage.address, "HESUAN_TOKEN": people["owner"].token}
    return Terminal(tmp_path_factory.mktemp("user"), {**stage.environment(), **login, "COLUMNS": "120"})


def test_both_languages_name_the_same_commands() -> None:
    english, chinese = map(commands, READMES)
    assert english == chinese
    assert tuple(line.split()[1] for line in english) == VERBS


def test_the_commands_do_what_the_readme_says(terminal: Terminal) -> None:
    (terminal.folder / "work.toml").write_text(work_order(READMES[0]))
    for line in commands(READMES[0]):
        verb = line.split()[1]
        told = terminal.run(line)
        if verb == "quote":
            quotes = json.loads(terminal.run(f"{line} --json"))["quotes"]
            terminal.known["QUOTE"] = quotes[0]["id"]
        if verb == "run":
            orders = re.findall(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", told)
            terminal.known["ORDER"] = orders[0]
        if verb == "verify":
            assert "✓" in told and "✗" not in told


def test_the_chinese_work_order_is_a_work_order_too(terminal: Terminal) -> None:
    (terminal.folder / "zh.toml").write_text(work_order(READMES[1]))
    assert json.loads(terminal.run("hesuan quote zh.toml --json"))["quotes"]
