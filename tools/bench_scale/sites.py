"""The sites' side of the load: real agents over the fake engine, all in one process of their own.

``python -m tools.bench_scale.sites FOLDER`` serves every site enrolled under a folder and writes a line for
each thing that the figures need, with the system's clock.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from hesuan.agent import site as enrolled
from hesuan.agent.agent import Agent
from hesuan.agent.detect import Machine
from hesuan.agent.orders import House
from hesuan.agent.schedulers.fake import FakeCentre, FakeScheduler
from hesuan.agent.spool import Change, Command, Spool
from hesuan.agent.uplink import Uplink
from hesuan.cli.demo.story import Story, wait_for
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

CORES = 1024
MACHINE = Machine("bench", CORES, 1 << 40, (), {}, ())
FILE = "seen.txt"


@dataclass
class Seen:
    """What the agents saw: by run, when its command came and its receipt was signed; each request's time."""

    commands: dict[str, float] = field(default_factory=dict)
    signed: dict[str, float] = field(default_factory=dict)
    gateway_s: list[float] = field(default_factory=list)


@dataclass
class Agents:
    """The process of all agents, by what it writes."""

    file: Path

    def mark(self) -> int:
        """Where the file ends now."""
        return self.file.stat().st_size

    def since(self, mark: int) -> Seen:
        """What was written after a mark."""
        seen = Seen()
        with self.file.open("rb") as lines:
            lines.seek(mark)
            for text in lines.read().decode().splitlines():
                kind, at, what = text.split(" ", 2)
                match kind:
                    case "command":
                        seen.commands[what] = float(at)
                    case "signed":
                        seen.signed[what] = float(at)
                    case "sent":
                        seen.gateway_s.append(float(what))
        return seen

    def wait_for_signatures(self, runs: Sequence[str], limit_s: float) -> int:
        """Waits until each run's receipt is signed for; how many are not, at the limit."""
        deadline = time.monotonic() + limit_s
        while (missing := set(runs) - self.since(0).signed.keys()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return len(missing)


def open_all(story: Story, count: int) -> Agents:
    """Registers so many centres, enrols their agents, starts them, and publishes an offering at each."""
    folder = story.stage.folder / "sites"
    with ThreadPoolExecutor(4) as hands:
        centres = list(hands.map(lambda place: _enrol(story, folder, place), range(count)))
    agents = Agents(folder / FILE)
    agents.file.touch()
    story.stage.start("agents", [sys.executable, "-m", "tools.bench_scale.sites", str(folder)])
    for centre in centres:
        _offer(story, centre)
    return agents


def _enrol(story: Story, folder: Path, place: int) -> str:
    centre = story.centre(f"Site {place}", "Zhengzhou")
    with story.hub("centre") as hub:
        code = hub.post(f"centres/{centre}/enrolment-codes")["code"]
    data = folder / f"{place:04d}"
    enrolled.enrol(data, hub=story.stage.address, code=code, name=f"site {place}")
    return centre


def _offer(story: Story, centre: str) -> None:
    with story.hub("centre") as hub:
        wait_for("inventory", lambda: hub.get(f"centres/{centre}"), lambda answer: answer["observed"])
        body = {"centre": centre, "title": centre, "cores": CORES, "price_yuan_per_core_hour": "36.00"}
        hub.post("offerings", body, key=new_id())


class TimedUplink(Uplink):
    """An uplink whose deliveries are timed; a poll waits at the hub on purpose and is not."""

    def send(self, sealed: Sequence[tuple[int, dict[str, Json]]]) -> int:
        """As any uplink's."""
        began = time.monotonic()
        stored = super().send(sealed)
        NOTES.write("sent", f"{time.monotonic() - began:.4f}")
        return stored


class WatchedSpool(Spool):
    """A spool that says when a run's command came."""

    def receive(self, commands: Sequence[Command]) -> int:
        """As any spool's."""
        for command in commands:
            if command.kind == "run":
                NOTES.write("command", str(command.body["run"]))
        return super().receive(commands)


class Notes:
    """The file, one line at a time from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.file: TextIO = sys.stdout

    def write(self, kind: str, what: str) -> None:
        """One line, on disk at once for whoever reads along."""
        with self._lock:
            self.file.write(f"{kind} {time.time():.4f} {what}\n")
            self.file.flush()


NOTES = Notes()


def _note_signatures() -> None:
    """Has every agent say when it signs for a run."""
    kept = Change.note_signed

    def note(self: Change, run: str, *, receipt: str, fingerprint: str) -> None:
        kept(self, run, receipt=receipt, fingerprint=fingerprint)
        NOTES.write("signed", run)

    Change.note_signed = note  # type: ignore[method-assign]


def serve(data: Path, centre: FakeCentre) -> None:
    """One agent, for ever."""
    site = enrolled.load(data)
    Agent(
        site=site,
        spool=WatchedSpool(site.spool, site.agent, site.private),
        uplink=TimedUplink(site.hub, site.private, site.agent),
        scheduler=FakeScheduler(centre, site.runs),
        house=House({}, scripts_allowed=True),
        inventory=MACHINE.inventory(engine="fake", isolation=(), apps={}, scripts_allowed=True),
        tell=lambda sentence: print(data.name, sentence, flush=True),
        cores=CORES,
    ).serve()


def main(folder: Path) -> None:
    """Serves all sites under a folder; their engines' clocks go with ours."""
    centres = []
    _note_signatures()
    with (folder / FILE).open("a") as NOTES.file:
        for data in sorted(path for path in folder.iterdir() if path.is_dir()):
            centres.append(FakeCentre(cores=CORES))
            threading.Thread(target=serve, args=(data, centres[-1]), daemon=True).start()
        while True:
            time.sleep(1)
            for centre in centres:
                centre.advance(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
