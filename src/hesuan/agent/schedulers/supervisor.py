"""The small process that stands beside one job: ``python -m hesuan.agent.schedulers.supervisor RUNDIR``.

It is its own session, so the agent may be killed and restarted without the job noticing. It takes the run
exactly once (a lock, then a claim on disk), starts the job in a session of its own, keeps its output within
bounds, ends it at its time limit or when the user asks, reaps every descendant including orphans, and writes
the last word in one step. If it is killed itself, the kernel ends the job, and the run stays UNKNOWN: nobody
saw how it ended.

Standard library only, one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import resource
import select
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from hesuan.agent import durable
from hesuan.agent.meters import cgroup, kernel
from hesuan.agent.schedulers.contract import RunState, Usage
from hesuan.agent.schedulers.rundir import (
    LOG_LIMIT_BYTES,
    RunDirectory,
    output_digest,
    self_reported,
    utc_now,
)

GRACE_S = 5.0
"""Between the request to end and the end by force, for the user's cancel and the time limit."""
ORPHAN_GRACE_S = 1.0
"""The same for processes left behind by a job that has ended."""
TICK_S = 0.1
OUT_OF_MEMORY = "Out of memory: the kernel ended a process of it at its limit of {} bytes."
CANNOT_START = 127
TAKEN = 75
"""Exit status of a supervisor that found the run taken."""

_PLAIN = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""Signals a job gets as the system gives them, whatever we, our interpreter or our shell ignored."""
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended: the state, its own exit status or the signal, and why when that needs words."""

    state: RunState
    exit_status: int | None = None
    signal: int | None = None
    reason: str = ""


def classify(wait_status: int, cause: RunState | None, *, time_limit_s: int) -> End:
    """Names an end from what ``wait`` returned and what we had asked for before.

    ``cause``: CANCELLED or TIMEOUT if we asked the job to end for that, KILLED if we were told to end
    ourselves, None if we asked nothing.
    """
    status = os.WEXITSTATUS(wait_status) if os.WIFEXITED(wait_status) else None
    number = os.WTERMSIG(wait_status) if os.WIFSIGNALED(wait_status) else None
    if cause == RunState.CANCELLED:
        return End(cause, status, number, "Ended at the user's request.")
    if cause == RunState.TIMEOUT:
        return End(cause, status, number, f"Ended at its time limit of {time_limit_s} s.")
    if cause == RunState.KILLED:
        return End(cause, None, number or signal.SIGTERM, "The site's supervisor was told to end.")
    if number is not None:
        name = signal.Signals(number).name if number in signal.valid_signals() else str(number)
        return End(RunState.KILLED, None, number, f"Ended by {name}, which neither user nor limit sent.")
    if status == 0:
        return End(RunState.COMPLETED, 0)
    return End(RunState.FAILED, status, None, f"Ended with exit status {status}.")


def environment(path: RunDirectory, cores: int) -> dict[str, str]:
    """The job's whole environment; nothing of the agent's own goes through."""
    own = str(Path(sys.executable).parent)
    return {
        "PATH": f"{own}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(path.path / "work"),
        "TMPDIR": str(path.path / "tmp"),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HESUAN_RUN": path.run,
        "HESUAN_CORES": str(cores),
        "HESUAN_OUTPUT": str(path.output),
        **path.told_inputs(),
        **dict.fromkeys(_THREADS, str(cores)),
    }


