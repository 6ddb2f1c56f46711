"""What an API server tells, read as it is told: shapes of Kubernetes' own answers, and of broken ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import RunSpec, RunState
from hesuan.agent.schedulers.kubernetes import access, books, manifest, server
from hesuan.agent.schedulers.kubernetes.engine import KubernetesEngine
from hesuan.agent.schedulers.kubernetes.quantity import amount
from hesuan.agent.schedulers.kubernetes.server import Server
from hesuan.agent.schedulers.kubernetes.settings import Access, Settings
from hesuan.agent.schedulers.rundir import RunDirectory
from hesuan.errors import Refused, Unavailable
from hesuan.wire.canonical import digest

RUN = "01JDZ6Y8000000000000000003"
BEGAN, ENDED = "2026-11-21T20:00:00Z", "2026-11-21T21:00:00Z"
NPU = {"huawei.com/Ascend910": Resource("Ascend 910C", slices=2)}


def pod(
    *, state: Any = None, seen: dict[str, str] | None = None, status: Any = None, **meta: Any
) -> books.Pod:
    """A pod that ended well after an hour with four cores and two dies."""
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": BEGAN, "finishedAt": ENDED}
    document = {
        "metadata": {
            "name": "hesuan-x-abcde",
            "namespace": "lab-a",
            "uid": "u1",
            "creationTimestamp": "2026-11-21T19:00:00Z",
            "labels": {"hesuan/run": RUN},
            "managedFields": [{"manager": "kubelet"}],
            **meta,
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"resources": {"requests": {"cpu": "4", "memory": "2Gi", "huawei.com/Ascend910": "2"}}}
            ],
        },
        "status": {
            "phase": "Succeeded",
            "startTime": "2026-11-21T19:30:00Z",
            "containerStatuses": [{"name": "run", "state": state or {"terminated": ended}}],
            **(status or {}),
        },
    }
    return books.pod(document, seen=seen)


def over(code: int, **changes: Any) -> dict[str, Any]:
    return {
        "terminated": {
            "exitCode": code,
            "reason": "Error",
            "startedAt": BEGAN,
            "finishedAt": ENDED,
            **changes,
        }
    }


@pytest.mark.parametrize(
    ("text", "is_"),
    [("2", "2"), ("1500m", "1.5"), ("64Gi", "68719476736"), ("1e3", "1000"), ("0.5", "0.5"), ("2k", "2000"),
     ("5E", "5000000000000000000"), ("1E2", "100"), ("", "0"), ("many", "0"), ("-1", "0"), (None, "0")],
)  # fmt: skip
def test_an_amount_is_read_as_kubernetes_writes_it(text: object, is_: str) -> None:
    assert amount(text) == Decimal(is_)


def test_the_wait_for_a_place_and_for_the_image_is_no_part_of_what_was_held() -> None:
    found = books.attempt(pod(), NPU)
    assert found is not None
    assert (found.wall_ms, found.core_s, found.card_s, found.node_s) == (3_600_000, 4 * 3600, 3600, 3600)
    assert found.memory_mib_s == 2048 * 3600
    assert found.started_at == "2026-11-21T20:00:00.000000Z" and found.key == "kubernetes/u1"


def test_the_line_is_the_servers_own_status_and_bounded() -> None:
    said = {"message": "x" * 10_000}
    found = books.attempt(pod(state=over(1, message="y" * 5_000), status=said), NPU)
    assert found is not None and found.raw_digest == digest(found.raw) and len(found.raw) < 3_000
    told = json.loads(found.raw)
    assert told["status"]["container"]["state"]["terminated"]["finishedAt"] == ENDED
    assert told["metadata"]["uid"] == "u1" and "managedFields" not in told["metadata"]


def test_half_a_core_and_an_odd_die_are_counted_as_halves() -> None:
    one = pod()
    halves = {"cpu": "500m", "huawei.com/Ascend910": "1"}
    object.__setattr__(one, "requests", halves)
    found = books.attempt(one, NPU)
    assert found is not None and (found.core_s, found.card_s, books.cores(one)) == (1800, 1800, 1)


ASKED = {"deletionTimestamp": "2026-11-21T21:00:00Z", "deletionGracePeriodSeconds": 5}
"""Somebody asked for its end five seconds before the hour was over."""
LATE = {"deletionTimestamp": "2026-11-21T22:00:05Z", "deletionGracePeriodSeconds": 5}
ENDS = [
    ({}, RunState.COMPLETED, 0, None),
    ({"state": over(3)}, RunState.FAILED, 3, None),
    ({"state": over(137)}, RunState.KILLED, None, 9),
    ({"state": over(139)}, RunState.KILLED, None, 11),
    ({"state": over(128)}, RunState.FAILED, 128, None),
    ({"state": over(124)}, RunState.TIMEOUT, None, None),
    ({"state": over(124, finishedAt="2026-11-21T20:59:58Z")}, RunState.FAILED, 124, None),
    ({"state": over(137, finishedAt="2026-11-21T21:00:04Z")}, RunState.TIMEOUT, None, None),
    ({"state": over(137, reason="OOMKilled")}, RunState.FAILED, None, None),
    ({"state": over(143), "status": {"reason": "DeadlineExceeded"}}, RunState.TIMEOUT, None, None),
    ({"state": over(137), "status": {"reason": "Evicted"}}, RunState.KILLED, None, None),
    ({"state": over(143), **ASKED}, RunState.CANCELLED, None, 15),
    ({"state": over(3), **ASKED}, RunState.CANCELLED, None, None),
    ({"state": over(137, finishedAt="2026-11-21T21:00:04Z"), **ASKED}, RunState.CANCELLED, None, 9),
    ({"state": over(0), **ASKED}, RunState.COMPLETED, 0, None),
    ({"state": over(3), **LATE}, RunState.FAILED, 3, None),
    ({"state": {"running": {"startedAt": BEGAN}}}, RunState.KILLED, None, None),
    ({"state": over(True)}, RunState.KILLED, None, None),
]


@pytest.mark.parametrize(("changes", "state", "status", "signal"), ENDS)
def test_an_end_has_its_name(
    changes: dict[str, Any], state: RunState, status: int | None, signal: int | None
) -> None:
    limit_s = 3599
    found = books.end(pod(**changes), time_limit_s=limit_s, cancel_requested=False)
    assert (found.state, found.exit_status, found.signal) == (state, status, signal), found.reason


def test_more_memory_than_was_asked_for_is_said() -> None:
    found = books.end(pod(state=over(137, reason="OOMKilled")), time_limit_s=60, cancel_requested=False)
    assert "used more memory than it had asked for" in found.reason


def test_the_scripts_own_number_is_a_cancellation_only_where_the_user_cancelled() -> None:
    one = pod(state=over(76))
    named = [books.end(one, time_limit_s=9_999, cancel_requested=asked).state for asked in (True, False)]
    assert named == [RunState.CANCELLED, RunState.FAILED]


def test_a_start_that_the_node_wiped_is_the_one_that_was_seen_and_the_end_the_clusters() -> None:
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-21T20:10:00Z"}
    status = {"phase": "Failed", "reason": "Evicted", "containerStatuses": [], "conditions": [unready]}
    assert books.attempt(pod(status=status), NPU) is None
    found = books.attempt(pod(status=status, seen={"u1": "2026-11-21T20:00:00.000000Z"}), NPU)
    assert found is not None and (found.wall_ms, found.state) == (600_000, "Evicted")


@pytest.mark.parametrize("began", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", None])
def test_a_container_that_could_not_be_started_held_nothing(began: str | None) -> None:
    one = pod(state=over(128, reason="StartError", message="exec: sh: not found", startedAt=began))
    assert not one.began and one.is_over and books.attempt(one, NPU) is None
    assert "sh: not found" in one.message


def test_an_end_before_its_start_is_no_time_at_all() -> None:
    found = books.attempt(pod(state=over(0, finishedAt="2026-11-21T19:59:00Z")), NPU)
    assert found is not None and (found.wall_ms, found.core_s) == (0, 0)


def test_who_finds_the_run_begun_is_not_counted_unless_nobody_had_begun_it() -> None:
    first = pod(state=over(75), uid="u1")
    second = pod(state=over(75, startedAt="2026-11-21T20:30:00Z"), uid="u2")
    other = pod(state=over(3, startedAt="2026-11-21T20:30:00Z"), uid="u3")
    waiting = pod(state={"waiting": {}}, uid="u4")
    assert [one.uid for one in books.that_count([second, waiting, first], begun_twice=True)] == ["u1"]
    assert [one.uid for one in books.that_count([second, first], begun_twice=False)] == ["u1", "u2"]
    assert [one.uid for one in books.that_count([other, first], begun_twice=True)] == ["u1", "u3"]


@pytest.mark.parametrize(
    ("taken_by", "asked", "counted"),
    [
        ("u1", "2026-11-21T20:30:01Z", ["u1"]),
        ("u2", "2026-11-21T20:30:01Z", ["u1", "u2"]),  # the first was ended before it had taken the run
        ("u9", "2026-11-21T20:30:01Z", ["u1", "u2"]),  # a name that is no pod's says nothing
        ("", "2026-11-21T20:30:01Z", ["u1", "u2"]),
        ("u1", "2026-11-21T20:45:00Z", ["u1", "u2"]),  # deleted after its end: it went on as it would
    ],
)
def test_who_was_ended_before_it_could_find_the_run_begun_is_not_counted(
    taken_by: str, asked: str, counted: list[str]
) -> None:
    first = pod(state=over(143), uid="u1")
    late = over(143, startedAt="2026-11-21T20:30:00Z", finishedAt="2026-11-21T20:30:02Z")
    second = pod(state=late, uid="u2", deletionTimestamp=asked, deletionGracePeriodSeconds=0)
    found = books.that_count([second, first], begun_twice=False, taken_by=taken_by)
    assert [one.uid for one in found] == counted


@pytest.mark.parametrize(
    "document", [{}, {"metadata": None, "status": []}, {"status": {"containerStatuses": [7]}}]
)
def test_a_pod_of_another_form_has_neither_begun_nor_ended(document: dict[str, Any]) -> None:
    one = books.pod(document)
    assert not one.began and not one.is_over and books.attempt(one, NPU) is None


def made(**changes: Any) -> dict[str, Any]:
    spec = RunSpec(
        RUN,
        ("sh", "-c", "true"),
        2,
        60,
        organisation="01JDZ6Y8000000000000000004",
        cards=1,
        card="Ascend 910C",
    )
    given = Settings("image:1", namespace="lab-a", user=2000, group=2000, resources=NPU)
    settings = Settings(**{name: getattr(given, name) for name in given.__slots__} | changes)
    return manifest.job(spec, RunDirectory(Path("/shared/runs") / RUN), settings)


def test_the_job_has_one_pod_that_is_never_begun_again_and_may_do_nothing() -> None:
    job = made()
    spec, pod_spec = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod_spec["containers"]
    assert job["metadata"]["name"] == f"hesuan-{RUN.lower()}" and job["metadata"]["namespace"] == "lab-a"
    assert (spec["backoffLimit"], spec["parallelism"], pod_spec["restartPolicy"]) == (0, 1, "Never")
    assert (
        "suspend" not in spec
        and "ttlSecondsAfterFinished" not in spec
        and "activeDeadlineSeconds" not in spec
    )
    assert pod_spec["activeDeadlineSeconds"] == 665 and pod_spec["automountServiceAccountToken"] is False
    assert pod_spec["securityContext"]["runAsNonRoot"] is True
    assert (pod_spec["securityContext"]["runAsUser"], pod_spec["securityContext"]["runAsGroup"]) == (
        2000,
        2000,
    )
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
    }
    held = {"cpu": "2", "huawei.com/Ascend910": "2"}
    assert container["resources"] == {"requests": held, "limits": held}


def test_only_the_runs_own_places_can_be_written_and_no_other_runs_are_seen() -> None:
    for changes, inside in (({}, ""), ({"claim": "runs", "claim_path": "a/b"}, f"a/b/{RUN}")):
        spec = made(**changes)["spec"]["template"]["spec"]
        first, *own = spec["containers"][0]["volumeMounts"]
        assert (
            first["mountPath"] == f"/shared/runs/{RUN}"
            and first["readOnly"]
            and first.get("subPath", "") == inside
        )
        assert [one["mountPath"].rpartition("/")[2] for one in own] == ["work", "output", "tmp", "log"]
        assert all(one["subPath"].startswith(inside) for one in own)
    assert made()["spec"]["template"]["spec"]["volumes"][0]["hostPath"]["path"] == f"/shared/runs/{RUN}"


def test_what_is_configured_is_asked_for() -> None:
    job = made(
        queue="train",
        memory_mib=512,
        tolerated=("gpu",),
        node_selector={"pool": "a"},
        pull_secret="key",
        user=0,
    )
    spec = job["spec"]["template"]["spec"]
    assert (
        job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "train" and job["spec"]["suspend"] is True
    )
    assert spec["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists"}] and spec["nodeSelector"] == {
        "pool": "a"
    }
    assert spec["imagePullSecrets"] == [{"name": "key"}] and spec["securityContext"]["runAsNonRoot"] is False


class Api(BaseHTTPRequestHandler):
    """Answers what a test has laid down: path → (status, body)."""

    answers: dict[str, tuple[int, bytes]] = {}
    asked: list[tuple[str, str, dict[str, str], bytes]] = []

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, dict(self.headers), body))
        found = self.answers.get(f"{self.command} {self.path.partition('?')[0]}")
        status, body = found or (404, said(404, "NotFound", "not found"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_PATCH = do_GET  # noqa: N815 - as the base class calls them

    def log_message(self, *_: object) -> None: ...


def said(code: int, reason: str, message: str) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": message}).encode()


@pytest.fixture
def api() -> Iterator[Settings]:
    Api.answers, Api.asked = {}, []
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield Settings("none", Access(address=f"http://127.0.0.1:{serving.server_port}"), namespace="lab-a")
    serving.shutdown()
    serving.server_close()


JOBS = "/apis/batch/v1/namespaces/lab-a/jobs"


def create(settings: Settings) -> bool:
    return Server(settings).create(JOBS, {"metadata": {"name": "x"}})


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, said(400, "BadRequest", "no such field")),
        (403, said(403, "Forbidden", "exceeded quota: small")),
        (404, said(404, "NotFound", 'namespaces "lab-a" not found')),
        (422, said(422, "Invalid", "must be no more than 63 characters")),
    ],
)
def test_a_refusal_is_one_only_in_the_servers_own_words(api: Settings, status: int, body: bytes) -> None:
    Api.answers[f"POST {JOBS}"] = (status, body)
    with pytest.raises(Refused, match=json.loads(body)["message"]):
        create(api)
    Api.answers[f"POST {JOBS}"] = (status, b"<html>no such page</html>")
    with pytest.raises(TimeoutError):
        create(api)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, said(500, "InternalError", "etcdserver: leader changed")),
        (504, said(504, "Timeout", "request did not complete")),
        (429, said(429, "TooManyRequests", "try again")),
        (409, said(409, "Conflict", "resourcequotas: the object has been modified")),
        (502, b"upstream"),
        (302, b""),
    ],
)
def test_any_other_answer_to_a_request_leaves_it_open(api: Settings, status: int, body: bytes) -> None:
    Api.answers[f"POST {JOBS}"] = (status, body)
    with pytest.raises(TimeoutError):
        create(api)


def test_a_name_that_is_taken_is_told_and_a_right_that_is_missing_is_no_refusal(api: Settings) -> None:
    Api.answers[f"POST {JOBS}"] = (409, said(409, "AlreadyExists", "exists"))
    assert create(api) is False
    said_no = 'jobs.batch is forbidden: User "x" cannot create resource "jobs"'
    for status, reason in ((401, "Unauthorized"), (403, said_no)):
        Api.answers[f"POST {JOBS}"] = (status, said(status, "Forbidden", reason))
        with pytest.raises(Unavailable, match=str(status)):
            create(api)


@pytest.mark.parametrize("body", [b"<html>", b"", b'["x"]', b"[" * 100_000, b"null"])
def test_an_answer_that_makes_no_sense_is_no_answer(api: Settings, body: bytes) -> None:
    Api.answers[f"GET {JOBS}/x"] = (200, body)
    with pytest.raises(Unavailable):
        Server(api).read(f"{JOBS}/x")


def test_a_page_that_something_in_between_does_not_find_is_no_job_that_is_gone(api: Settings) -> None:
    Api.answers[f"GET {JOBS}/x"] = (404, b"<html>no such page</html>")
    with pytest.raises(Unavailable):
        Server(api).read(f"{JOBS}/x")
    Api.answers[f"GET {JOBS}/x"] = (404, said(404, "NotFound", "not found"))
    assert Server(api).read(f"{JOBS}/x") is None


@pytest.mark.parametrize("body", [b'{"kind": "PodList"}', b'{"items": {}}', b'{"items": [1]}'])
def test_a_list_of_another_form_is_no_empty_list(api: Settings, body: bytes) -> None:
    Api.answers["GET /api/v1/nodes"] = (200, body)
    with pytest.raises(Unavailable):
        Server(api).items("/api/v1/nodes")


def test_an_answer_without_end_is_cut_off(api: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LARGEST_BYTES", 1_000)
    Api.answers[f"GET {JOBS}/x"] = (200, b'"' + b"x" * 1_000_000 + b'"')
    with pytest.raises(Unavailable, match="bytes"):
        Server(api).read(f"{JOBS}/x")


def test_a_proxy_of_the_environment_never_sees_the_token(
    api: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert Server(api).read(f"{JOBS}/x") is None


def private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def test_a_token_is_read_anew_and_by_nobody_else(api: Settings, tmp_path: Path) -> None:
    token = private(tmp_path / "token", "one\n")
    asked = Server(Settings("none", Access(address=api.access.address, token=token)))
    asked.read(f"{JOBS}/x")
    token.write_text("two\n")
    asked.read(f"{JOBS}/x")
    assert [headers["Authorization"] for _, _, headers, _ in Api.asked] == ["Bearer one", "Bearer two"]
    token.chmod(0o640)
    with pytest.raises(Unavailable, match="others may read it"):
        asked.read(f"{JOBS}/x")
    token.chmod(0o600)
    token.write_text("three words here\n")
    with pytest.raises(Unavailable, match="no token") as caught:
        asked.read(f"{JOBS}/x")
    assert "three" not in str(caught.value) and len(Api.asked) == 2


def kubeconfig(**changes: Any) -> dict[str, Any]:
    return {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "one", "user": "me"}}],
        "clusters": [
            {"name": "one", "cluster": {"server": "https://master:6443/", **changes.pop("cluster", {})}}
        ],
        "users": [{"name": "me", "user": changes.pop("user", {"token": "word"})}],
        **changes,
    }


def test_a_kubeconfig_says_where_and_who(tmp_path: Path) -> None:
    way = access.way(Access(kubeconfig=private(tmp_path / "k", json.dumps(kubeconfig()))))
    assert (way.address, way.token()) == ("https://master:6443", "word")
    file = private(tmp_path / "t", "other\n")
    document = json.dumps(kubeconfig(user={"tokenFile": str(file)}))
    assert access.way(Access(kubeconfig=private(tmp_path / "l", document))).token() == "other"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("apiVersion: v1\nkind: Config\n", "-o json"),
        ("{}", "no current context"),
        (json.dumps(kubeconfig(**{"current-context": "there"})), "no current context"),
        (
            json.dumps(kubeconfig(cluster={"insecure-skip-tls-verify": True})),
            "not to read the server's certificate",
        ),
        (json.dumps(kubeconfig(cluster={"server": "http://master"})), "not https"),
        (json.dumps(kubeconfig(cluster={"certificate-authority-data": "!"})), "no certificate"),
        (json.dumps(kubeconfig(user={"client-key-data": "secret"})), "neither `token` nor `tokenFile`"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_told_and_not_shown(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(Unavailable, match=problem) as caught:
        access.way(Access(kubeconfig=private(tmp_path / "k", text)))
    assert "secret" not in str(caught.value) and "word" not in str(caught.value)


def test_a_pod_uses_its_own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unavailable, match="this is no pod"):
        access.way(Access())
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(access, "POD", tmp_path)
    monkeypatch.setattr(access, "_trusting", lambda ca: ca)
    (tmp_path / "token").write_text("own")
    way = access.way(Access())
    assert (way.address, way.token(), way.tls) == ("https://[fd00::1]:443", "own", tmp_path / "ca.crt")


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    for name in ("tmp", "output"):
        (tmp_path / RUN / name).mkdir(parents=True)
    found = RunDirectory(tmp_path / RUN)
    (found.path / "spec.json").write_text('{"time_limit_s": 60, "cores": 1}')
    return found


KNOWN = f"lab-a/{manifest.name(RUN)}"
ONE, PODS = f"{JOBS}/{manifest.name(RUN)}", "/api/v1/namespaces/lab-a/pods"


def lay_down(*, job: dict[str, Any] | None, pods: list[dict[str, Any]]) -> None:
    Api.answers.pop(f"GET {ONE}", None)
    if job is not None:
        Api.answers[f"GET {ONE}"] = (200, json.dumps({"metadata": {}, **job}).encode())
    Api.answers[f"GET {PODS}"] = (200, json.dumps({"items": pods}).encode())


def finished(kind: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": kind, "status": "True", "message": "so it is"}]}}


def test_an_end_is_told_only_when_nothing_more_can_begin(api: Settings, directory: RunDirectory) -> None:
    engine = KubernetesEngine(api)
    document = dict(pod().document)
    lay_down(job={"status": {"active": 1}}, pods=[document])
    assert engine.account(directory, KNOWN) is None
    assert not any(command == "DELETE" for command, *_ in Api.asked)
    lay_down(job=finished("Complete"), pods=[document])
    found = engine.account(directory, KNOWN)
    assert found is not None and found.state == RunState.COMPLETED


def test_a_job_that_goes_on_after_its_run_is_deleted(api: Settings, directory: RunDirectory) -> None:
    engine = KubernetesEngine(Settings("none", api.access, namespace="lab-a", settled_s=0.0))
    Api.answers[f"DELETE {ONE}"] = (200, b'{"kind": "Status"}')
    lay_down(job={"status": {}}, pods=[dict(pod().document)])
    assert engine.account(directory, KNOWN) is None is engine.account(directory, KNOWN)
    bodies = [json.loads(body) for command, _, _, body in Api.asked if command == "DELETE"]
    assert {"propagationPolicy": "Foreground"} in bodies


def test_the_record_is_written_before_the_pod_is_let_go_and_stands_after_it_is_gone(
    api: Settings, directory: RunDirectory
) -> None:
    """A pod that cannot be let go yet is no end yet; what was read of it is not read again."""
    document = dict(pod(finalizers=["other/one", manifest.FINALIZER], resourceVersion="7").document)
    lay_down(job=finished("Complete"), pods=[document])
    path = f"PATCH {PODS}/hesuan-x-abcde"
    Api.answers[path] = (409, said(409, "Conflict", "the object has been modified"))
    engine = KubernetesEngine(api)
    with pytest.raises(Unavailable, match="409"):
        engine.account(directory, KNOWN)
    assert (directory.path / "pods.json").exists()
    Api.answers[path] = (200, b'{"kind": "Pod"}')
    assert engine.account(directory, KNOWN) is not None
    (sent,) = [body for command, _, _, body in Api.asked[-2:] if command == "PATCH"]
    assert json.loads(sent)["metadata"] == {"resourceVersion": "7", "finalizers": ["other/one"]}
    lay_down(job=None, pods=[])
    seen, again = engine.look(directory, KNOWN, fresh=True), engine.account(directory, KNOWN)
    assert seen is not None and seen.over and again is not None and len(again.attempts) == 1


def test_a_job_that_failed_without_a_pod_began_nothing_unless_the_script_has(
    api: Settings, directory: RunDirectory
) -> None:
    lay_down(job=finished("Failed"), pods=[])
    engine = KubernetesEngine(api)
    seen = engine.look(directory, KNOWN, fresh=True)
    found = engine.account(directory, KNOWN)
    assert seen is not None and seen.over and found is not None and found.attempts == ()
    assert "so it is" in found.reason
    (directory.path / "pods.json").unlink()
    (directory.path / "tmp" / "taken-by").touch()
    assert engine.look(directory, KNOWN, fresh=True) is None
