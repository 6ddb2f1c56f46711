"""Deeds of redemption on pages: differences, disputes, money back, floats, each for whom it is open."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tests.hub.console.test_pages import all_answer, read
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.conftest import ledger_balances, road, site, world
from tests.hub.settlement.test_sampled_audit import ALL, drawn
from tests.people import Person

from hesuan.hub.settlement.models import Claim, Clawback, FloatMovement

Worlds = Callable[..., ClaimWorld]
__all__ = ["ledger_balances", "road", "site", "world"]


@pytest.fixture
def deduct(world: Worlds) -> ClaimWorld:
    """The centre is paid what orders took off the voucher."""
    return world()


def offered(person: Person, address: str) -> set[str]:
    return set(re.findall(r'data-test="open-([a-z_]+)"', read(person.client, address, "en")[1]))


def send(person: Person, address: str, verb: str, **sent: str) -> tuple[int, str]:
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(address, {"verb": verb, **sent})
    return answer.status_code, answer.content.decode()


def state(claim: Claim) -> str:
    return str(Claim.objects.get(pk=claim.pk).state)


def test_a_small_difference_is_let_pass_with_a_tolerance_by_a_reviewer(
    deduct: ClaimWorld, stranger: Person
) -> None:
    """The invoice says ¥0.30 more than the meter: within ¥0.50 it agrees, within ¥0.10 it does not."""
    settled = deduct.settle()
    told = {"amount_fen": settled.charge_fen + 30}
    claim = deduct.claim(settled, invoice=told)
    here = f"/claims/{claim.id}/"
    assert state(claim) == "MISMATCH"
    assert {"waive", "rematch", "send_back", "reject"} <= offered(deduct.reviewer, here)
    assert {"waive", "rematch", "reject"} & offered(deduct.claimant, here) == set()
    assert send(deduct.claimant, here, "rematch", tolerance="0.50", reason="x")[0] == 409
    status, text = send(deduct.reviewer, here, "rematch", tolerance="some", reason="odd cents")
    assert status == 422 and 'value="some"' in text and "odd cents" in text
    assert send(deduct.reviewer, here, "rematch", tolerance="0.10", reason="odd cents")[0] == 302
    assert state(claim) == "MISMATCH"
    assert send(deduct.reviewer, here, "rematch", tolerance="0.50", reason="odd cents")[0] == 302
    assert state(claim) == "MATCHED"
    assert send(stranger, here, "rematch", tolerance="1", reason="x")[0] == 404


def test_what_ends_a_claim_asks_for_a_reason_and_the_tick(deduct: ClaimWorld) -> None:
    claim = deduct.claim(deduct.settle())
    here = f"/claims/{claim.id}/"
    assert "withdraw" in offered(deduct.claimant, here)
    for person, verb in ((deduct.claimant, "withdraw"), (deduct.reviewer, "reject")):
        assert send(person, here, verb, reason="wrong invoice")[0] == 422
    status, text = send(deduct.reviewer, here, "reject", sure="yes", reason="")
    assert status == 422 and "errorlist" in text.partition('data-test="open-reject"')[2]
    assert state(claim) == "MATCHED"
    assert send(deduct.reviewer, here, "reject", sure="yes", reason="wrong invoice")[0] == 302
    assert state(claim) == "REJECTED" and offered(deduct.reviewer, here) == set()


def test_a_disputed_line_stands_still_until_another_approver_decides(deduct: ClaimWorld) -> None:
    claim = deduct.claim(deduct.settle(), deduct.settle())
    here = f"/claims/{claim.id}/"
    owner = deduct.road.owner
    assert "dispute" in offered(owner, here), "the holder"
    assert send(owner, here, "dispute", on="9", reason="counted twice")[0] == 404
    assert send(owner, here, "dispute", on="2", reason="counted twice")[0] == 302
    shown = read(deduct.approver.client, here, "en")[1]
    assert "counted twice" in shown and "In dispute" in shown and "waits on an approver" in shown
    assert "resolve_dispute" in offered(deduct.approver, here)
    assert "resolve_dispute" not in offered(deduct.reviewer, here) | offered(owner, here)
    told = {"on": "2", "outcome": "refused", "reason": "the meter was reset"}
    assert send(deduct.approver, here, "resolve_dispute", **told)[0] == 422, "no tick"
    assert send(deduct.approver, here, "resolve_dispute", sure="yes", **told)[0] == 302
    assert [one.state for one in claim.lines.order_by("number")] == ["CLAIMED", "REFUSED"]
    assert "the meter was reset" in read(owner.client, here, "en")[1]


def test_money_back_is_demanded_recovered_and_written_off_by_two(
    deduct: ClaimWorld, stranger: Person, auditor: Person
) -> None:
    claim = deduct.claim(deduct.settle())
    deduct.approve(claim)
    deduct.pay_batch(claim)
    here = f"/claims/{claim.id}/"
    assert "demand" in offered(deduct.approver, here)
    assert "demand" not in offered(deduct.officer, here) | offered(deduct.claimant, here)
    assert send(deduct.approver, here, "demand", amount="9999", reason="resold", sure="yes")[0] == 409
    for amount in ("0.10", "0.20"):
        told = {"amount": amount, "reason": "resold", "sure": "yes"}
        assert send(deduct.approver, here, "demand", **told)[0] == 302
    first, second = (f"/clawbacks/{one.id}/" for one in Clawback.objects.order_by("amount_fen"))
    for person in (deduct.approver, deduct.claimant, auditor):
        all_answer(person.client, (first,))
    for person in (stranger, deduct.road.owner):
        assert person.client.get(first).status_code == 404
        assert send(person, first, "recover", reference="x", sure="yes")[0] == 404
    assert offered(deduct.claimant, first) == set()
    assert send(deduct.officer, first, "recover", reference="bank 7")[0] == 422, "no tick"
    assert send(deduct.officer, first, "recover", reference="bank 7", sure="yes")[0] == 302
    assert send(deduct.approver, second, "write_off", reason="insolvent")[0] == 302
    assert offered(deduct.approver, second) == {"recover"}, "the proposer does not agree with himself"
    assert send(deduct.second, second, "write_off", reason="insolvent")[0] == 422, "for good: the tick"
    assert send(deduct.second, second, "write_off", reason="insolvent", sure="yes")[0] == 302
    assert [one.state for one in Clawback.objects.order_by("amount_fen")] == ["RECOVERED", "WRITTEN_OFF"]
    assert "¥0.00" in read(deduct.claimant.client, second, "en")[1].partition('data-test="left"')[2][:20]


def test_who_verified_or_paid_is_offered_no_second_part(deduct: ClaimWorld) -> None:
    claim = deduct.claim(deduct.settle())
    here = f"/claims/{claim.id}/"
    assert 'data-test="verify"' in read(deduct.reviewer.client, here, "en")[1]
    deduct.approve(claim)
    batch = f"/batches/{Claim.objects.get(pk=claim.pk).batch_id}/"
    assert send(deduct.officer, batch, "close_batch")[0] == 302
    assert send(deduct.approver, batch, "review_batch")[0] == 302
    shown = {one: read(one.client, batch, "en")[1] for one in (deduct.approver, deduct.second)}
    assert 'data-test="pay_batch"' not in shown[deduct.approver]
    assert 'data-test="pay_batch"' in shown[deduct.second]


# --- Floats ---


@pytest.fixture
def prefund(world: Worlds) -> ClaimWorld:
    """The supplier has a float of at most ¥1.00."""
    return world("prefund_supplier")


def test_a_float_is_topped_up_drawn_stated_and_taken_back(
    prefund: ClaimWorld, stranger: Person, auditor: Person
) -> None:
    """fund 1.00, a payment draws 0.84 of it, 0.16 goes back at the year's end."""
    here = f"/floats/{prefund.version.programme_id}/{prefund.road.site.agent.centre_id}/"
    assert here in read(prefund.approver.client, "/claims/", "en")[1]
    for person in (prefund.approver, prefund.officer, prefund.claimant, auditor):
        all_answer(person.client, (here,))
    for person in (stranger, prefund.road.owner):
        assert person.client.get(here).status_code == 404
        assert send(person, here, "fund", amount="1", id="x")[0] == 404
    assert offered(prefund.approver, here) == {"fund"}
    assert offered(prefund.officer, here) == offered(prefund.claimant, here) == set()
    assert send(prefund.officer, here, "fund", amount="0.50")[0] == 409
    assert send(prefund.approver, here, "fund", amount="1.01")[0] == 409, "above the document's size"
    told = {"amount": "1.00", "reference": "bank 1", "id": "01J00000000000000000000001"}
    assert [send(prefund.approver, here, "fund", **told)[0] for _ in range(2)] == [302, 302]
    assert FloatMovement.objects.count() == 1, "sent twice, done once"
    claim = prefund.claim(prefund.settle())
    prefund.approve(claim)
    prefund.pay_batch(claim)
    drawn = sum(FloatMovement.objects.filter(kind="draw").values_list("amount_fen", flat=True))
    text = read(prefund.claimant.client, here, "en")[1]
    assert f"¥{(100 - drawn) / 100:.2f}" in text.partition('data-test="float-balance"')[2][:20]
    assert send(prefund.approver, here, "refund", reference="bank 2")[0] == 422, "no tick"
    assert send(prefund.approver, here, "refund", reference="bank 2", sure="yes")[0] == 302
    text = read(prefund.approver.client, here, "en")[1]
    assert "¥0.00" in text.partition('data-test="float-closing"')[2][:20] and "bank 2" in text
    assert read(prefund.approver.client, f"{here}?year=2019", "en")[0] == 200
    assert [read(prefund.approver.client, f"{here}?year={one}", "en")[0] for one in ("x", "9999", "-1")] == [
        404
    ] * 3


# --- Audits by sample ---


def test_a_drawn_claim_is_audited_on_its_page_by_who_had_no_part(world: Worlds) -> None:
    office = world(**ALL)
    claim = drawn(office)
    here = f"/claims/{claim.id}/"
    assert state(claim) == "SAMPLED_AUDIT"
    assert "conclude" not in offered(office.reviewer, here), "verified it"
    assert "conclude" not in offered(office.claimant, here) | offered(office.officer, here)
    assert here in read(office.second.client, "/", "en")[1], "it waits for an approver without a part"
    assert "drawn, not concluded yet" in read(office.claimant.client, here, "en")[1]
    told = {"outcome": "passed", "reason": "meter and log agree"}
    assert send(office.second, here, "conclude", **told)[0] == 422, "no tick"
    assert send(office.claimant, here, "conclude", sure="yes", **told)[0] == 409
    assert send(office.second, here, "conclude", sure="yes", **told)[0] == 302
    assert state(claim) == "VERIFIED"
    assert "meter and log agree" in read(office.claimant.client, here, "en")[1]
