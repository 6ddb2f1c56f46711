"""``make bench-scale``: 200 agents over the fake engine and up to 1,000 runs a minute through one hub.

The hub is its own process as ``hesuan hub serve`` starts it, on PostgreSQL with fsync; the agents are real
ones (spool, signatures, long poll) in one process of their own; the orders come from a third. All share this
machine's processors, so processor time is told for each: at a site the agents are on other machines.

Quotes are asked for before the clock starts, once for all centres, and their time is told by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hesuan.cli.demo.command import cast
from hesuan.cli.demo.stage import Stage, free_port
from hesuan.cli.demo.story import Story
from hesuan.wire.ids import new_id
from tools import postgres
from tools.bench_planner import machine
from tools.bench_scale import orders, sites, usage
from tools.bench_scale.orders import Accepted
from tools.bench_scale.sites import Agents
from tools.bench_scale.usage import Spent

BAR_PER_MINUTE = 1000
SETTLE_S = 120.0
"""After the last order of a round: what is not signed by then is told as unfinished."""
KEPT_S = 15.0
"""A hub that keeps a rate has the last receipt signed this long after the last order, and no queue."""


class Scene(Stage):
    """A stage whose rates leave the load to the machine: one person asks for all of it."""

    def environment(self) -> dict[str, str]:
        """As any stage's, with rates that are never reached."""
        rates = dict.fromkeys(("TOKEN", "ORGANISATION", "ADDRESS"), "1000000")
        return super().environment() | {f"HESUAN_RATE_PER_{name}": rate for name, rate in rates.items()}


@dataclass
class Round:
    """What one rate came to. Times in seconds; latencies sorted."""

    per_minute: int
    seconds: float
    placed: int
    refused: int
    accept_s: list[float]
    command_s: list[float]
    gateway_s: list[float]
    signed_s: list[float]
    unfinished: int
    drained_s: float
    """From the last order to the last receipt signed."""
    spent: dict[str, Spent]


def main(arguments: list[str]) -> int:
    """Prints the machine, then a line for each rate, until the hub falls behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--rates", default="30,60,120,240,480,1000", help="runs a minute, in this order")
    parser.add_argument("--seconds", type=float, default=60, help="of each rate")
    parser.add_argument("--strict", action="store_true", help="end with 1 where the last rate is not kept")
    asked = parser.parse_args(arguments)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{machine()}; load {load}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    kept = 0
    with _scene(asked.agents) as (story, agents):
        print(HEAD, flush=True)
        for per_minute in map(int, asked.rates.split(",")):
            one = measure(story, agents, per_minute, asked.seconds)
            print(line(one), flush=True)
            if not is_kept(one):
                print(f"The hub fell behind at {per_minute} runs a minute; higher rates were not tried.")
                break
            kept = per_minute
    print(f"kept: {kept} runs a minute; asked for: {BAR_PER_MINUTE}")
    print("load after: " + ", ".join(f"{value:.1f}" for value in os.getloadavg()))
    return int(asked.strict and kept < BAR_PER_MINUTE)


@contextlib.contextmanager
def _scene(count: int) -> Iterator[tuple[Story, Agents]]:
    """A hub with so many centres, each with an agent that serves and one offering."""
    with postgres.temporary_server() as address, tempfile.TemporaryDirectory() as folder:
        stage = Scene(Path(folder), free_port(), address)
        try:
            stage.run("hub", "migrate")
            people = cast(stage)
            stage.start_hub()
            story = Story(stage, people, stage.folder, lambda _en, _zh: None)
            with story.hub("operator") as hub:
                lab = people["owner"].organisation
                hub.post(f"organisations/{lab}/deposits", {"amount_yuan": "9000000.00"}, key=new_id())
            agents = sites.open_all(story, count)
            yield story, agents
        finally:
            stage.close()


def measure(story: Story, agents: Agents, per_minute: int, seconds: float) -> Round:
    """One rate for a while, and then until everything ordered is signed for."""
    wanted = max(1, round(per_minute * seconds / 60))
    quotes = orders.quotes(story, wanted)
    mark = agents.mark()
    before, began = usage.read(story.stage), time.monotonic()
    accepted = orders.place(story, quotes, seconds)
    took_s = time.monotonic() - began
    unfinished = agents.wait_for_signatures([one.run for one in accepted], SETTLE_S)
    drained_s = time.monotonic() - began - took_s
    spent = usage.read(story.stage)
    seen = agents.since(mark)
    return Round(
        per_minute=per_minute,
        seconds=took_s,
        placed=len(accepted),
        refused=wanted - len(accepted),
        accept_s=sorted(one.answered_s - one.asked_s for one in accepted),
        command_s=sorted(_waits(accepted, seen.commands, from_asked=False)),
        gateway_s=sorted(seen.gateway_s),
        signed_s=sorted(_waits(accepted, seen.signed, from_asked=True)),
        unfinished=unfinished,
        drained_s=drained_s,
        spent={name: one.since(before[name]) for name, one in spent.items()},
    )


def is_kept(one: Round) -> bool:
    """Whether the orders came in at their rate, all of them, and left no queue behind them."""
    in_time = 60 * one.placed >= 0.95 * one.per_minute * one.seconds
    return in_time and not (one.refused or one.unfinished) and one.drained_s <= KEPT_S


def _waits(accepted: list[Accepted], seen: dict[str, float], *, from_asked: bool) -> Iterator[float]:
    """From the acceptance to what the agents saw of the run; a command may overtake the answer."""
    for one in accepted:
        if one.run in seen:
            yield max(0.0, seen[one.run] - (one.asked_s if from_asked else one.answered_s))


HEAD = (
    "runs/min  placed/min  accept p50 p99 s  command p50 p99 s  gateway p50 p99 s  signed p50 p99 s  "
    "drained s  unfinished  CPU ms a run: hub, PostgreSQL, agents  MiB: hub, PostgreSQL"
)


def line(one: Round) -> str:
    """A round as a line of the table."""
    rate = 60 * one.placed / one.seconds
    pairs = [_pair(values) for values in (one.accept_s, one.command_s, one.gateway_s, one.signed_s)]
    cpu = [1000 * one.spent[name].cpu_s / max(1, one.placed) for name in ("hub", "PostgreSQL", "agents")]
    memory = [one.spent[name].memory_mib for name in ("hub", "PostgreSQL")]
    return (
        f"{one.per_minute:8d}  {rate:10.0f}  {pairs[0]:>16}  {pairs[1]:>17}  {pairs[2]:>17}  {pairs[3]:>16}  "
        f"{one.drained_s:9.0f}  {one.unfinished:10d}  {cpu[0]:14.0f} {cpu[1]:11.0f} {cpu[2]:7.0f}  "
        f"{memory[0]:8.0f} {memory[1]:11.0f}"
    )


def _pair(values: list[float]) -> str:
    return f"{orders.quantile(values, 0.5):.2f} {orders.quantile(values, 0.99):.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
