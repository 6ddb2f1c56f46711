"""A small world for the API's and the commands' tests: the road of the tests, step by step per order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from tests.people import Person
from tests.road import Road, Told, countersign, make_site, publish, state, tell, usage

from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.market import selectors as market
from hesuan.hub.market import services as market_services
from hesuan.hub.market.models import Order, Quote
from hesuan.hub.runs import outputs
from hesuan.hub.runs import services as runs
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Receipt
from hesuan.hub.worker.loop import WORK as THE_WORK
from hesuan.hub.worker.loop import tick
from hesuan.wire.ids import new_id
from hesuan.wire.outputs import Listed, list_digest

WORK: dict[str, Any] = {
    "kind": "app",
    "app": "omics-match",
    "units": 2000,
    "parameters": {"seed": 7},
    "cores": 2,
}
LEFT_BYTES = b'{"recall_ppm": 991000}'
LEFT = (Listed("result.json", len(LEFT_BYTES), hashlib.sha256(LEFT_BYTES).hexdigest()),)
"""What every run here leaves."""
PAID_IN_FEN = 1_000_000


class World(Road):
    """Money on the owner's account and one measured offering; anybody may order."""

    def quote_for(self, person: Person) -> Quote:
        """The one quote for :data:`WORK`."""
        request = market_services.request_quotes(
            actor=person.actor, organisation_id=person.organisation.id, work=WORK
        )
        (quote,) = market.quotes(person.actor, request.id)
        return quote

    def order_for(self, person: Person) -> Order:
        """A placed order."""
        quote = self.quote_for(person)
        return runs.place_order(actor=person.actor, quote_id=quote.id, order_id=new_id())

    def placed_order(self, order_id: str) -> Order:
        """An order placed some other way."""
        return Order.objects.get(pk=order_id)

    def start(self, order: Order) -> Run:
        """The site has started the order's run and printed a line."""
        run = Run.objects.get(order=order)
        for message in _started(run):
            self.say([message])
        return run

    def end(self, order: Order, ended: str = "COMPLETED", *, signed: bool = True) -> Receipt:
        """The run has ended, its usage has come, it is settled and (unless told not to) countersigned."""
        self.say(_ended(Run.objects.get(order=order), ended))
        if signed:
            self.say(countersign(self.site))
        return Receipt.objects.get(settlement__order=order)

    def leave_output(self, order: Order) -> None:
        """The site sends the one file that every run here leaves."""
        run, (one,) = Run.objects.get(order=order), LEFT
        told = outputs.Told(run.id, len(LEFT_BYTES), 1, one.bytes, "", LEFT)
        agent = self.site.agent.id
        (stand,) = outputs.announce(agent_id=agent, told=told, output_digest=list_digest(LEFT))
        outputs.append(agent_id=agent, run_id=run.id, number=stand.number, offset=0, data=LEFT_BYTES)

    def end_together(self, orders: Sequence[Order]) -> None:
        """Runs of which nobody looks at a step: from start to receipt in two rounds of the work alone.

        The logs get what they wait for in the next whole round.
        """
        runs_ = [Run.objects.get(order=order) for order in orders]
        tell(
            self.site, *(message for run in runs_ for message in (*_started(run), *_ended(run, "COMPLETED")))
        )
        assert tick(THE_WORK).failed == ()
        tell(self.site, *countersign(self.site))
        assert tick(THE_WORK).failed == ()


def _started(run: Run) -> list[Told]:
    """A site's word that a run began, and its first line."""
    said = {"run": run.id, "offset": 0, "text": "matching 2000 samples\n"}
    return [state(run.id, "RUNNING", after_s=1), ("log", said)]


def _ended(run: Run, ended: str) -> list[Told]:
    """A site's word that a run is over, and what it used."""
    exit_status = 0 if ended == "COMPLETED" else 3
    return [
        state(run.id, ended, after_s=4, exit_status=exit_status),
        usage(run.id, ended=ended, wall_ms=2500, exit_status=exit_status, output_digest=list_digest(LEFT)),
    ]


def make_world(owner: Person, operator: Person, platform_operator: Person) -> World:
    """Ready to quote."""
    site = make_site(operator.organisation)
    offering = publish(operator, site.agent.centre, title="CPU East")
    world = World(owner, operator, platform_operator, site, offering)
    pay_in(owner)
    world.say([])
    return world


def pay_in(person: Person) -> None:
    """Money on a person's organisation's account."""
    market_services.deposit(
        actor=SYSTEM,
        organisation_id=person.organisation.id,
        amount_fen=PAID_IN_FEN,
        deposit_id=new_id(),
    )
