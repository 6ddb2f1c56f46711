"""The programme officer's guide, on the platform: its calls, in its order, by its people, end as it says.

Parts 6 to 8 are Nanning's programme, which pays after use, on the notice's own days and with another window
today; part 9 is Henan's, which issues vouchers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone, translation
from tests.hub.api.requests import HENAN
from tests.hub.api.test_api_road import get, post
from tests.hub.api.world import WORK, World, make_world
from tests.hub.settlement.shipped import COST_FEN, FEN_PER_CORE_HOUR, HOUR_MS, HOUR_OF_WORK
from tests.people import Person

import hesuan.policy
from hesuan.hub import console
from hesuan.hub.market import services as selling
from hesuan.hub.market.models import Quote
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Claim, Settlement
from hesuan.wire import verify
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "docs" / "guide" / f"programme-officer{part}.md" for part in ("", ".zh")]
SHIPPED = Path(hesuan.policy.__file__).parent / "programmes"
NANNING = SHIPPED / "cn.nanning.suanliquan.2025.yaml"
GUIZHOU = SHIPPED / "cn.guizhou.yunshiyongquan.yaml"
USED, CLAIMED = (datetime(2025, 12, 15, 4, tzinfo=UTC), datetime(2026, 1, 10, 4, tzinfo=UTC))
WINDOW = "value: [{from: 2026-01-04, to: 2026-01-23}]"
STATED = {
    "applicant.is_legal_person": True,
    "applicant.major_penalty_within_three_years": False,
    "applicant.is_dishonest": False,
    "relation.related_party": False,
    "contract.starts_on": "2025-01-01",
    "contract.ends_on": "2026-12-31",
}
ROLES = {
    "officer": ("programme officer", "计划主管"),
    "reviewer": ("reviewer", "审核人"),
    "approver": ("approver", "批准人"),
    "owner": ("the firm", "企业负责人"),
    "operator": ("the centre", "算力中心"),
}
ROW = re.compile(r"^\| [^|]+ \| ([^|]+) \| (?:[^|]+ \| )?`(GET|POST) (/[^`]+)` \| ([^|]+) \|$", re.M)


@dataclass
class Desk:
    """Who acts, on what; ids by the names that stand in the page's addresses."""

    people: dict[str, Person]
    world: World
    text: str
    """The document."""
    clock: Callable[[datetime], None]
    """Sets the hub's clock to a day of the notice; where today's window was decided, it stands still."""
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def after_use(self) -> bool:
        """Whether the programme issues nothing."""
        return "cn.nanning" in self.text

    def act(self, role: str, method: str, address: str) -> str:
        """One call of the page; before the look at its cost the order is worked. Returns what came back."""
        person, path = self.people[role], address.lstrip("/").format(**self.ids)
        key = f"{method} {address}"
        if key == "GET /orders/{order}":
            order = self.world.placed_order(self.ids["order"])
            if self.after_use:
                self.world.finish(Run.objects.get(order=order), wall_ms=HOUR_MS)
            else:
                self.world.start(order)
                self.world.end(order)
        if key == "POST /claims" and self.after_use:
            self.clock(CLAIMED)
            for one in self.people.values():  # weeks later, everybody signs in again
                one.client.force_login(one.identity)
        if method == "GET":
            answer = get(person, path)
        else:
            body = self.bodies[key]() if key in self.bodies else {}
            answer = post(person, path, body, key=new_id())
        assert answer.status_code in (200, 201), (key, answer.content)
        if address.endswith("/pack"):
            return verify.verify_pack(answer.getvalue(), trust=None).result.name
        self.note(key, answer.json())
        return json.dumps(answer.json(), ensure_ascii=False)

    def note(self, key: str, said: dict[str, Any]) -> None:
        """Keeps the ids that later calls of the page name."""
        made = {
            "POST /programmes": "version",
            "POST /applications": "application",
            "POST /applications/{application}/issue": "voucher",
            "POST /claims": "claim",
        }
        if key in made:
            self.ids[made[key]] = said["id"]
        if key == "POST /programmes":
            self.ids["programme"] = said["programme"]
        if key == "POST /quote-requests":
            offered = Quote.objects.filter(pk__in=[one["id"] for one in said["quotes"]])
            kind, most = ("ai_compute", COST_FEN) if self.after_use else ("compute", 1200)
            self.ids["quote"] = next(
                one.pk
                for one in offered
                if one.document["line"]["kind"] == kind and one.document["max_charge_fen"] == most
            )
        if key == "POST /quotes/{quote}/accept":
            self.ids["order"] = said["id"]
        if key == "POST /claims/{claim}/approve":
            self.ids["batch"] = str(Claim.objects.get(pk=said["id"]).batch_id)

    @property
    def bodies(self) -> dict[str, Callable[[], Any]]:
        """What is sent with a call."""
        passed = {"verdict": "pass", "note": "complete"}
        return {
            "POST /programmes": lambda: {"text": self.text, "source_name": "notice.yaml"},
            "POST /programmes/{programme}/suppliers": lambda: {
                "centre": self.world.site.agent.centre_id,
                "reason": "admitted to the pool of the city"
                if self.after_use
                else "on the list of the province",
            },
            "POST /applications": lambda: {
                "organisation": self.people["owner"].organisation.id,
                "programme_version": self.ids["version"],
                "planned_yuan": "1000.00",
                "facts": {},
            },
            "POST /applications/{application}/review": lambda: passed,
            "POST /applications/{application}/approve": lambda: passed,
            "POST /quote-requests": lambda: {
                "organisation": self.people["owner"].organisation.id,
                "work": HOUR_OF_WORK if self.after_use else WORK,
            },
            "POST /claims": self.claim,
        }

    def claim(self) -> dict[str, Any]:
        """The firm's claim on what it paid, or the centre's on what was deducted, with papers that match."""
        if self.after_use:
            payment = {"number": "ZF-1", "paid_on": "2025-12-16", "amount_fen": COST_FEN}
            return {
                "programme_version": self.ids["version"],
                "orders": [self.ids["order"]],
                "papers": {"payment": payment},
                "facts": STATED,
            }
        settled = Settlement.objects.get(order_id=self.ids["order"])
        day = programme_day(settled.settled_at)
        parties = {
            "buyer": self.people["owner"].organisation.name,
            "seller": self.people["operator"].organisation.name,
        }
        signed = (day - timedelta(days=400)).isoformat()
        contract = {"number": "HT-1", "signed_on": signed, "amount_fen": 9_000_000, **parties}
        fen = settled.charge_fen
        invoice = {"number": "FP-1", "issued_on": day.isoformat(), "amount_fen": fen, **parties}
        return {
            "programme_version": self.ids["version"],
            "orders": [self.ids["order"]],
            "papers": {"contract": contract, "invoice": invoice},
        }


