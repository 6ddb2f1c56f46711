"""A programme that issues nothing, walked on pages: the claim's form asks what an application would ask."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone
from tests.hub.console.test_claim_deeds import ledger_balances, road, send, site
from tests.hub.console.test_flows_on_pages import page, walk_to_payment
from tests.hub.settlement.after_use import AfterUse
from tests.hub.settlement.shipped import Shipped, make_shipped
from tests.people import Person
from tests.road import Road

from hesuan.hub.programmes.models import Voucher
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement.models import Claim, Settlement
from hesuan.wire.canonical import Json

__all__ = ["ledger_balances", "road", "site"]

WINDOW = "value: [{from: 2026-01-04, to: 2026-01-23}]"
STATED = {
    "facts.applicant.is_legal_person": "true",
    "facts.applicant.major_penalty_within_three_years": "false",
    "facts.applicant.is_dishonest": "false",
    "facts.relation.related_party": "false",
    "facts.contract.starts_on": "2025-01-01",
    "facts.contract.ends_on": "2026-12-31",
}


@pytest.fixture
def nanning(road: Road, officer: Person, reviewer: Person, approver: Person) -> Shipped:
    """Nanning's own text with a window that is open today."""
    today = programme_day(timezone.now())
    open_now = {WINDOW: f"value: [{{from: {today}, to: open_ended}}]"}
    return make_shipped(road, officer, reviewer, approver, "cn.nanning.suanliquan.2025", **open_now)


def typed(here: Shipped, settled: Settlement, shown: str) -> dict[str, str]:
    """What the firm types into the form: the order, the payment, what is asked of it."""
    claim_id = re.search(r'name="claim_id" value="(\w+)"', shown)
    assert claim_id is not None and settled.order_id in shown
    paid = here.papers(settled)["payment"]
    papers = {"papers.payment.number": paid["number"], "papers.payment.paid_on": paid["paid_on"]}
    return {
        "order": settled.order_id,
        "claim_id": claim_id[1],
        "papers.payment.amount_fen": "200000.00",
        **papers,
        **STATED,
    }


def test_a_claim_after_use_is_found_filled_in_and_paid_on_the_pages(nanning: Shipped) -> None:
    settled, firm = nanning.use(), nanning.claimant
    programme = page(firm, "/programmes/cn.nanning.suanliquan.2025/")
    assert 'data-test="claim-after-use"' in programme and 'data-test="apply"' not in programme
    listed = page(firm, "/claims/")
    address = re.search(r'href="(/claims/new/[^"]+)"', listed)
    assert address is not None and "pays after use, nothing is issued" in listed
    shown = page(firm, address[1])
    assert all(f'name="{name}"' in shown for name in STATED) and 'id="voucher"' not in shown
    told = typed(nanning, settled, shown)
    wrong = firm.client.post(address[1], {**told, "facts.contract.ends_on": "soon"})
    assert wrong.status_code == 422 and "soon" in wrong.content.decode()
    assert firm.client.post(address[1], told).status_code == 302
    address_of = f"/claims/{told['claim_id']}/"
    draft = page(firm, address_of)
    assert "¥25,102.00" in draft and 'data-test="stated"' in draft
    claim = walk_to_payment(nanning, address_of)
    assert (claim.state, claim.facts["contract.ends_on"]) == ("PAID", "2026-12-31")
    voucher = Voucher.objects.get()
    seen = page(firm, f"/vouchers/{voucher.id}/")
    assert 'data-test="after-use"' in seen and 'data-test="surrender"' not in seen


def test_papers_and_facts_are_corrected_together(nanning: Shipped) -> None:
    settled, firm = nanning.use(), nanning.claimant
    address = re.search(r'href="(/claims/new/[^"]+)"', page(firm, "/claims/"))
    assert address is not None
    told = typed(nanning, settled, page(firm, address[1]))
    assert firm.client.post(address[1], {**told, "papers.payment.amount_fen": "1.00"}).status_code == 302
    address_of = f"/claims/{told['claim_id']}/"
    assert send(firm, address_of, "submit")[0] == 302
    claim = Claim.objects.get()
    assert claim.state == "MISMATCH" and 'name="facts.contract.starts_on"' in page(firm, address_of)
    papers = {name: text for name, text in told.items() if name not in ("order", "claim_id")}
    whole = {**papers, "facts.contract.starts_on": "2025-03-01", "facts.contract.ends_on": "2025-12-31"}
    assert send(firm, address_of, "correct", **whole)[0] == 302
    assert send(firm, address_of, "submit")[0] == 302
    claim.refresh_from_db()
    assert (claim.state, claim.lines.get().subsidy_fen) == ("MATCHED", 6_000_000)


def test_the_page_asks_the_verifier_for_the_rate_and_says_who_set_it(
    road: Road, officer: Person, reviewer: Person, approver: Person
) -> None:
    """Hangzhou, 200,000.00 at most by half: the page says so, and pays the 2/5 that the reviewer sets."""
    here = make_shipped(road, officer, reviewer, approver, "cn.hangzhou.suanliquan.2025")
    here.__class__ = AfterUse
    assert isinstance(here, AfterUse)
    facts: dict[str, Json] = {"applicant.is_legal_person": True, "applicant.size": "small"}
    claim = here.submit(here.open_with_all(here.use(), facts=facts))
    address = f"/claims/{claim.id}/"
    firm, office = page(here.claimant, address), page(here.reviewer, address)
    assert 'data-test="rate-most"' in firm and 'name="rate"' not in firm
    assert 'name="rate"' in office and 'placeholder="1/2"' in office
    for rate, status in (("", 422), ("3/5", 409), ("2/5", 302)):
        assert send(here.reviewer, address, "verify", note="tests by half", rate=rate)[0] == status
    shown = page(here.claimant, address)
    assert "¥80,000.00" in shown and "tests by half" in shown.partition('data-test="rate-set"')[2][:120]
    assert 'name="rate"' not in page(here.approver, address)
