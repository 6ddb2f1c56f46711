"""What a job is told and how its command is filled in, on every scheduler that starts a script of ours."""

from __future__ import annotations

from collections.abc import Mapping

from hesuan.agent.schedulers.contract import RunSpec
from hesuan.agent.schedulers.rundir import RunDirectory

GRACE_S = 5
"""Between being asked to end, at the time limit, and being forced."""
TAKEN = 75
"""What a script ends with that finds its run begun by another job."""
TIMED_OUT = 124
"""What ``timeout`` ends with when it has ended the job."""
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
