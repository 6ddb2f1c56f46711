"""Processor time and memory of the bench's processes, read from the kernel."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hesuan.cli.demo.stage import Stage

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor time since the start, in seconds, and what is resident now, in MiB."""

    cpu_s: float
    memory_mib: float

    def since(self, before: Spent) -> Spent:
        """The time between two readings, and the memory at the second."""
        return Spent(self.cpu_s - before.cpu_s, self.memory_mib)


def read(stage: Stage) -> dict[str, Spent]:
    """Of each process of the stage by name, and of the database's server."""
    found = {one.name: of(one.popen.pid) for one in stage.processes}
    server = _listens_on(stage.database_url.rpartition(":")[2].partition("/")[0])
    family = [of(pid) for pid in (server, *_children(server))]
    # What children that have ended took is in their parent's time; pages that they share count once each.
    found["PostgreSQL"] = Spent(sum(one.cpu_s for one in family), sum(one.memory_mib for one in family))
    return found


def of(pid: int) -> Spent:
    """One process, the children it has waited for among its time; nothing where it has ended."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return Spent(sum(map(int, words[11:15])) / _TICK, _own_mib(pid))
    return Spent(0.0, 0.0)


def _own_mib(pid: int) -> float:
    """Resident memory, what is shared with others in equal parts (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _listens_on(port: str) -> int:
    """The postmaster of a port: it says so in its own file."""
    for path in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if path.read_text().strip() != "postgres":
                continue
            lines = (path.parent / "cwd" / "postmaster.pid").read_text().splitlines()
            if lines[3].strip() == port:
                return int(lines[0])
    raise AssertionError(f"no PostgreSQL server on port {port}")


def _children(parent: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(path.parent.name))
    return found
