"""What the operating system knows of processes: usage, identity, descent.

The kernel is the witness: ``wait4`` hands over the processor time of a child and of everything the child has
waited for, and the supervisor, being the subreaper of its run, inherits and reaps whoever is left behind. So
the sum over all reaped children is the processor time of the whole run. Two limits are stated, not hidden:
peak memory is that of the largest single process (``ru_maxrss``), at least the few MiB a process has before
it becomes the job; and a program that tells the kernel to forget its children (``SIGCHLD`` ignored) is
metered without them. Wall time, which is what is charged, has neither limit.

Standard library only: the supervisor of a run imports this and must stay small.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

EVIDENCE = "kernel:wait4"
"""Processor time of all reaped descendants; peak memory of the largest process; monotonic wall time."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def _prctl(option: int, value: int) -> bool:
    try:
        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    except (OSError, AttributeError):
        return False


def become_subreaper() -> bool:
    """Makes orphans among our descendants our children; False where the system cannot."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signal_number: int) -> bool:
    """Asks the kernel to send us a signal when our parent ends; False where the system cannot."""
    return _prctl(_PR_SET_PDEATHSIG, signal_number)


@dataclass(slots=True)
class Tally:
    """The usage of the children reaped so far."""

    cpu_us: int = 0
    peak_memory_bytes: int = 0

    def add(self, usage: resource.struct_rusage) -> None:
        """Takes one reaped child into account: its own time and that of all it has waited for."""
        self.cpu_us += round((usage.ru_utime + usage.ru_stime) * 1_000_000)
        self.peak_memory_bytes = max(self.peak_memory_bytes, usage.ru_maxrss * _RSS_UNIT_BYTES)

    @property
    def cpu_ms(self) -> int:
        """Processor time, user and system, in whole milliseconds, rounded down."""
        return self.cpu_us // 1000


def boot_id() -> str:
    """A text that changes with every start of the machine; empty where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[str] | None:
    """Fields 3 onwards of ``/proc/PID/stat`` (state, parent, …); the name before may hold any character."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def identity(pid: int) -> str:
    """A text that no other process has had or will have: boot, pid, start tick. Empty for a dead one."""
    fields = _stat(pid)
    if fields is None:
        return "" if Path("/proc/self/stat").exists() or not _answers(pid) else f"?/{pid}"
    return "" if fields[0] in "ZX" else f"{boot_id()}/{pid}/{fields[19]}"


def is_alive(known: str) -> bool:
    """Whether the very process of that identity is still running (a zombie is not)."""
    parts = known.split("/")
    return len(parts) >= 2 and parts[1].isdigit() and identity(int(parts[1])) == known


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _pids() -> list[int]:
    processes = Path("/proc")
    return [int(entry.name) for entry in processes.glob("[0-9]*") if entry.name.isdigit()]


def descendants(root: int) -> list[int]:
    """All living processes below ``root``, parents before children; empty where there is no ``/proc``."""
    children: dict[int, list[int]] = defaultdict(list)
    for pid in _pids():
        if (fields := _stat(pid)) is not None and fields[0] not in "ZX":
            children[int(fields[1])].append(pid)
    found: list[int] = []
    level = [root]
    while level:
        level = [child for parent in level for child in children.get(parent, [])]
        found.extend(level)
    return found


def carrying(variable: str, value: str) -> list[int]:
    """Processes whose environment says ``variable=value``; those of other users cannot be read."""
    wanted = f"{variable}={value}".encode()
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found
