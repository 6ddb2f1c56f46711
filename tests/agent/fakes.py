"""An agent over the fake engine, driven tick by tick; and documents as the hub would send them."""

from __future__ import annotations

from typing import Any

import httpx
from tests.agent.hub import StandInHub

from hesuan.agent.agent import Agent
from hesuan.agent.counting import Meter
from hesuan.agent.orders import House
from hesuan.agent.schedulers.fake import FakeCentre, FakeScheduler
from hesuan.agent.site import Site
from hesuan.agent.spool import Spool
from hesuan.agent.uplink import Uplink
from hesuan.wire.canonical import digest
from hesuan.wire.ids import new_id
from hesuan.wire.receipt import charge_fen

CHARGE_RULE = {"COMPLETED": 100, "FAILED": 100, "TIMEOUT": 100, "CANCELLED": 100, "KILLED": 0, "REFUSED": 0}


class Rig:
    """One agent whose time is the tests'. ``restart`` is kill and start over the same disk and engine."""

    meter_every_s = 60.0

    def __init__(
        self,
        hub: StandInHub,
        site: Site,
        *,
        scripts: bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.hub, self.site, self.scripts, self.transport = hub, site, scripts, transport
        self.centre = FakeCentre()
        self.scheduler = FakeScheduler(self.centre, site.runs)
        self.told: list[str] = []
        self.start()

    def start(self) -> None:
        self.spool = Spool(self.site.spool, self.site.agent, self.site.private)
        self.uplink = Uplink(self.hub.address, self.site.private, self.site.agent, transport=self.transport)
        self.agent = Agent(
            site=self.site,
            spool=self.spool,
            uplink=self.uplink,
            scheduler=self.scheduler,
            house=House({}, scripts_allowed=self.scripts),
            inventory={"host": "test"},
            tell=self.told.append,
            cores=self.centre.cores,
            meter=Meter(every_s=self.meter_every_s, clock=lambda: float(self.centre.now_s)),
        )

    def close(self) -> None:
        self.spool.close()
        self.uplink.close()

    def restart(self) -> None:
        self.close()
        self.scheduler = FakeScheduler(self.centre, self.site.runs)
        self.start()

    def fetch(self) -> None:
        """One poll for commands, as the second thread does it."""
        self.spool.receive(self.uplink.poll(after=self.spool.last_command_seq(), wait_s=0))

    def round(self, seconds: int = 1) -> None:
        """One poll, one tick, and some time for the engine."""
        self.fetch()
        self.agent._send_after = 0
        self.agent.tick()
        self.centre.advance(seconds)

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self.round()

    def order(self, *words: str, cores: int = 1, time_limit_s: int = 60, run: str = "") -> str:
        """Leaves a ``run`` command for a script; returns the run's id."""
        run = run or new_id()
        body = script_order(run, *words, cores=cores, time_limit_s=time_limit_s)
        self.hub.command("run", body, command_id=f"run:{run}")
        return run


def script_order(run: str, *words: str, cores: int = 1, time_limit_s: int = 60) -> dict[str, Any]:
    """The body of a ``run`` command for a script."""
    work = {"kind": "script", "command": list(words), "cores": cores}
    return {"run": run, "work": work, "cores": cores, "time_limit_s": time_limit_s, "app_digest": None}


def receipt_for(usage: dict[str, Any], *, agent: str, centre: str, order: dict[str, Any]) -> dict[str, Any]:
    """A receipt as the hub drafts it for a usage record, paid by the user alone."""
    quote = {
        "v": 1,
        "id": new_id(),
        "organisation": new_id(),
        "centre": centre,
        "cores": order["cores"],
        "price": {"id": new_id(), "fen_per_core_hour": 3600},
        "prediction": None,
        "time_limit_s": order["time_limit_s"],
        "app_digest": order["app_digest"],
        "max_charge_fen": 1_000_000,
        "voucher": None,
        "copay_max_fen": 1_000_000,
        "charge_rule": CHARGE_RULE,
    }
    charge = charge_fen(usage, quote)
    captured = charge.charge_fen
    released = 1_000_000 - captured
    return {
        "v": 1,
        "id": new_id(),
        "order": new_id(),
        "run": usage["run"],
        "organisation": quote["organisation"],
        "centre": centre,
        "agent": agent,
        "issued_at": "2026-11-20T21:46:00.000000Z",
        "quote": quote,
        "quote_digest": digest(quote),
        "usage": usage,
        "charge": {
            **charge.document(),
            "vouchers": [],
            "copay": {"held_fen": 1_000_000, "captured_fen": captured, "released_fen": released},
        },
        "prediction": None,
        "actual": {"wall_ms": usage["wall_ms"]},
    }
