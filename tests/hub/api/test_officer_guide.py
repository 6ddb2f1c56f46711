"""The programme officer's guide, on the platform: its calls, in its order, by its people, end as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.hub.api.requests import HENAN
from tests.hub.api.test_api_road import get, post
from tests.hub.api.world import WORK, World, make_world
from tests.people import Person

import hesuan.policy
from hesuan.hub.programmes.rules import programme_day
from hesuan.hub.settlement.models import Claim, Settlement
from hesuan.wire import verify
from hesuan.wire.ids import new_id

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "docs" / "guide" / f"programme-officer{part}.md" for part in ("", ".zh")]
NANNING = Path(hesuan.policy.__file__).parent / "programmes" / "cn.nanning.suanliquan.2025.yaml"
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
    ids: dict[str, str] = field(default_factory=dict)

    def act(self, role: str, method: str, address: str) -> str:
        """One call of the page; before the look at its cost the order is worked. Returns what came back."""
        person, path = self.people[role], address.lstrip("/").format(**self.ids)
        key = f"{method} {address}"
        if key == "GET /orders/{order}":
            order = self.world.placed_order(self.ids["order"])
            self.world.start(order)
            self.world.end(order)
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
            self.ids["quote"] = said["quotes"][0]["id"]
        if key == "POST /quotes/{quote}/accept":
            self.ids["order"] = said["id"]
        if key == "POST /claims/{claim}/approve":
            self.ids["batch"] = str(Claim.objects.get(pk=said["id"]).batch_id)

    @property
    def bodies(self) -> dict[str, Callable[[], Any]]:
        """What is sent with a call."""
        passed = {"verdict": "pass", "note": "complete"}
        return {
            "POST /programmes": lambda: {"text": HENAN, "source_name": "henan.yaml"},
            "POST /programmes/{programme}/suppliers": lambda: {
                "centre": self.world.site.agent.centre_id,
                "reason": "on the list of the province",
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
                "work": WORK,
            },
            "POST /claims": self.claim,
        }

    def claim(self) -> dict[str, Any]:
        """The centre's claim, with papers that match."""
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


@pytest.fixture
def desk(
    owner: Person,
    officer: Person,
    reviewer: Person,
    approver: Person,
    centre_operator: Person,
    platform_operator: Person,
) -> Desk:
    people = {
        "owner": owner,
        "officer": officer,
        "reviewer": reviewer,
        "approver": approver,
        "operator": centre_operator,
    }
    return Desk(people, make_world(owner, centre_operator, platform_operator))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_calls_of_the_page_end_as_it_says(desk: Desk, page: Path, ledger_balances: None) -> None:
    rows = ROW.findall(page.read_text())
    assert len(rows) == 21
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
def test_nanning_is_refused_in_the_words_of_the_page(officer: Person, page: Path) -> None:
    draft = post(officer, "programmes", {"text": NANNING.read_text(), "source_name": NANNING.name}).json()
    language = "zh" if ".zh" in page.name else "en"
    answer = officer.client.post(
        f"/api/v1/programme-versions/{draft['id']}/activate", headers={"Accept-Language": language}
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "programme.not_activatable")
    block = re.search(r"```text\n(.*?)\n```", page.read_text(), re.S)
    assert block is not None and block[1] == problem["detail"]
