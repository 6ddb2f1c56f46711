"""The folder of run directories: each is made once, wholly, under its run's id.

A directory is prepared under another name and appears by one rename, which the system refuses a second time.
Whatever a killed agent left half prepared is removed later.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from hesuan.agent import durable
from hesuan.agent.manifests import folder_digest
from hesuan.agent.schedulers.contract import (
    FOLDER_DIFFERS,
    INPUT_DIFFERS,
    RUN_CONFLICT,
    RUN_UNKNOWN,
    RunSpec,
)
from hesuan.agent.schedulers.rundir import RunDirectory, utc_now
from hesuan.errors import Conflict, NotFound, Refused
from hesuan.wire.apps import IGNORED
from hesuan.wire.canonical import digest
from hesuan.wire.inputs import is_path

_STAGING = ".new-"
_STALE_STAGING_S = 600


class RunFolders:
    """All run directories of one engine under one root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_staging()

    def has(self, run: str) -> bool:
        """Whether the run has its directory."""
        assert run and not run.startswith(".") and Path(run).name == run, f"{run!r} cannot name a run"
        return (self.root / run).is_dir()

    def known(self, run: str) -> RunDirectory:
        """The directory of a run.

        Raises:
            NotFound: ``agent.run_unknown``.
        """
        if not self.has(run):
            raise NotFound(RUN_UNKNOWN, run=run)
        return RunDirectory(self.root / run)

    def all(self) -> dict[str, RunDirectory]:
        """Every run that has its directory."""
        found = sorted(path for path in self.root.iterdir() if not path.name.startswith("."))
        return {path.name: RunDirectory(path) for path in found if path.is_dir()}

    def take(self, spec: RunSpec) -> RunDirectory:
        """The run's directory, made if it is not there.

        Raises:
            Conflict: ``agent.run_conflict``, it is there with another specification.
            Refused: ``agent.folder_differs``, ``agent.input_differs``.
        """
        if not self.has(spec.run):
            self.create(spec)
        directory = self.known(spec.run)
        known = directory.document()
        if known != spec.document():
            raise Conflict(RUN_CONFLICT, run=spec.run, known=digest(known), given=digest(spec.document()))
        return directory

    def create(self, spec: RunSpec) -> None:
        """Prepares the directory under another name and renames it; a lost race is a run that is there."""
        staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.root))
        try:
            for name in ("work", "output", "tmp"):
                (staging / name).mkdir(mode=0o700)
            if spec.folder is not None:
                _copy_folder(spec, staging / "app")
            if spec.inputs:
                _copy_inputs(spec, staging / "input")
            durable.write_json(staging / "spec.json", {**spec.document(), "submitted_at": utc_now()})
            with contextlib.suppress(OSError):
                staging.rename(self.root / spec.run)
            durable.sync_directory(self.root)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def forget(self, run: str) -> None:
        """Removes the directory of a run that was refused: under another name first, so that no half of it
        is ever taken for a run."""
        away = Path(tempfile.mkdtemp(prefix=_STAGING, dir=self.root))
        (self.root / run).rename(away / run)
        durable.sync_directory(self.root)
        shutil.rmtree(away, ignore_errors=True)

    def _clear_staging(self) -> None:
        """Removes what an agent killed while preparing a run has left."""
        for path in self.root.glob(f"{_STAGING}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _STALE_STAGING_S:
                    shutil.rmtree(path)


def _copy_folder(spec: RunSpec, target: Path) -> None:
    """Copies the application and digests the copy: what is digested is what will run."""
    assert spec.folder is not None
    shutil.copytree(spec.folder, target, ignore=shutil.ignore_patterns(*IGNORED), symlinks=True)
    found = folder_digest(target)
    if found != spec.folder_digest:
        raise Refused(FOLDER_DIFFERS, found=found, ordered=spec.folder_digest)


def _copy_inputs(spec: RunSpec, target: Path) -> None:
    """Copies the input files, each read-only, and digests the copies: what is digested is what the job reads.

    Raises:
        Refused: ``agent.input_differs``.
    """
    assert spec.inputs_at is not None
    target.mkdir(mode=0o700)
    for one in spec.inputs:
        assert is_path(one.path), f"{one.path!r} was checked when the command was read"
        place = target / one.path
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(spec.inputs_at / one.sha256, place)
        place.chmod(0o400)
        with place.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if found != one.sha256:
            raise Refused(INPUT_DIFFERS, path=one.path, found=found, ordered=one.sha256)
