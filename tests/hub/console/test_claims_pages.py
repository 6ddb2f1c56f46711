"""Redemption on the pages: from what a voucher captured to a paid batch and its evidence pack."""

from __future__ import annotations

import io
import re
import zipfile

import pytest
from django.utils import timezone
from tests.hub.console.office import Office, open_office
from tests.hub.console.world import World
from tests.people import Person, make_person

from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement.models import Batch, Claim, Receipt


def page(person: Person, address: str) -> str:
    """A page in English."""
    person.client.cookies["django_language"] = "en"
    return person.client.get(address).content.decode()


def send(person: Person, address: str, **sent: object) -> tuple[int, str]:
    """Status and text after a form, in English."""
    person.client.cookies["django_language"] = "en"
    answer = person.client.post(address, sent)
    return answer.status_code, answer.content.decode()


@pytest.fixture
def office(world: World, owner: Person, officer: Person, reviewer: Person, approver: Person) -> Office:
    """The Henan programme, active, with one voucher."""
    return open_office(world.centre, owner, officer, reviewer, approver)


@pytest.fixture
def receipt(world: World, office: Office, owner: Person) -> Receipt:
    """One order whose receipt is signed, paid in part by the voucher."""
    assert office.voucher.code
    return world.settled(owner)


def papers(receipt: Receipt, world: World, owner: Person, **changes: str) -> dict[str, str]:
    """What somebody types of contract and invoice."""
    fen = receipt.settlement.charge_fen
    today = programme_day(timezone.now()).isoformat()
    told = {
        "papers.contract.number": "HT-1",
        "papers.contract.signed_on": "2025-01-01",
        "papers.contract.amount_fen": "1,000,000.00",
        "papers.invoice.number": "FP-1",
        "papers.invoice.issued_on": today,
        "papers.invoice.amount_fen": f"{fen // 100}.{fen % 100:02d}",
    }
    seller = world.centre.organisation.name
    for kind in ("contract", "invoice"):
        told |= {f"papers.{kind}.buyer": owner.organisation.name, f"papers.{kind}.seller": seller}
    return told | {name.replace("__", "."): text for name, text in changes.items()}


def open_claim(operator: Person, receipt: Receipt, told: dict[str, str]) -> Claim:
    """The operator makes the claim that the page offers."""
    found = re.search(r'href="(/claims/new/[^"]+)"', page(operator, "/claims/"))
    assert found is not None, "nothing can be claimed"
    shown = page(operator, found[1])
    assert f'value="{receipt.settlement.order_id}" checked' in shown
    claim_id = re.search(r'name="claim_id" value="(\w+)"', shown)
    assert claim_id is not None
    sent = {"order": receipt.settlement.order_id, "claim_id": claim_id[1], **told}
    assert send(operator, found[1], **sent)[0] == 302
    return Claim.objects.get()


def test_a_claim_goes_from_the_page_to_payment_by_different_people(
    world: World,
    receipt: Receipt,
    owner: Person,
    centre_operator: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    stranger: Person,
) -> None:
    claim = open_claim(centre_operator, receipt, papers(receipt, world, owner))
    address = f"/claims/{claim.id}/"
    assert officer.client.get(address).status_code == 404, "a draft is the claimant's own"
    assert send(centre_operator, address, verb="submit")[0] == 302
    assert "they agree" in page(centre_operator, address)
    assert send(reviewer, address, verb="verify", note="<i>seen</i>")[0] == 302
    assert "&lt;i&gt;seen&lt;/i&gt;" in page(centre_operator, address)
    assert send(reviewer, address, verb="approve")[0] == 409
    assert send(approver, address, verb="approve")[0] == 302
    claim.refresh_from_db()
    if claim.batch_id:
        batch = f"/batches/{claim.batch_id}/"
        second, payer = (make_person(name, officer.organisation, "approver") for name in ("ada", "paul"))
        for person, verb in ((officer, "close_batch"), (second, "review_batch"), (payer, "pay_batch")):
            assert f'data-test="{verb}"' in page(person, batch)
            assert send(person, batch, verb=verb, note="bank 1")[0] == 302
        assert Batch.objects.get().state == "PAID"
        assert stranger.client.get(batch).status_code == 404
        assert centre_operator.client.get(batch).status_code == 404
    else:
        payer = make_person("paul", officer.organisation, "approver")
        assert send(payer, address, verb="pay", note="bank 1")[0] == 302
    claim.refresh_from_db()
    assert claim.state == "PAID"
    answer = centre_operator.client.get(f"{address}pack/")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert any(name.endswith(".pdf") for name in zipfile.ZipFile(io.BytesIO(answer.content)).namelist())
    for path in (address, f"{address}pack/"):
        assert stranger.client.get(path).status_code == 404
    assert stranger.client.post(address, {"verb": "withdraw", "note": "x"}).status_code == 404


def test_differences_are_shown_with_both_figures_and_corrected(
    world: World, receipt: Receipt, owner: Person, centre_operator: Person, reviewer: Person
) -> None:
    told = papers(receipt, world, owner, papers__invoice__amount_fen="999.00")
    claim = open_claim(centre_operator, receipt, told)
    address = f"/claims/{claim.id}/"
    assert send(centre_operator, address, verb="submit")[0] == 302
    text = page(centre_operator, address)
    assert "they differ" in text and "999.00" in text
    assert 'data-test="waive"' in page(reviewer, address)
    assert send(centre_operator, address, verb="correct", **papers(receipt, world, owner))[0] == 302
    assert send(centre_operator, address, verb="submit")[0] == 302
    assert "they agree" in page(centre_operator, address)


def test_all_faults_of_the_papers_come_at_once(
    world: World, receipt: Receipt, owner: Person, centre_operator: Person
) -> None:
    listed = re.search(r'href="(/claims/new/[^"]+)"', page(centre_operator, "/claims/"))
    assert listed is not None
    told = papers(receipt, world, owner, papers__contract__signed_on="spring", papers__invoice__buyer="")
    status, text = send(centre_operator, listed[1], order=receipt.settlement.order_id, **told)
    assert status == 422 and text.count("claim.paper_malformed") == 2
    assert 'value="spring"' in text


def test_who_has_no_part_sees_no_claims(receipt: Receipt, stranger: Person, owner: Person) -> None:
    assert receipt.id
    assert "/claims/new/" not in page(stranger, "/claims/")
    assert "/claims/new/" not in page(owner, "/claims/"), "here the centre is paid, not the user"
    assert stranger.client.get("/claims/new/01J/01J/").status_code == 404
