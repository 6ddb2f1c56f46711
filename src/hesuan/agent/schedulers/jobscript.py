"""What a job is told and how its command is filled in, on every scheduler that starts a script of ours."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping

from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.rundir import RunDirectory

GRACE_S = 5
"""Between being asked to end, at the time limit, and being forced."""
TAKEN = 75
"""What a script ends with that finds its run begun by another job."""
TIMED_OUT = 124
"""What ``timeout`` ends with when it has ended the job."""
CANCELLED = 76
"""What a script ends with that finds its run cancelled."""
STARTED_AS = "POD_UID"
"""Where an engine tells a script under which of the engine's own names it was started."""
_NAME_BYTES = 64
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def environment(spec: RunSpec, directory: RunDirectory) -> Mapping[str, str]:
    """What the job gets beside the scheduler's own variables; nothing of the agent's goes through."""
    path = directory.path
    return {
        "HOME": str(path / "work"),
        "TMPDIR": str(path / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HESUAN_RUN": spec.run,
        "HESUAN_CORES": str(spec.cores),
        "HESUAN_CARDS": str(spec.cards),
        "HESUAN_OUTPUT": str(directory.output),
        **directory.told_inputs(),
        **dict.fromkeys(_THREADS, str(spec.cores)),
    }


def filled(spec: RunSpec, directory: RunDirectory, *, python: str) -> list[str]:
    """The command with the engine's words filled in, where it is a packaged application's."""
    if not spec.folder_digest:
        return list(spec.command)
    words = {
        "{python}": python,
        "{app}": str(directory.path / "app"),
        "{output}": str(directory.output),
    }
    command = list(spec.command)
    for word, value in words.items():
        command = [part.replace(word, value) for part in command]
    return command


def begun_twice(directory: RunDirectory) -> bool:
    """Whether a job found the run begun by another."""
    return (directory.path / "tmp" / "begun-twice").exists()


def begun(directory: RunDirectory) -> bool:
    """Whether a script has taken the run."""
    return (directory.path / "tmp" / "taken-by").exists()


def taken_by(directory: RunDirectory) -> str:
    """Under which name the script was started that has taken the run; empty where it told none.

    The job may have put anything in its place.
    """
    try:
        fd = os.open(directory.path / "tmp" / "taken-by", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        said = os.read(fd, _NAME_BYTES) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)
    return said.decode(errors="replace").strip()


def once(spec: RunSpec, directory: RunDirectory, *, python: str) -> str:
    """A script that begins the run at most once, however often it is started, and never after a cancellation.

    It keeps the time limit by ``timeout`` and writes the job's output into the run's folder. Every word of
    the user's is quoted, none is read by the shell.
    """
    folder = directory.path
    claim, twice = (shlex.quote(str(folder / "tmp" / name)) for name in ("taken-by", "begun-twice"))
    told = environment(spec, directory).items()
    return "\n".join(
        [
            "#!/bin/sh",
            "umask 077",
            f'(set -C; echo "${{{STARTED_AS}:-}}" > {claim}) 2>/dev/null || {{ : > {twice}; exit {TAKEN}; }}',
            f"[ ! -e {shlex.quote(str(folder / 'cancel'))} ] || exit {CANCELLED}",
            f"unset {STARTED_AS}",
            f"exec >> {shlex.quote(str(directory.log))} 2>&1",
            *(f"export {name}={shlex.quote(value)}" for name, value in told),
            f"cd {shlex.quote(str(folder / 'work'))} || exit 1",
            # Its short form is the one that BusyBox has too.
            f"exec timeout -k {GRACE_S} {spec.time_limit_s} "
            + shlex.join(filled(spec, directory, python=python)),
            "",
        ]
    )