@pytest.fixture(params=["on_its_own_days", "today", "henan"])
def desk(
    request: pytest.FixtureRequest,
    owner: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    centre_operator: Person,
    platform_operator: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    text = HENAN if request.param == "henan" else NANNING.read_text()
    if request.param == "today":
        assert WINDOW in text
        text = text.replace(WINDOW, f"value: [{{from: {programme_day(timezone.now())}, to: open_ended}}]")

    def clock(at: datetime) -> None:
        if request.param == "on_its_own_days":
            monkeypatch.setattr(timezone, "now", lambda: at)

    clock(USED)
    people = {
        "owner": owner,
        "officer": officer,
        "reviewer": reviewer,
        "approver": approver,
        "operator": centre_operator,
    }
    world = make_world(owner, centre_operator, platform_operator)
    world.pay_in(2 * COST_FEN, "d-guide")
    selling.publish_offering(
        actor=centre_operator.actor,
        centre_id=world.site.agent.centre_id,
        title="NPU",
        cores=4,
        fen_per_core_hour=FEN_PER_CORE_HOUR,
        line_kind="ai_compute",
        card="ascend-910c",
    )
    return Desk(people, world, text, clock)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_calls_of_the_page_end_as_it_says(desk: Desk, page: Path, ledger_balances: None) -> None:
    nanning, _, henan = page.read_text().partition("\n## 9. ")
    rows = ROW.findall(nanning if desk.after_use else henan)
    assert len(rows) == (13 if desk.after_use else 19)
    for who, method, address, then in rows:
        role = next(role for role, names in ROLES.items() if who in names)
        said = desk.act(role, method, address)
        told = [
            *re.findall(r"`([^`]+)`", then),
            *(yuan.replace(",", "") for yuan in re.findall(r"¥([\d,.]+\d)", then)),
        ]
        assert told, then
        for one in told:
            assert re.search(rf'(^|"){re.escape(one)}("|$)', said), (method, address, one, said)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_guizhou_is_refused_in_the_words_of_the_page(officer: Person, approver: Person, page: Path) -> None:
    body = {"text": GUIZHOU.read_text(), "source_name": GUIZHOU.name}
    draft = post(officer, "programmes", body).json()
    language = "zh" if ".zh" in page.name else "en"
    answer = approver.client.post(
        f"/api/v1/programme-versions/{draft['id']}/activate", headers={"Accept-Language": language}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "programme.not_activatable")
    block = re.search(r"```text\n(.*?)\n```", page.read_text(), re.S)
    assert block is not None and block[1] == problem["detail"]


TABS = Path(console.__file__).parent / "templates" / "console" / "parts" / "programme_tabs.html"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tabs_of_the_page_are_those_of_the_programme(page: Path) -> None:
    language = "zh-hans" if ".zh" in page.name else "en"
    found = re.findall(r'>\{% translate "([^"]+)"( context "tab")? %\}</a>', TABS.read_text())
    with translation.override(language):
        tabs = [translation.pgettext("tab", one) if own else translation.gettext(one) for one, own in found]
    told = next(line for line in page.read_text().splitlines() if f"*{tabs[-1]}*" in line)
    assert [one for one in re.findall(r"\*([^*]+)\*", told) if one in tabs] == tabs and len(tabs) == 8
