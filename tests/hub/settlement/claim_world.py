"""A world for claims: an active programme of each flow, vouchers, settled orders, and papers that match."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.people import Person, make_person, signer
from tests.road import Road

import hesuan.policy
from hesuan.hub.market.models import Order
from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.models import ProgrammeVersion, Voucher
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement import batches, claim_review, claims
from hesuan.hub.settlement.models import Batch, Claim, Settlement
from hesuan.wire.ids import new_id

HENAN = (Path(hesuan.policy.__file__).parent / "programmes" / "cn.henan.suanliquan.2023.yaml").read_text()
FLOAT = (
    'settlement: {flow: "?", '
    'float: {holder: supplier, size: "1.00", replenish: on_demand, refund_unused: true}}'
)


def document(flow: str, **changes: str) -> str:
    """Henan 2023 under another name, paid by another flow; ``changes``: text → text."""
    text = HENAN.replace("cn.henan.suanliquan.2023", f"cn.test.{flow}")
    text = text.replace("value: deduct_pay_supplier", f"value: {flow}")
    if flow == "prefund_supplier":
        text = text.replace('settlement: {flow: "?"}', FLOAT)
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@dataclass
class ClaimWorld:
    """The road, an office of five people, and one version."""

    road: Road
    officer: Person
    reviewer: Person
    approver: Person
    second: Person
    """Another approver."""
    payer: Person
    """A third approver, who pays."""
    third: Person
    """A fourth, who had no part in anything yet."""
    version: ProgrammeVersion
    voucher: Voucher | None = None
    placed: list[Order] = field(default_factory=list)

    @property
    def flow(self) -> str:
        """The version's flow."""
        return self.version.programme_id.rpartition(".")[2]

    @property
    def claimant(self) -> Person:
        """Who claims."""
        return self.road.owner if self.flow == "reimburse_user" else self.road.operator

    def issue(self, planned_fen: int = 5_000_000) -> Voucher:
        """A voucher of 20 % of the planned amount."""
        owner = self.road.owner
        application = programmes.apply(
            actor=owner.actor,
            organisation_id=owner.organisation.id,
            version_id=self.version.id,
            planned_fen=planned_fen,
            facts={},
        )
        programmes.review(actor=self.reviewer.actor, application_id=application.id, verdict="pass", note="ok")
        programmes.approve(actor=self.approver.actor, application_id=application.id)
        self.voucher = programmes.issue(actor=self.approver.actor, application_id=application.id)
        return self.voucher

    def settle(self, **usage: Any) -> Settlement:
        """One order through the whole road, its receipt signed; ¥4.20 unless told otherwise."""
        run = self.road.place()
        self.road.finish(run, **usage)
        settlement = Settlement.objects.get(order_id=run.order_id)
        self.placed.append(settlement.order)
        return settlement

    def papers(self, *settled: Settlement, **changes: dict[str, Any]) -> dict[str, Any]:
        """Papers that match some orders; ``changes`` per paper."""
        charge = sum(one.charge_fen for one in settled)
        today = programme_day(settled[0].settled_at)
        buyer, seller = self.road.owner.organisation.name, self.road.operator.organisation.name
        made: dict[str, dict[str, Any]] = {
            "contract": {
                "number": "HT-2026-001",
                "signed_on": (today - timedelta(days=400)).isoformat(),
                "amount_fen": 100_000_000,
                "buyer": buyer,
                "seller": seller,
            },
            "invoice": {
                "number": f"FP-{settled[0].id[-8:]}",
                "issued_on": today.isoformat(),
                "amount_fen": charge,
                "buyer": buyer,
                "seller": seller,
            },
        }
        if self.flow == "reimburse_user":
            paid = {"number": "ZF-1", "paid_on": today.isoformat(), "amount_fen": charge}
            made |= {"payment": paid, "delivery_proof": {"accepted_on": today.isoformat()}}
        for kind, change in changes.items():
            made[kind] = {**made.get(kind, {}), **change}
        return made

    def claim(self, *settled: Settlement, claim_id: str = "", **changes: dict[str, Any]) -> Claim:
        """An opened and submitted claim."""
        made = claims.open_claim(
            actor=self.claimant.actor,
            claim_id=claim_id or new_id(),
            version_id=self.version.id,
            order_ids=[one.order_id for one in settled],
            papers_said=self.papers(*settled, **changes),
            voucher_id=self.voucher.id if self.voucher and self.flow == "reimburse_user" else "",
        )
        return claims.submit(actor=self.claimant.actor, claim_id=made.id)

    def approve(self, claim: Claim) -> Claim:
        """Carried to where it is payable."""
        claim_review.verify(actor=self.reviewer.actor, claim_id=claim.id, note="seen")
        return claim_review.approve(actor=self.approver.actor, claim_id=claim.id)

    def pay_batch(self, claim: Claim) -> Batch:
        """The claim's batch, closed, reviewed and paid by three people."""
        claim.refresh_from_db()
        batch_id = str(claim.batch_id)
        batches.close(actor=self.officer.actor, batch_id=batch_id)
        batches.review(actor=self.second.actor, batch_id=batch_id, note="seen")
        return batches.pay(actor=self.payer.actor, batch_id=batch_id, reference="bank 1")


def make_claim_world(
    road: Road,
    officer: Person,
    reviewer: Person,
    approver: Person,
    *,
    text: str,
    planned_fen: int = 5_000_000,
    people: tuple[Person, Person, Person] | None = None,
) -> ClaimWorld:
    """An active version with the road's centre admitted, and one voucher."""
    draft = programmes.load_programme(actor=officer.actor, text=text, source_name="test.yaml")
    version = programmes.activate(actor=signer(officer).actor, version_id=draft.id)
    programmes.admit_supplier(
        actor=officer.actor,
        programme_id=version.programme_id,
        centre_id=road.site.agent.centre_id,
        reason="on the list",
    )
    office = officer.organisation
    second, payer, third = people or (
        make_person("ada", office, "approver"),
        make_person("paul", office, "approver"),
        make_person("thea", office, "approver"),
    )
    world = ClaimWorld(road, officer, reviewer, approver, second, payer, third, version)
    world.issue(planned_fen)
    return world
