"""The agent's loop: commands in, runs observed, messages out.

Three threads. One waits at the hub for commands and puts them into the spool, nothing else; one sends the
files that ended runs have left (see ``outputs``). The third, here, does one thing after another in ``tick``:
handle what the spool holds, look at the runs, send what waits. A command is done in the same transaction as
the messages that say so; if the agent dies before, it is handled again, and every step it takes is safe to
take again.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from hesuan.agent import draining, selfreport
from hesuan.agent.benchmarking import Benchmark, core_counts
from hesuan.agent.countersign import answer, ordered
from hesuan.agent.counting import Meter
from hesuan.agent.deliveries import Deliveries, Delivery
from hesuan.agent.inputs import Bounds, Inputs
from hesuan.agent.observing import Observer, tell_state
from hesuan.agent.orders import House, drain_reason, files_of, named, run_id, specification
from hesuan.agent.outputs import BOUND_BYTES as OUTPUT_BOUND_BYTES
from hesuan.agent.outputs import OutputSender
from hesuan.agent.schedulers.contract import FOLDER_DIFFERS, INPUT_DIFFERS, Observation, RunState, Scheduler
from hesuan.agent.schedulers.rundir import utc_now
from hesuan.agent.site import Site
from hesuan.agent.spool import Command, Spool
from hesuan.agent.surveying import Surveyor
from hesuan.agent.telling import BOUND_BYTES
from hesuan.agent.uplink import BATCH, LARGEST_WAIT_S, BackOff, Uplink, fitting
from hesuan.errors import Conflict, Faults, HesuanError, NotFound, Refused, Unavailable
from hesuan.wire.canonical import Json, digest

HEARTBEAT_EVERY_S = 30.0
BUSY_TICK_S, IDLE_TICK_S = 0.25, 1.0
REFUSED_PAUSE_S = 30.0
DISK_PAUSE_S = 5.0
CANCELLED_BEFORE = "The user cancelled it while files were fetched for it; it was not started."
DISK_TROUBLE = "The data folder cannot be written; nothing is lost, it is tried again."

Tell = Callable[[str], None]


@dataclass(slots=True)
class Agent:
    """One site's agent over its parts. ``tell`` gets sentences for the operator; ``inventory`` is what the
    hub is told of this machine."""

    site: Site
    spool: Spool
    uplink: Uplink
    scheduler: Scheduler
    house: House
    inventory: Mapping[str, Json]
    tell: Tell
    cores: int
    meter: Meter = field(default_factory=Meter)
    surveyor: Surveyor = field(default_factory=Surveyor)
    log_bytes: int = BOUND_BYTES
    output_bytes: int = OUTPUT_BOUND_BYTES
    bounds: Bounds = field(default_factory=Bounds)
    delivery: Delivery = field(default_factory=Delivery)
    inputs: Inputs = field(init=False)
    deliveries: Deliveries = field(init=False)
    wake: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    _back_off: BackOff = field(default_factory=BackOff)
    _send_after: float = 0.0
    _beat_after: float = 0.0

    def __post_init__(self) -> None:
        self.inputs = Inputs(self.site.inputs, self.uplink, self.bounds)
        self.deliveries = Deliveries(self.site.applications, self.uplink, self.delivery, self.tell)

    def serve(self) -> None:
        """Works until ``stop``; runs go on without us."""
        threading.Thread(target=self._poll_commands, name="commands", daemon=True).start()
        threading.Thread(target=self._send_outputs, name="outputs", daemon=True).start()
        introduced = False
        while not self.stopping.is_set():
            try:
                if not introduced:
                    self.introduce()
                    introduced = True
                pause_s = BUSY_TICK_S if self.tick() else IDLE_TICK_S
            except (sqlite3.Error, OSError) as error:
                # Such as a full disk: what is not written has not happened, and is tried again.
                self.tell(f"{DISK_TROUBLE} {error!r}")
                pause_s = DISK_PAUSE_S
            self.wake.wait(pause_s)
            self.wake.clear()

    def stop(self) -> None:
        """Asks ``serve`` to return."""
        self.stopping.set()
        self.wake.set()

    def introduce(self) -> None:
        """Tells the hub what this site has, when it differs from what it was told last."""
        with self.spool.transaction() as change:
            described = self.deliveries.described(self.inventory, change)
            fingerprint = digest(described)
            if change.meta("inventory") != fingerprint:
                change.put("inventory", described)
                change.set_meta("inventory", fingerprint)

    def tick(self) -> bool:
        """One round; whether something is under way that deserves a closer look soon."""
        self.inputs.begin_round()
        self.deliveries.files.begin_round()
        for command in self.spool.open_commands():
            self._handle(command)
        observed = Observer(self.spool, self.scheduler, self.tell, self.meter, self.log_bytes).look()
        self._beat()
        self._survey()
        self._send()
        return bool(
            observed or any(not draining.keeps_waiting(self.spool, one) for one in self.spool.open_commands())
        )

    def _handle(self, command: Command) -> None:
        """Handles one command; one that cannot be finished now stays open."""
        try:
            match command.kind:
                case "run":
                    self._run(command)
                case "cancel":
                    self._cancel(command)
                case "countersign":
                    self.tell(answer(self.spool, self.site, command))
                case "benchmark":
                    self._benchmark(command)
                case "drain" | "resume":
                    self._drain(command)
                case "report":
                    self._report(command)
                case other:
                    self._drop(command, f"Command {command.id} is of kind {other}, which this agent lacks.")
        except Unavailable as away:
            self.tell(away.sentence("en"))

    def _drop(self, command: Command, sentence: str) -> None:
        """A command that nothing can be made of: said to the operator, and done."""
        self.tell(sentence)
        with self.spool.transaction() as change:
            change.done(command)

    def _run(self, command: Command) -> None:
        try:
            run = run_id(command.body)
        except HesuanError as error:
            self._drop(command, error.sentence("en"))
            return
        known = self.spool.run(run)
        if known is not None:
            self._drop(command, f"Run {run} is known here already ({known.state}).")
            return
        drained = draining.objection(self.spool)
        if drained is not None and not self._is_there(run):
            self._refuse(command, run, drained.sentence("en"))
            return
        if self.spool.is_full():
            self.tell(f"Run {run} waits: {self.spool.waiting_count()} messages have not reached the hub.")
            return
        try:
            self.uplink.check_clock()
        except Refused as skewed:
            self.tell(skewed.sentence("en"))
            return
        self._start(command, run)

    def _start(self, command: Command, run: str) -> None:
        try:
            if not self._submit(command, run):
                return
        except Conflict as conflict:
            self._drop(command, conflict.sentence("en"))
            return
        except Unavailable:
            raise
        except (Faults, HesuanError) as error:
            if isinstance(error, Refused) and self._altered(error, command):
                self.tell(f"What run {run} is given was altered here; it is fetched again.")
                return
            # The engine may have it from before a restart, under an application that has changed since.
            if not self._is_there(run):
                faults = error.faults if isinstance(error, Faults) else (error,)
                self._refuse(command, run, " ".join(fault.sentence("en") for fault in faults))
                return
        with self.spool.transaction() as change:
            change.know_run(run, state=RunState.SUBMITTED, order=ordered(command.body))
            tell_state(change, Observation(run, RunState.SUBMITTED, utc_now()))
            change.done(command)
        self.tell(f"Run {run} submitted.")

    def _submit(self, command: Command, run: str) -> bool:
        """Whether the engine has the run; False while its application or its files are still to come."""
        house = self.deliveries.housed(command, self.house, self.inventory)
        if house is None:
            return self._is_there(run)
        spec = specification(command.body, house)
        if spec.inputs and not self._is_there(run):
            if not self.inputs.ready(run, spec.inputs):
                return False
            spec = replace(spec, inputs_at=self.inputs.root)
        self.scheduler.submit(spec)
        self.inputs.used(spec.inputs)
        return True

    def _altered(self, refused: Refused, command: Command) -> bool:
        """Whether what was fetched for a run was altered here since; it is thrown away then."""
        if refused.code is INPUT_DIFFERS:
            return self.inputs.distrust(files_of(command.body))
        return refused.code is FOLDER_DIFFERS and self.deliveries.distrust(command.body, self.house)

    def _is_there(self, run: str) -> bool:
        try:
            self.scheduler.poll(run)
        except NotFound:
            return False
        return True

    def _refuse(self, command: Command, run: str, reason: str) -> None:
        """Nothing was started and nothing will be."""
        with self.spool.transaction() as change:
            change.know_run(run, state=RunState.REFUSED, order={})
            tell_state(change, Observation(run, RunState.REFUSED, utc_now(), reason))
            change.done(command)
        self.tell(f"Run {run} refused: {reason}")

    def _cancel(self, command: Command) -> None:
        try:
            run = run_id(command.body)
        except HesuanError as error:
            self._drop(command, error.sentence("en"))
            return
        known = self.spool.run(run)
        if known is None and (waiting := self._open_run(run)) is not None:
            # While files are still to come, no engine has heard of it.
            awaits = self.deliveries.awaits(waiting.body, self.house)
            if (awaits or not self.inputs.here(files_of(waiting.body))) and not self._is_there(run):
                self._refuse(waiting, run, CANCELLED_BEFORE)
                self._drop(command, f"Run {run} was cancelled before it was submitted.")
            return
        if known is not None and not known.state.final:
            try:
                self.scheduler.cancel(run)
            except NotFound as error:
                self.tell(error.sentence("en"))
        with self.spool.transaction() as change:
            change.done(command)

    def _open_run(self, run: str) -> Command | None:
        waiting = (one for one in self.spool.open_commands() if one.kind == "run")
        return next((one for one in waiting if one.body.get("run") == run), None)

    def _benchmark(self, command: Command) -> None:
        app = str(command.body.get("app"))
        try:
            house = self.deliveries.housed(command, self.house, self.inventory)
            if house is None:
                return
            manifest = named(house, app, command.body.get("app_digest"))
            if draining.keeps_waiting(self.spool, command):
                return
            benchmark = Benchmark(manifest, self.scheduler, command.id, core_counts(self.cores))
            if benchmark.advance() is not None:
                return
        except (Refused, Faults) as refused:
            if isinstance(refused, Refused) and self._altered(refused, command):
                return
            faults = refused.faults if isinstance(refused, Faults) else (refused,)
            self._drop(command, " ".join(fault.sentence("en") for fault in faults))
            return
        with self.spool.transaction() as change:
            for body in benchmark.bodies():
                change.put("benchmark", body, once=f"benchmark:{command.id}:{body['cores']}")
            self.deliveries.offer(change, manifest)
            change.done(command)
        self.tell(f"Benchmark of {manifest.name} done.")
        self.introduce()

    def _drain(self, command: Command) -> None:
        """What the hub asked, noted, told and done in one transaction; again, it is told again."""
        try:
            reason = drain_reason(command.body) if command.kind == "drain" else None
        except HesuanError as error:
            self._drop(command, error.sentence("en"))
            return
        with self.spool.transaction() as change:
            draining.say(change, "hub", reason)
            draining.tell(change)
            change.done(command)
        still = draining.objection(self.spool)
        self.tell(still.sentence("en") if still else "This site takes new work again.")

    def _report(self, command: Command) -> None:
        """The inventory first, where it has changed, so that the report's digest names one that was told."""
        self.introduce()
        with self.spool.transaction() as change:
            described = self.deliveries.described(self.inventory, change)
        body = selfreport.body(
            command.id,
            spool=self.spool,
            scheduler=self.scheduler,
            inventory=described,
            skew=self.uplink.skew,
            cores=self.cores,
        )
        with self.spool.transaction() as change:
            change.put("report", body, once=f"report:{command.id}")
            change.done(command)
        self.tell("The hub has asked for a report.")

    def _beat(self) -> None:
        """A sign of life now and then; never a queue of them while the hub is away."""
        if time.monotonic() < self._beat_after or self.spool.waiting_count():
            return
        self._beat_after = time.monotonic() + HEARTBEAT_EVERY_S
        running: list[Json] = [known.run for known in self.spool.runs() if not known.settled]
        self.spool.put("heartbeat", {"running": running})

    def _survey(self) -> None:
        """What the site has and what of it is free, now and then; never a queue while the hub is away."""
        if self.spool.waiting_count():
            return
        try:
            if (found := self.surveyor.inventory()) is not None:
                self.inventory = found
                self.introduce()
            if (free := self.surveyor.capacity()) is not None:
                self.spool.put("capacity", free)
        except Unavailable as away:
            self.tell(away.sentence("en"))

    def _send(self) -> None:
        """Sends what waits, as long as the hub takes it."""
        while time.monotonic() >= self._send_after and (waiting := fitting(self.spool.waiting(BATCH))):
            try:
                self.spool.stored_through(self.uplink.send(waiting))
                self._back_off.reset()
            except Unavailable as away:
                self.tell(away.sentence("en"))
                self._send_after = time.monotonic() + self._back_off.next_s()
            except Refused as refused:
                self.tell(refused.sentence("en"))
                self._send_after = time.monotonic() + REFUSED_PAUSE_S

    def _poll_commands(self) -> None:
        """The second thread: waits at the hub for commands and keeps them."""
        back_off = BackOff()
        while not self.stopping.is_set():
            began, pause_s = time.monotonic(), 0.0
            try:
                wait_s = LARGEST_WAIT_S
                commands = self.uplink.poll(after=self.spool.last_command_seq(), wait_s=wait_s)
                back_off.reset()
                if self.spool.receive(commands):
                    self.wake.set()
                if not commands and time.monotonic() - began < 1:
                    pause_s = 1.0  # a hub that does not wait must not be asked without end
            except Unavailable as away:
                self.tell(away.sentence("en"))
                pause_s = back_off.next_s()
            except Refused as refused:
                self.tell(refused.sentence("en"))
                pause_s = REFUSED_PAUSE_S
            except (sqlite3.Error, OSError) as error:
                self.tell(f"{DISK_TROUBLE} {error!r}")
                pause_s = DISK_PAUSE_S
            self.stopping.wait(pause_s)

    def outputs(self) -> OutputSender:
        """What sends the files that runs have left."""
        return OutputSender(
            spool=self.spool,
            uplink=self.uplink,
            folder_of=self.scheduler.output,
            tell=self.tell,
            bound_bytes=self.output_bytes,
            stopping=self.stopping,
        )

    def _send_outputs(self) -> None:
        """The third thread: files follow their runs' ends and are in nobody's way."""
        sender = self.outputs()
        while not self.stopping.is_set():
            pause_s = IDLE_TICK_S
            try:
                sender.step()
            except (sqlite3.Error, OSError) as error:
                self.tell(f"{DISK_TROUBLE} {error!r}")
                pause_s = DISK_PAUSE_S
            self.stopping.wait(pause_s)
