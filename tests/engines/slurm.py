"""A real Slurm cluster on one machine, from Debian's packages: controller, nodes, and the books on MariaDB.

Several ``slurmd`` pose as nodes of any size (``config_overrides``) and share the real cores; cards are
``/dev/null`` by other names, one file each, as the ``gpu`` kind of resource wants them. Nothing of the
system's own Slurm, munge or MariaDB is touched: folder, key, socket and ports are the cluster's own, on the
loopback.
What it needs, as root: ``python -m tests.engines.slurm packages``.

    python -m tests.engines.slurm start /tmp/one     # prints what to export
    python -m tests.engines.slurm stop /tmp/one
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.engines import slurm_conf

PACKAGES = (
    *("munge", "slurm-client", "slurmctld", "slurmd", "slurmdbd", "slurm-wlm-basic-plugins"),
    *("slurm-wlm-mysql-plugin", "mariadb-server"),
)
CARDS, CPUS, MEMORY_MB = 8, 16, 64_000
CHIP = "ascend910c"
START_S = 240.0


def why_not() -> str | None:
    """Why no cluster can be started here; ``None`` where one can."""
    if os.geteuid() != 0:
        return "Slurm's daemons change users, which only root may"
    for program in ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "sbatch", "sacct", "setpriv"):
        if shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return f"no `{program}` (Debian: apt-get install {' '.join(PACKAGES)})"
    return None


@dataclass(frozen=True)
class Cluster:
    """A running cluster; every path under ``folder``."""

    folder: Path
    port: int
    nodes: int
    name: str

    @property
    def conf(self) -> Path:
        return self.folder / "etc" / "slurm.conf"

    def call(self, *words: str, user: str = "", check: bool = True) -> str:
        """One of Slurm's commands against this cluster."""
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SLURM_CONF": str(self.conf), "TZ": "UTC"}
        done = subprocess.run(
            [*become, *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            cwd="/",
        )
        assert done.returncode == 0 or not check, f"{words}: {done.returncode} {done.stderr}"
        return done.stdout

    def pid(self, daemon: str) -> int | None:
        """The process of a daemon by the file it left, if it is that very one and alive."""
        name = daemon.partition(".")[0]
        files = {"munged": "munge/munged.pid", "mariadbd": "mysql/mariadbd.pid"}
        file = self.folder / files.get(name, f"run/{daemon}.pid")
        with contextlib.suppress(OSError, ValueError):
            pid = int(file.read_text())
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return pid
        return None

    def kill(self, daemon: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends a daemon, and waits until it is gone."""
        pid = self.pid(daemon)
        assert pid is not None, f"{daemon} does not run"
        _end(pid, number)

    def start(self, daemon: str) -> None:
        """Starts a daemon of this cluster again."""
        name, _, node = daemon.partition(".")
        _run([f"/usr/sbin/{name}", *(["-N", node] if node else [])], self, user="" if node else "slurm")
        if name == "slurmctld":
            _until(lambda: " is UP" in self.call("scontrol", "ping", check=False), "slurmctld")

    def forget_everything(self) -> None:
        """The controller is killed and its memory wiped: it never heard of any job.

        A line of a job that had reached the books is closed there as CANCELLED, by no one; one that had not,
        for they run some seconds behind, never comes.
        """
        self.kill("slurmctld")
        shutil.rmtree(self.folder / "state")
        (self.folder / "state").mkdir(mode=0o755)
        shutil.chown(self.folder / "state", "slurm", "slurm")
        self.start("slurmctld")
        _until(lambda: "idle" in self.call("sinfo", "-h", "-o", "%T").split(), "the nodes")
        (self.folder / "forgot").touch()


def of_this_process() -> Cluster:
    """One cluster for all tests of a run, until none follows that needs it; see ``tests.engines.shared``.

    One whose controller forgot everything counts its jobs from one again, and its books have those numbers
    already: who asks next gets another.
    """
    global _SHARED  # noqa: PLW0603 - it takes ten seconds to bring one up
    if _SHARED is not None and (_SHARED.folder / "forgot").exists():
        let_go()
    if _SHARED is None:
        above = Path(tempfile.mkdtemp(prefix="hesuan-slurm-"))
        above.chmod(0o755)
        atexit.register(shutil.rmtree, above, ignore_errors=True)
        _SHARED = start(above / "cluster")
        atexit.register(stop, _SHARED)
    return _SHARED


def let_go() -> None:
    """Ends the one of this process, where there is one."""
    global _SHARED  # noqa: PLW0603 - see above
    if _SHARED is not None:
        stop(_SHARED)
        _SHARED = None


_SHARED: Cluster | None = None


@contextmanager
def cluster(
    folder: Path, *, nodes: int = 2, books: bool = True, users: tuple[str, ...] = (), switches: str = ""
) -> Iterator[Cluster]:
    """A cluster that takes jobs, for as long as the block lasts."""
    one = start(folder, nodes=nodes, books=books, users=users, switches=switches)
    try:
        yield one
    finally:
        stop(one)


def start(
    folder: Path, *, nodes: int = 2, books: bool = True, users: tuple[str, ...] = (), switches: str = ""
) -> Cluster:
    """Brings a cluster up.

    Args:
        folder: Its own; must not be there.
        nodes: How many pose as nodes, each of 16 cores and 8 cards.
        books: Whether there is accounting: MariaDB and slurmdbd.
        users: Local users that get an account in Slurm; they must exist.
        switches: The text of ``topology.conf``; without one there is no topology.
    """
    one = Cluster(folder, _free_ports(nodes + 8), nodes, f"hs{os.getpid() % 100_000}x{secrets.token_hex(2)}")
    try:
        _lay_out(one)
        _configure(one, books=books, switches=switches)
        _start_munge(one)
        if books:
            _start_books(one, users)
        _run(["/usr/sbin/slurmctld"], one, user="slurm")
        _until(lambda: " is UP" in one.call("scontrol", "ping", check=False), "slurmctld")
        for number in range(1, nodes + 1):
            _run(["/usr/sbin/slurmd", "-N", f"n{number}"], one)
        _until(lambda: one.call("sinfo", "-h", "-N", "-o", "%T").split().count("idle") == nodes, "the nodes")
    except BaseException:
        stop(one)
        raise
    return one


def stop(one: Cluster) -> None:
    """Ends every process of the cluster by its id, its jobs' too, and removes its files."""
    with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
        if one.pid("slurmctld"):
            jobs = one.call("squeue", "-h", "-o", "%A").split()
            one.call("scancel", *jobs, check=False) if jobs else None
    daemons = [f"slurmd.n{number}" for number in range(1, one.nodes + 1)]
    for daemon in (*daemons, "slurmctld", "slurmdbd", "mariadbd", "munged"):
        if (pid := one.pid(daemon)) is not None:
            _end(pid, signal.SIGTERM)
    for pid in _left_behind(one):
        _end(pid, signal.SIGKILL)
    shutil.rmtree(one.folder, ignore_errors=True)


def _free_ports(count: int) -> int:
    """The first of so many ports that nobody listens on; two processes begin to look in different places."""
    for first in range(20_000 + os.getpid() * 64 % 20_000, 60_000, count):
        taken = False
        for port in range(first, first + count):
            with socket.socket() as one:
                try:
                    one.bind(("127.0.0.1", port))
                except OSError:
                    taken = True
                    break
        if not taken:
            return first
    raise RuntimeError("no free ports")


def _lay_out(one: Cluster) -> None:
    one.folder.mkdir(mode=0o755, parents=True)
    for name, user in {
        **dict.fromkeys(("etc", "run", "spool", "dev"), "root"),
        **{"state": "slurm", "log": "slurm", "munge": "munge", "mysql": "mysql"},
    }.items():
        path = one.folder / name
        path.mkdir(mode=0o755)
        shutil.chown(path, user, user)
    (one.folder / "run").chmod(0o1777)
    key = one.folder / "munge" / "key"
    key.write_bytes(secrets.token_bytes(128))
    shutil.chown(key, "munge", "munge")
    key.chmod(0o400)
    for number in range(CARDS):
        os.mknod(one.folder / "dev" / f"card{number}", 0o20666, os.makedev(1, 3))
    for number in range(1, one.nodes + 1):
        (one.folder / "spool" / f"n{number}").mkdir(mode=0o755)


def _configure(one: Cluster, *, books: bool, switches: str) -> None:
    here, nodes = socket.gethostname().partition(".")[0], f"n[1-{one.nodes}]" if one.nodes > 1 else "n1"
    ports = f"[{one.port + 4}-{one.port + 3 + one.nodes}]" if one.nodes > 1 else str(one.port + 4)
    accounting = slurm_conf.ACCOUNTING.format(d=one.folder, port=one.port + 1, chip=CHIP) if books else ""
    size = {"cpus": CPUS, "memory": MEMORY_MB, "cards": CARDS, "chip": CHIP}
    where = {
        "d": one.folder,
        "name": one.name,
        "host": here,
        "nodes": nodes,
        "ports": ports,
        "port": one.port,
    }
    conf = slurm_conf.CONTROLLER.format(**where, **size, books=accounting)
    _write(one.conf, conf + ("TopologyPlugin=topology/tree\n" if switches else ""))
    _write(one.folder / "etc" / "topology.conf", switches)
    cards = f"{one.folder}/dev/card[0-{CARDS - 1}]"
    _write(one.folder / "etc" / "gres.conf", f"NodeName={nodes} Name=gpu Type={CHIP} File={cards}\n")
    # slurmd loads a plugin for control groups even where none is used, and looking for one may fail.
    _write(one.folder / "etc" / "cgroup.conf", "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
    if books:
        dbd = one.folder / "etc" / "slurmdbd.conf"
        _write(
            dbd,
            slurm_conf.SLURMDBD.format(
                d=one.folder, port=one.port + 1, db=one.port + 2, word=secrets.token_hex(12)
            ),
        )
        shutil.chown(dbd, "slurm", "slurm")
        dbd.chmod(0o600)


def _start_munge(one: Cluster) -> None:
    at = one.folder / "munge"
    words = [f"--key-file={at}/key", f"--socket={at}/munge.sock", f"--pid-file={at}/munged.pid"]
    _run(["/usr/sbin/munged", *words, f"--log-file={at}/log", f"--seed-file={at}/seed"], one, user="munge")


def _start_books(one: Cluster, users: tuple[str, ...]) -> None:
    data, sock = one.folder / "mysql", one.folder / "run" / "mysql.sock"
    _run(["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}", "--skip-test-db",
          "--auth-root-authentication-method=normal"], one)  # fmt: skip
    with (one.folder / "log" / "mariadb.log").open("wb") as log:
        subprocess.Popen(
            ["/usr/sbin/mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={sock}",
             f"--pid-file={data}/mariadbd.pid", "--bind-address=127.0.0.1", f"--port={one.port + 2}",
             "--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900",
             "--innodb-flush-log-at-trx-commit=2"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    client = ["mariadb", "--no-defaults", "-uroot", f"--socket={sock}", "-e"]
    _until(
        lambda: subprocess.run([*client, "select 1"], capture_output=True, check=False).returncode == 0,
        "mariadbd",
    )
    conf = (one.folder / "etc" / "slurmdbd.conf").read_text()
    word = next(line.partition("=")[2] for line in conf.splitlines() if line.startswith("StoragePass"))
    sql = f"create database acct; create user s@'127.0.0.1' identified by '{word}';"
    sql += "grant all on acct.* to s@'127.0.0.1'"
    subprocess.run([*client, sql], check=True)
    _run(["/usr/sbin/slurmdbd"], one, user="slurm")
    _until(lambda: "Cluster" in one.call("sacctmgr", "show", "cluster", check=False), "slurmdbd")
    one.call("sacctmgr", "-n", "-i", "add", "cluster", one.name)
    one.call("sacctmgr", "-n", "-i", "add", "account", "research", "organization=hesuan")
    names = ",".join(("root", *users))
    one.call("sacctmgr", "-n", "-i", "add", "user", names, "account=research", "defaultaccount=research")


def _run(words: list[str], one: Cluster, *, user: str = "") -> None:
    """Starts a program that goes to the background by itself, or ends."""
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SLURM_CONF": str(one.conf)}
    with (one.folder / "log" / "start.log").open("ab") as log:
        subprocess.run(
            [*become, *words], env=environment, check=True, timeout=240, cwd="/",
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o644)


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up within {START_S:.0f} s")
        time.sleep(0.1)


def _end(pid: int, number: signal.Signals) -> None:
    """Sends a signal, waits, and kills what does not go."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and not _is_zombie(pid):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _left_behind(one: Cluster) -> Iterator[int]:
    """Daemons of steps and processes of jobs, told by this cluster's configuration in their environment."""
    wanted = f"SLURM_CONF={one.conf}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            variables = path.read_bytes().split(b"\0")
            if wanted in variables and int(path.parent.name) != os.getpid():
                yield int(path.parent.name)


def main(words: list[str]) -> None:
    """``start FOLDER``, ``stop FOLDER``, ``packages``."""
    match words:
        case ["packages"]:
            print(*PACKAGES)
        case ["start", folder]:
            if problem := why_not():
                sys.exit(problem)
            one = start(Path(folder).resolve(), users=tuple(os.environ.get("SLURM_USERS", "").split()))
            (one.folder / "cluster").write_text(f"{one.port} {one.nodes} {one.name}\n")
            print(f"export SLURM_CONF={one.conf}")
        case ["stop", folder]:
            at = Path(folder).resolve()
            port, nodes, name = (at / "cluster").read_text().split()
            stop(Cluster(at, int(port), int(nodes), name))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
