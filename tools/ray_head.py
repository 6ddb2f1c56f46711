"""A real Ray cluster of one node, alone on a loopback of its own: nothing outside this machine can reach it.

``ray start`` turns 127.0.0.1 into the machine's outside address and listens there, and ``ray stop`` ends
every Ray of a machine. So the head lives in a network namespace that has a loopback and nothing else, and in
a process namespace whose end is the end of all its twenty processes. :meth:`Head.command` makes a command run
beside it, in the same network.

    with head(folder) as one:
        subprocess.run(one.command([sys.executable, "-m", "hesuan.cli", …, "--on", one.address]))
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import struct
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PORT, CLIENT_PORT = 6379, 10001
START_S = 120.0
NAMESPACES = ("--net", "--pid", "--mount-proc", "--fork", "--kill-child")


def why_not() -> str | None:
    """Why no head can be started here; ``None`` where one can."""
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("grpc") is None:
        return "Ray is not installed"
    if importlib.util.find_spec("aiohttp_cors") is None:
        return "Ray's dashboard is not installed"
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "no `unshare` and `nsenter` (util-linux)"
    tried = subprocess.run([*unshare(), "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"no namespaces for this user: {tried.stderr.strip()}"


@dataclass(frozen=True)
class Head:
    """A running head; ``inside`` is the first process of its namespaces."""

    inside: int
    address: str = f"ray://127.0.0.1:{CLIENT_PORT}"

    def command(self, words: Sequence[str]) -> list[str]:
        """The same command in the head's network."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self.inside}", "--net", *user, "--", *words]


@contextmanager
def head(folder: Path, cpus: int = 2) -> Iterator[Head]:
    """A head with ``cpus`` CPUs whose Python has Ray and NumPy, but not Hesuan."""
    python = _without_hesuan(folder / "python")
    words = [*unshare(), str(python), __file__, str(folder / "ray"), str(cpus)]
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}
    # Each client gets a server of its own, which on a busy machine is not up within Ray's thirty seconds.
    patient = {"RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": str(int(START_S))}
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    variables = kept | quiet | patient
    with (folder / "head.log").open("w") as log:
        outer = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT, env=variables, cwd=folder)
    try:
        yield Head(_ready(outer, folder / "head.log"))
    finally:
        outer.kill()  # --kill-child: its first process goes with it, and with that all of its namespace
        outer.wait()


def unshare() -> list[str]:
    """What makes a command the first process of namespaces of its own."""
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), *NAMESPACES]


def _without_hesuan(folder: Path) -> Path:
    """A Python that sees the packages installed here but not what was installed for editing."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    inner = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (inner / "installed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin" / "python"


def _ready(outer: subprocess.Popen[bytes], log: Path) -> int:
    """Waits for the head to take clients; returns its first process."""
    until = time.monotonic() + START_S
    while time.monotonic() < until and outer.poll() is None:
        inside = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        if inside and "client server listens" in log.read_text():
            return int(inside[0])
        time.sleep(0.1)
    raise RuntimeError(f"Ray did not start: {log.read_text()[-2000:]}")


def bring_up_loopback() -> None:
    """``ip link set lo up`` without iproute2: SIOCGIFFLAGS, SIOCSIFFLAGS."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any_socket, 0x8913, asked))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", flags | 1))


def _main(folder: str, cpus: str) -> None:
    """The first process of the namespaces: brings the loopback up, starts the head, tells when it listens."""
    bring_up_loopback()
    words = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={PORT}"]
    words += [f"--ray-client-server-port={CLIENT_PORT}", "--include-dashboard=false", "--disable-usage-stats"]
    words += [f"--num-cpus={cpus}", "--object-store-memory=100000000", f"--temp-dir={folder}"]
    started = subprocess.Popen([sys.executable, "-c", "from ray.scripts.scripts import main; main()", *words])
    while started.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", CLIENT_PORT), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    print("client server listens", flush=True)
    sys.exit(started.wait())


if __name__ == "__main__":
    _main(*sys.argv[1:])
