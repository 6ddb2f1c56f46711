"""Slurm's books: lines of ``sacct``, and what each of them held.

A line of ``AllocTRES`` is the total of the whole job: on four nodes it is not multiplied by four. A card
stands in it twice, as ``gres/gpu`` and as ``gres/gpu:ascend910c``, and is one. A job that was requeued has a
line for each time it ran, told apart by its start. Times are UTC, for so ``sacct`` was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hesuan.agent.schedulers.cards import Resource
from hesuan.agent.schedulers.contract import Attempt, RunState
from hesuan.agent.schedulers.jobscript import TIMED_OUT
from hesuan.agent.schedulers.slurm.tools import TIME_FORMAT
from hesuan.wire.canonical import digest
from hesuan.wire.messages import format_at

FIELDS = (
    "JobIDRaw",
    "JobName",
    "Cluster",
    "State",
    "ExitCode",
    "Submit",
    "Start",
    "End",
    "ElapsedRaw",
    "AllocTRES",
    "ConsumedEnergyRaw",
    "TotalCPU",
    "MaxRSS",
)
WAITING = (
    "PENDING",
    "CONFIGURING",
    "REQUEUED",
    "REQUEUE_HOLD",
    "REQUEUE_FED",
    "SPECIAL_EXIT",
    "RESV_DEL_HOLD",
)
RUNNING = ("RUNNING", "SUSPENDED", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED")
BY_THE_CENTRE = {
    "NODE_FAIL": "A node of the centre failed.",
    "BOOT_FAIL": "A node of the centre did not boot.",
    "PREEMPTED": "The centre gave its place to other work.",
    "REVOKED": "The centre's federation moved it.",
}
_NO_ENERGY = 2**63
_MEMORY = re.compile(r"([\d.]+)([KMGTP]?)")
_MIB = {"": 1 / 2**20, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2, "P": 1024**3}
_THOUSANDS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the books: a job's run, or a step of it."""

    raw: str
    values: Mapping[str, str]

    @property
    def job(self) -> str:
        """The job's number, also where the line is a step's."""
        return self.values["JobIDRaw"].partition(".")[0]

    @property
    def name(self) -> str:
        """The job's name; of a step's line the step's."""
        return self.values["JobName"]

    @property
    def is_step(self) -> bool:
        """Whether it is a step's."""
        return "." in self.values["JobIDRaw"]

    @property
    def state(self) -> str:
        """The first word: ``CANCELLED by 1000`` is CANCELLED."""
        return (self.values["State"].split() or [""])[0].rstrip("+")

    @property
    def is_over(self) -> bool:
        """Whether this run of the job has ended."""
        return bool(self.state) and self.state not in (*WAITING, *RUNNING) and self.end is not None

    @property
    def is_made_up(self) -> bool:
        """Whether nobody saw this end: CANCELLED, and by no one.

        Slurm writes by whom a job was cancelled, be it itself. A controller that begins without its memory
        closes each line that is open as CANCELLED at that moment, by no one, so that none stays open for
        ever; of the job it knows nothing. The job may have ended long before, or still run.
        """
        return self.values["State"] == "CANCELLED"

    @property
    def submitted(self) -> datetime | None:
        """When it was put into the queue; a requeued job has this time once for each time."""
        return moment(self.values["Submit"])

    @property
    def start(self) -> datetime | None:
        """None: it never ran."""
        return moment(self.values["Start"])

    @property
    def end(self) -> datetime | None:
        """None: it still runs."""
        return moment(self.values["End"])

    @property
    def elapsed_s(self) -> int:
        """Seconds it held what it was given; suspended time is not in it."""
        text = self.values["ElapsedRaw"]
        return int(text) if text.isdigit() else 0

    @property
    def exit(self) -> tuple[int, int]:
        """Exit status and signal."""
        status, _, signal = self.values["ExitCode"].partition(":")
        return int(status or 0), int(signal or 0)


def read(text: str) -> list[Line]:
    """The lines of ``sacct --parsable2 --noheader`` with FIELDS; a line of another form is left out."""
    lines = []
    for raw in text.splitlines():
        parts = raw.split("|")
        if len(parts) == len(FIELDS):
            lines.append(Line(raw, dict(zip(FIELDS, parts, strict=True))))
    return lines


