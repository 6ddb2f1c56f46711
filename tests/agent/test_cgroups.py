"""Control groups: which ones are ours to use, what is written into them, and what the kernel says back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.engines import cgroup as engine_of_tests

from hesuan.agent.meters.cgroup import EVIDENCE, Group, Groups, take
from hesuan.agent.schedulers.contract import RunSpec, RunState
from hesuan.agent.schedulers.local import LIMITED, UNLIMITED, LocalScheduler
from hesuan.agent.words import Text
from hesuan.wire.ids import new_id

PID = 4711


def tree(
    tmp_path: Path,
    *,
    own: str = "/site",
    controllers: str = "cpuset cpu io memory pids",
    pids: tuple[int, ...] = (PID,),
    real_root: bool = False,
) -> tuple[Path, Path]:
    """What ``/proc/self`` says, and this process's group, as plain files."""
    proc, mount = tmp_path / "proc", tmp_path / "mount"
    group = mount / own.lstrip("/")
    group.mkdir(parents=True)
    proc.mkdir()
    (proc / "cgroup").write_text(f"1:name=systemd:/x\n0::{own}\n")
    (proc / "mountinfo").write_text(f"35 24 0:30 / {mount} rw,nosuid - cgroup2 cgroup2 rw\n")
    (group / "cgroup.controllers").write_text(f"{controllers}\n")
    (group / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    if not real_root:
        (group / "cgroup.type").write_text("domain\n")
    return proc, group


def test_an_agent_alone_in_its_group_leaves_it_for_a_leaf_and_hands_the_controllers_down(
    tmp_path: Path,
) -> None:
    proc, own = tree(tmp_path)
    groups, why = take(proc, pid=PID)
    assert (groups, why) == (Groups(own / "hesuan-runs"), Text("", ""))
    assert (own / "hesuan-agent" / "cgroup.procs").read_text() == "0"
    for group in (own, own / "hesuan-runs"):
        assert (group / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"


def test_an_agent_in_its_leaf_already_uses_the_group_above(tmp_path: Path) -> None:
    proc, leaf = tree(tmp_path, own="/site/hesuan-agent", pids=(PID, 1, 2))
    (leaf.parent / "cgroup.controllers").write_text("cpu memory pids\n")
    groups, _ = take(proc, pid=PID)
    assert groups == Groups(leaf.parent / "hesuan-runs")


def test_the_real_root_may_hold_processes(tmp_path: Path) -> None:
    proc, root = tree(tmp_path, own="/", pids=(1, 2, PID), real_root=True)
    groups, _ = take(proc, pid=PID)
    assert groups == Groups(root / "hesuan-runs") and not (root / "hesuan-agent").exists()


def test_what_is_not_the_agents_own_is_left_alone_and_said(tmp_path: Path) -> None:
    proc, own = tree(tmp_path / "shared", pids=(PID, 1, 2))
    before = sorted(own.iterdir())
    assert take(proc, pid=PID) == (
        None,
        Text(
            f"{own} holds 2 other processes; it is not this agent's own",
            f"{own} 中还有 2 个其他进程，并非本代理独有",
        ),
    )
    assert sorted(own.iterdir()) == before
    proc, own = tree(tmp_path / "bare", controllers="hugetlb cpu")
    missing = Text(f"{own} has no controller memory, pids", f"{own} 没有控制器 memory, pids")
    assert take(proc, pid=PID) == (None, missing)
    (proc / "cgroup").write_text("1:cpu:/\n")
    assert take(proc, pid=PID) == (None, Text("this machine has no cgroup v2", "本机没有 cgroup v2"))


def test_a_group_that_systemd_has_not_lent_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc, own = tree(tmp_path, own="/system.slice/agent.service")
    lent: dict[str, bytes] = {}

    def read(_path: Path, name: str) -> bytes:
        if name not in lent:
            raise OSError
        return lent[name]

    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.getxattr", read)
    _, why = take(proc, pid=PID)
    assert why.en == f"{own} is systemd's; its unit says no Delegate=yes"
    assert why.zh == f"{own} 属于 systemd，其单元没有 Delegate=yes"
    lent["trusted.delegate"] = b"1"
    assert take(proc, pid=PID)[0] == Groups(own / "hesuan-runs")


def spec(*command: str, memory_bytes: int = 0) -> RunSpec:
    return RunSpec(new_id(), command, 2, 60, memory_bytes=memory_bytes)


def test_a_run_is_limited_counted_and_told_by_its_group(tmp_path: Path) -> None:
    """Over plain files: what a kernel would answer lies there before."""
    groups = Groups(tmp_path / "groups")
    job = spec("sh", "-c", "kill -9 $$", memory_bytes=1 << 30)
    path = groups.of(job.run).path
    path.mkdir(parents=True)
    (path / "cpu.stat").write_text("usage_usec 7654321\nuser_usec 1\n")
    (path / "memory.peak").write_text("1073741824\n")
    (path / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    engine = LocalScheduler(tmp_path / "runs", cores=2, groups=groups)
    engine.submit(job)
    observed, usage = engine.wait(job.run, timeout_s=60), engine.usage(job.run)
    assert usage is not None
    assert (usage.cpu_ms, usage.peak_memory_bytes, usage.evidence) == (7654, 1 << 30, EVIDENCE)
    assert observed.state == RunState.KILLED and "Out of memory" in observed.reason
    assert str(1 << 30) in observed.reason
    written = {name: (path / name).read_text() for name in ("cpu.max", "memory.max", "cgroup.procs")}
    assert written == {"cpu.max": "200000 100000", "memory.max": str(1 << 30), "cgroup.procs": "0"}
    assert LIMITED in engine.isolation and UNLIMITED not in engine.isolation


def test_without_groups_a_run_is_metered_as_before_and_says_so(tmp_path: Path) -> None:
    """The control."""
    engine, job = LocalScheduler(tmp_path / "runs", cores=2), spec("true", memory_bytes=1 << 30)
    engine.submit(job)
    engine.wait(job.run, timeout_s=60)
    usage = engine.usage(job.run)
    assert usage is not None and usage.evidence == "kernel:wait4"
    assert UNLIMITED in engine.isolation and LIMITED not in engine.isolation


def test_a_job_whose_limits_cannot_be_set_is_not_started(tmp_path: Path) -> None:
    engine = LocalScheduler(tmp_path / "runs", cores=2, groups=Groups(tmp_path / "nowhere"))
    job = spec("sh", "-c", "echo begun")
    engine.submit(job)
    observed = engine.wait(job.run, timeout_s=60)
    assert observed.state == RunState.FAILED and "limits could not be set" in observed.reason
    assert engine.log(job.run, 0, 100) == b""


@pytest.mark.cgroup
def test_a_real_group_counts_and_ends_all_that_was_started_in_it() -> None:
    top = engine_of_tests.top()
    assert top is not None
    group = Group(top / f"hesuan-test-{os.getpid()}")
    group.path.mkdir()
    burn = "import os\nif not os.fork(): os.setsid()\nprint(flush=True)\nwhile True: pass"
    within = f'echo 0 > {group.path}/cgroup.procs && exec "$@"'
    words = ["sh", "-c", within, "sh", sys.executable, "-c", burn]
    job = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert job.stdout is not None
        assert job.stdout.readline() == job.stdout.readline() == "\n"
        assert len((group.path / "cgroup.procs").read_text().split()) == 2
    finally:
        group.kill()
        job.wait(60)
        assert job.stdout is not None
        job.stdout.read()  # both of them have let go of it
    assert job.returncode == -9
    assert (group.cpu_us() or 0) > 0 and not group.ended_for_memory()
    while (group.path / "cgroup.procs").read_text():
        pass
    group.remove()
    assert not group.path.exists()
