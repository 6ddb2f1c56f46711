"""A terminal of a user's, in this process, against a live hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.hub.api.world import World, make_world
from tests.people import Person

from hesuan.cli.exits import Exit
from hesuan.cli.main import main
from hesuan.hub.identity import services
from hesuan.hub.market.models import Order

WORK = """\
kind = "app"
app = "omics-match"
units = 2000
cores = 2

[parameters]
seed = 7
"""


class Shell:
    """Runs ``hesuan`` in this process and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        self.capsys.readouterr()
        code = main(list(words))
        self.out, self.err = self.capsys.readouterr()
        return code

    def json(self, *words: str) -> Any:
        assert self(*words, "--json") == Exit.DONE, self.err
        return json.loads(self.out)


@pytest.fixture
def world(owner: Person, centre_operator: Person, platform_operator: Person, ledger_balances: None) -> World:
    return make_world(owner, centre_operator, platform_operator)


@pytest.fixture
def hub(live_server: Any, owner: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The live hub's address, with the owner's token in the environment."""
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HESUAN_HUB", live_server.url)
    speak_as(owner, monkeypatch)
    return str(live_server.url)


@pytest.fixture
def shell(hub: str, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "WORK.toml"
    path.write_text(WORK)
    return path


@pytest.fixture
def settled(world: World, owner: Person) -> Order:
    order = world.order_for(owner)
    world.start(order)
    world.end(order)
    return order


def speak_as(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HESUAN_TOKEN", services.issue_token(actor=person.actor, label="cli")[1])
