"""An office's programme through the real pages: written, tried, activated; an award made public, objected to
and upheld; the voucher used, claimed, made public again and paid; the evidence pack checked by a process that
knows no hub.

The public's days pass by the hub's clock: it is started again some days earlier or later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from importlib import resources
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect
from tests.journeys import browser as browsers
from tests.journeys.browser import Visitor
from tests.journeys.test_journey import Journey

from hesuan.cli.demo.command import cast
from hesuan.cli.demo.stage import Stage
from hesuan.cli.demo.story import APP, Story, wait_for
from hesuan.wire.ids import new_id

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.database,
    pytest.mark.skipif(browsers.CHROMIUM is None, reason="no Chromium found"),
]

OWN = "cn.office.journey"
CLAIMS = "claim,on,kind,amount,registries,applicant.id,applicant.kind\n" + "".join(
    f"c{number},2026-{number:02d}-10,compute,20000.00,henan_centres,lab,research_institute\n"
    for number in range(1, 7)
)


EARLIER, LATER = -3, 3
"""Days by which the hub's clock is off: a public day has passed between one and the next."""


def document(**changes: str) -> str:
    """Henan's document as an office would take it over: its own name, one public day, rules of its own."""
    name = "cn.henan.suanliquan.2023.yaml"
    text = resources.files("hesuan.policy").joinpath("programmes", name).read_text()
    text = text.replace("cn.henan.suanliquan.2023", OWN)
    text = text.replace('transferable: "?"}', 'transferable: "?", publicity_days: 1}')
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def journey(stage: Stage, apps: Path) -> Iterator[Journey]:
    people = cast(stage)
    hub = stage.start_hub()
    story = Story(stage, people, apps, lambda _en, _zh: None)
    database = "postgresql" if os.environ.get("HESUAN_DATABASE_URL") else "sqlite"
    with browsers.chromium() as browser:
        made = Journey(story, browser, browsers.ARTEFACTS / f"office-{database}")
        _measure(made)
        hub.stop()
        _start_hub(made, EARLIER)
        yield made


def _start_hub(journey: Journey, days: int) -> None:
    """The hub again, by a clock that is some days off."""
    stage = journey.story.stage
    for process in stage.processes:
        if process.name == "hub":
            process.stop()
    stage.start_hub(("-m", "tests.journeys.shifted_hub", str(days)))


def _measure(journey: Journey) -> None:
    """A centre with an agent that has measured itself and sells; the laboratory has money of its own."""
    story = journey.story
    centre = journey.seen["centre"] = story.centre("本机 This machine", "郑州 Zhengzhou")
    story.enrol(centre)
    with story.hub("centre") as hub:
        found = wait_for(
            "benchmark", lambda: hub.get(f"centres/{centre}/evidence"), lambda answer: answer["items"]
        )
        story.tale.evidence = found["items"][0]
    story.offer(centre, story.tale.evidence["cores"])
    with story.hub("centre") as hub:
        for one in hub.items("offerings"):
            # So dear that a fifth of the charge can be claimed, however fast the machine is.
            hub.post(f"offerings/{one['id']}/prices", {"price_yuan_per_core_hour": "360.00"}, key=new_id())
    with story.hub("operator") as hub:
        lab = story.people["owner"].organisation
        hub.post(f"organisations/{lab}/deposits", {"amount_yuan": "500.00"}, key=new_id())


def _press(visitor: Visitor, verb: str, note: str = "") -> None:
    """Writes a note where there is a field for one, and presses a step's button."""
    field = visitor.page.locator("#note")
    if note and field.count():
        field.fill(note)
    visitor.press(verb)


def _offered(journey: Journey, person: str, address: str, verb: str) -> int:
    """How many buttons of a verb a page has for somebody."""
    with journey.at() as visitor:
        journey.sign_in(visitor, person).go(address)
        return visitor.page.locator(f"[data-test={verb}]").count()


