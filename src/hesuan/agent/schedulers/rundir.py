"""One run's directory: the files of the local engine, each written once, and what together they say.

::

    spec.json      what to run                            by the engine; makes the directory exist at all
    input/         the files it reads, copied, read-only  by the engine, before the directory exists
    app/           the application's files, copied         by the engine, before the directory exists
    cancel         the user has asked for the end          by the engine
    claim.json     which supervisor has taken the run      by the supervisor, before anything is started
    started.json   when, and which process                 by the supervisor
    final.json     how it ended, and its usage             by the supervisor, or the operator; the last word
    log            the job's output, bounded
    work/ output/ tmp/   the job's own places

The state is read from which of them exist. A supervisor that is gone without ``final.json`` leaves UNKNOWN.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

from hesuan.agent import durable
from hesuan.agent.meters import kernel
from hesuan.agent.schedulers.contract import NOT_LOST, Observation, RunState, Usage
from hesuan.errors import Refused
from hesuan.wire.canonical import Json
from hesuan.wire.outputs import Listed, list_digest

LOG_LIMIT_BYTES = 64 << 20
"""What is kept of a log on this machine by the local engine, which alone writes it itself."""
BY_THE_OPERATOR = "operator:declared-lost"
"""The evidence of a usage that nobody has measured: a person's word."""
DECLARED_LOST = "Declared lost by the centre's operator:"
_RESULT_LIMIT_BYTES = 64 << 10
_RESULT_KEYS, _RESULT_TEXT = 64, 512
_MAX_INTEGER = 2**53 - 1
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def utc_now() -> str:
    """Now, RFC 3339 UTC with six decimals, the form of ``wire.messages.format_at``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The directory of one run."""

    path: Path

    @property
    def run(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def output(self) -> Path:
        """Where the job leaves what it has made."""
        return self.path / "output"

    @property
    def input(self) -> Path:
        """Where the job finds its input files, if it was given any."""
        return self.path / "input"

    def told_inputs(self) -> dict[str, str]:
        """The variable that names the input folder, where there is one."""
        return {"HESUAN_INPUT": str(self.input)} if self.input.is_dir() else {}

    def give_inputs(self, user: int, group: int) -> None:
        """Makes the input files another user's, who alone may read them; most runs have none."""
        if not self.input.is_dir():
            return
        for at, _, files, fd in os.fwalk(self.input):
            os.chown(at, user, group, follow_symlinks=False)
            for file in files:
                os.chown(file, user, group, dir_fd=fd, follow_symlinks=False)

    @property
    def log(self) -> Path:
        """The job's output text."""
        return self.path / "log"

    def spec(self) -> dict[str, Any]:
        """What to run: the members of ``RunSpec.document``, and ``submitted_at``."""
        value = durable.read_json(self.path / "spec.json")
        assert value is not None, f"{self.path} has no spec.json"
        return value

    def document(self) -> dict[str, Json]:
        """The specification alone, to compare with another."""
        return {key: value for key, value in self.spec().items() if key != "submitted_at"}

    def cancel_requested(self) -> bool:
        """Whether the user has asked for the end."""
        return (self.path / "cancel").exists()

    def claim(self) -> dict[str, object] | None:
        """The supervisor that took the run: ``identity``, ``at``, ``cpus``."""
        return durable.read_json(self.path / "claim.json")

    def final(self) -> tuple[Usage, str] | None:
        """Usage and reason, once the run has ended."""
        value = durable.read_json(self.path / "final.json")
        if value is None:
            return None
        return Usage.of(cast("dict[str, Json]", value["usage"])), str(value["reason"])

    def supervised(self) -> bool:
        """Whether the supervisor that took the run is alive."""
        claim = self.claim()
        return claim is not None and kernel.is_alive(str(claim["identity"]))

    def observe(self) -> Observation:
        """The run's state as its files tell it."""
        started = durable.read_json(self.path / "started.json")
        claim = self.claim()
        supervised = self.supervised()
        # The last word is read last: it may have been written while we looked.
        if (final := self.final()) is not None:
            return final_observation(*final)
        if claim is None:
            return Observation(self.run, RunState.SUBMITTED, str(self.spec()["submitted_at"]))
        if not supervised:
            return Observation(self.run, RunState.UNKNOWN, utc_now(), reason=_vanished(claim, started))
        if started is None:
            return Observation(self.run, RunState.SUBMITTED, str(self.spec()["submitted_at"]))
        return Observation(self.run, RunState.RUNNING, str(started["at"]))


def final_observation(usage: Usage, reason: str) -> Observation:
    """A run that is over, as its record says."""
    return Observation(
        usage.run, RunState(usage.state), usage.ended_at, reason, usage.exit_status, usage.signal
    )


def end_as_lost(directory: RunDirectory, observed: Observation, reason: str) -> None:
    """Writes the last word of a run whose end nobody can know: KILLED by the operator, and it held nothing.

    Raises:
        Refused: ``agent.run_not_lost``.
    """
    if observed.state != RunState.UNKNOWN:
        raise Refused(NOT_LOST, run=observed.run, state=observed.state.value)
    usage = Usage(
        run=directory.run,
        state=RunState.KILLED.value,
        exit_status=None,
        signal=None,
        started_at=observed.at,
        ended_at=observed.at,
        wall_ms=0,
        cpu_ms=0,
        cores=int(directory.spec()["cores"]),
        peak_memory_bytes=0,
        evidence=BY_THE_OPERATOR,
        output_digest=output_digest(directory.output),
    )
    last_word = {"usage": usage.body(), "reason": f"{DECLARED_LOST} {reason}"}
    durable.write_json(directory.path / "final.json", last_word)


def read_log(directory: RunDirectory, offset: int, limit: int) -> bytes:
    """A piece of the log that lies in the run's folder; of anything but a plain file, nothing."""
    file = _opened(directory.log)
    if file is None:
        return b""
    with file:
        return os.pread(file.fileno(), limit, offset)


def _vanished(claim: dict[str, object], started: dict[str, object] | None) -> str:
    what = "while the job ran" if started else "before it recorded the start of the job"
    return (
        f"The run's supervisor (boot/pid/start {claim['identity']}) vanished {what}; how the job ended is not"
        " known, so no usage is claimed."
    )


def output_digest(folder: Path) -> str:
    """The digest of a folder's regular files: names, sizes, SHA-256; links and devices by their kind."""
    return list_digest([one for _, one in output_list(folder)])


def output_list(folder: Path) -> list[tuple[Path, Listed]]:
    """Every name in a folder, below it and as it is told, in the order in which they are digested.

    The folder is its job's: whatever changes while we look, no link is followed and no pipe is waited for.
    """
    entries: dict[str, tuple[Path, Listed]] = {}
    for at, folders, files, fd in os.fwalk(folder, follow_symlinks=False):
        for file in (*folders, *files):
            path = Path(at, file)
            below = path.relative_to(folder)
            name = os.fsencode(below).decode("utf-8", "backslashreplace")
            mode = os.stat(file, dir_fd=fd, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                data = _opened(file, fd)
                size, sha256 = (0, "special") if data is None else _sized(data)
                entries[os.fspath(path)] = (below, Listed(name, size, sha256))
            elif not stat.S_ISDIR(mode):
                kind = "link" if stat.S_ISLNK(mode) else "special"
                entries[os.fspath(path)] = (below, Listed(name, 0, kind))
    return [entries[path] for path in sorted(entries, key=os.fsencode)]


def open_output(folder: Path, below: Path) -> BufferedReader | None:
    """A plain file in a folder, opened folder by folder without following a link; None for anything else."""
    if below.is_absolute() or not below.parts or ".." in below.parts:
        return None
    held: list[int] = []
    try:
        held.append(os.open(folder, _FOLDER))
        for part in below.parts[:-1]:
            held.append(os.open(part, _FOLDER, dir_fd=held[-1]))
        return _opened(below.parts[-1], held[-1])
    except OSError:
        return None
    finally:
        for fd in held:
            os.close(fd)


def _opened(file: str | Path, folder: int | None = None) -> BufferedReader | None:
    """A plain file, opened; None for anything else that stands under its name by now."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return os.fdopen(fd, "rb")


def _sized(file: BufferedReader) -> tuple[int, str]:
    with file:
        return os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest()


def self_reported(folder: Path) -> dict[str, Json]:
    """What the job says of itself in ``output/result.json``: whole numbers and short texts, a bounded few.

    Anything else in the file is left out; a missing or broken file, a link or a pipe says nothing.
    """
    file = _opened(folder / "result.json")
    if file is None:
        return {}
    with file:
        data = file.read(_RESULT_LIMIT_BYTES + 1)
    if len(data) > _RESULT_LIMIT_BYTES:
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    kept = {key: item for key, item in value.items() if len(key) <= 64 and _reportable(item)}
    return dict(list(kept.items())[:_RESULT_KEYS])


def _reportable(item: object) -> bool:
    if isinstance(item, str):
        return len(item) <= _RESULT_TEXT and item.isprintable()
    return isinstance(item, int) and not isinstance(item, bool) and abs(item) <= _MAX_INTEGER
