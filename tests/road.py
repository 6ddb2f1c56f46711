"""The road of the tests: a scripted site agent, and the steps from quote to receipt.

No HTTP and no processes: messages are sealed with the agent's real key and go through the gateway's real
intake; commands are read as an agent reads them; the worker's real round handles everything. Only the work
itself is made up.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.people import Person
from tests.sites import APP_DIGEST, Site, benchmark_body, enrol_site, inventory_body, make_centre

from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Centre, Command
from hesuan.hub.gateway import services as gateway
from hesuan.hub.identity.models import Organisation
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import selectors as market_reads
from hesuan.hub.market import services as market
from hesuan.hub.market.models import Offering, Order, Quote, QuoteRequest
from hesuan.hub.runs import services as runs
from hesuan.hub.runs.models import Run
from hesuan.hub.worker.loop import WORK, tick
from hesuan.wire.canonical import Json, digest
from hesuan.wire.ids import new_id
from hesuan.wire.messages import format_at
from hesuan.wire.receipt import sign_receipt

PRICE_FEN = 36_000
"""¥360.00 per core-hour: ten fen per core-second, so that figures can be checked by eye."""
BEGIN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
APP_WORK: dict[str, Json] = {
    "kind": "app",
    "app": "omics-match",
    "units": 20_000,
    "parameters": {"seed": 7},
    "cores": 2,
}
SCRIPT_WORK: dict[str, Json] = {
    "kind": "script",
    "command": ["python3", "-c", "print(1)"],
    "cores": 1,
    "time_limit_s": 60,
}
Told = tuple[str, dict[str, Any]]
"""A message as ``(kind, body)``."""


def make_site(organisation: Organisation, name: str = "Zhengzhou East", **inventory: Json) -> Site:
    """An admitted centre with an agent that has reported its inventory and one benchmark."""
    site = enrol_site(make_centre(organisation, name))
    tell(site, ("inventory", inventory_body(**inventory)), ("benchmark", benchmark_body()))
    tick()
    return site


def publish(
    operator: Person, centre: Centre, *, price_fen: int | None = PRICE_FEN, cores: int = 4, title: str = "CPU"
) -> Offering:
    """An offering of a centre, by its own operator."""
    return market.publish_offering(
        actor=operator.actor, centre_id=centre.id, title=title, cores=cores, fen_per_core_hour=price_fen
    )


def tell(site: Site, *messages: Told) -> None:
    """Messages of the agent, in order, into the hub's inbox."""
    gateway.take_in(sealed=[site.seal(kind, body) for kind, body in messages])


def commands(site: Site, kind: str) -> list[Command]:
    """All commands of a kind that lie ready for the agent."""
    return [command for command in centres.commands_after(site.agent.id, 0) if command.kind == kind]


def state(
    run_id: str,
    name: str,
    *,
    after_s: int = 0,
    exit_status: int | None = None,
    signal: int | None = None,
    reason: str = "",
) -> Told:
    """A ``run_state`` message; ``after_s`` counts from :data:`BEGIN`."""
    at = format_at(BEGIN + timedelta(seconds=after_s))
    body = {
        "run": run_id,
        "state": name,
        "reason": reason,
        "exit_status": exit_status,
        "signal": signal,
        "at": at,
    }
    return "run_state", body


def usage(
    run_id: str,
    *,
    ended: str = "COMPLETED",
    wall_ms: int = 20_500,
    cores: int = 2,
    exit_status: int | None = 0,
    signal: int | None = None,
    peak_memory_bytes: int | None = None,
    output_digest: str = "sha256:" + "cd" * 32,
) -> Told:
    """A ``usage`` message; unless told otherwise each run takes another few bytes, as on any machine."""
    body = {
        "run": run_id,
        "attempt": 1,
        "state": ended,
        "exit_status": exit_status,
        "signal": signal,
        "started_at": format_at(BEGIN),
        "ended_at": format_at(BEGIN + timedelta(milliseconds=wall_ms)),
        "wall_ms": wall_ms,
        "cpu_ms": 2 * wall_ms,
        "cores": cores,
        "peak_memory_bytes": peak_memory_bytes or 123_000_000 + zlib.crc32(run_id.encode()) % 1_000_000,
        "evidence": "kernel:wait4",
        "result": {"recall_ppm": 991_000, "note": "said by the program itself"},
        "output_digest": output_digest,
    }
    return "usage", body


def history(run_id: str, ended: str = "COMPLETED", **of_usage: Any) -> list[Told]:
    """Everything an undisturbed agent says of one run, in order."""
    exit_status = {"COMPLETED": 0, "FAILED": 3}.get(ended)
    signal = {"KILLED": 9}.get(ended)
    end = {"exit_status": exit_status, "signal": signal}
    return [
        state(run_id, "SUBMITTED", after_s=0),
        state(run_id, "RUNNING", after_s=1),
        ("log", {"run": run_id, "offset": 0, "text": "matching\n"}),
        ("log", {"run": run_id, "offset": 9, "text": "done\n"}),
        state(run_id, ended, after_s=22, **end),
        usage(run_id, ended=ended, **end, **of_usage),
    ]


def countersign(site: Site) -> list[Told]:
    """The agent's signatures under every receipt it was asked to sign."""
    told: list[Told] = []
    for command in commands(site, "countersign"):
        receipt = command.body["receipt"]
        signature = sign_receipt(receipt, site.private)
        told.append(
            ("countersign", {"receipt": receipt["id"], "digest": digest(receipt), "signature": signature})
        )
    return told


@dataclass
class Road:
    """One organisation, one centre, one offering, and money paid in."""

    owner: Person
    operator: Person
    platform: Person
    site: Site
    offering: Offering
    placed: list[Order] = field(default_factory=list)

    def ask(self, work: Mapping[str, Json] = APP_WORK) -> QuoteRequest:
        """Quotes for some work."""
        return market.request_quotes(
            actor=self.owner.actor, organisation_id=self.owner.organisation.id, work=work
        )

    def quote(self, work: Mapping[str, Json] = APP_WORK) -> Quote:
        """The first quote for some work."""
        found = market_reads.quotes(self.owner.actor, self.ask(work).id)
        assert found, "no quote"
        return found[0]

    def pay_in(self, amount_fen: int, deposit_id: str = "d1") -> None:
        """The organisation pays in."""
        market.deposit(
            actor=self.platform.actor,
            organisation_id=self.owner.organisation.id,
            amount_fen=amount_fen,
            deposit_id=deposit_id,
        )

    def place(self, quote: Quote | None = None) -> Run:
        """An accepted quote's run."""
        order = runs.place_order(
            actor=self.owner.actor, quote_id=(quote or self.quote()).id, order_id=new_id()
        )
        self.placed.append(order)
        return Run.objects.get(order=order)

    def say(self, messages: Sequence[Told], thread: str = "") -> None:
        """The agent speaks, the worker does a round of all its steps, or of one thread's."""
        if messages:
            tell(self.site, *messages)
        assert tick(thread).failed == ()

    def finish(self, run: Run, ended: str = "COMPLETED", **of_usage: Any) -> None:
        """A whole undisturbed run with its receipt signed; the log hears of both when it is."""
        self.say(history(run.id, ended, **of_usage), WORK)
        self.say(countersign(self.site))

    def balance(self) -> ledger.Balance:
        """The organisation's own money."""
        return market_reads.balance(self.owner.actor, self.owner.organisation.id)


__all__ = ["APP_DIGEST", "Road"]
