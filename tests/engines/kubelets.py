"""Kubelets that are not: nodes with cards, kept Ready, whose pods run as plain processes of this machine.

A pod's one container is its command: no image, no limits. Its volumes from the node's own folders are
mounted where root may make namespaces: the process is the pod's user's, sees of the folder around a volume
what the pod was given and nothing else, and cannot write what it may only read. What a kubelet owes the
cluster is kept: the times of start and end, the deadline of a pod, an end that was asked for (first
asked, then forced, then told, then let go), and the log. An image called ``missing`` cannot be fetched, one
called ``slow`` has run for some seconds before it comes to its command. A file ``FOLDER/dead/NODE`` is a
power cut there: its processes are gone and nothing is said any more.

    python -m tests.engines.kubelets FOLDER NODES
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CPUS, MEMORY, CARDS, CHIP = 16, "64Gi", 8, "huawei.com/Ascend910"
HEARTBEAT_S = 1.5
SLOW_S = 5
_WAIT_S = 90


@cache
def can_mount() -> bool:
    """Whether a process can be given mounts of its own here."""
    try:
        tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return tried.returncode == 0


def mounted(spec: Mapping[str, Any]) -> list[str]:
    """The words before a pod's command that give it its volumes from the node's folders."""
    volumes = {one["name"]: (one.get("hostPath") or {}).get("path") for one in spec.get("volumes", ())}
    given = [one for one in spec["containers"][0].get("volumeMounts", ()) if volumes.get(one["name"])]
    if not given or not can_mount():
        return []
    lines = ["set -e"]
    for volume in dict.fromkeys(one["name"] for one in given):
        ours = [one for one in given if one["name"] == volume]
        around = shlex.quote(str(Path(ours[0]["mountPath"]).parent))
        # What is covered in a moment stays within reach as the folder that one stands in.
        lines += [f"cd {shlex.quote(str(volumes[volume]))}", f"mount -t tmpfs none {around}"]
        for one in ours:
            at = shlex.quote(one["mountPath"])
            lines.append(f"[ -e {at} ] || mkdir -p {at}")
            lines.append(f"mount -c --bind ./{shlex.quote(one.get('subPath', '.'))} {at}")
            lines += [f"mount -o remount,bind,ro {at}"] if one.get("readOnly") else []
    begin = f'cd /tmp; exec {shlex.join(as_its_user(spec))} "$@"'
    return ["unshare", "--mount", "sh", "-c", "\n".join([*lines, begin]), "mounted"]


def as_its_user(spec: Mapping[str, Any]) -> list[str]:
    """The words that make a command another user's, where the pod asks for one and this is root."""
    asked = spec.get("securityContext") or {}
    user, group = asked.get("runAsUser", os.geteuid()), asked.get("runAsGroup", os.getegid())
    if os.geteuid() or not user:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--"]


class Api:
    """The API server as the nodes ask it."""

    def __init__(self, folder: Path) -> None:
        self.address = (folder / "address").read_text()
        self.token = (folder / "admin-token").read_text()
        self.tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        asked = urllib.request.Request(self.address + path, data, headers, method=method)
        return urllib.request.urlopen(asked, context=self.tls, timeout=_WAIT_S)

    def patch(self, path: str, body: object) -> None:
        """Until it is told, or nobody is there to be told of."""
        while True:
            try:
                self.ask("PATCH", path, body, "application/merge-patch+json").read()
                return
            except urllib.error.HTTPError as error:
                if error.code == 404:
                    return
            except OSError:
                pass
            time.sleep(0.5)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Pod:
    """One pod on one node, from its start to its last word."""

    def __init__(self, api: Api, folder: Path, document: dict[str, Any]) -> None:
        meta, self.spec = document["metadata"], document["spec"]
        self.api, self.node, self.fields = api, self.spec["nodeName"], {"metadata.uid": meta["uid"]}
        self.path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        self.dead, self.log = folder / "dead" / self.node, folder / "pods" / meta["name"]
        self.process: subprocess.Popen[bytes] | None = None
        self.reason = ""
        self.ended = threading.Event()
        self.may_begin = not meta.get("deletionTimestamp")
        self._lock = threading.Lock()

    def live(self) -> None:
        container, began = self.spec["containers"][0], now()
        if container["image"] == "missing":
            waiting = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
            self.tell("Pending", began, waiting)
            return
        with self._lock:
            if not self.may_begin:
                return
            self._begin(container)
        assert self.process is not None
        self.tell("Running", began, {"running": {"startedAt": began}})
        deadline_s = self.spec.get("activeDeadlineSeconds")
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.reason = "DeadlineExceeded"
            self.kill()
            code = self.process.wait()
        code = 128 - code if code < 0 else code
        why = "Completed" if code == 0 else "Error"
        over = {"exitCode": code, "reason": why, "startedAt": began, "finishedAt": now()}
        if not self.dead.exists():
            self.tell("Failed" if code or self.reason else "Succeeded", began, {"terminated": over})
        self.ended.set()

    def end(self, grace_s: float) -> None:
        """Asked, then forced; the pod is let go when its last word is told."""
        with self._lock:
            self.may_begin = False
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            if not self.ended.wait(grace_s):
                self.kill()
                self.ended.wait()
        if not self.dead.exists():
            with contextlib.suppress(urllib.error.HTTPError):
                self.api.ask("DELETE", f"{self.path}?gracePeriodSeconds=0").read()

    def kill(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def tell(self, phase: str, began: str, state: dict[str, Any]) -> None:
        container = self.spec["containers"][0]
        ready = {
            "type": "Ready",
            "status": "True" if phase == "Running" else "False",
            "lastTransitionTime": now(),
        }
        shown = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
        status = {"phase": phase, "startTime": began, "conditions": [ready], "podIP": "127.0.0.1"}
        rows = [{**shown, "ready": phase == "Running", "state": state}]
        reason = {"reason": self.reason} if self.reason else {}
        self.api.patch(f"{self.path}/status", {"status": {**status, **reason, "containerStatuses": rows}})

    def _begin(self, container: dict[str, Any]) -> None:
        given = {one["name"]: self._value(one) for one in container.get("env", [])}
        late = ["sh", "-c", f'sleep {SLOW_S}; exec "$@"', "late"] if container["image"] == "slow" else []
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*mounted(self.spec), *late, *container.get("command", ["true"]), *container.get("args", [])],
                env={"PATH": "/usr/bin:/bin", **given},
                cwd="/tmp",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _value(self, variable: Mapping[str, Any]) -> str:
        """A variable's: a text, or one of the pod's fields."""
        field = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath")
        return str(self.fields[field] if field else variable.get("value", ""))