@dataclass(slots=True)
class Supervision:
    """One job from its start to the end of its last descendant."""

    directory: RunDirectory
    command: list[str]
    cores: int
    time_limit_s: int
    cpus: frozenset[int]
    memory_bytes: int = 0
    group: cgroup.Group | None = None
    """Where the job and all that it starts are limited, counted and ended together; None: nowhere."""
    tally: kernel.Tally = field(default_factory=kernel.Tally)
    cause: RunState | None = None
    told_to_end: bool = False
    main: int = 0
    main_status: int | None = None
    force_at: float | None = None
    logged: int = 0

    def run(self) -> None:
        """Starts the job, stands by it, writes the last word."""
        if self.directory.cancel_requested():
            now = utc_now()
            self._conclude(End(RunState.CANCELLED, reason="Cancelled before it started."), now, now, 0)
            return
        if self.group is not None:
            try:
                self.group.make(cores=self.cores, memory_bytes=self.memory_bytes)
            except OSError as error:
                now, why = utc_now(), f"Its limits could not be set: {error.strerror}."
                self._conclude(End(RunState.FAILED, CANNOT_START, None, why), now, now, 0)
                return
        wake = _wake_on_children(self)
        log_read, log_write = os.pipe()
        started_at = utc_now()
        # On disk before the job exists: killed between the two, we leave UNKNOWN, never a second start.
        durable.write_json(self.directory.path / "started.json", {"at": started_at})
        began = time.monotonic()
        failure = self._start(log_write)
        os.close(log_write)
        self._stand_by(began, wake, log_read)
        wall_ms = max(1, round((time.monotonic() - began) * 1000))
        assert self.main_status is not None
        end = classify(self.main_status, self.cause, time_limit_s=self.time_limit_s)
        if problem := os.read(failure, 4096).decode(errors="replace"):
            end = End(RunState.FAILED, CANNOT_START, None, f"The command could not be started: {problem}.")
        self._conclude(end, started_at, utc_now(), wall_ms)

    def _start(self, log_write: int) -> int:
        """Forks the job; returns the pipe that says why exec failed, or closes without a word."""
        failure_read, failure_write = os.pipe()
        supervisor = os.getpid()
        self.main = os.fork()
        if self.main == 0:
            _become_job(self, supervisor, log_write, failure_write)
        os.close(failure_write)
        return failure_read

    def _stand_by(self, began: float, wake: int, log_read: int) -> None:
        os.set_blocking(log_read, False)
        poller = select.poll()
        poller.register(wake, select.POLLIN)
        poller.register(log_read, select.POLLIN)
        with self.directory.log.open("ab", buffering=0) as log:
            while self._reap():
                for fd, _ in poller.poll(TICK_S * 1000):
                    if fd == wake:
                        os.read(wake, 4096)
                    elif not self._drain(log_read, log.fileno()):
                        poller.unregister(log_read)
                self._decide(began)
            self._drain(log_read, log.fileno())

    def _reap(self) -> bool:
        """Reaps whoever has ended; whether anybody is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self.tally.add(usage)
            if pid == self.main:
                self.main_status = status

    def _decide(self, began: float) -> None:
        """Asks for the end when it is time, and enforces it when the grace is over."""
        now = time.monotonic()
        if self.main_status is None and self.cause is None:
            if self.directory.cancel_requested():
                self.cause = RunState.CANCELLED
            elif now - began >= self.time_limit_s:
                self.cause = RunState.TIMEOUT
            elif self.told_to_end:
                self.cause = RunState.KILLED
        ending = self.cause is not None or self.main_status is not None
        if ending and self.force_at is None:
            self.force_at = now + (ORPHAN_GRACE_S if self.cause is None else GRACE_S)
            self._signal_all(signal.SIGTERM)
        elif self.force_at is not None and now >= self.force_at:
            self._signal_all(signal.SIGKILL)
            if self.group is not None:
                self.group.kill()

    def _signal_all(self, number: signal.Signals) -> None:
        """Signals the job's group, and then whoever left it: nobody twice.

        A second SIGTERM would reach a program that is already on its way out at the first, when its own
        handler may be gone, and make a polite exit look like a kill.
        """
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.main, number)
        for pid in kernel.descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) != self.main:
                    os.kill(pid, number)

    def _drain(self, source: int, log: int) -> bool:
        """Moves waiting output into the log up to its bound; False at the end of the output.

        A few chunks at a time, so that a job that never stops talking cannot keep us from its time limit.
        """
        for _ in range(16):
            try:
                chunk = os.read(source, 1 << 16)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            room = LOG_LIMIT_BYTES - self.logged
            if room >= 0:  # a log that is full to the byte still has to say so once more comes
                os.write(log, chunk[:room])
                if len(chunk) > room:
                    os.write(log, f"\n[log ended at its bound of {LOG_LIMIT_BYTES} bytes]\n".encode())
            self.logged += len(chunk)
        return True

    def _conclude(self, end: End, started_at: str, ended_at: str, wall_ms: int) -> None:
        cpu_ms, peak_memory_bytes, evidence = self._metered()
        reason = end.reason
        if self.group is not None:
            if self.group.ended_for_memory():
                reason = f"{reason} {OUT_OF_MEMORY.format(self.memory_bytes)}".strip()
            self.group.kill()
            self.group.remove()
        usage = Usage(
            run=self.directory.run,
            state=end.state.value,
            exit_status=end.exit_status,
            signal=end.signal,
            started_at=started_at,
            ended_at=ended_at,
            wall_ms=wall_ms,
            cpu_ms=cpu_ms,
            cores=self.cores,
            peak_memory_bytes=peak_memory_bytes,
            evidence=evidence,
            output_digest=output_digest(self.directory.output),
            result=self_reported(self.directory.output),
        )
        value = {"usage": usage.body(), "reason": reason}
        durable.write_json(self.directory.path / "final.json", value)

    def _metered(self) -> tuple[int, int, str]:
        """Processor time [ms], peak memory [byte] and whose word that is: the group's where it says both."""
        cpu_us = self.group.cpu_us() if self.group is not None else None
        peak = self.group.peak_memory_bytes() if self.group is not None else None
        if cpu_us is None or peak is None:
            return self.tally.cpu_ms, self.tally.peak_memory_bytes, kernel.EVIDENCE
        return cpu_us // 1000, peak, cgroup.EVIDENCE


