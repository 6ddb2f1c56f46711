"""One job through the real pages, by the people whose pages they are, from enrolment to the log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.journeys import browser as browsers
from tests.journeys.browser import Visitor

from hesuan.cli.demo.command import cast
from hesuan.cli.demo.stage import Stage
from hesuan.cli.demo.story import Story, load_programme, proven_receipt, wait_for
from hesuan.wire.ids import new_id

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.database,
    pytest.mark.skipif(browsers.CHROMIUM is None, reason="no Chromium found"),
]

HENAN, CHENGDU = "cn.henan.suanliquan.2023", "cn.chengdu.suanliquan.2023"
SAMPLES = 6000


@dataclass
class Journey:
    """What one step of the journey leaves for the next."""

    story: Story
    browser: Browser
    pictures: Path
    seen: dict[str, str] = field(default_factory=dict)

    def at(
        self, *, language: str = "zh-CN", dark: bool = False, script: bool = True
    ) -> AbstractContextManager[Visitor]:
        """Somebody who is not signed in."""
        address = self.story.stage.address
        return browsers.visitor(
            self.browser, address, self.pictures, language=language, dark=dark, script=script
        )

    def sign_in(self, visitor: Visitor, name: str) -> Visitor:
        """As one person of the cast."""
        visitor.sign_in(name, self.story.people[name].password)
        return visitor


@pytest.fixture(scope="module")
def journey(stage: Stage, apps: Path) -> Iterator[Journey]:
    people = cast(stage)
    stage.start_hub()
    story = Story(stage, people, apps, lambda _en, _zh: None)
    database = "postgresql" if os.environ.get("HESUAN_DATABASE_URL") else "sqlite"
    with browsers.chromium() as browser:
        yield Journey(story, browser, browsers.ARTEFACTS / f"journey-{database}")


def test_1_a_visitor_reads_what_it_is_in_both_languages(journey: Journey) -> None:
    with journey.at() as visitor:
        assert visitor.go("/") == 200
        assert visitor.says("合算")
        visitor.picture("home-zh")
        visitor.page.get_by_role("button", name="English").click()
        expect(visitor.page.locator("html")).to_have_attribute("lang", "en")
        visitor.picture("home-en")
        assert visitor.go("/orders/") == 200 and "/accounts/login" in visitor.page.url


def test_2_a_centre_connects_its_machine_with_a_code_from_its_page(journey: Journey) -> None:
    story = journey.story
    centre = journey.seen["centre"] = story.centre("本机 This machine", "郑州 Zhengzhou")
    with journey.at() as visitor:
        journey.sign_in(visitor, "centre").go(f"/centres/{centre}/")
        visitor.press("issue-code")
        code = visitor.page.locator("[data-test=enrolment-code] .id").inner_text()
        stage = story.stage
        stage.run("agent", "enrol", "--hub", stage.address, "--code", code, "--data", str(stage.agent_dir))
        stage.start_agent(story.apps)
        with story.hub("centre") as hub:
            found = wait_for(
                "benchmark", lambda: hub.get(f"centres/{centre}/evidence"), lambda answer: answer["items"]
            )
            story.tale.evidence = found["items"][0]
        visitor.go(f"/centres/{centre}/")
        assert visitor.says("omics-match") and visitor.says("实测")
        visitor.picture("centre")


def test_3_an_approver_activates_henan_and_is_refused_chengdu(journey: Journey) -> None:
    story = journey.story
    with story.hub("officer") as hub:
        for name in (HENAN, CHENGDU):
            load_programme(hub, f"{name}.yaml")
    with journey.at() as visitor:
        journey.sign_in(visitor, "officer").go(f"/programmes/{HENAN}/")
        assert visitor.page.locator("[data-test=waits-for-approver]").count() == 1
    with journey.at() as visitor:
        journey.sign_in(visitor, "approver").go(f"/programmes/{HENAN}/")
        visitor.page.locator("[data-test=open-activate]").click()
        visitor.press("activate")
        assert visitor.page.locator("[data-test=activate]").count() == 0
    with journey.at() as visitor:
        journey.sign_in(visitor, "officer").go(f"/programmes/{HENAN}/")
        visitor.picture("programme-henan")
        visitor.page.get_by_text("准入一家算力中心").or_(
            visitor.page.locator("details summary")
        ).first.click()
        visitor.page.locator("#reason").fill("演示：本机不在河南名单内")
        with visitor.page.expect_navigation():
            visitor.page.locator("details form button").click()
    with journey.at() as visitor:
        journey.sign_in(visitor, "approver").go(f"/programmes/{CHENGDU}/")
        visitor.page.locator("[data-test=open-activate]").click()
        visitor.press("activate")
        assert visitor.says("rates.tiers[general].rate")
        visitor.picture("programme-chengdu-refused")


def test_4_three_people_make_one_voucher(journey: Journey) -> None:
    with journey.at() as visitor:
        journey.sign_in(visitor, "owner").go(f"/programmes/{HENAN}/")
        visitor.press("apply")
        visitor.page.locator("#planned").fill("20000.00")
        visitor.press("submit-application")
        address = visitor.page.url.removeprefix(visitor.address)
        visitor.picture("application")
    for person, button in (("reviewer", "pass"), ("approver", "pass"), ("approver", "issue")):
        with journey.at() as visitor:
            journey.sign_in(visitor, person).go(address)
            visitor.press(button)
            if button == "issue":
                visitor.press("voucher-link")
                assert visitor.page.locator("[data-test=available]").inner_text() == "¥4,000.00"
                visitor.picture("voucher")


def test_5_the_laboratory_gets_quotes_in_samples_and_accepts_one(journey: Journey) -> None:
    story = journey.story
    story.offer(journey.seen["centre"], story.tale.evidence["cores"])
    with story.hub("operator") as hub:
        lab = story.people["owner"].organisation
        hub.post(f"organisations/{lab}/deposits", {"amount_yuan": "500.00"}, key=new_id())
    with journey.at() as visitor:
        journey.sign_in(visitor, "owner").go("/offerings/")
        visitor.picture("offerings")
        visitor.go("/quotes/new/")
        visitor.page.locator("#units").fill("six thousand")
        with visitor.page.expect_navigation():
            visitor.page.locator("main form button[type=submit]").click()
        assert visitor.page.locator("#units").input_value() == "six thousand", "what was typed is lost"
        visitor.page.locator("#units").fill(str(SAMPLES))
        visitor.page.locator("#cores").fill(str(story.tale.evidence["cores"]))
        with visitor.page.expect_navigation():
            visitor.page.locator("main form button[type=submit]").click()
        assert visitor.says("offering.no_price")
        journey.seen["quote"] = visitor.page.url.removeprefix(visitor.address)
        visitor.picture("quote-zh")
        visitor.press("accept-1")
        journey.seen["order"] = visitor.page.url.removeprefix(visitor.address)


def test_6_the_order_refreshes_itself_until_the_receipt_is_there(journey: Journey, tmp_path: Path) -> None:
    with journey.at(language="en-GB") as visitor:
        journey.sign_in(visitor, "owner").go(journey.seen["order"])
        expect(visitor.page.locator("[data-test=receipt-link]")).to_be_visible()
        visitor.picture("order-en")
        visitor.press("receipt-link")
        expect(visitor.page.locator("[data-test=receipt-file]")).to_be_visible()
        journey.seen["receipt"] = visitor.page.url.removeprefix(visitor.address)
        visitor.picture("receipt-en")
        with visitor.page.expect_download() as download:
            visitor.page.locator("[data-test=receipt-file]").click()
        path = tmp_path / "receipt.json"
        download.value.save_as(path)
    assert "✗" not in journey.story.stage.run("verify", str(path))


def test_7_a_colleague_sees_it_and_a_stranger_finds_nothing(journey: Journey) -> None:
    mine = [journey.seen[name] for name in ("quote", "order", "receipt")]
    with journey.at() as visitor:
        journey.sign_in(visitor, "colleague")
        assert [visitor.go(path) for path in mine] == [200, 200, 200]
    with journey.at() as visitor:
        journey.sign_in(visitor, "stranger")
        assert [visitor.go(path) for path in mine] == [404, 404, 404]


def test_8_every_page_stands_in_the_dark_and_without_javascript(journey: Journey) -> None:
    with journey.at(dark=True, script=False) as visitor:
        journey.sign_in(visitor, "owner")
        for name in ("quote", "order", "receipt"):
            assert visitor.go(journey.seen[name]) == 200
            visitor.page.screenshot(path=visitor.pictures / f"{name}-dark.png", full_page=True)
        for path in ("/", "/offerings/", "/orders/", "/vouchers/", "/programmes/", "/centres/", "/log/"):
            assert visitor.go(path) == 200


def test_9_the_log_publishes_its_checkpoint_and_keys_to_trust(journey: Journey, tmp_path: Path) -> None:
    receipt, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    with journey.at() as visitor:
        assert visitor.go("/log/") == 200
        expect(visitor.page.locator("[data-test=checkpoint]")).to_be_visible()
        visitor.picture("log")
        with visitor.page.expect_download() as download:
            visitor.page.get_by_role("link", name="/log/trust").click()
        download.value.save_as(trust)
    with journey.story.hub("owner") as hub:
        receipt.write_bytes(proven_receipt(hub, journey.seen["receipt"].split("/")[2]))
    told = journey.story.stage.run("verify", str(receipt), "--trust", str(trust), "--lang", "en")
    assert "✗" not in told and "compared with nothing" not in told
