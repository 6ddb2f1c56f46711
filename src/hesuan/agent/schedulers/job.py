"""What becomes of a forked process before it is the user's job: its session, its user, its environment.

Standard library only: runs inside the supervisor, between ``fork`` and ``exec``.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from hesuan.agent.meters import kernel
from hesuan.agent.schedulers.rundir import RunDirectory

CANNOT_START = 127

_PLAIN = (
    signal.SIGCHLD,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGPIPE,
    signal.SIGXFSZ,
)
"""Signals that the supervisor or its interpreter treats in its own way and a job must not."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Job:
    """What is to run, where, on which processors, as whom (empty: as ourselves)."""

    directory: RunDirectory
    command: tuple[str, ...]
    cores: int
    time_limit_s: int
    cpus: frozenset[int] = frozenset()
    user: str = ""

    def environment(self) -> dict[str, str]:
        """The job's whole environment; nothing of the agent's own goes through."""
        path = self.directory.path
        own = str(Path(sys.executable).parent)
        return {
            "PATH": f"{own}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(path / "work"),
            "TMPDIR": str(path / "tmp"),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HESUAN_RUN": self.directory.run,
            "HESUAN_CORES": str(self.cores),
            "HESUAN_OUTPUT": str(self.directory.output),
            **dict.fromkeys(_THREADS, str(self.cores)),
        }


def fill(command: list[str], directory: RunDirectory, *, packaged: bool) -> tuple[str, ...]:
    """Fills the engine's words into a packaged application's command; a script's command stays as it is."""
    if not packaged:
        return tuple(command)
    words = {
        "{python}": sys.executable,
        "{app}": str(directory.path / "app"),
        "{output}": str(directory.output),
    }
    for word, text in words.items():
        command = [part.replace(word, text) for part in command]
    return tuple(command)


def become(job: Job, *, supervisor: int, log: int, failure: int) -> NoReturn:
    """Turns this forked process into the job; why it could not goes into the pipe ``failure``."""
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _prefer_for_memory_shortage()
        if job.cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, job.cpus)
        _become_user(job.user)
        # Last of all: the kernel forgets this wish when the user changes.
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(CANNOT_START)
        signal.set_wakeup_fd(-1)
        for number in _PLAIN:
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o077)
        os.chdir(job.directory.path / "work")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execvpe(  # noqa: S606 - the user's own job, its words given as a list, no shell between
            job.command[0], job.command, job.environment()
        )
    except OSError as error:
        os.write(failure, (error.strerror or repr(error)).encode())
    except BaseException as error:
        os.write(failure, repr(error).encode())
    finally:
        os._exit(CANNOT_START)


def _become_user(name: str) -> None:
    if not name:
        return
    user = pwd.getpwnam(name)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _prefer_for_memory_shortage() -> None:
    """When memory runs out the kernel should take the job, not the supervisor that has to tell of it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