def _wake_on_children(supervision: Supervision) -> int:
    """A pipe that becomes readable whenever a signal arrives; SIGTERM and SIGINT are noted."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)

    def note(_number: int, _frame: object) -> None:
        supervision.told_to_end = True

    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return wake_read


def _become_job(supervision: Supervision, supervisor: int, log_write: int, failure: int) -> NoReturn:
    """The child between fork and exec: its own session, plain signals, no cores dumped, its own places."""
    try:
        os.setsid()
        kernel.die_with_parent(signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(CANNOT_START)
        signal.set_wakeup_fd(-1)
        for number in _PLAIN:
            signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _prefer_for_memory_shortage()
        if supervision.group is not None:
            supervision.group.enter()
        if supervision.cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, supervision.cpus)
        os.umask(0o077)
        os.chdir(supervision.directory.path / "work")
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log_write, 1)
        os.dup2(log_write, 2)
        os.execvpe(  # noqa: S606 - the user's own job, its words given as a list, no shell between
            supervision.command[0], supervision.command, environment(supervision.directory, supervision.cores)
        )
    except OSError as error:
        os.write(failure, (error.strerror or repr(error)).encode())
    except BaseException as error:
        os.write(failure, repr(error).encode())
    finally:
        os._exit(CANNOT_START)


def _prefer_for_memory_shortage() -> None:
    """When memory runs out the kernel should take the job, not the supervisor that has to tell of it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def take(directory: RunDirectory, cpus: frozenset[int]) -> bool:
    """Takes the run for this process; False if anybody ever took it before.

    The lock settles two supervisors started at once, the claim one started later. The lock is held until
    this process ends; it is not inherited by the job.
    """
    fd = os.open(directory.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    if directory.claim() is not None or directory.final() is not None:
        return False
    claim = {"identity": kernel.identity(os.getpid()), "at": utc_now(), "cpus": sorted(cpus)}
    durable.write_json(directory.path / "claim.json", claim)
    return True


def fill(command: list[str], directory: RunDirectory, *, packaged: bool) -> list[str]:
    """Fills the engine's words into a packaged application's command; a script's command stays as it is."""
    if not packaged:
        return command
    words = {
        "{python}": sys.executable,
        "{app}": str(directory.path / "app"),
        "{output}": str(directory.output),
    }
    for word, text in words.items():
        command = [part.replace(word, text) for part in command]
    return command


def main(argv: list[str]) -> int:
    """Supervises one run; 75 if it was taken before."""
    parser = argparse.ArgumentParser(prog="hesuan-supervisor", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--cpus", default="", help="processors the job may use, comma-separated")
    parser.add_argument("--cgroup", type=Path, help="the control group to make for the run")
    args = parser.parse_args(argv)
    directory = RunDirectory(args.directory)
    cpus = frozenset(int(cpu) for cpu in args.cpus.split(",") if cpu)
    if not take(directory, cpus):
        return TAKEN
    kernel.become_subreaper()
    spec = directory.spec()
    command = [str(word) for word in spec["command"]]
    Supervision(
        directory=directory,
        command=fill(command, directory, packaged=bool(spec["folder_digest"])),
        cores=int(spec["cores"]),
        time_limit_s=int(spec["time_limit_s"]),
        cpus=cpus,
        memory_bytes=int(spec.get("memory_bytes", 0)),
        group=cgroup.Group(args.cgroup) if args.cgroup else None,
    ).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
