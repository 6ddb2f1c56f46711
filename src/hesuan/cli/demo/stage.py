"""The stage: a data folder, a free port, and the hub and the agent as processes that are ended by id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from hesuan.errors import Unavailable, declare

NOT_READY = declare(
    "demo.not_ready",
    en="{what} was not ready after {waited_s} s. The end of its log:\n{log}",
    zh="{what} 在 {waited_s} 秒后仍未就绪。其日志末尾：\n{log}",
)
ENDED_EARLY = declare(
    "demo.ended_early",
    en="{what} ended with status {status}. The end of its log:\n{log}",
    zh="{what} 已退出，状态 {status}。其日志末尾：\n{log}",
)

START_LIMIT_S = 60
STOP_LIMIT_S = 10
LOG_TAIL_LINES = 12


@dataclass
class Process:
    """One process of the stage and its log file."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        """The last lines it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def kill(self) -> None:
        """``kill -9``, as a power cut would."""
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> None:
        """Asks it to end; insists after a while."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass
class Stage:
    """Where a story plays. The folder is the caller's; the processes end with :meth:`close`."""

    folder: Path
    port: int
    database_url: str = ""
    processes: list[Process] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The hub's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def hub_dir(self) -> Path:
        """The hub's data folder."""
        return self.folder / "hub"

    @property
    def agent_dir(self) -> Path:
        """The agent's data folder, with its key and spool."""
        return self.folder / "agent"

    def environment(self) -> dict[str, str]:
        """The hub's environment: this stage's folder and database, and nothing inherited of another hub."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HESUAN_")}
        own = {"HESUAN_MODE": "development", "HESUAN_DATA_DIR": str(self.hub_dir)}
        if self.database_url:
            own["HESUAN_DATABASE_URL"] = self.database_url
        return {**inherited, "PYTHONUNBUFFERED": "1", **own}

    def run(self, *words: str, given: str | None = None) -> str:
        """Runs one ``hesuan`` command to its end and returns what it printed.

        Raises:
            Unavailable: ``demo.ended_early``, with the command's own words.
        """
        command = [sys.executable, "-m", "hesuan.cli", *words]
        done = subprocess.run(  # noqa: S603 - our own command, words from this package
            command, env=self.environment(), input=given, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            what = "hesuan " + " ".join(words[:2])
            raise Unavailable(ENDED_EARLY, what=what, status=done.returncode, log=done.stdout + done.stderr)
        return done.stdout

    def start(self, name: str, command: Sequence[str]) -> Process:
        """Starts a process whose output goes to a log file in the stage's folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(  # noqa: S603 - our own command, words from this package
                command,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, popen, log)
        self.processes.append(process)
        return process

    def start_hub(self, launcher: Sequence[str] = ("-m", "hesuan.cli")) -> Process:
        """Starts the hub and waits until it answers. ``launcher`` lets a test start it in its own way."""
        words = ["hub", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        process = self.start("hub", [sys.executable, *launcher, *words])
        self.wait_for(process, self._answers)
        return process

    def start_agent(
        self, apps: Path, *, allow_scripts: bool = False, launcher: Sequence[str] = ("-m", "hesuan.cli")
    ) -> Process:
        """Starts the enrolled agent. ``launcher`` lets a test start it in its own way."""
        words = ["agent", "run", "--data", str(self.agent_dir), "--apps", str(apps)]
        words += ["--allow-scripts"] if allow_scripts else []
        return self.start("agent", [sys.executable, *launcher, *words])

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/api/v1/openapi.json", timeout=5).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def wait_for(self, process: Process, ready: Callable[[], bool], limit_s: float = START_LIMIT_S) -> None:
        """Waits until ``ready()``.

        Raises:
            Unavailable: ``demo.ended_early`` when the process ends first, ``demo.not_ready`` at the limit.
        """
        deadline = time.monotonic() + limit_s
        while not ready():
            status = process.popen.poll()
            if status is not None:
                raise Unavailable(ENDED_EARLY, what=process.name, status=status, log=process.tail())
            if time.monotonic() > deadline:
                raise Unavailable(NOT_READY, what=process.name, waited_s=round(limit_s), log=process.tail())
            time.sleep(0.1)

    def close(self) -> None:
        """Ends what was started, the last first."""
        for process in reversed(self.processes):
            process.stop()


def free_port() -> int:
    """A port of the loopback address that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