def test_1_an_officer_writes_and_an_approver_activates(journey: Journey, tmp_path: Path) -> None:
    table = tmp_path / "claims.csv"
    table.write_text(CLAIMS)
    with journey.at() as visitor:
        journey.sign_in(visitor, "officer").go("/programmes/new/")
        visitor.page.locator("#text").fill(document(**{"rate: 20/100": 'rate: "?"'}))
        expect(visitor.page.locator("#said")).to_contain_text("rates.tiers[general].rate")
        visitor.picture("editor-open-rule")
        visitor.page.locator("#text").fill(document())
        expect(visitor.page.locator("#said")).not_to_contain_text("rates.tiers[general].rate")
        visitor.press("save")
        visitor.go(f"/programmes/{OWN}/")
        visitor.press("simulate")
        visitor.page.locator("#file").set_input_files(table)
        visitor.press("try")
        assert visitor.page.locator("[data-test=granted]").inner_text() == "¥24,000.00"
        visitor.picture("simulated")
    with journey.at() as visitor:
        journey.sign_in(visitor, "approver").go(f"/programmes/{OWN}/")
        visitor.page.locator("[data-test=open-activate]").click()
        visitor.picture("activate")
        visitor.press("activate")
        assert visitor.page.locator("[data-test=activate]").count() == 0
    with journey.at() as visitor:
        journey.sign_in(visitor, "officer").go(f"/programmes/{OWN}/")
        visitor.page.locator("[data-test=admit-form] summary").click()
        visitor.page.locator("#reason").fill("演示：本机")
        with visitor.page.expect_navigation():
            visitor.page.locator("[data-test=admit-form] button").click()
        visitor.press("calls")
        assert visitor.page.locator("[data-test=call]").count() == 1
        visitor.picture("calls")


def test_2_the_laboratory_looks_at_the_decision_and_applies(journey: Journey) -> None:
    with journey.at() as visitor:
        journey.sign_in(visitor, "owner").go(f"/programmes/{OWN}/")
        visitor.press("apply")
        visitor.page.locator("#planned").fill("twenty thousand")
        visitor.press("preview-application")
        assert visitor.page.locator(".errorlist").count() == 1
        visitor.page.locator("#planned").fill("20000.00")
        visitor.press("preview-application")
        assert visitor.page.locator("[data-test=preview-amount]").inner_text() == "¥4,000.00"
        visitor.picture("preview-zh")
        visitor.press("submit-application")
        journey.seen["application"] = visitor.page.url.removeprefix(visitor.address)


def test_3_it_is_returned_completed_reviewed_and_approved(journey: Journey) -> None:
    address = journey.seen["application"]
    with journey.at() as visitor:
        journey.sign_in(visitor, "reviewer").go(address)
        visitor.page.locator("#note").fill("请核对预计支出 Check the planned spending")
        visitor.press("return")
    with journey.at() as visitor:
        journey.sign_in(visitor, "owner").go(address)
        assert visitor.says("请核对预计支出")
        visitor.picture("returned")
        visitor.press("amend")
        visitor.picture("amend")
        visitor.press("submit-application")
    for person in ("reviewer", "approver"):
        with journey.at() as visitor:
            journey.sign_in(visitor, person).go(address)
            visitor.press("pass")
            visitor.picture(f"application-{person}-pass")


def test_4_it_is_public_objected_to_and_the_objection_decided(journey: Journey) -> None:
    address = journey.seen["application"]
    with journey.at() as visitor:
        journey.sign_in(visitor, "stranger").go("/publicity/")
        visitor.press("publicised")
        visitor.page.locator("#objection").fill("申请单位无业务 The applicant has no business")
        visitor.picture("publicity-object")
        visitor.press("object")
        assert visitor.page.locator("[data-test=objected]").count() == 1
    with journey.at() as visitor:
        journey.sign_in(visitor, "owner").go(address)
        assert visitor.says("申请单位无业务") and not visitor.says("另一家的负责人")
        visitor.picture("application-objected")
    with journey.at() as visitor:
        journey.sign_in(visitor, "approver").go(address)
        assert visitor.page.locator("[data-test=open-resolve]").count() == 0, "has acted on it"
    with journey.at() as visitor:
        journey.sign_in(visitor, "officer").go("/applications/")
        visitor.press("to-application")
        visitor.page.locator("[data-test=open-resolve]").click()
        visitor.page.locator("[data-test=objection] textarea").fill("有纳税记录 It pays taxes")
        visitor.picture("resolve")
        visitor.press("resolve")
        assert visitor.page.locator("[data-test=issue]").count() == 0, "the public's day runs on"
        visitor.picture("resolved")


def test_5_after_the_public_day_the_voucher_is_issued(journey: Journey) -> None:
    _start_hub(journey, 0)
    with journey.at() as visitor:
        journey.sign_in(visitor, "approver").go(journey.seen["application"])
        visitor.picture("issue")
        visitor.press("issue")
        visitor.press("voucher-link")
        journey.seen["voucher"] = visitor.page.url.removeprefix(visitor.address)
        visitor.picture("voucher-approver")


