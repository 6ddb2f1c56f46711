"""A real Kubernetes control plane on the loopback, and nodes that are not; see ``tests.engines.kubelets``.

etcd, API server, scheduler and controller manager are the real ones, with TLS that is verified and RBAC that
is enforced. Debian packages of Kubernetes only its client, so the three programs are built once, of Debian's
own source package, into a folder outside the repository (``HESUAN_K8S_BIN``, else ``/var/cache/hesuan-k8s``).

    tests/engines/kubernetes_build.sh                # minutes, as root; nothing where it is done
    python -m tests.engines.kubernetes start /tmp/one
    python -m tests.engines.kubernetes stop /tmp/one
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engines import kubernetes_files
from tests.engines.kubelets import CARDS, CHIP, CPUS, Api
from tests.engines.slurm import _free_ports

__all__ = ["CARDS", "CHIP", "CPUS", "Cluster", "begun", "of_this_process", "why_not"]

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("kube-apiserver", "kube-scheduler", "kube-controller-manager")
BIN = Path(os.environ.get("HESUAN_K8S_BIN", "/var/cache/hesuan-k8s"))
START_S = 240.0
NAMESPACE, OTHER = "hesuan", "hesuan-lab"


def why_not() -> str | None:
    """Why no cluster can be started here; ``None`` where one can."""
    for program in PROGRAMS:
        if not os.access(BIN / program, os.X_OK):
            return f"no `{program}` in {BIN}"
    for program in ("etcd", "setpriv"):
        if shutil.which(program) is None:
            return f"no `{program}`"
    return None


class Cluster:
    """A control plane and its nodes; ``folder`` holds all of its files."""

    def __init__(self, folder: Path, *, nodes: int = 2, lasting: bool = False) -> None:
        self.folder, self.nodes, self.lasting = folder, nodes, lasting
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        return (self.folder / "address").read_text()

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def token(self) -> Path:
        """Of the agent, who may do what the guide says it must, and nothing else."""
        return self.folder / "agent-token"

    def start(self) -> None:
        """Brings it up."""
        kubernetes_files.lay_out(self.folder, _free_ports(3))
        for name, words in kubernetes_files.daemons(self.folder, BIN).items():
            self.begin(name, words)
            if name == "kube-apiserver":
                self._until(lambda: self.text("/readyz") == "ok", "the API server")
                self.make(*kubernetes_files.objects(ROOT, (NAMESPACE, OTHER)))
        self.begin(
            "kubelets", [sys.executable, "-m", "tests.engines.kubelets", str(self.folder), str(self.nodes)]
        )
        self._until(lambda: len(self.ready()) == self.nodes, "the nodes")
        # Before the garbage collector has seen everything once, it deletes nothing of what was deleted.
        log = self.folder / "log" / "kube-controller-manager"
        self._until(lambda: "Caches are synced for garbage collector" in log.read_text(), "the collector")

    def stop(self) -> None:
        """Ends every process of it by its id, its pods' too."""
        for name in reversed(list(self._daemons)):
            self.end(name)

    def begin(self, name: str, words: list[str]) -> None:
        """Starts a daemon, to end with this process unless the cluster is a lasting one."""
        number = "TERM" if name == "kubelets" else "KILL"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HESUAN", "DJANGO"))}
        with (self.folder / "log" / name).open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                [*([] if self.lasting else ["setpriv", "--pdeathsig", number]), *words],
                env=kept | {"PYTHONPATH": str(ROOT), "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        (self.folder / f"{name}.pid").write_text(str(self._daemons[name].pid))

    def end(self, name: str) -> None:
        """Ends one daemon."""
        one = self._daemons.pop(name)
        one.send_signal(signal.SIGTERM if name == "kubelets" else signal.SIGKILL)
        one.wait()

    def away(self) -> None:
        """The API server dies."""
        self.end("kube-apiserver")

    def back(self) -> None:
        """It begins again, with all that etcd has."""
        self.begin("kube-apiserver", kubernetes_files.daemons(self.folder, BIN)["kube-apiserver"])
        self._until(lambda: self.text("/readyz") == "ok", "the API server")

    def cut_power(self, node: str) -> None:
        """A node dies with all that runs there."""
        (self.folder / "dead" / node).touch()

    def give_power(self, node: str) -> None:
        (self.folder / "dead" / node).unlink(missing_ok=True)
        self._until(lambda: node in self.ready(), node)

    def ask(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """As the cluster's administrator; what is answered, or nothing where there is none."""
        try:
            with Api(self.folder).ask(method, path, body, kind) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def text(self, path: str) -> str:
        with contextlib.suppress(OSError), Api(self.folder).ask("GET", path) as answer:
            return str(answer.read().decode())
        return ""

    def make(self, *objects: dict[str, Any]) -> None:
        for one in objects:
            group = one["apiVersion"] if "/" in one["apiVersion"] else ""
            where = f"/apis/{group}" if group else f"/api/{one['apiVersion']}"
            if space := one["metadata"].get("namespace"):
                where += f"/namespaces/{space}"
            self.ask("POST", f"{where}/{one['kind'].lower()}s", one)

    def ready(self) -> list[str]:
        found = self.ask("GET", "/api/v1/nodes").get("items", [])
        return [
            one["metadata"]["name"]
            for one in found
            for said in one["status"].get("conditions", [])
            if said["type"] == "Ready" and said["status"] == "True"
        ]

    def jobs(self, run: str = "") -> list[dict[str, Any]]:
        """All Jobs of a run, or of all runs, in every namespace."""
        return list(self.ask("GET", f"/apis/batch/v1/jobs?labelSelector={_selector(run)}")["items"])

    def pods(self, run: str = "") -> list[dict[str, Any]]:
        """All pods of a run, or of all runs, in every namespace."""
        return list(self.ask("GET", f"/api/v1/pods?labelSelector={_selector(run)}")["items"])

    def forget_everything(self, run: str = "") -> None:
        """Somebody deletes all of a run, or of all, and forces every record of it away."""
        for job in self.jobs(run):
            path = f"/apis/batch/v1/namespaces/{job['metadata']['namespace']}/jobs/{job['metadata']['name']}"
            self.ask("DELETE", path, {"propagationPolicy": "Orphan"})
        for pod in self.pods(run):
            path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
            self.ask("DELETE", path)
            self.ask("PATCH", path, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
        self._until(lambda: not (self.jobs(run) or self.pods(run)), "nothing")

    def _until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_S
        while not is_so():
            gone = [name for name, one in self._daemons.items() if one.poll() is not None]
            if gone or time.monotonic() > deadline:
                said = {name: (self.folder / "log" / name).read_text()[-1500:] for name in gone}
                raise RuntimeError(f"{what} did not come up within {START_S:.0f} s: {said}")
            time.sleep(0.1)


def of_this_process() -> Cluster:
    """One cluster for all tests of a run, until none follows that needs it; see ``tests.engines.shared``."""
    global _SHARED  # noqa: PLW0603 - it takes ten seconds to bring one up
    if _SHARED is None:
        _SHARED = begun()
    return _SHARED


def let_go() -> None:
    """Ends the one of this process, where there is one."""
    global _SHARED  # noqa: PLW0603 - see above
    if _SHARED is not None:
        _SHARED.stop()
        _SHARED = None


_SHARED: Cluster | None = None


def begun(*, nodes: int = 2) -> Cluster:
    """A cluster that takes jobs until the process ends, or is stopped before."""
    folder = Path(tempfile.mkdtemp(prefix="hesuan-k8s-"))
    one = Cluster(folder, nodes=nodes)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(one.stop)
    one.start()
    return one


def _selector(run: str) -> str:
    return "hesuan/run" + (f"%3D{run}" if run else "")


def main(words: list[str]) -> None:
    """``start FOLDER``, ``stop FOLDER``."""
    match words:
        case ["start", folder]:
            if problem := why_not():
                sys.exit(problem)
            one = Cluster(Path(folder).resolve(), lasting=True)
            one.folder.mkdir(parents=True)
            one.start()
            print(f"address {one.address}, certificates {one.ca}, the agent's token {one.token}")
        case ["stop", folder]:
            _stop_lasting(Path(folder).resolve())
        case _:
            sys.exit(__doc__)


def _stop_lasting(folder: Path) -> None:
    for file in sorted(folder.glob("*.pid"), key=lambda one: one.stem != "kubelets"):
        pid = int(file.read_text())
        with contextlib.suppress(OSError):
            if str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGTERM)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
