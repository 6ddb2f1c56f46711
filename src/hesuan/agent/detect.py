"""What this machine has, as far as it can be seen. Nothing is invented: what cannot be seen is unknown.

A container sees the whole machine's processors and memory in ``/proc``; what it may use stands in its
affinity and in its control group (v1 and v2, at every level up to the root). The least of all is what counts.
"""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from hesuan.agent import cards
from hesuan.agent.cards import CardGroup
from hesuan.agent.manifests import Manifest
from hesuan.agent.survey import IN_SERVICE, Extent, Node, cards_body
from hesuan.wire.canonical import Json
from hesuan.wire.messages import NEWEST_ORDER, TAKES
from hesuan.wire.receipt import NEWEST, SIGNS

_NO_LIMIT_BYTES = 1 << 60
"""Control groups v1 write "no limit" as a number above this."""
_PACKAGES = ("numpy", "torch", "torch-npu", "mindspore", "paddlepaddle", "jax")


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as it was seen. ``memory_bytes`` is None where the system does not say."""

    host: str
    cores: int
    memory_bytes: int | None
    cards: tuple[CardGroup, ...]
    software: Mapping[str, str]
    notes: tuple[str, ...]
    extent: Extent = field(default_factory=Extent)

    def inventory(
        self,
        *,
        engine: str,
        isolation: Sequence[str],
        apps: Mapping[str, Manifest],
        scripts_allowed: bool,
    ) -> dict[str, Json]:
        """The body of the ``inventory`` message."""
        return {
            "host": self.host,
            "cores": self.cores,
            "memory_bytes": self.memory_bytes,
            "cards": cards_body(self.cards),
            "software": {**self.software, SIGNS: str(NEWEST), TAKES: str(NEWEST_ORDER)},
            "engine": engine,
            "isolation": list(isolation),
            "apps": [
                {"name": app.name, "digest": app.digest, "work_unit": app.work_unit} for app in apps.values()
            ],
            "scripts_allowed": scripts_allowed,
            **self.extent.body(),
        }


def machine() -> Machine:
    """Looks at this machine."""
    found, notes = cards.found()
    host, able, memory = socket.gethostname(), cores(), memory_bytes()
    return Machine(
        host=host,
        cores=able,
        memory_bytes=memory,
        cards=found,
        software=software(),
        notes=notes,
        extent=Extent(nodes=(Node(host, IN_SERVICE, able, memory, found),)),
    )


def cores(root: Path = Path("/")) -> int:
    """Processors this process may use: affinity, and the quota of every control group above it, rounded down
    to whole cores and at least one."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [int(quota) for group in _groups(root, "cpu") if (quota := _cpu_quota(group)) is not None]
    return max(1, min([able, *quotas]))


def memory_bytes(root: Path = Path("/")) -> int | None:
    """Memory this process may use: the machine's, or the lowest limit of a control group above it."""
    total = _machine_memory_bytes(root)
    limits = [limit for group in _groups(root, "memory") if (limit := _memory_limit(group)) is not None]
    known = [size for size in (total, *limits) if size is not None]
    return min(known) if known else None


def software() -> dict[str, str]:
    """Versions of what applications need, by name; what is not installed is left out."""
    found = {"python": platform.python_version(), "linux": platform.release()}
    if platform.system() != "Linux":
        found = {"python": found["python"], platform.system().lower(): platform.release()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _machine_memory_bytes(root: Path) -> int | None:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemTotal" and value.split()[0].isdigit():
            return int(value.split()[0]) * 1024
    return None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The control group folders of this process for a controller, from its own up to the root."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            top = root / "sys/fs/cgroup"
        elif controller in names.split(","):
            top = next(
                (
                    p
                    for p in (root / "sys/fs/cgroup" / names, root / "sys/fs/cgroup" / controller)
                    if p.is_dir()
                ),
                root / "sys/fs/cgroup" / controller,
            )
        else:
            continue
        group = top / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _cpu_quota(group: Path) -> float | None:
    """Whole and broken cores a control group may use, or None for no limit."""
    match _text(group / "cpu.max").split():
        case [quota, period] if quota.isdigit() and int(period):
            return int(quota) / int(period)
    quota, period = (_text(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _memory_limit(group: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = _text(group / name).strip()
        if text.isdigit() and int(text) < _NO_LIMIT_BYTES:
            return int(text)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
