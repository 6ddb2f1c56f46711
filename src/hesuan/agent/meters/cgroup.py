"""A control group (cgroup v2) for each run: limits that the kernel keeps, and one word that ends all of it.

The agent needs a subtree that is its own: it is root in the real root of the hierarchy, or the only process
in a group that it may write (systemd: ``Delegate=yes``), which it leaves for a leaf of it, because a group
whose processes are limited by its children may hold none itself. Anything else is somebody else's, is left
alone, and the reason is said. Nothing is half used: without all three controllers there are no groups.

Standard library only: the supervisor of a run imports this and must stay small.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hesuan.agent.words import Text

EVIDENCE = "kernel:cgroup2"
"""Processor time and peak memory of all processes of the run's group together."""
CONTROLLERS = ("cpu", "memory", "pids")
MOST_PIDS = 4096
"""Processes and threads of one run."""
_PERIOD_US = 100_000
_AGENT, _RUNS = "hesuan-agent", "hesuan-runs"


@dataclass(frozen=True, slots=True)
class Group:
    """One run's group."""

    path: Path

    def make(self, *, cores: int, memory_bytes: int) -> None:
        """Makes the group with its limits; a memory of 0 is not limited.

        Raises:
            OSError: one of the limits could not be set: nothing may be started in it.
        """
        self.path.mkdir(exist_ok=True)
        (self.path / "cpu.max").write_text(f"{cores * _PERIOD_US} {_PERIOD_US}", encoding="ascii")
        (self.path / "pids.max").write_text(str(MOST_PIDS), encoding="ascii")
        if memory_bytes:
            (self.path / "memory.max").write_text(str(memory_bytes), encoding="ascii")
            with contextlib.suppress(OSError):  # a machine without swap has no such file
                (self.path / "memory.swap.max").write_text("0", encoding="ascii")

    def enter(self) -> None:
        """Puts this process into the group. Raises OSError."""
        (self.path / "cgroup.procs").write_text("0", encoding="ascii")

    def kill(self) -> None:
        """Ends every process in it at once; none is missed that is being forked."""
        with contextlib.suppress(OSError):
            fd = os.open(self.path / "cgroup.kill", os.O_WRONLY)
            try:
                os.write(fd, b"1")
            finally:
                os.close(fd)

    def remove(self) -> None:
        """Removes the group once it is empty."""
        with contextlib.suppress(OSError):
            self.path.rmdir()

    def cpu_us(self) -> int | None:
        """Processor time of all that ever ran in it [µs]; None where the kernel does not say."""
        return _numbers(self.path / "cpu.stat").get("usage_usec")

    def peak_memory_bytes(self) -> int | None:
        """The most memory that all of it had at once, cached files included; None before Linux 5.19."""
        text = _read(self.path / "memory.peak").strip()
        return int(text) if text.isdecimal() else None

    def ended_for_memory(self) -> bool:
        """Whether the kernel ended a process of it for its memory's limit."""
        return _numbers(self.path / "memory.events").get("oom_kill", 0) > 0


@dataclass(frozen=True, slots=True)
class Groups:
    """Where the runs' groups are."""

    root: Path

    def of(self, run: str) -> Group:
        """The group of a run, made or not."""
        return Group(self.root / run)


def take(proc: Path = Path("/proc/self"), *, pid: int | None = None) -> tuple[Groups | None, Text]:
    """The groups that this agent may use, made ready; or None, and why.

    Args:
        proc: What the system says of this process.
        pid: This process.
    """
    own = _own_group(proc)
    if own is None:
        return None, Text("this machine has no cgroup v2", "本机没有 cgroup v2")
    base = own.parent if own.name == _AGENT else own
    missing = [name for name in CONTROLLERS if name not in _read(base / "cgroup.controllers").split()]
    if missing:
        named = ", ".join(missing)
        return None, Text(f"{base} has no controller {named}", f"{base} 没有控制器 {named}")
    if not _is_lent(base):
        return None, Text(
            f"{base} is systemd's; its unit says no Delegate=yes",
            f"{base} 属于 systemd，其单元没有 Delegate=yes",
        )
    try:
        if (base / "cgroup.type").exists() and base == own:
            others = set(_read(base / "cgroup.procs").split()) - {str(pid or os.getpid())}
            if others:
                return None, Text(
                    f"{base} holds {len(others)} other processes; it is not this agent's own",
                    f"{base} 中还有 {len(others)} 个其他进程，并非本代理独有",
                )
            (base / _AGENT).mkdir(exist_ok=True)
            Group(base / _AGENT).enter()
        _hand_down(base)
        (base / _RUNS).mkdir(exist_ok=True)
        _hand_down(base / _RUNS)
    except OSError as error:
        said = error.strerror
        return None, Text(f"{base} may not be used: {said}", f"{base} 不可使用：{said}")
    return Groups(base / _RUNS), Text("", "")


def _hand_down(group: Path, controllers: Sequence[str] = CONTROLLERS) -> None:
    words = " ".join(f"+{name}" for name in controllers)
    (group / "cgroup.subtree_control").write_text(words, encoding="ascii")


def _is_lent(base: Path) -> bool:
    """Whether systemd, where the group is a unit's, has lent it out: root may write what is not lent too."""
    if os.geteuid() != 0 or not base.name.endswith((".service", ".scope", ".slice")):
        return True
    for name in ("trusted.delegate", "user.delegate"):
        with contextlib.suppress(OSError):
            if os.getxattr(base, name) == b"1":
                return True
    return False


def _own_group(proc: Path) -> Path | None:
    """The folder of this process's group, if the hierarchy is mounted where we can see it."""
    lines = [line for line in _read(proc / "cgroup").splitlines() if line.startswith("0::")]
    mounts = [line.split() for line in _read(proc / "mountinfo").splitlines() if " - cgroup2 " in line]
    if not lines or not mounts:
        return None
    inside, shown, at = lines[0][3:], mounts[0][3], mounts[0][4]
    if ".." in inside.split("/") or not Path(inside).is_relative_to(shown):
        return None
    return Path(at) / Path(inside).relative_to(shown)


def _numbers(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _read(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
