"""``hesuan run --output`` against a live hub: listed, saved, checked; what a hub may not make us write."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.terminal import Shell
from tests.hub.api.world import LEFT, LEFT_BYTES, World
from tests.people import Person

from hesuan.cli.client import Hub
from hesuan.cli.exits import Exit
from hesuan.hub.market.models import Order
from hesuan.hub.runs.models import RunOutputFile
from hesuan.hub.runs.outputs import place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ended(world: World, owner: Person) -> Order:
    order = world.order_for(owner)
    world.start(order)
    world.end(order)
    return order


def test_files_are_listed_and_saved_with_their_sha256(
    world: World, ended: Order, shell: Shell, tmp_path: Path
) -> None:
    assert shell("run", "--output", ended.id) == Exit.REFUSED, "none is there yet"
    assert "has told of no files yet" in shell.err
    world.leave_output(ended)
    assert shell("run", "--output", ended.id) == Exit.DONE
    assert "result.json" in shell.out and LEFT[0].sha256 in shell.out
    assert shell("run", "--output", ended.id, "--to", str(tmp_path / "got")) == Exit.DONE
    assert (tmp_path / "got" / "result.json").read_bytes() == LEFT_BYTES
    assert [one.name for one in (tmp_path / "got").iterdir()] == ["result.json"]
    assert shell("run", "--output", ended.id, "--to", str(tmp_path / "got")) == Exit.DONE, "there already"
    assert shell("run", "--output", ended.id, "--json") == Exit.DONE
    assert json.loads(shell.out)["files"][0]["complete"] is True


def test_what_is_in_the_way_is_not_overwritten(
    world: World, ended: Order, shell: Shell, tmp_path: Path
) -> None:
    world.leave_output(ended)
    (tmp_path / "result.json").write_text("mine")
    assert shell("run", "--output", ended.id, "--to", str(tmp_path)) == Exit.REFUSED
    assert "cli.output_exists" in shell.err and (tmp_path / "result.json").read_text() == "mine"


def test_bytes_that_are_not_those_of_the_list_are_not_saved(
    world: World, ended: Order, shell: Shell, tmp_path: Path
) -> None:
    world.leave_output(ended)
    file = RunOutputFile.objects.get()
    place(file.run_id, 0).write_bytes(b"X" * file.size_bytes)
    assert shell("run", "--output", ended.id, "--to", str(tmp_path)) == Exit.REFUSED
    assert "cli.output_differs" in shell.err and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../up", "/tmp/absolute", "a/../../up", "link/up"])
def test_a_hub_that_names_a_path_outside_the_folder_writes_nothing(
    world: World,
    ended: Order,
    shell: Shell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    world.leave_output(ended)
    real = Hub.get

    def told(self: Hub, address: str, **query: Any) -> Any:
        answer = real(self, address, **query)
        answer["files"][0]["path"] = path
        return answer

    monkeypatch.setattr(Hub, "get", told)
    to = tmp_path / "got"
    to.mkdir()
    (to / "link").symlink_to(tmp_path)
    assert shell("run", "--output", ended.id, "--to", str(to)) == Exit.REFUSED
    assert "cli.output_name" in shell.err
    assert [one.name for one in tmp_path.iterdir()] == ["got"], "nothing outside"
    assert [one.name for one in to.iterdir()] == ["link"]


def test_a_large_file_comes_in_pieces(world: World, ended: Order, shell: Shell, tmp_path: Path) -> None:
    world.leave_output(ended)
    big = bytes(range(256)) * 4096
    file = RunOutputFile.objects.get()
    place(file.run_id, 1).write_bytes(big)
    RunOutputFile.objects.create(
        run_id=file.run_id,
        number=1,
        path="a/big.bin",
        size_bytes=len(big),
        received_bytes=len(big),
        sha256=hashlib.sha256(big).hexdigest(),
        completed_at=file.completed_at,
    )
    assert shell("run", "--output", ended.id, "--to", str(tmp_path)) == Exit.DONE
    assert (tmp_path / "a" / "big.bin").read_bytes() == big


def test_output_is_asked_for_alone_and_strangers_find_nothing(
    shell: Shell, ended: Order, tmp_path: Path
) -> None:
    assert shell("run", "--output", ended.id, "--order", ended.id) == Exit.FAULTY
    assert shell("run", "--order", ended.id, "--to", str(tmp_path)) == Exit.FAULTY
    assert shell("run", "--output", "01JDZ6Y8000000000000000003") == Exit.NOT_FOUND
