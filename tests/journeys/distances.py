"""A hub and two centres, each on a machine apart; what is ordered there, and what came of it."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.engines import namespaces
from tests.engines.namespaces import Machine
from tests.engines.switch import Cut, Switch

from hesuan.cli.demo.command import cast
from hesuan.cli.demo.stage import Process, Stage
from hesuan.cli.demo.story import Story, wait_for
from hesuan.wire.ids import new_id
from hesuan.wire.receipt import charge_fen

PORT = 8000
HURRIED = "tests.journeys.hurried_agent"
DEPOSIT_FEN = 50_000
JOB = """
echo began
echo began >> '{folder}/began'
said=0
until [ -e '{folder}/go-on' ]; do
  if [ -e "{folder}/say-$said" ]; then echo "said $said"; said=$((said + 1)); fi
  sleep 0.1
done
echo ended
"""
"""It says a line when the test asks for one, and ends when the test lets it."""


@dataclass
class ApartStage(Stage):
    """A stage whose hub others reach at its own address."""

    host: str = ""

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"HESUAN_ALLOWED_HOSTS": self.host}

    def serve(self) -> Process:
        """Starts the hub, and waits until it answers."""
        words = ["hub", "serve", "--host", self.host, "--port", str(self.port)]
        process = self.start("hub", [sys.executable, "-m", "hesuan.cli", *words])
        self.wait_for(process, self._answers)
        return process


@dataclass
class Centre:
    """One centre, and the machine on which its agent serves."""

    machine: Machine
    id: str
    data: Path


@dataclass
class Job:
    """One order, at one centre; ``folder`` is what its job and the test both see."""

    order: str
    folder: Path
    said: int = 0
    charge_fen: int = 0
    """Once it is settled and looked at."""

    def say(self) -> str:
        """Has its log grow by a line; all that is in it then."""
        (self.folder / f"say-{self.said}").touch()
        self.said += 1
        return self.log()

    def log(self) -> str:
        """What it has said so far."""
        return "".join(["began\n", *(f"said {number}\n" for number in range(self.said))])

    def go_on(self) -> None:
        """It may end now."""
        (self.folder / "go-on").touch()

    def began(self) -> int:
        """How often somebody started it."""
        return len((self.folder / "began").read_text().splitlines())


@dataclass
class Distances:
    """The hub and its centres; whoever asks here asks from beside the hub."""

    switch: Switch
    stage: ApartStage
    story: Story
    hub: Process
    folder: Path
    centres: list[Centre] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)

    def open(self, machine: Machine) -> None:
        """A centre with its agent, and one core for sale."""
        data = self.folder / machine.name
        centre = Centre(machine, self.story.centre(machine.name, "Zhengzhou"), data)
        with self.story.hub("centre") as hub:
            code = hub.post(f"centres/{centre.id}/enrolment-codes")["code"]
        words = ["agent", "run", "--data", str(data), "--apps", str(self.story.apps), "--allow-scripts"]
        with machine.inside():
            self.stage.run("agent", "enrol", "--hub", self.stage.address, "--code", code, "--data", str(data))
            self.stage.start(f"agent-{machine.name}", [sys.executable, "-m", HURRIED, *words])
        with self.story.hub("centre") as hub:
            wait_for("inventory", lambda: hub.get(f"centres/{centre.id}"), lambda answer: answer["observed"])
            body = {"centre": centre.id, "title": "core", "cores": 1, "price_yuan_per_core_hour": "36.00"}
            hub.post("offerings", body, key=new_id())
        self.centres.append(centre)

    def place(self, centre: Centre) -> Job:
        """Orders a job there that ends when the test says so."""
        folder = self.folder / f"job-{len(self.jobs)}"
        folder.mkdir()
        command = ["sh", "-c", JOB.format(folder=folder)]
        work = {"kind": "script", "command": command, "cores": 1, "time_limit_s": 300}
        with self.story.hub("owner") as hub:
            body = {"organisation": self.story.people["owner"].organisation, "work": work}
            quotes = hub.post("quote-requests", body, key=new_id())["quotes"]
            (quote,) = [one["id"] for one in quotes if one["document"]["centre"] == centre.id]
            self.jobs.append(Job(hub.post(f"quotes/{quote}/accept", key=new_id())["id"], folder))
        return self.jobs[-1]

    def state(self, job: Job) -> str:
        """What the hub has been told of its run."""
        with self.story.hub("owner") as hub:
            return str(hub.get(f"orders/{job.order}")["run"]["state"])

    def until(self, job: Job, state: str) -> None:
        """Waits for what the hub has been told."""
        wait_for(state, lambda: self.state(job), state.__eq__)

    def has_missed_the_hub(self, centre: Centre) -> bool:
        """Whether its agent has ever got no answer."""
        return "did not answer" in (self.folder / f"agent-{centre.machine.name}.log").read_text()

    def until_signed(self, job: Job) -> None:
        """Waits for the countersigned receipt."""
        with self.story.hub("owner") as hub:
            wait_for(
                "the receipt",
                lambda: hub.get(f"orders/{job.order}"),
                lambda it: it["receipt_state"] == "SIGNED",
            )

    def cut_at(self, centre: Centre, word: bytes, *, late: bool, by_other: bool = False) -> Cut:
        """Takes a centre's link down the next time that word is said; see :class:`Cut`."""
        return self.switch.cut_at(centre.machine, word, late=late, by_other=by_other)

    def heal(self, centre: Centre, *, late: bool) -> None:
        """Its link is up again; after a late cut whatever it was connected to is gone."""
        self.switch.heal(centre.machine)
        if late:
            self.switch.forget(centre.machine)

    def until_heard(self, job: Job) -> None:
        """Has a job say something, and waits until the hub has heard it."""
        said = job.say()
        with self.story.hub("owner") as hub:
            wait_for(said, lambda: hub.get(f"orders/{job.order}/log", offset=0)["text"], said.__eq__)

    def assert_once(self) -> None:
        """Of everything one, for each order so far, and the money for it; nothing is held any more."""
        for job in self.jobs:
            assert job.began() == 1, "the scheduler had it more than once"
            job.charge_fen = job.charge_fen or self._charge_fen(job)
        left_fen = DEPOSIT_FEN - sum(job.charge_fen for job in self.jobs)
        with self.story.hub("owner") as hub:
            lab = hub.get(f"organisations/{self.story.people['owner'].organisation}")["balance"]
        assert (lab["held_yuan"], lab["available_yuan"]) == ("0.00", f"{left_fen / 100:.2f}")
        for table in ("runs_run", "metering_usagerecord", "metering_attempt", "settlement_receipt"):
            assert self._rows(table) == len(self.jobs), table
        assert self._rows("gateway_contradiction") == self._rows("metering_finding") == 0

    def _charge_fen(self, job: Job) -> int:
        """What it cost by its usage, which is what its receipt says."""
        with self.story.hub("owner") as hub:
            answer, usage = hub.get(f"orders/{job.order}"), hub.get(f"orders/{job.order}/usage")["document"]
            log = hub.get(f"orders/{job.order}/log", offset=0)["text"]
            receipt = hub.get(f"receipts/{answer['receipt']}")["document"]
        assert answer["run"]["state"] == "COMPLETED" and log == job.log() + "ended\n"
        charge = charge_fen(usage, receipt["quote"])
        assert charge.charge_fen == receipt["charge"]["charge_fen"] > 0
        return charge.charge_fen

    def _rows(self, table: str) -> int:
        with closing(sqlite3.connect(f"file:{self.stage.hub_dir}/hub.sqlite3?mode=ro", uri=True)) as rows:
            (number,) = rows.execute(f"select count(*) from {table}").fetchone()
        return int(number)

    def check_books(self) -> None:
        """Both raise when an invariant is broken."""
        for command in ("ledger-check", "log-check"):
            self.stage.run("hub", command)


@contextmanager
def distances(folder: Path, migrated: Path) -> Iterator[Distances]:
    """A hub between an eastern and a western centre."""
    with (
        namespaces.apart(["hub", "east", "west"]) as (here, *centres),
        Switch([here, *centres]) as switch,
        here.inside(),
    ):
        stage = ApartStage(folder, PORT, host=here.address)
        stage.hub_dir.mkdir(parents=True)
        shutil.copy(migrated, stage.hub_dir)
        people = cast(stage)
        try:
            story = Story(stage, people, folder / "no-apps", lambda _en, _zh: None)
            story.apps.mkdir()
            made = Distances(switch, stage, story, stage.serve(), folder)
            with story.hub("operator") as api:
                body = {"amount_yuan": f"{DEPOSIT_FEN / 100:.2f}"}
                api.post(f"organisations/{people['owner'].organisation}/deposits", body, key=new_id())
            for machine in centres:
                made.open(machine)
            yield made
            made.check_books()
        finally:
            stage.close()
