"""What a Ray head tells, read as it is told: shapes of Ray 2.60's own answers, and of broken ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunState
from hesuan.agent.schedulers.ray import books, server
from hesuan.agent.schedulers.ray.books import Beside, Held
from hesuan.agent.schedulers.ray.engine import EVIDENCE, EVIDENCE_PARTIAL, RayEngine
from hesuan.agent.schedulers.ray.server import Server
from hesuan.agent.schedulers.ray.settings import Settings
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.errors import Refused, Unavailable
from hesuan.wire.canonical import digest

BEGUN_MS = 1_795_293_505_761
NPU = {"NPU": Resource("Ascend 910C", slices=2)}


def job(**changes: Any) -> books.Job:
    """A job that ended well, as ``/api/jobs/ID`` showed it."""
    told = {
        "type": "SUBMISSION",
        "job_id": None,
        "submission_id": "hesuan-01JDZ6Y8000000000000000003",
        "driver_info": None,
        "status": "SUCCEEDED",
        "entrypoint": "exec sh /runs/x/job.sh",
        "message": "Job finished successfully.",
        "error_type": None,
        "start_time": BEGUN_MS - 3_600_000,
        "end_time": BEGUN_MS + 3_600_000,
        "metadata": {"hesuan_run": "01JDZ6Y8000000000000000003"},
        "driver_node_id": "91e2d446",
        "driver_exit_code": 0,
    }
    return books.job(told | changes)


def held(lasted_ms: int = 3_600_000, **resources: float) -> Held:
    return Held("d5b9", resources or {"CPU": 4.0}, BEGUN_MS, BEGUN_MS + lasted_ms)


def attempt(one: books.Job, driver: Held, beside: Beside = Beside()) -> Any:  # noqa: B008 - frozen
    return books.attempt(one, driver, beside, session="session_x", resources=NPU)


def test_the_hour_in_the_queue_is_no_part_of_what_was_held() -> None:
    found = attempt(job(), held())
    assert (found.wall_ms, found.core_s, found.node_s) == (3_600_000, 4 * 3600, 3600)
    assert found.started_at == "2026-11-21T20:38:25.761000Z"
    assert found.key == f"session_x/hesuan-01JDZ6Y8000000000000000003/{BEGUN_MS}"


def test_two_dies_are_one_card_and_an_odd_one_is_a_half() -> None:
    assert attempt(job(), held(CPU=1.0, NPU=16.0)).card_s == 8 * 3600
    assert attempt(job(), held(CPU=1.0, NPU=1.0)).card_s == 1800


def test_four_quarters_of_a_core_for_an_hour_are_one_core_for_an_hour() -> None:
    quarters = tuple(Held(f"t{n}/0", {"CPU": 0.25}, BEGUN_MS, BEGUN_MS + 3_600_000) for n in range(4))
    assert attempt(job(), held(CPU=0.0), Beside(tasks=quarters)).core_s == 3600


def test_memory_is_told_in_mebibytes() -> None:
    assert attempt(job(), held(CPU=1.0, memory=float(2 << 30))).memory_mib_s == 2048 * 3600


def test_the_line_has_the_heads_own_times_and_its_digest() -> None:
    found = attempt(job(job_id="02000000"), held(), Beside(is_whole=False))
    told = json.loads(found.raw)
    assert found.raw_digest == digest(found.raw) and len(found.raw) < 2_000
    assert told["actor"]["startTime"] == BEGUN_MS and told["start_time"] == BEGUN_MS - 3_600_000
    assert told["beside"] == {"job_id": "02000000", "actors": 0, "tasks": 0, "core_ms": 0, "whole": False}


ENDS = [
    ({}, RunState.COMPLETED, 0, None),
    ({"status": "FAILED", "driver_exit_code": 3}, RunState.FAILED, 3, None),
    ({"status": "FAILED", "driver_exit_code": -9}, RunState.KILLED, None, 9),
    ({"status": "FAILED", "driver_exit_code": 124}, RunState.TIMEOUT, None, None),
    ({"status": "STOPPED", "driver_exit_code": None}, RunState.CANCELLED, None, None),
    ({"status": "FAILED", "driver_exit_code": None}, RunState.KILLED, None, None),
    ({"status": "FAILED", "driver_exit_code": True}, RunState.KILLED, None, None),
]


@pytest.mark.parametrize(("changes", "state", "status", "signal"), ENDS)
def test_an_end_has_its_name(
    changes: dict[str, Any], state: RunState, status: int | None, signal: int | None
) -> None:
    found = books.end(job(**changes), lasted_ms=60_000, time_limit_s=60, cancel_requested=False)
    assert (found.state, found.exit_status, found.signal) == (state, status, signal)


def test_a_program_that_ends_with_124_before_its_limit_has_failed() -> None:
    one = job(status="FAILED", driver_exit_code=124)
    assert books.end(one, lasted_ms=59_000, time_limit_s=60, cancel_requested=False).state == RunState.FAILED


def test_the_scripts_own_number_is_a_cancellation_only_where_the_user_cancelled() -> None:
    one = job(status="FAILED", driver_exit_code=76)
    named = [books.end(one, lasted_ms=1, time_limit_s=60, cancel_requested=asked) for asked in (True, False)]
    assert [end.state for end in named] == [RunState.CANCELLED, RunState.FAILED]


def test_a_task_without_an_end_and_an_actor_that_lives_are_not_counted() -> None:
    ended = {
        "type": "NORMAL_TASK",
        "task_id": "a",
        "attempt_number": 0,
        "start_time_ms": 5.0,
        "end_time_ms": 9.0,
    }
    open_end = {**ended, "task_id": "b", "end_time_ms": None}
    call = {**ended, "type": "ACTOR_TASK"}
    waiting = {**ended, "start_time_ms": None, "end_time_ms": None}
    found, all_ended = books.tasks([ended, open_end, call, waiting])
    assert [one.lasted_ms for one in found] == [4] and not all_ended
    assert books.tasks([ended, call, waiting])[1]
    alive = books.actor({"actorId": "x", "state": "ALIVE", "startTime": 5, "endTime": 0})
    assert alive is not None and alive.until_ms == 0 == alive.lasted_ms
    assert books.actor({"actorId": "x", "state": "DEAD", "startTime": 0, "endTime": 7}) is None


class Head(BaseHTTPRequestHandler):
    """Answers what a test has laid down: path → (status, body)."""

    answers: dict[str, tuple[int, bytes]] = {}
    asked: list[tuple[str, str, dict[str, str]]] = []

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append((self.command, self.path, dict(self.headers)))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = self.answers.get(path, (404, b"no such thing"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - as the base class calls it

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def head() -> Iterator[str]:
    Head.answers, Head.asked = {}, []
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Head)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


SUBMISSION = {"submission_id": "hesuan-x", "entrypoint": "true"}


def test_a_refusal_is_one_only_where_ray_has_no_such_job(head: str) -> None:
    Head.answers["/api/jobs/"] = (400, b"Traceback:\nValueError: no label has that form\n")
    with pytest.raises(Refused, match="no label has that form"):
        Server(Settings(head)).submit(SUBMISSION)
    Head.answers["/api/jobs/hesuan-x"] = (200, json.dumps({"submission_id": "hesuan-x"}).encode())
    assert Server(Settings(head)).submit(SUBMISSION) == "hesuan-x"


@pytest.mark.parametrize("status", [500, 502, 503, 302])
def test_any_other_answer_to_a_submission_leaves_it_open(head: str, status: int) -> None:
    Head.answers["/api/jobs/"] = (status, b"upstream")
    with pytest.raises(TimeoutError):
        Server(Settings(head)).submit(SUBMISSION)


@pytest.mark.parametrize("status", [401, 403])
def test_who_is_not_let_in_has_submitted_nothing_and_may_come_back(head: str, status: int) -> None:
    Head.answers["/api/jobs/"] = (status, b"Unauthorized")
    with pytest.raises(Unavailable, match=str(status)):
        Server(Settings(head)).submit(SUBMISSION)


@pytest.mark.parametrize("body", [b"<html>", b"", b'["x"]', b"[" * 100_000])
def test_an_answer_that_makes_no_sense_is_no_answer(head: str, body: bytes) -> None:
    Head.answers["/api/jobs/hesuan-x"] = (200, body)
    with pytest.raises(Unavailable):
        Server(Settings(head)).job("hesuan-x")


@pytest.mark.parametrize("body", [b"{}", b'{"data": null}', b'{"data": {"result": {"result": []}}}'])
def test_a_list_of_another_form_is_no_empty_list(head: str, body: bytes) -> None:
    Head.answers["/api/v0/tasks"] = (200, body)
    with pytest.raises(Unavailable):
        Server(Settings(head)).state("tasks")


def test_an_answer_without_end_is_cut_off(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LARGEST_BYTES", 1_000)
    Head.answers["/api/jobs/hesuan-x"] = (200, b'"' + b"x" * 1_000_000 + b'"')
    with pytest.raises(Unavailable, match="bytes"):
        Server(Settings(head)).job("hesuan-x")


def test_headers_are_sent_as_they_stand_and_read_anew(head: str, tmp_path: Path) -> None:
    path = tmp_path / "headers"
    path.write_text("Authorization: Bearer one\n\nX-Site: here\n")
    path.chmod(0o600)
    asked = Server(Settings(head, headers=path))
    asked.job("x")
    path.write_text("Authorization: Bearer two\n")
    asked.job("x")
    sent = [headers.get("Authorization") for _, _, headers in Head.asked]
    assert sent == ["Bearer one", "Bearer two"] and Head.asked[0][2]["X-Site"] == "here"


@pytest.mark.parametrize("text", ["hunter2", "A b: c", "Name:", "Name: é"])
def test_a_file_of_headers_that_is_none_is_told_and_not_shown(head: str, tmp_path: Path, text: str) -> None:
    path = tmp_path / "headers"
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    with pytest.raises(Unavailable, match="cannot be used") as caught:
        Server(Settings(head, headers=path)).job("x")
    assert text not in str(caught.value) and Head.asked == []


def test_a_proxy_of_the_environment_never_sees_the_token(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert Server(Settings(head)).job("x") is None


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    for name in ("tmp", "output"):
        (tmp_path / "01JDZ6Y8000000000000000003" / name).mkdir(parents=True)
    made = RunDirectory(tmp_path / "01JDZ6Y8000000000000000003")
    (made.path / "spec.json").write_text('{"time_limit_s": 60, "cores": 1}')
    return made


def lay_down(**changes: Any) -> None:
    """A job that is over, with a driver whose tasks Ray tells."""
    one = {
        "type": "SUBMISSION",
        "submission_id": "hesuan-01JDZ6Y8000000000000000003",
        "status": "SUCCEEDED",
        "start_time": 1,
        "end_time": 9_000,
        "driver_node_id": "n",
        "driver_exit_code": 0,
        "job_id": "02000000",
    } | changes
    actors = {"s": {"actorId": "s", "state": "DEAD", "startTime": 1_000, "endTime": 8_000}}
    row = {"actor_id": "s", "ray_namespace": "SUPERVISOR_ACTOR_RAY_NAMESPACE"}
    Head.answers |= {
        f"/api/jobs/{one['submission_id']}": (200, json.dumps(one).encode()),
        "/logical/actors": (200, json.dumps({"data": {"actors": actors}}).encode()),
        "/api/v0/actors": (200, rows(row)),
        "/api/v0/tasks": (200, rows()),
        "/api/version": (200, b'{"session_name": "session_x", "ray_version": "2.60.0"}'),
    }


def rows(*found: dict[str, Any], total: int | None = None) -> bytes:
    count = len(found) if total is None else total
    told = {"total": count, "num_after_truncation": count, "num_filtered": count, "result": list(found)}
    return json.dumps({"result": True, "data": {"result": told}}).encode()


def test_tasks_of_which_ray_gives_only_some_are_weaker_evidence_still(
    head: str, directory: RunDirectory
) -> None:
    lay_down()
    engine = RayEngine(Settings(head, settled_s=0.0))
    whole = engine.account(directory, "")
    assert whole is not None and whole.evidence == EVIDENCE
    Head.answers["/api/v0/tasks"] = (200, rows(total=10_001))
    partial = engine.account(directory, "")
    assert partial is not None and partial.evidence == EVIDENCE_PARTIAL


def test_an_end_is_told_only_when_the_actor_that_held_is_dead(head: str, directory: RunDirectory) -> None:
    lay_down(job_id=None)
    engine = RayEngine(Settings(head))
    assert engine.account(directory, "") is not None
    for actors in ({"s": {"actorId": "s", "state": "ALIVE", "startTime": 1_000, "endTime": 0}}, {}):
        Head.answers["/logical/actors"] = (200, json.dumps({"data": {"actors": actors}}).encode())
        assert engine.account(directory, "") is None


def test_a_task_without_an_end_is_waited_for_and_then_left_out(head: str, directory: RunDirectory) -> None:
    lay_down()
    task = {"type": "NORMAL_TASK", "task_id": "t", "attempt_number": 0, "required_resources": {"CPU": 1.0}}
    Head.answers["/api/v0/tasks"] = (200, rows({**task, "start_time_ms": 2_000, "end_time_ms": None}))
    assert RayEngine(Settings(head, settled_s=0.0)).account(directory, "") is None
    found = RayEngine(Settings(head, settled_s=0.0, given_up_s=0.0)).account(directory, "")
    assert found is not None and found.evidence == EVIDENCE_PARTIAL and found.attempts[0].core_s == 0


def test_a_state_that_nobody_knows_stays_unknown(head: str, directory: RunDirectory) -> None:
    lay_down(status="HIBERNATING")
    engine = RayEngine(Settings(head))
    seen = engine.look(directory, "", fresh=True)
    assert seen is not None and seen.state == RunState.UNKNOWN and "HIBERNATING" in seen.reason
    assert engine.account(directory, "") is None


def test_a_stop_that_found_nothing_to_stop_is_asked_again(head: str, directory: RunDirectory) -> None:
    lay_down(status="RUNNING")
    stop = "/api/jobs/hesuan-01JDZ6Y8000000000000000003/stop"
    Head.answers[stop] = (200, b'{"stopped": false}')
    engine = RayEngine(Settings(head))
    with pytest.raises(Unavailable, match="RUNNING"):
        engine.end(directory, "hesuan-01JDZ6Y8000000000000000003")
    lay_down()
    engine.end(directory, "hesuan-01JDZ6Y8000000000000000003")
