"""What a machine has: the least of what affinity, control groups and the machine allow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hesuan.agent import detect


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def _eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)


MEMINFO = {"proc/meminfo": "MemTotal:       16384 kB\nMemFree:        1 kB\n"}
V2 = {**MEMINFO, "proc/self/cgroup": "0::/a/b\n"}
V1 = {**MEMINFO, "proc/self/cgroup": "4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n"}

CORES = [
    ({}, 8),
    ({**V2, "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 8),
    ({**V2, "sys/fs/cgroup/a/b/cpu.max": "250000 100000\n"}, 2),
    ({**V2, "sys/fs/cgroup/a/cpu.max": "300000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 3),
    ({**V2, "sys/fs/cgroup/a/b/cpu.max": "50000 100000\n"}, 1),
    ({**V2, "sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
    (
        {
            **V1,
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "500000\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
        },
        5,
    ),
    (
        {
            **V1,
            "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
        },
        8,
    ),
]


@pytest.mark.parametrize(("files", "cores"), CORES)
def test_cores_are_what_affinity_and_every_group_above_allow(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    assert detect.cores(write(tmp_path, files)) == cores


MEMORY = [
    ({}, None),
    (MEMINFO, 16 << 20),
    ({**V2, "sys/fs/cgroup/a/b/memory.max": "max\n"}, 16 << 20),
    ({**V2, "sys/fs/cgroup/a/memory.max": "1048576\n"}, 1 << 20),
    ({**V1, "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "9223372036854771712\n"}, 16 << 20),
    ({**V1, "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "2097152\n"}, 2 << 20),
]


@pytest.mark.parametrize(("files", "size"), MEMORY)
def test_memory_is_the_least_of_machine_and_groups_and_unknown_without_either(
    tmp_path: Path, files: dict[str, str], size: int | None
) -> None:
    assert detect.memory_bytes(write(tmp_path, files)) == size


def test_software_names_what_is_installed_and_nothing_else() -> None:
    found = detect.software()
    assert found["numpy"].count(".") >= 1 and found["python"].startswith("3.")
    assert all(found.values())


def test_this_machine_fits_the_inventory_message() -> None:
    from hesuan.agent.schedulers.local import LocalScheduler

    machine = detect.machine()
    body = machine.inventory(
        engine="local", isolation=LocalScheduler.isolation, apps={}, scripts_allowed=False
    )
    assert body["cores"] == machine.cores >= 1 and body["host"]
