"""A real Ray cluster with its dashboard, alone on a loopback of its own; see ``tools.ray_head`` for why.

The dashboard serves the jobs. A test reaches it through a relay: a socket in the cluster's folder, whose end
inside the namespaces asks the dashboard, and a port of this machine's loopback in front of it. Through the
relay nothing else of the cluster can be asked, and an answer can be held back on its way.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tools import ray_head

ROOT = Path(__file__).resolve().parents[2]
CPUS, CARDS, CHIP = 4, 8, "NPU"
DASHBOARD = 8265
START_S = 240.0
_PIECE = 1 << 16


class Cluster:
    """A head, and workers where they were asked for; ``folder`` holds all of its files."""

    def __init__(self, folder: Path, *, workers: int = 0, variables: dict[str, str] | None = None) -> None:
        self.folder, self.workers, self.variables = folder, workers, variables or {}
        self.relay = Relay(lambda: _unix(folder / "dashboard"))
        self._outer: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.relay.port}"

    def start(self) -> None:
        """Begins anew, knowing nothing."""
        (self.folder / "dashboard").unlink(missing_ok=True)
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HESUAN", "DJANGO"))}
        words = [*ray_head.unshare(), sys.executable, "-m", "tests.engines.ray_cluster", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self._outer = subprocess.Popen(
                [*words, str(self.workers)],
                env=kept | quiet | self.variables | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        self._until_ready()

    def stop(self) -> None:
        """Ends all of its processes: they are in one namespace, whose first is killed with its parent."""
        if self._outer is not None:
            self._outer.kill()
            self._outer.wait()
            self._outer = None

    def forget_everything(self) -> None:
        """The head dies with all it knew, and another begins at the same address."""
        self.stop()
        shutil.rmtree(self.folder / "t", ignore_errors=True)
        self.start()

    def ask(self, path: str) -> object:
        """What the dashboard says."""
        asked = urllib.request.Request(f"{self.address}{path}", headers=self.headers())
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return json.load(answer)

    def jobs(self) -> list[dict[str, object]]:
        """All submissions that the head knows."""
        found = self.ask("/api/jobs/")
        assert isinstance(found, list)
        return [job for job in found if job["type"] == "SUBMISSION"]

    def headers(self) -> dict[str, str]:
        token = self.variables.get("RAY_AUTH_TOKEN")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def kill_worker(self) -> None:
        """A node goes away, with all of its processes, as when its power is cut."""
        number = (self.folder / "worker").read_text()
        for pid in _below(self._inside(int(number))):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _inside(self, pid: int) -> int:
        """The number out here of a process that has another inside."""
        for path in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                numbers = next(line for line in path.read_text().splitlines() if line.startswith("NSpid"))
                if numbers.split()[1:][1:] == [str(pid)] and self._is_ours(int(path.parent.name)):
                    return int(path.parent.name)
        raise AssertionError(f"no process {pid}")

    def _is_ours(self, pid: int) -> bool:
        assert self._outer is not None
        inside = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()[0]
        return Path(f"/proc/{pid}/ns/net").readlink() == Path(f"/proc/{inside}/ns/net").readlink()

    def _until_ready(self) -> None:
        deadline, nodes = time.monotonic() + START_S, 0
        while time.monotonic() < deadline and self._outer is not None and self._outer.poll() is None:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                found = self.ask("/api/v0/nodes")
                nodes = len(found["data"]["result"]["result"])  # type: ignore[index]
                if nodes == self.workers + 1:
                    self.ask("/api/jobs/")
                    return
            time.sleep(0.2)
        raise RuntimeError(f"Ray did not start: {(self.folder / 'log').read_text()[-2000:]}")


class Relay:
    """Passes connections on. ``mute``: what is asked gets through, and no answer comes back."""

    def __init__(self, beyond: Callable[[], socket.socket], path: Path | None = None) -> None:
        self.mute = False
        self._beyond = beyond
        if path is None:
            self._listening = socket.create_server(("127.0.0.1", 0))
            self.port: int = self._listening.getsockname()[1]
        else:
            self._listening = socket.socket(socket.AF_UNIX)
            self._listening.bind(str(path))
            self._listening.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            near, _ = self._listening.accept()
            try:
                far = self._beyond()
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._pass, args=(near, far, lambda: False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, lambda: self.mute), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, is_mute: Callable[[], bool]) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(_PIECE):
                if not is_mute():
                    other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)


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


def begun(*, workers: int = 0, variables: dict[str, str] | None = None) -> Cluster:
    """A cluster that takes jobs until the process ends, or is stopped before."""
    folder = Path(tempfile.mkdtemp(prefix="hsray-"))  # short: it has sockets in it
    one = Cluster(folder, workers=workers, variables=variables)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(one.stop)
    one.start()
    return one


def _unix(path: Path) -> socket.socket:
    one = socket.socket(socket.AF_UNIX)
    one.connect(str(path))
    return one


def _below(pid: int) -> list[int]:
    """A process and all that it started, itself first."""
    found = [pid]
    for each in found:
        with contextlib.suppress(OSError):
            found += [int(child) for child in Path(f"/proc/{each}/task/{each}/children").read_text().split()]
    return found


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    common = ["--block", "--node-ip-address=127.0.0.1", "--disable-usage-stats", f"--num-cpus={CPUS}"]
    common += ["--object-store-memory=100000000", "--resources", json.dumps({CHIP: CARDS})]
    python = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]
    return subprocess.Popen([*python, "start", *words, *common])


def _main(folder: Path, workers: int) -> None:
    """The first process of the namespaces: the loopback, the relay's far end, the head, and its workers."""
    ray_head.bring_up_loopback()
    Relay(lambda: socket.create_connection(("127.0.0.1", DASHBOARD)), folder / "dashboard")
    words = [f"--port={ray_head.PORT}", "--include-dashboard=true", "--dashboard-host=127.0.0.1"]
    words += [f"--dashboard-port={DASHBOARD}", f"--temp-dir={folder / 't'}"]
    head = _start(["--head", *words])
    for number in range(workers):
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", ray_head.PORT), timeout=1).close()
                break
            time.sleep(0.1)
        port = f"--dashboard-agent-listen-port={52400 + number}"
        worker = _start([f"--address=127.0.0.1:{ray_head.PORT}", port])
        (folder / "worker").write_text(str(worker.pid))
    sys.exit(head.wait())


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
