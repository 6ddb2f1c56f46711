"""The script that Ray starts as a job's driver, in the run's own folder.

It takes the run before it begins, so that a job asked for twice, because a head forgot the first, begins
once; and it looks whether the run was cancelled, for Ray starts a job that was stopped while it waited, and
ends it a moment later. The time limit is kept by ``timeout``: Ray has none. Ray's own ``PATH`` stays, with
the Python that has Ray.
"""

from __future__ import annotations

import shlex

from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.jobscript import GRACE_S, TAKEN, environment, filled
from hesuan.agent.schedulers.rundir import RunDirectory

CANCELLED = 76
"""What a script ends with that finds its run cancelled."""


def entrypoint(directory: RunDirectory) -> str:
    """What Ray is asked to start."""
    return f"exec sh {shlex.quote(str(directory.path / 'job.sh'))}"


def begun_twice(directory: RunDirectory) -> bool:
    """Whether a job found the run begun by another."""
    return (directory.path / "tmp" / "begun-twice").exists()


def text(spec: RunSpec, directory: RunDirectory, *, python: str) -> str:
    """The script; every word of the user's is quoted, none is read by the shell."""
    folder = directory.path
    claim, twice = (shlex.quote(str(folder / "tmp" / name)) for name in ("taken-by", "begun-twice"))
    told = environment(spec, directory).items()
    return "\n".join(
        [
            "#!/bin/sh",
            "umask 077",
            f'(set -C; echo "$$" > {claim}) 2>/dev/null || {{ : > {twice}; exit {TAKEN}; }}',
            f"[ ! -e {shlex.quote(str(folder / 'cancel'))} ] || exit {CANCELLED}",
            f"exec >> {shlex.quote(str(directory.log))} 2>&1",
            *(f"export {name}={shlex.quote(value)}" for name, value in told),
            f"cd {shlex.quote(str(folder / 'work'))} || exit 1",
            f"exec timeout --kill-after={GRACE_S} {spec.time_limit_s} "
            + shlex.join(filled(spec, directory, python=python)),
            "",
        ]
    )
