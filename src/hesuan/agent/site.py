"""One site's data folder: who it is at which hub, its key, and that only one agent uses it at a time.

::

    agent.json       hub, agent id, centre id, name      written once, at enrolment
    agent-key.pem    the private key (0600)              made here, never leaves
    spool.sqlite3    the durable spool
    applications/    applications that the hub delivered, by their digest; bounded, may be removed
    inputs/          input files of runs, by their digest; bounded, may be removed
    runs/            the local engine's run directories
    agent.lock       held while an agent runs
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hesuan.agent import durable
from hesuan.agent.uplink import Uplink
from hesuan.errors import Conflict, NotFound, Refused, declare
from hesuan.wire import keys

NOT_ENROLLED = declare(
    "agent.not_enrolled",
    en="There is no enrolled site in {data}. Run `hesuan agent enrol --hub URL --code CODE --data {data}`"
    " with a code from the centre's page.",
    zh="{data} 中没有已注册的站点。请用算力中心页面上的注册码执行"
    " `hesuan agent enrol --hub URL --code CODE --data {data}`。",
)
ENROLLED_ELSEWHERE = declare(
    "agent.enrolled_elsewhere",
    en="This folder is enrolled at {known} as agent {agent}. Use another folder for {hub}.",
    zh="该目录已在 {known} 注册为站点代理 {agent}。注册到 {hub} 请使用其他目录。",
)
ALREADY_RUNNING = declare(
    "agent.already_running",
    en="Another agent is running with this data folder. One is enough; stop it first.",
    zh="已有站点代理正在使用该数据目录。只需一个；请先停止它。",
)


@dataclass(frozen=True, slots=True)
class Site:
    """An enrolled site."""

    data: Path
    hub: str
    agent: str
    centre: str
    name: str
    private: Ed25519PrivateKey

    @property
    def runs(self) -> Path:
        """The local engine's directories."""
        return self.data / "runs"

    @property
    def inputs(self) -> Path:
        """Input files that were fetched."""
        return self.data / "inputs"

    @property
    def applications(self) -> Path:
        """Applications that were delivered."""
        return self.data / "applications"

    @property
    def spool(self) -> Path:
        """The spool's file."""
        return self.data / "spool.sqlite3"


def enrol(data: Path, *, hub: str, code: str, name: str) -> Site:
    """Enrols this folder at a hub; a folder enrolled there already is returned as it is.

    The key is on disk before the hub hears of it, so an answer lost on the way is made good by asking again.

    Raises:
        Conflict: ``agent.enrolled_elsewhere``.
        Refused, Unavailable: as :meth:`hesuan.agent.uplink.Uplink.enrol`.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    hub = hub.rstrip("/")
    if (data / "agent.json").exists():
        known = load(data)
        if known.hub != hub:
            raise Conflict(ENROLLED_ELSEWHERE, known=known.hub, agent=known.agent, hub=hub)
        return known
    uplink = Uplink(hub, keys.load_or_create(data / "agent-key.pem"))
    try:
        enrolment = uplink.enrol(code=code, name=name)
    finally:
        uplink.close()
    document = {"hub": hub, "agent": enrolment.agent, "centre": enrolment.centre, "name": name}
    durable.write_json(data / "agent.json", document)
    return load(data)


def load(data: Path) -> Site:
    """The site enrolled in a folder.

    Raises:
        NotFound: ``agent.not_enrolled``.
        InputFault, Refused: the key cannot be used.
    """
    known = durable.read_json(data / "agent.json")
    if known is None:
        raise NotFound(NOT_ENROLLED, data=data)
    return Site(
        data=data,
        hub=str(known["hub"]),
        agent=str(known["agent"]),
        centre=str(known["centre"]),
        name=str(known["name"]),
        private=keys.load(data / "agent-key.pem"),
    )


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Holds the folder for one agent; the kernel lets go when the process ends, however it ends.

    Raises:
        Refused: ``agent.already_running``.
    """
    fd = os.open(data / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(ALREADY_RUNNING, where=str(data)) from None
        yield
    finally:
        os.close(fd)