def test_6_the_voucher_is_used_and_the_order_settled(journey: Journey) -> None:
    story = journey.story
    work = {"kind": "app", "app": APP, "units": story.units(), "cores": story.tale.evidence["cores"]}
    with story.hub("owner") as hub:
        body = {"organisation": story.people["owner"].organisation, "work": work}
        asked = hub.post("quote-requests", body, key=new_id())
    with journey.at() as visitor:
        journey.sign_in(visitor, "owner").go(f"/quotes/{asked['id']}/")
        visitor.press("accept-1")
        expect(visitor.page.locator("[data-test=receipt-link]")).to_be_visible()
        order = journey.seen["order"] = visitor.page.url.split("/")[-2]
    with story.hub("owner") as hub:
        wait_for(
            "signature",
            lambda: hub.get(f"orders/{order}"),
            lambda answer: answer["receipt_state"] == "SIGNED",
        )
        receipt = next(row for row in hub.items("receipts") if row["order"] == order)
    journey.seen["charge"] = str(receipt["document"]["charge"]["charge_fen"])


def test_7_the_centre_claims_with_contract_and_invoice(journey: Journey) -> None:
    charge = int(journey.seen["charge"])
    today = (timezone.now() + timedelta(hours=8)).date().isoformat()
    with journey.at() as visitor:
        journey.sign_in(visitor, "centre").go("/claims/")
        visitor.press("claim-new")
        for name, text in {
            "contract.number": "HT-1",
            "contract.signed_on": "2025-01-01",
            "contract.amount_fen": "1000000.00",
            "invoice.number": "FP-1",
            "invoice.issued_on": today,
            "invoice.amount_fen": "999999.00",
        }.items():
            visitor.page.locator(f'[name="papers.{name}"]').fill(text)
        visitor.picture("claim-new")
        visitor.press("open-claim")
        journey.seen["claim"] = visitor.page.url.removeprefix(visitor.address)
        _press(visitor, "submit")
        assert visitor.says("999,999.00"), "the difference does not name what the invoice says"
        visitor.picture("claim-differs")
        visitor.page.locator('[name="papers.invoice.amount_fen"]').fill(f"{charge // 100}.{charge % 100:02d}")
        visitor.press("correct")
        _press(visitor, "submit")
        visitor.picture("claim-agrees")


def test_8_two_agree_the_public_day_passes_and_it_is_paid(journey: Journey) -> None:
    address = journey.seen["claim"]
    for person, verb in (("reviewer", "verify"), ("approver", "approve")):
        with journey.at() as visitor:
            journey.sign_in(visitor, person).go(address)
            _press(visitor, verb, "已核对 checked")
            visitor.picture(f"claim-{verb}")
    assert _offered(journey, "officer", address, "make_payable") == 0, "it hangs out for a day"
    _start_hub(journey, LATER)
    with journey.at() as visitor:
        journey.sign_in(visitor, "officer").go(address)
        _press(visitor, "make_payable")
    for person, verb in (("officer", "close_batch"), ("reviewer", "review_batch"), ("approver", "pay_batch")):
        with journey.at(language="en-GB") as visitor:
            journey.sign_in(visitor, person).go("/claims/")
            visitor.press("batch-link")
            _press(visitor, verb, "bank 1")
            visitor.picture(f"batch-{verb}-en")
    with journey.at(language="en-GB") as visitor:
        journey.sign_in(visitor, "centre").go(address)
        expect(visitor.page.locator("[data-test=claim-state] .state")).to_have_attribute("data-state", "PAID")
        visitor.picture("claim-paid-en")


def test_9_the_evidence_pack_is_right_without_the_hub(journey: Journey, tmp_path: Path) -> None:
    path = tmp_path / "pack.zip"
    with journey.at(dark=True) as visitor:
        journey.sign_in(visitor, "centre").go(journey.seen["claim"])
        visitor.picture("claim-paid-dark")
        with visitor.page.expect_download() as download:
            visitor.page.locator("[data-test=pack]").click()
        download.value.save_as(path)
    assert "✗" not in journey.story.stage.run("verify", str(path))


def test_9_strangers_find_none_of_it(journey: Journey) -> None:
    with journey.at() as visitor:
        journey.sign_in(visitor, "stranger")
        for name in ("application", "claim"):
            assert visitor.go(journey.seen[name]) == 404