class Nodes:
    """All nodes and their pods."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.api, self.pods = folder, Api(folder), dict[str, Pod]()
        self.names = [f"n{number}" for number in range(1, count + 1)]
        self.port = _serve_logs(folder)

    def keep_ready(self, name: str) -> None:
        meta = {"name": name, "labels": {"kubernetes.io/hostname": name, "hesuan/pool": "train"}}
        with contextlib.suppress(urllib.error.HTTPError):
            self.api.ask(
                "POST", "/api/v1/nodes", {"kind": "Node", "apiVersion": "v1", "metadata": meta}
            ).read()
        have = {"cpu": str(CPUS), "memory": MEMORY, "pods": "200", CHIP: str(CARDS)}
        address = {"type": "InternalIP", "address": "127.0.0.1"}
        while True:
            if (self.folder / "dead" / name).exists():
                for pod in list(self.pods.values()):
                    if pod.node == name:
                        pod.kill()
            else:
                at = now()
                ready = {"type": "Ready", "status": "True", "reason": "StandIn", "message": ""}
                told = {
                    "capacity": have,
                    "allocatable": have,
                    "conditions": [{**ready, "lastHeartbeatTime": at, "lastTransitionTime": at}],
                    "addresses": [address],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
                }
                self.api.patch(f"/api/v1/nodes/{name}/status", {"status": told})
            time.sleep(HEARTBEAT_S)

    def see(self, document: dict[str, Any]) -> None:
        meta, spec = document["metadata"], document["spec"]
        if spec.get("nodeName") not in self.names or (self.folder / "dead" / spec["nodeName"]).exists():
            return
        known = self.pods.get(meta["uid"])
        if meta.get("deletionTimestamp") and meta.get("deletionGracePeriodSeconds") != 0:
            pod = known or Pod(self.api, self.folder, document)
            if not getattr(pod, "is_ending", False):
                pod.is_ending = True  # type: ignore[attr-defined]
                grace_s = float(spec.get("terminationGracePeriodSeconds", 30))
                threading.Thread(target=pod.end, args=(grace_s,), daemon=True).start()
        elif known is None and document["status"].get("phase", "Pending") == "Pending":
            self.pods[meta["uid"]] = Pod(self.api, self.folder, document)
            threading.Thread(target=self.pods[meta["uid"]].live, daemon=True).start()

    def watch(self) -> None:
        pods = json.load(self.api.ask("GET", "/api/v1/pods"))
        for one in pods["items"]:
            self.see(one)
        since = pods["metadata"]["resourceVersion"]
        for event in self._events(f"/api/v1/pods?watch=1&timeoutSeconds=60&resourceVersion={since}"):
            if event["type"] in ("ADDED", "MODIFIED"):
                self.see(event["object"])

    def _events(self, path: str) -> Iterator[dict[str, Any]]:
        with self.api.ask("GET", path) as answer:
            for line in answer:
                yield json.loads(line)

    def stop(self, *_: object) -> None:
        for pod in list(self.pods.values()):
            pod.kill()
        os._exit(0)


def _serve_logs(folder: Path) -> int:
    """``/containerLogs/NAMESPACE/POD/CONTAINER``, as the API server asks a kubelet for it."""

    class Logs(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pod = self.path.partition("?")[0].split("/")[3]
            file = folder / "pods" / Path(pod).name
            data = file.read_bytes() if file.exists() else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Logs)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem", folder / "server-key.pem")
    serving.socket = tls.wrap_socket(serving.socket, server_side=True)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    return int(serving.server_address[1])


def main(folder: Path, count: int) -> None:
    nodes = Nodes(folder, count)
    signal.signal(signal.SIGTERM, nodes.stop)
    for name in nodes.names:
        threading.Thread(target=nodes.keep_ready, args=(name,), daemon=True).start()
    while True:
        try:
            nodes.watch()
        except (OSError, ValueError, KeyError) as error:
            print(now(), repr(error), flush=True)
            time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
