"""The local engine's own promises: metering by the kernel, limits, orphans, logs, a clean environment."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.contracts.schedulers.harnesses import supervisor_pid

from hesuan.agent import manifests
from hesuan.agent.meters import kernel
from hesuan.agent.schedulers import local, supervisor
from hesuan.agent.schedulers.contract import Observation, RunSpec, RunState, Usage
from hesuan.agent.schedulers.local import LocalScheduler
from hesuan.agent.schedulers.rundir import LOG_LIMIT_BYTES, RunDirectory, output_digest, self_reported
from hesuan.errors import Refused
from hesuan.wire.ids import new_id

BURN = "import time\nend = time.process_time() + {s}\nwhile time.process_time() < end: pass\n"


@pytest.fixture
def engine(tmp_path: Path) -> LocalScheduler:
    return LocalScheduler(tmp_path / "runs", cores=2)


def spec(*command: str, cores: int = 1, time_limit_s: int = 60) -> RunSpec:
    return RunSpec(new_id(), command, cores, time_limit_s)


def python(text: str, **limits: int) -> RunSpec:
    return spec(sys.executable, "-c", text, **limits)


def ended(engine: LocalScheduler, job: RunSpec) -> tuple[Observation, Usage]:
    engine.submit(job)
    observed = engine.wait(job.run, timeout_s=60)
    usage = engine.usage(job.run)
    assert observed.state.final and usage is not None
    return observed, usage


def until(happened: Callable[[], object], *, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_processor_time_comes_from_the_kernel(engine: LocalScheduler) -> None:
    _, usage = ended(engine, python(BURN.format(s=0.5)))
    assert 450 <= usage.cpu_ms <= 2000 and usage.evidence == "kernel:wait4"
    assert usage.wall_ms >= 450


def test_peak_memory_is_that_of_the_largest_process(engine: LocalScheduler) -> None:
    _, usage = ended(engine, python("x = bytearray(200 << 20); x[::4096] = b'1' * len(x[::4096])"))
    assert 200 << 20 <= usage.peak_memory_bytes < 300 << 20


def test_a_job_cannot_talk_itself_down(engine: LocalScheduler) -> None:
    """What it reports of itself travels as ``result``; usage is not taken from it."""
    claim = "import json,os; json.dump({'wall_ms': 1, 'cpu_ms': 1}, open(os.environ['HESUAN_OUTPUT']"
    _, usage = ended(engine, python(claim + "+'/result.json','w'))\n" + BURN.format(s=0.3)))
    assert usage.cpu_ms >= 280 and usage.result == {"wall_ms": 1, "cpu_ms": 1}


ESCAPE = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {what}
    os._exit(0)
os.wait()
time.sleep(0.2)
"""


WAIT = "while not (os.path.exists('{mark}') and os.path.getsize('{mark}')): time.sleep(0.01)\n"


