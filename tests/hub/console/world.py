"""A small world for the console's pages, built by the real verbs: centre, agent, order, receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone
from tests.people import Person
from tests.sites import Site, benchmark_body, enrol_site, inventory_body, make_centre

from hesuan.hub.centres.models import Centre
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.hub.market import services as market
from hesuan.hub.market.models import Order, QuoteRequest
from hesuan.hub.runs import services as runs
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Receipt
from hesuan.hub.worker.loop import tick
from hesuan.wire.ids import new_id
from hesuan.wire.messages import format_at
from hesuan.wire.receipt import sign_receipt

WORK = {"kind": "app", "app": "omics-match", "units": 20000, "parameters": {"seed": 7}, "cores": 2}


@dataclass
class World:
    """One centre with its agent and an offering; verbs to take an order as far as a test needs."""

    centre: Centre
    site: Site
    buyer: Organisation

    def ask(self, person: Person, **changes: Any) -> QuoteRequest:
        """Asks for quotes on the standard work."""
        work = {**WORK, **changes}
        return market.request_quotes(actor=person.actor, organisation_id=self.buyer.id, work=work)

    def order(self, person: Person, asked: QuoteRequest | None = None) -> Order:
        """Accepts the best quote."""
        quote = (asked or self.ask(person)).quotes.order_by("rank").first()
        assert quote is not None, "nobody quoted"
        return runs.place_order(actor=person.actor, quote_id=quote.id, order_id=new_id())

    def start(self, order: Order) -> Run:
        """The agent starts the run and prints a line."""
        run = Run.objects.get(order=order)
        self.report(run, "SUBMITTED")
        self.report(run, "RUNNING")
        self.site.send(
            "log", {"run": run.id, "offset": 0, "text": "matching <b>20000</b> samples\nstep 1 of 4\n"}
        )
        tick()
        return Run.objects.get(pk=run.id)

    def finish(self, run: Run, state: str = "COMPLETED", wall_ms: int = 12_345) -> None:
        """The run ends and its usage arrives; the order is settled and its receipt drafted."""
        self.report(run, state, exit_status=0 if state == "COMPLETED" else 1)
        ended = timezone.now()
        self.site.send(
            "usage",
            {
                "run": run.id,
                "attempt": 1,
                "state": state,
                "exit_status": 0 if state == "COMPLETED" else 1,
                "signal": None,
                "started_at": format_at(ended - timedelta(milliseconds=wall_ms)),
                "ended_at": format_at(ended),
                "wall_ms": wall_ms,
                "cpu_ms": 21_480,
                "cores": 2,
                "peak_memory_bytes": 412 * 2**20,
                "evidence": "kernel:wait4",
                "result": {"recall_ppm": 993_400, "matched": 20000},
                "output_digest": "sha256:" + "cd" * 32,
            },
        )
        tick()

    def sign(self, order: Order) -> Receipt:
        """The site signs the receipt; the log takes it in."""
        receipt = Receipt.objects.get(settlement__order=order)
        signature = sign_receipt(receipt.document, self.site.private)
        body = {"receipt": receipt.id, "digest": receipt.digest, "signature": signature}
        self.site.send("countersign", body)
        tick()
        return Receipt.objects.get(pk=receipt.id)

    def settled(self, person: Person) -> Receipt:
        """An order from its quote to its signed receipt."""
        order = self.order(person)
        self.finish(self.start(order))
        return self.sign(order)

    def report(self, run: Run, state: str, exit_status: int | None = None) -> None:
        """The agent reports a state."""
        body = {"run": run.id, "state": state, "reason": "", "exit_status": exit_status, "signal": None}
        answer = self.site.send("run_state", {**body, "at": format_at(timezone.now())})
        assert answer.status_code == 200, answer.content
        tick()


def build(centre_organisation: Organisation, buyer: Organisation, operator: Person) -> World:
    """A centre that is admitted, enrolled, measured and sells; a buyer that has paid in ¥500.00."""
    centre = make_centre(centre_organisation)
    site = enrol_site(centre)
    for kind, body in (("inventory", inventory_body()), ("benchmark", benchmark_body())):
        answer = site.send(kind, body)
        assert answer.status_code == 200, answer.content
    tick()
    market.publish_offering(
        actor=operator.actor,
        centre_id=centre.id,
        title="Zhengzhou East, 4 cores",
        cores=4,
        fen_per_core_hour=36_000,
    )
    market.deposit(actor=SYSTEM, organisation_id=buyer.id, amount_fen=50_000, deposit_id=new_id())
    return World(centre, site, buyer)
