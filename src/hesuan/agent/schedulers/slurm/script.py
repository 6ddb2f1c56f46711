"""The batch script of a run: what Slurm starts on the node, in the run's own folder, as the run's own user.

It takes the run before it begins: should the controller, killed before it saved its state, start the job a
second time under another number, the second one ends at once. A requeue keeps the number and passes. The time
limit is kept in seconds by ``timeout``, for Slurm counts minutes and ends a job up to a minute late.
"""

from __future__ import annotations

import math
import shlex

from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.jobscript import GRACE_S, TAKEN, environment, filled
from hesuan.agent.schedulers.rundir import RunDirectory

NAME = "hesuan-"
"""How the names of our jobs begin; the run follows."""
PATH = "/usr/local/bin:/usr/bin:/bin"


def minutes(time_limit_s: int) -> int:
    """The time limit of a job whose script ends the run after so many seconds: later than that, for sure."""
    return math.ceil((time_limit_s + GRACE_S) / 60) + 1


def text(spec: RunSpec, directory: RunDirectory, *, python: str) -> str:
    """The script; every word of the user's is quoted, none is read by the shell."""
    folder = directory.path
    told = {"PATH": PATH, **environment(spec, directory)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in told.items()]
    command = shlex.join(filled(spec, directory, python=python))
    claim = shlex.quote(str(folder / "tmp" / "taken-by"))
    return "\n".join(
        [
            "#!/bin/sh",
            "umask 077",
            f'(set -C; echo "$SLURM_JOB_ID" > {claim}) 2>/dev/null',
            f'[ "$(cat {claim})" = "$SLURM_JOB_ID" ] || {{ echo "This run was taken by another job." >&2;'
            f" exit {TAKEN}; }}",
            *lines,
            f"cd {shlex.quote(str(folder / 'work'))} || exit 1",
            f"exec timeout --kill-after={GRACE_S} {spec.time_limit_s} {command}",
            "",
        ]
    )
