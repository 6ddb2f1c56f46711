"""Claims in every state, batches, a clawback and a float's programme, for the table of roles."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.hub.api.world import World
from tests.hub.settlement.claim_world import document
from tests.people import Person, make_person, signer

from hesuan.hub.programmes import services as programmes
from hesuan.hub.programmes.models import ProgrammeVersion
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement import (
    batches,
    claim_review,
    claims,
    clawing,
    disputing,
    floats,
    reconciling,
    sampling,
)
from hesuan.hub.settlement.models import Claim, Settlement
from hesuan.wire.ids import new_id

HERE = "/claims/{claim_id}"
ORDERS = 11
"""As many as :func:`make_claim_requests` makes something of."""
EMPTY = "day,reference,amount\n"


@dataclass
class ClaimRequests:
    """What the operations on claims need."""

    people: dict[str, Any]
    world: World
    version: ProgrammeVersion
    ids: dict[str, str] = field(default_factory=dict)
    own_ids: dict[str, dict[str, str]] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """All orders go their way together: a world of the worker's rounds for each took most of the time."""
        orders = [self.world.order_for(self.people["owner"]) for _ in range(ORDERS)]
        self.world.end_together(orders)
        self.free = [order.id for order in reversed(orders)]

    def settled(self) -> Settlement:
        """One order of the owner's with the voucher's part captured, of which nothing was made yet."""
        return Settlement.objects.get(order_id=self.free.pop())

    def papers(self, settled: Settlement, more_fen: int = 0) -> dict[str, Any]:
        """Papers that match, or whose invoice is too high."""
        today = programme_day(settled.settled_at)
        buyer: Person = self.people["owner"]
        parties = {
            "buyer": buyer.organisation.name,
            "seller": self.people["centre_operator"].organisation.name,
        }
        signed = (today - timedelta(days=400)).isoformat()
        contract = {"number": "HT-1", "signed_on": signed, "amount_fen": 9_000_000, **parties}
        invoice = {
            "number": f"FP-{settled.id[-8:]}",
            "issued_on": today.isoformat(),
            "amount_fen": settled.charge_fen + more_fen,
            **parties,
        }
        return {"contract": contract, "invoice": invoice}

    def opened(self, more_fen: int = 0) -> Claim:
        settled = self.settled()
        return claims.open_claim(
            actor=self.people["centre_operator"].actor,
            claim_id=new_id(),
            version_id=self.version.id,
            order_ids=[settled.order_id],
            papers_said=self.papers(settled, more_fen),
        )

    def submitted(self, more_fen: int = 0) -> Claim:
        opened = self.opened(more_fen)
        return claims.submit(actor=self.people["centre_operator"].actor, claim_id=opened.id)

    def verified(self) -> Claim:
        return claim_review.verify(actor=self.people["reviewer"].actor, claim_id=self.submitted().id)

    def payable(self) -> Claim:
        approved = claim_review.approve(actor=self.people["approver"].actor, claim_id=self.verified().id)
        approved.refresh_from_db()
        return approved

    def batch(self, to: str) -> tuple[str, str]:
        """A batch carried to a state, and its claim."""
        claim = self.payable()
        batch_id = str(claim.batch_id)
        if to != "OPEN":
            batches.close(actor=self.people["officer"].actor, batch_id=batch_id)
        if to in ("REVIEWED", "PAID"):
            batches.review(actor=self.people["reviewer"].actor, batch_id=batch_id)
        if to == "PAID":
            batches.pay(actor=self.people["approver"].actor, batch_id=batch_id)
        return batch_id, claim.id