def test_orphaned_grandchildren_are_metered_and_ended(engine: LocalScheduler, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    burn = (
        "end = time.process_time() + 0.6\n        while time.process_time() < end: pass\n"
        f"        open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    )
    observed, usage = ended(engine, python(ESCAPE.format(what=burn) + WAIT.format(mark=mark)))
    assert observed.state == RunState.COMPLETED and usage.cpu_ms >= 550
    assert not _alive(int(mark.read_text()))


def test_an_orphan_that_ignores_requests_is_ended_by_force(engine: LocalScheduler, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    deaf = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f" open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    )
    _, usage = ended(engine, python(ESCAPE.format(what=deaf) + WAIT.format(mark=mark)))
    assert not _alive(int(mark.read_text()))
    assert usage.wall_ms >= supervisor.ORPHAN_GRACE_S * 1000


def test_a_job_that_ignores_its_limit_is_ended_by_force(
    engine: LocalScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    observed, usage = ended(engine, python(deaf, time_limit_s=1))
    assert observed.state == RunState.TIMEOUT and observed.signal == signal.SIGKILL
    assert usage.wall_ms >= 1000 + supervisor.GRACE_S * 1000


def test_a_job_that_exits_well_on_request_is_still_a_timeout(engine: LocalScheduler) -> None:
    polite = "import signal,sys,time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(600)"
    observed, _ = ended(engine, python(polite, time_limit_s=5))
    assert (observed.state, observed.exit_status) == (RunState.TIMEOUT, 0)


def test_a_job_is_asked_to_end_once(engine: LocalScheduler) -> None:
    """A second request would find a program on its way out with its handler gone, and kill it."""
    counting = (
        "import signal,time; asked=[]; signal.signal(signal.SIGTERM, lambda *_: asked.append(1))\n"
        "while not asked: time.sleep(0.01)\n"
        "time.sleep(1); print(f'asked {len(asked)}', flush=True)"
    )
    observed, _ = ended(engine, python(counting, time_limit_s=2))
    assert observed.state == RunState.TIMEOUT
    assert engine.log(observed.run, 0, 100).decode().strip() == "asked 1"


def test_a_job_that_never_stops_talking_is_bounded_and_still_ended(engine: LocalScheduler) -> None:
    observed, _ = ended(engine, spec("yes", time_limit_s=1))
    size = (engine.root / observed.run / "log").stat().st_size
    assert observed.state == RunState.TIMEOUT
    assert size < LOG_LIMIT_BYTES + 100


def test_a_job_that_talks_too_much_is_told_so_in_its_log(engine: LocalScheduler) -> None:
    observed, _ = ended(engine, spec("head", "-c", str(2 * LOG_LIMIT_BYTES), "/dev/zero"))
    size = (engine.root / observed.run / "log").stat().st_size
    assert observed.state == RunState.COMPLETED
    assert LOG_LIMIT_BYTES < size < LOG_LIMIT_BYTES + 100
    assert b"log ended at its bound" in engine.log(observed.run, LOG_LIMIT_BYTES, 1000)


def test_a_log_that_is_full_to_the_byte_says_so_when_more_comes(engine: LocalScheduler) -> None:
    exactly = f"head -c {LOG_LIMIT_BYTES} /dev/zero; sleep 0.5"
    silent, _ = ended(engine, spec("sh", "-c", exactly))
    assert (engine.root / silent.run / "log").stat().st_size == LOG_LIMIT_BYTES
    talking, _ = ended(engine, spec("sh", "-c", f"{exactly}; echo more"))
    assert b"log ended at its bound" in engine.log(talking.run, LOG_LIMIT_BYTES, 1000)


def test_output_and_errors_are_both_in_the_log(engine: LocalScheduler) -> None:
    observed, _ = ended(engine, spec("sh", "-c", "echo out; echo err >&2"))
    assert engine.log(observed.run, 0, 100) == b"out\nerr\n"


def test_a_command_that_does_not_exist_has_failed_with_the_reason(engine: LocalScheduler) -> None:
    observed, usage = ended(engine, spec("/no/such/program"))
    assert (observed.state, observed.exit_status) == (RunState.FAILED, 127)
    assert "No such file" in observed.reason and usage.state == "FAILED"


def test_a_signal_from_outside_is_killed_with_its_number(engine: LocalScheduler) -> None:
    job = spec("sleep", "600")
    engine.submit(job)
    until(lambda: kernel.carrying("HESUAN_RUN", job.run))
    (pid,) = kernel.carrying("HESUAN_RUN", job.run)
    os.kill(pid, signal.SIGKILL)
    observed = engine.wait(job.run, timeout_s=30)
    assert (observed.state, observed.signal) == (RunState.KILLED, 9) and "SIGKILL" in observed.reason


def test_a_supervisor_told_to_end_ends_the_job_and_says_so(engine: LocalScheduler) -> None:
    job = spec("sleep", "600")
    engine.submit(job)
    until(lambda: engine.poll(job.run).state == RunState.RUNNING)
    os.kill(supervisor_pid(engine.root / job.run), signal.SIGTERM)
    observed = engine.wait(job.run, timeout_s=30)
    assert observed.state == RunState.KILLED and "told to end" in observed.reason


def test_a_supervisor_that_is_killed_takes_the_job_with_it(engine: LocalScheduler) -> None:
    text = (
        "import subprocess,time; subprocess.Popen(['sleep','600'], start_new_session=True); time.sleep(600)"
    )
    job = python(text)
    engine.submit(job)
    until(lambda: len(kernel.carrying("HESUAN_RUN", job.run)) == 2)
    os.kill(supervisor_pid(engine.root / job.run), signal.SIGKILL)
    until(lambda: engine.poll(job.run).state == RunState.UNKNOWN)
    until(lambda: not kernel.carrying("HESUAN_RUN", job.run))
    assert "vanished while the job ran" in engine.poll(job.run).reason
    assert engine.usage(job.run) is None


def test_a_supervisor_killed_before_it_started_the_job_leaves_unknown_and_no_second_start(
    engine: LocalScheduler,
) -> None:
    job = spec("sh", "-c", "echo started >> ../starts")
    engine.submit(job)
    engine.wait(job.run, timeout_s=30)
    directory = engine.root / job.run
    for name in ("final.json", "started.json"):
        (directory / name).unlink()
    again = LocalScheduler(engine.root, cores=2)
    again.submit(job)
    until(lambda: again.poll(job.run).state == RunState.UNKNOWN)
    assert "before it recorded the start" in again.poll(job.run).reason
    assert (directory / "starts").read_text() == "started\n"


def test_of_many_supervisors_for_one_run_one_takes_it(engine: LocalScheduler, tmp_path: Path) -> None:
    job = spec("sh", "-c", "echo started >> ../starts; sleep 1")
    engine.folders.create(job)
    call = [sys.executable, "-m", "hesuan.agent.schedulers.supervisor", str(engine.root / job.run)]
    crowd = [subprocess.Popen(call, env=local._supervisor_environment()) for _ in range(5)]
    statuses = sorted(process.wait(timeout=240) for process in crowd)
    assert statuses == [0, *[supervisor.TAKEN] * 4]
    late = subprocess.run(call, env=local._supervisor_environment(), check=False, timeout=240)
    assert late.returncode == supervisor.TAKEN
    assert (engine.root / job.run / "starts").read_text() == "started\n"


def test_a_reused_process_number_is_not_taken_for_the_supervisor(engine: LocalScheduler) -> None:
    """The negative control of liveness: the same number with another start is another process."""
    mine = kernel.identity(os.getpid())
    boot, pid, start = mine.split("/")
    assert kernel.is_alive(mine)
    assert not kernel.is_alive(f"{boot}/{pid}/{int(start) + 1}")
    assert not kernel.is_alive(f"another-boot/{pid}/{start}")


def test_a_run_cancelled_while_it_waits_never_starts(engine: LocalScheduler) -> None:
    first, second = spec("sleep", "600", cores=2), spec("sh", "-c", "echo started >> ../starts")
    engine.submit(first)
    engine.submit(second)
    engine.cancel(second.run)
    observed = engine.wait(second.run, timeout_s=30)
    usage = engine.usage(second.run)
    assert observed.state == RunState.CANCELLED and usage is not None and usage.wall_ms == usage.cpu_ms == 0
    assert not (engine.root / second.run / "starts").exists()
    engine.cancel(first.run)
    engine.wait(first.run, timeout_s=30)


def test_runs_wait_their_turn_for_cores_oldest_first(engine: LocalScheduler) -> None:
    jobs = [spec("sleep", "600"), spec("sleep", "600", cores=2), spec("sleep", "600")]
    for job in jobs:
        engine.submit(job)
        time.sleep(0.01)
    until(lambda: engine.poll(jobs[0].run).state == RunState.RUNNING)
    assert [engine.poll(job.run).state for job in jobs] == ["RUNNING", "SUBMITTED", "SUBMITTED"]
    for before, after in ((jobs[0], jobs[1]), (jobs[1], jobs[2])):
        engine.cancel(before.run)
        until(lambda job=after: engine.poll(job.run).state == RunState.RUNNING)
    engine.cancel(jobs[2].run)
    engine.wait(jobs[2].run, timeout_s=30)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not bind processors")
def test_a_job_is_bound_to_as_many_processors_as_it_has_cores(engine: LocalScheduler) -> None:
    text = "import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'])"
    observed, _ = ended(engine, python(text))
    assert engine.log(observed.run, 0, 100) == b"1 1\n"


def test_the_environment_is_clean(engine: LocalScheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HESUAN_SECRET_KEY", "not for jobs")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for jobs")
    observed, _ = ended(engine, python("import os,json; print(json.dumps(dict(os.environ)))"))
    seen = json.loads(engine.log(observed.run, 0, 100_000))
    allowed = {"PATH", "HOME", "TMPDIR", "LANG", "TZ", "PYTHONDONTWRITEBYTECODE", "LC_CTYPE"}
    assert {name for name in seen if not name.startswith("HESUAN_") and "THREADS" not in name} <= allowed
    assert "not for jobs" not in seen.values() and seen["HESUAN_RUN"] == observed.run
    assert Path(seen["HOME"]).is_relative_to(engine.root / observed.run)


def test_a_jobs_signals_are_plain(engine: LocalScheduler) -> None:
    """A job inherits no ignored or blocked signal, be it our interpreter that ignored it or a nohup."""
    observed, _ = ended(engine, spec("grep", "Sig", "/proc/self/status"))
    fields = dict(line.split(":\t") for line in engine.log(observed.run, 0, 1000).decode().splitlines())
    of_the_c_library = 1 << 31 | 1 << 32  # 32 and 33: it lets nobody set them
    assert int(fields["SigBlk"], 16) == 0 and int(fields["SigIgn"], 16) & ~of_the_c_library == 0


def test_a_changed_application_is_refused_before_anything_starts(
    engine: LocalScheduler, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "job.py").write_text("print('one')")
    ordered = manifests.folder_digest(app)
    (app / "job.py").write_text("print('two')")
    job = RunSpec(new_id(), ("{python}", "{app}/job.py"), 1, 60, app, ordered)
    with pytest.raises(Refused, match=ordered):
        engine.submit(job)
    assert list(engine.root.iterdir()) == []


def test_what_runs_is_the_copy_that_was_digested(engine: LocalScheduler, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "job.py").write_text("import time; time.sleep(1); import words")
    (app / "words.py").write_text("print('one')")
    job = RunSpec(new_id(), ("{python}", "{app}/job.py"), 1, 60, app, manifests.folder_digest(app))
    engine.submit(job)
    (app / "words.py").write_text("print('two')")
    engine.wait(job.run, timeout_s=30)
    assert engine.log(job.run, 0, 100) == b"one\n"


def test_the_output_digest_sees_names_contents_and_links(tmp_path: Path) -> None:
    folder = tmp_path / "output"
    folder.mkdir()
    seen = {output_digest(folder)}
    (folder / "a").write_text("1")
    seen.add(output_digest(folder))
    (folder / "a").write_text("2")
    seen.add(output_digest(folder))
    (folder / "a").rename(folder / "b")
    seen.add(output_digest(folder))
    (folder / "c").symlink_to("b")
    seen.add(output_digest(folder))
    (folder / os.fsdecode(b"\xff\xfe")).write_text("")
    seen.add(output_digest(folder))
    assert len(seen) == 6


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a": 1, "b": "x"}', {"a": 1, "b": "x"}),
        ('{"a": 1.5, "b": true, "c": [1], "d": null, "e": 1}', {"e": 1}),
        ('{"a": 9007199254740992, "b": "line\\nbreak", "c": "' + "x" * 600 + '"}', {}),
        ("[1, 2]", {}),
        ("not json", {}),
        ("[" * 100_000, {}),
        (None, {}),
    ],
)
def test_only_whole_numbers_and_short_texts_are_taken_from_a_jobs_own_word(
    tmp_path: Path, text: str | None, kept: dict[str, object]
) -> None:
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    assert self_reported(tmp_path) == kept


def test_a_result_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"a": 1}')
    folder = tmp_path / "output"
    folder.mkdir()
    (folder / "result.json").symlink_to(tmp_path / "secret.json")
    assert self_reported(folder) == {}


def test_half_a_directory_left_by_a_killed_agent_is_no_run(engine: LocalScheduler) -> None:
    stale = engine.root / ".new-abc"
    stale.mkdir()
    os.utime(stale, (0, 0))
    again = LocalScheduler(engine.root, cores=2)
    again.advance()
    assert not stale.exists()


def test_a_supervisor_that_cannot_start_is_tried_again_later(
    engine: LocalScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_SUPERVISOR", "hesuan.no_such_module")
    job = spec("true")
    engine.submit(job)
    until(lambda: engine._launches[job.run].process.poll() is not None)
    assert engine.poll(job.run).state == RunState.SUBMITTED
    monkeypatch.undo()
    assert engine.wait(job.run, timeout_s=30).state == RunState.COMPLETED


def test_the_run_directory_is_nobody_elses(engine: LocalScheduler) -> None:
    observed, _ = ended(engine, spec("true"))
    directory = RunDirectory(engine.root / observed.run)
    assert directory.path.stat().st_mode & 0o077 == 0
    assert directory.log.stat().st_mode & 0o077 in (0, 0o044)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return bool(kernel.identity(pid))
    return False
