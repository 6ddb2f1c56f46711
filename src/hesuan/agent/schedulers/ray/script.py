"""The script that Ray starts as a job's driver, in the run's own folder.

It takes the run before it begins, so that a job asked for twice, because a head forgot the first, begins
once; and it looks whether the run was cancelled, for Ray starts a job that was stopped while it waited, and
ends it a moment later. The time limit is kept by ``timeout``: Ray has none. Ray's own ``PATH`` stays, with
the Python that has Ray.
"""

from __future__ import annotations

import shlex

from hesuan.agent.schedulers.jobscript import CANCELLED, begun_twice
from hesuan.agent.schedulers.jobscript import once as text
from hesuan.agent.schedulers.rundir import RunDirectory

__all__ = ["CANCELLED", "begun_twice", "entrypoint", "text"]


def entrypoint(directory: RunDirectory) -> str:
    """What Ray is asked to start."""
    return f"exec sh {shlex.quote(str(directory.path / 'job.sh'))}"
