"""The flows that pay otherwise than after a deduction, walked on pages: a user reimbursed, a float drawn."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import pytest
from django.test import Client
from tests.hub.console.test_claim_deeds import ledger_balances, road, send, site, world
from tests.hub.console.test_pages import LANGUAGES, faults_of_page, read
from tests.hub.settlement.claim_world import ClaimWorld
from tests.people import Person

from hesuan.hub.settlement.models import Claim, FloatMovement, Settlement
from hesuan.money import decimal_yuan

Worlds = Callable[..., ClaimWorld]
__all__ = ["ledger_balances", "road", "site", "world"]


def page(person: Person, address: str) -> str:
    """A page in English, after both languages were looked at for faults."""
    for language in LANGUAGES:
        status, text = read(person.client, address, language)
        assert (address, status, faults_of_page(text, language)) == (address, 200, [])
    return text


def open_claim(here: ClaimWorld, settled: Settlement) -> str:
    """The claimant finds on the page what can be claimed, types the papers, and gets a draft; its address."""
    found = re.search(r'href="(/claims/new/[^"]+)"', page(here.claimant, "/claims/"))
    assert found is not None, "nothing can be claimed"
    shown = page(here.claimant, found[1])
    claim_id = re.search(r'name="claim_id" value="(\w+)"', shown)
    assert claim_id is not None and settled.order_id in shown
    papers = {
        f"papers.{kind}.{name}": decimal_yuan(value) if name == "amount_fen" else str(value)
        for kind, paper in here.papers(settled).items()
        for name, value in paper.items()
    }
    told = {"order": settled.order_id, "claim_id": claim_id[1], **papers}
    voucher = re.search(r'<select id="voucher".*?<option value="(\w+)"', shown, re.S)
    if voucher is not None:
        told["voucher"] = voucher[1]
    assert here.claimant.client.post(found[1], told).status_code == 302
    return f"/claims/{claim_id[1]}/"


def walk_to_payment(here: ClaimWorld, address: str) -> Claim:
    """Submitted, verified, approved, batched and paid; before each press the page says it waits for them."""
    for person, verb in ((here.claimant, "submit"), (here.reviewer, "verify"), (here.approver, "approve")):
        assert address in page(person, "/"), "the first page tells each what waits for them"
        assert f'data-test="{verb}"' in page(person, address)
        assert send(person, address, verb)[0] == 302
    claim = Claim.objects.get()
    if claim.batch_id is None:
        assert address in page(here.payer, "/")
        assert send(here.payer, address, "pay", note="bank 1")[0] == 302
        claim.refresh_from_db()
        return claim
    batch = f"/batches/{claim.batch_id}/"
    for person, verb in (
        (here.officer, "close_batch"),
        (here.second, "review_batch"),
        (here.payer, "pay_batch"),
    ):
        assert batch in page(person, "/")
        assert send(person, batch, verb, note="bank 1")[0] == 302
    claim.refresh_from_db()
    return claim


def members(client: Client, address: str) -> list[str]:
    """What lies in the evidence pack."""
    return zipfile.ZipFile(io.BytesIO(client.get(f"{address}pack/").content)).namelist()


def test_a_user_who_paid_everything_is_reimbursed_from_the_voucher(world: Worlds, stranger: Person) -> None:
    """¥4.20 paid, a fifth of it comes back: ¥0.84 off the voucher and no fen more."""
    here = world("reimburse_user")
    settled = here.settle()
    assert (settled.charge_fen, settled.voucher_captured_fen) == (420, 0)
    address = open_claim(here, settled)
    claim = walk_to_payment(here, address)
    assert claim.state == "PAID"
    text = page(here.claimant, address)
    assert "¥0.84" in text.partition('data-test="claim-paid"')[2][:20]
    assert here.voucher is not None
    voucher = page(here.claimant, f"/vouchers/{here.voucher.id}/")
    assert "¥9,999.16" in voucher.partition('data-test="available"')[2][:30]
    assert "summary.pdf" in members(here.claimant.client, address)
    assert stranger.client.get(address).status_code == 404


def test_a_float_pays_before_any_cash_moves(world: Worlds) -> None:
    """¥0.50 in advance and ¥0.84 to pay: the float is drawn empty, ¥0.34 is cash."""
    here = world("prefund_supplier")
    float_page = f"/floats/{here.version.programme_id}/{here.road.site.agent.centre_id}/"
    assert send(here.approver, float_page, "fund", amount="0.50", reference="bank 0")[0] == 302
    address = open_claim(here, here.settle())
    claim = walk_to_payment(here, address)
    drawn = sum(FloatMovement.objects.filter(kind="draw").values_list("amount_fen", flat=True))
    cash = sum(one.cash_fen for one in claim.payments.all())
    assert (claim.state, drawn, cash) == ("PAID", 50, 34)
    text = page(here.claimant, float_page)
    assert "¥0.00" in text.partition('data-test="float-balance"')[2][:20]
    assert "from the float" in page(here.claimant, address)


@pytest.mark.parametrize("flow", ["reimburse_user", "prefund_supplier"])
def test_nobody_else_is_told_that_it_waits(world: Worlds, flow: str, stranger: Person) -> None:
    here = world(flow)
    address = open_claim(here, here.settle())
    assert send(here.claimant, address, "submit")[0] == 302
    assert address in page(here.reviewer, "/")
    for person in (stranger, here.officer, here.claimant):
        assert address not in page(person, "/")
