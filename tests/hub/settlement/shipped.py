"""Programmes that ship, on the platform: AI computing for ¥200,000.00 a run, and the claim on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.hub.settlement.claim_world import ClaimWorld
from tests.people import Person, make_person, signer
from tests.road import APP_WORK, Road

import hesuan.policy
from hesuan.hub.market import selectors as market
from hesuan.hub.market import services as selling
from hesuan.hub.market.models import Quote
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.settlement.models import Settlement
from hesuan.wire.canonical import Json

FOLDER = Path(hesuan.policy.__file__).parent / "programmes"
HOUR_MS = 3_600_000
HOUR_OF_WORK: dict[str, Json] = {**APP_WORK, "time_limit_s": 3600}
FEN_PER_CORE_HOUR = 10_000_000
"""Two cores for an hour cost ¥200,000.00, the amount of Nanning's official example."""
COST_FEN = 2 * FEN_PER_CORE_HOUR


def text_of(programme: str) -> str:
    """A shipped document."""
    return (FOLDER / f"{programme}.yaml").read_text()


class Shipped(ClaimWorld):
    """One shipped programme in force, with the road's centre admitted; users are paid back."""

    @property
    def flow(self) -> str:
        """All of these pay the user back."""
        return "reimburse_user"

    def sell(self, kind: str, title: str) -> None:
        """One more offering of the road's centre."""
        selling.publish_offering(
            actor=self.road.operator.actor,
            centre_id=self.road.site.agent.centre_id,
            title=title,
            cores=4,
            fen_per_core_hour=FEN_PER_CORE_HOUR,
            line_kind=kind,
            card="ascend-910c" if kind == "ai_compute" else "",
        )

    def quote(self, kind: str) -> Quote:
        """An hour of two cores at the dear offering of a kind."""
        found = market.quotes(self.road.owner.actor, self.road.ask(HOUR_OF_WORK).id)
        return next(
            one
            for one in found
            if one.document["line"]["kind"] == kind and one.document["max_charge_fen"] == COST_FEN
        )

    def use(self, kind: str = "ai_compute", wall_ms: int = HOUR_MS) -> Settlement:
        """One settled order of a kind, its receipt signed."""
        run = self.road.place(self.quote(kind))
        self.road.finish(run, wall_ms=wall_ms)
        return Settlement.objects.get(order_id=run.order_id)

    def issue_for(
        self, facts: dict[str, Json], planned_fen: int = COST_FEN, award: dict[str, Json] | None = None
    ) -> Voucher:
        """Application, review, approval with its award, issue."""
        owner = self.road.owner
        application = programmes.apply(
            actor=owner.actor,
            organisation_id=owner.organisation.id,
            version_id=self.version.id,
            planned_fen=planned_fen,
            facts=facts,
        )
        programmes.review(actor=self.reviewer.actor, application_id=application.id, verdict="pass", note="ok")
        programmes.approve(actor=self.approver.actor, application_id=application.id, award=award)
        self.voucher = programmes.issue(actor=self.officer.actor, application_id=application.id)
        return self.voucher


def make_shipped(
    road: Road, officer: Person, reviewer: Person, approver: Person, programme: str, **changes: Any
) -> Shipped:
    """The programme's own text, activated; money for three runs paid in."""
    text = text_of(programme)
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    draft = programmes.load_programme(actor=officer.actor, text=text, source_name=f"{programme}.yaml")
    version = programmes.activate(actor=signer(officer).actor, version_id=draft.id)
    admit(officer, version, road)
    road.pay_in(5 * COST_FEN, "d-shipped")
    office = officer.organisation
    second, payer, third = (make_person(name, office, "approver") for name in ("ada", "paul", "tom"))
    world = Shipped(road, officer, reviewer, approver, second, payer, third, version)
    world.sell("ai_compute", "NPU")
    world.sell("compute", "CPU by the same price")
    return world


def admit(officer: Person, version: ProgrammeVersion, road: Road) -> None:
    """The road's centre is on the programme's list."""
    programmes.admit_supplier(
        actor=officer.actor,
        programme_id=version.programme_id,
        centre_id=road.site.agent.centre_id,
        reason="on the list",
    )