def moment(text: str) -> datetime | None:
    """A time of Slurm in UTC; None for ``Unknown`` and ``None``."""
    try:
        return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Held:
    """What a line set aside: whole cores, cards as a count of slices, nodes, MiB."""

    cores: int
    cards: tuple[tuple[int, int], ...]
    """Counts, each with how many of them are one card."""
    nodes: int
    memory_mib: int

    def card_s(self, seconds: int) -> int:
        """Card-seconds; four quarters for an hour are one card for an hour."""
        return sum(count * seconds // slices for count, slices in self.cards)


def held(tres: str, gres: Mapping[str, Resource]) -> Held:
    """Reads ``AllocTRES``: ``billing=40,cpu=4,gres/gpu:ascend910c=4,gres/gpu=4,mem=4000M,node=1``."""
    amounts = dict(part.partition("=")[::2] for part in tres.split(",") if "=" in part)
    return Held(
        cores=_whole(amounts.get("cpu", "0")),
        cards=tuple(_cards(amounts, gres)),
        nodes=_whole(amounts.get("node", "0")),
        memory_mib=memory_mib(amounts.get("mem", "0")),
    )


def _cards(amounts: Mapping[str, str], gres: Mapping[str, Resource]) -> Iterable[tuple[int, int]]:
    """Each kind once. What is counted without its type is what the types of its name leave over."""
    typed: dict[str, int] = {}
    for name, amount in amounts.items():
        kind, _, subtype = name.removeprefix("gres/").partition(":")
        if not name.startswith("gres/") or not subtype:
            continue
        count = _whole(amount)
        typed[kind] = typed.get(kind, 0) + count
        known = gres.get(f"{kind}:{subtype}")
        yield count, known.slices if known else 1
    for name, amount in amounts.items():
        kind = name.removeprefix("gres/")
        if not name.startswith("gres/") or ":" in kind:
            continue
        rest, known = _whole(amount) - typed.get(kind, 0), gres.get(kind)
        if rest > 0 and (known or kind != "shard"):
            yield rest, known.slices if known else 1


def _whole(text: str) -> int:
    """An amount such as ``4`` or ``8K``; what is none counts nothing."""
    found = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(found[1]) * _THOUSANDS[found[2]] if found else 0


def memory_mib(text: str) -> int:
    """``4000M``, ``2G``, ``1.50G`` in whole MiB, rounded down; an amount without a letter is bytes."""
    found = _MEMORY.fullmatch(text.rstrip("nc"))
    return int(float(found[1]) * _MIB[found[2]]) if found else 0


def memory_bytes(text: str) -> int:
    """``MaxRSS``: ``1234K``; empty where nothing was sampled."""
    found = _MEMORY.fullmatch(text)
    return int(float(found[1]) * _MIB[found[2]] * 2**20) if found else 0


def cpu_ms(text: str) -> int:
    """``TotalCPU``: ``[days-][hours:]minutes:seconds[.fraction]``."""
    days, _, clock = text.rpartition("-")
    try:
        parts = [float(part) for part in clock.split(":")]
    except ValueError:
        return 0
    seconds = 0.0
    for part in parts:
        seconds = seconds * 60 + part
    return round((int(days or 0) * 86400 + seconds) * 1000)


def attempt(line: Line, gres: Mapping[str, Resource]) -> Attempt | None:
    """One run of a job as an attempt; None where it never ran."""
    start, end = line.start, line.end
    if start is None or end is None or not line.values["AllocTRES"]:
        return None
    seconds, allotted = line.elapsed_s, held(line.values["AllocTRES"], gres)
    energy = line.values["ConsumedEnergyRaw"]
    joules = int(energy) if energy.isdigit() else 0
    return Attempt(
        key=f"{line.values['Cluster']}/{line.job}/{int(start.timestamp())}",
        state=line.values["State"],
        started_at=format_at(start),
        ended_at=format_at(end),
        wall_ms=seconds * 1000,
        core_s=allotted.cores * seconds,
        card_s=allotted.card_s(seconds),
        node_s=allotted.nodes * seconds,
        memory_mib_s=allotted.memory_mib * seconds,
        energy_j=joules if 0 < joules < _NO_ENERGY else None,
        raw=line.raw,
        raw_digest=digest(line.raw),
    )


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended, in the contract's words."""

    state: RunState
    exit_status: int | None
    signal: int | None
    reason: str


def end(line: Line, *, time_limit_s: int) -> End:
    """Names the end of a line that is over."""
    (status, signal), state = line.exit, line.state
    said = f"Slurm: {line.values['State']}, exit {line.values['ExitCode']}."
    simple = {
        "COMPLETED": End(RunState.COMPLETED, 0, None, said),
        "CANCELLED": End(RunState.CANCELLED, None, signal or None, said),
        "OUT_OF_MEMORY": End(
            RunState.FAILED, None, None, f"It used more memory than it had asked for. {said}"
        ),
    }
    if state in simple:
        return simple[state]
    if state in ("TIMEOUT", "DEADLINE") or (status == TIMED_OUT and line.elapsed_s >= time_limit_s):
        reason = f"Ended at its time limit of {time_limit_s} s. {said}"
        return End(RunState.TIMEOUT, None, signal or None, reason)
    if state in BY_THE_CENTRE:
        return End(RunState.KILLED, None, signal or None, f"{BY_THE_CENTRE[state]} {said}")
    if signal:
        return End(RunState.KILLED, None, signal, said)
    return End(RunState.FAILED, status, None, said)