def make_claim_requests(people: dict[str, Any], world: World, version: ProgrammeVersion) -> ClaimRequests:
    """The centre's claims, each where its operation wants it."""
    centre_id = world.site.agent.centre_id
    officer: Person = people["officer"]
    prefund = prefunded(officer, centre_id)
    programmes.admit_supplier(
        actor=officer.actor, programme_id=version.programme_id, centre_id=centre_id, reason="listed"
    )
    made = ClaimRequests(people, world, version)
    floats.fund(
        actor=people["approver"].actor,
        movement_id=new_id(),
        version_id=prefund.id,
        centre_id=centre_id,
        amount_fen=10,
    )
    _, paid = made.batch("PAID")
    reviewed, _ = made.batch("REVIEWED")
    closed, _ = made.batch("CLOSED")
    opened, payable = made.batch("OPEN")
    disputed = made.submitted()
    disputing.dispute(
        actor=people["owner"].actor, claim_id=disputed.id, line=1, reason="meter", dispute_id=new_id()
    )
    draft, mismatch, verified = made.opened(), made.submitted(more_fen=100), made.verified()
    clawback = clawing.demand(
        actor=people["approver"].actor, clawback_id=new_id(), claim_id=paid, amount_fen=3, reason="audit"
    )
    agreed, waiting = (_plan(made) for _ in range(2))
    second = make_person("second", people["approver"].organisation, "approver")
    sampling.agree_plan(actor=second.actor, plan_id=agreed)
    audited = made.verified()
    statement = reconciling.load_statement(
        actor=officer.actor,
        statement_id=new_id(),
        programme_id=version.programme_id,
        payer="province",
        begins_on=date(2020, 1, 1),
        ends_on=date(2020, 1, 31),
        name="old.csv",
        content=EMPTY,
    )
    made.ids = {
        "plan_id": waiting,
        "statement_id": statement.id,
        "claim_id": made.submitted().id,
        "batch_id": opened,
        "clawback_id": clawback.id,
        "claim_version_id": version.id,
        "claim_programme_id": version.programme_id,
        "claim_centre_id": centre_id,
        "line": "1",
    }
    made.own_ids = {
        f"PUT {HERE}/papers": {"claim_id": draft.id},
        f"POST {HERE}/submit": {"claim_id": draft.id},
        f"POST {HERE}/rematch": {"claim_id": mismatch.id},
        f"POST {HERE}/waive": {"claim_id": mismatch.id},
        f"POST {HERE}/approve": {"claim_id": verified.id},
        f"POST {HERE}/payable": {"claim_id": payable},
        f"POST {HERE}/pay": {"claim_id": paid},
        f"POST {HERE}/lines/{{line}}/resolve": {"claim_id": disputed.id},
        f"POST {HERE}/audit": {"claim_id": audited.id},
        f"POST {HERE}/close": {"claim_id": paid},
        f"GET {HERE}/audits": {"claim_id": audited.id},
        "GET /programmes/{programme_id}/audit-plans": {"programme_id": version.programme_id},
        "POST /programmes/{programme_id}/audit-plans": {"programme_id": version.programme_id},
        "POST /programmes/{programme_id}/audit-draws": {"programme_id": version.programme_id},
        "POST /batches/{batch_id}/review": {"batch_id": closed},
        "POST /batches/{batch_id}/pay": {"batch_id": reviewed},
        "GET /programmes/{programme_id}/centres/{centre_id}/statement": {
            "programme_id": version.programme_id,
            "centre_id": centre_id,
        },
    }
    made.bodies = _bodies(made, paid, prefund.id, centre_id)
    assert made.free == []
    world.say([])
    return made


def _plan(made: ClaimRequests) -> str:
    """A plan that waits for a second approver."""
    return sampling.propose_plan(
        actor=made.people["approver"].actor,
        plan_id=new_id(),
        programme_id=made.version.programme_id,
        share=Fraction(1),
        window_days=30,
        reason="the funder's letter",
    ).id


def prefunded(officer: Person, centre_id: str) -> ProgrammeVersion:
    """An active programme that pays by a float."""
    text = document("prefund_supplier")
    draft = programmes.load_programme(actor=officer.actor, text=text, source_name="prefund.yaml")
    active = programmes.activate(actor=signer(officer).actor, version_id=draft.id)
    programmes.admit_supplier(
        actor=officer.actor, programme_id=active.programme_id, centre_id=centre_id, reason="listed"
    )
    return active


def _bodies(made: ClaimRequests, paid: str, prefund_id: str, centre_id: str) -> dict[str, Any]:
    free = made.settled()
    because = {"reason": "because"}
    money = {"programme_version": prefund_id, "centre": centre_id}
    return {
        "POST /claims": {
            "programme_version": made.version.id,
            "orders": [free.order_id],
            "papers": made.papers(free),
        },
        f"PUT {HERE}/papers": {"papers": made.papers(free)},
        f"POST {HERE}/withdraw": because,
        f"POST {HERE}/rematch": {**because, "tolerance_yuan": "1.00"},
        f"POST {HERE}/waive": because,
        f"POST {HERE}/return": because,
        f"POST {HERE}/reject": because,
        f"POST {HERE}/disputes": {**because, "line": 1},
        f"POST {HERE}/lines/{{line}}/resolve": {"outcome": "upheld", "finding": "the meter is right"},
        f"POST {HERE}/credit-notes": {
            **because,
            "number": "RED-1",
            "lines": [{"line": 1, "amount_yuan": "0.10"}],
        },
        f"POST {HERE}/audit": {"outcome": "passed", "finding": "the job's log"},
        f"POST {HERE}/close": {},
        "POST /programmes/{programme_id}/audit-plans": {**because, "share": "1/10", "window_days": 30},
        "POST /programmes/{programme_id}/audit-draws": {"period": "2020-Q1"},
        "POST /bank-statements": {
            "programme": made.version.programme_id,
            "payer": "province",
            "begins_on": "2020-01-01",
            "ends_on": "2020-01-31",
            "content": EMPTY,
        },
        "POST /clawbacks": {**because, "claim": paid, "amount_yuan": "0.02"},
        "POST /clawbacks/{clawback_id}/write-off": because,
        "POST /floats": {**money, "amount_yuan": "0.50"},
        "POST /float-refunds": money,
    }
