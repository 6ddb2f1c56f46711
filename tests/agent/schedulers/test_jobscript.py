"""Who took a run, by a file in a folder that is the job's own: whatever lies there is read safely."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hesuan.agent.schedulers import jobscript
from hesuan.agent.schedulers.rundir import RunDirectory


@pytest.fixture
def claim(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp" / "taken-by"


def taken_by(claim: Path) -> str:
    return jobscript.taken_by(RunDirectory(claim.parents[1]))


def test_it_is_the_name_that_the_script_was_told(claim: Path) -> None:
    claim.write_text("0f7c1f9e-2f0a-4f6e-9d65-1a2b3c4d5e6f\n")
    assert taken_by(claim) == "0f7c1f9e-2f0a-4f6e-9d65-1a2b3c4d5e6f"


def to_another_file(claim: Path) -> None:
    other = claim.with_name("other")
    other.write_text("somebody")
    claim.symlink_to(other)


@pytest.mark.parametrize(
    "put",
    [lambda claim: None, Path.touch, Path.mkdir, os.mkfifo, to_another_file],
    ids=["nothing", "an empty file", "a folder", "a pipe that nobody writes to", "a link to another file"],
)
def test_whatever_else_lies_there_names_nobody(claim: Path, put: Callable[[Path], object]) -> None:
    put(claim)
    assert taken_by(claim) == ""


def test_no_more_is_read_than_a_name_can_have(claim: Path) -> None:
    claim.write_bytes(b"\xff" * (1 << 20))
    assert len(taken_by(claim)) == 64
