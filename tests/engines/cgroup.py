"""A real cgroup v2 hierarchy, where this machine lets us make groups; its controllers are not needed."""

from __future__ import annotations

import os
from pathlib import Path


def top() -> Path | None:
    """Where a hierarchy is mounted that we may write; ``None``: nowhere."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        at = Path(line.split()[4])
        if " - cgroup2 " in line and _may_make_groups(at):
            return at
    return None


def why_not() -> str:
    """Why there is none; empty where there is one."""
    return "" if top() else "no cgroup v2 hierarchy here that this user may write"


def _may_make_groups(at: Path) -> bool:
    probe = at / f"hesuan-probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError:
        return False
    probe.rmdir()
    return True
