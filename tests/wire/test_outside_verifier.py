"""A verifier written by others accepts our folders unchanged, and refuses what was altered (P9, T16).

Go's ``golang.org/x/mod/sumdb``, from Debian's packages. The hub's own published folder is put to it in
``tests/hub/disclosure``.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.wire import logs, outside_verifier
from tests.wire.test_verify_alterations import files_of, flip, mutate

from hesuan.wire.checkpoint import log_key

pytestmark = pytest.mark.go
SMALL = 270
ALTERATIONS = 250
"""Each is a process of its own; a run of 10,000 is noted in ``docs/model/log.md``."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return outside_verifier.build(tmp_path_factory.mktemp("go"))


@pytest.mark.parametrize("sizes", [(1,), (255,), (256,), (257,), (100, 256, 300, 600)])
def test_a_folder_of_ours_is_accepted_as_it_lies(
    sizes: tuple[int, ...], program: Path, tmp_path: Path
) -> None:
    """Partial and full tiles, one level and two, and with signatures of witnesses that it does not know."""
    entries = logs.leaves(max(sizes))
    older = []
    for size in sizes[:-1]:
        logs.write(tmp_path / str(size), entries[:size])
        older.append(tmp_path / str(size) / "checkpoint")
    logs.write(tmp_path / "log", entries, *sizes)
    note = tmp_path / "log" / "checkpoint"
    note.write_text(logs.cosigned(note.read_text(), 1, 2))
    accepted, said = outside_verifier.ask(program, tmp_path / "log", logs.LOG_KEY.text(), *older)
    assert accepted, said
    assert f"ACCEPTED: {logs.ORIGIN} {sizes[-1]}" in said
    assert said.count("consistent with") == len(older)


def test_another_key_and_another_history_are_refused(program: Path, tmp_path: Path) -> None:
    logs.write(tmp_path / "log", logs.leaves(300))
    stranger = log_key(logs.ORIGIN, logs.witness(7)[0])
    assert not outside_verifier.ask(program, tmp_path / "log", stranger.text())[0]
    logs.write(tmp_path / "other", [*logs.leaves(99), logs.entry(99, "grant", a=1)])
    accepted, _ = outside_verifier.ask(
        program, tmp_path / "log", logs.LOG_KEY.text(), tmp_path / "other" / "checkpoint"
    )
    assert not accepted


def test_what_was_altered_is_refused_by_others_too(program: Path, tmp_path: Path) -> None:
    """The alterations of T16. Left out: the file ``key``, which it is not given, and the last characters of a
    signature, whose spare bits Go's base 64 does not look at (the same signature, otherwise spelled)."""
    folder = tmp_path / "log"
    logs.write(folder, logs.leaves(SMALL))
    files, rng, missed = files_of(folder), random.Random(20_261_122), []
    for number in range(ALTERATIONS):
        altered = mutate(files, rng)
        changed = [path for path in files if altered[path] != files[path]]
        if changed in ([], ["key"]):
            continue
        if changed == ["checkpoint"]:
            altered["checkpoint"] = flip(files["checkpoint"][:-4], rng) + files["checkpoint"][-4:]
        (folder / changed[0]).write_bytes(altered[changed[0]])
        if outside_verifier.ask(program, folder, logs.LOG_KEY.text())[0]:
            missed.append((number, changed))
        (folder / changed[0]).write_bytes(files[changed[0]])
    assert missed == []
    assert outside_verifier.ask(program, folder, logs.LOG_KEY.text())[0], "as it was, it is accepted"
