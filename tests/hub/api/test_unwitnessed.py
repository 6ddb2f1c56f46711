"""Wherever a receipt is shown, it says whether anybody but the operator has seen its log: by the routes.

Every address of pages and API that tells of a receipt is found by its table or its schema, and asked twice:
without a quorum each says so, and with one none does. A new address that shows a receipt and says nothing of
witnesses fails here.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tests.hub.config.addresses import addresses
from tests.road import Road
from tests.road_fixtures import road, site, voucher

from hesuan.hub.api.site import api
from hesuan.hub.audit import selectors
from hesuan.hub.audit.selectors import Witnessing
from hesuan.hub.settlement.models import Receipt
from hesuan.wire.verify import verify_receipt

__all__ = ["road", "site", "voucher"]

PAGES = (
    "/",
    "/orders/",
    "/orders/{order_id}/",
    "/orders/{order_id}/live/",
    "/receipts/{receipt_id}/",
    "/log/",
)
"""Pages that show a receipt or the log that it rests on."""
FILES = ("/receipts/{receipt_id}/file/", "/api/v1/receipts/{receipt_id}/file")
TELLS = {"receipt_state", "site_key", "checkpoint"}
"""Members of an answer that tell of a receipt or its checkpoint."""
SAYS = {"receipt_witnessed", "witnessed"}
PROOFS = ("/log/inclusion/{leaf_index}",)
"""Proofs carry the note itself, on which each cosignature is a line."""


@pytest.fixture
def ids(road: Road) -> dict[str, str]:
    road.finish(road.place())
    receipt = Receipt.objects.get()
    return {"order_id": receipt.settlement.order_id, "receipt_id": receipt.id}


def routes() -> list[str]:
    """The API's GET addresses whose answers tell of a receipt or a checkpoint, from the OpenAPI document."""
    document: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
    found = []
    for path, operations in document["paths"].items():
        answer = operations.get("get", {}).get("responses", {}).get(200, {})
        answer = answer or operations.get("get", {}).get("responses", {}).get("200", {})
        if TELLS & _members(answer, document):
            found.append(path)
    return found


def _members(shape: Any, document: dict[str, Any]) -> set[str]:
    """Every member that an answer may have, however deep."""
    if isinstance(shape, list):
        return set().union(*(_members(one, document) for one in shape))
    if not isinstance(shape, dict):
        return set()
    if "$ref" in shape:
        return _members(document["components"]["schemas"][shape["$ref"].rpartition("/")[2]], document)
    named = set(shape.get("properties", {}))
    return named.union(*(_members(one, document) for one in shape.values()))


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda match: ids[match[1]], path)


def said(answer: Any) -> list[bool]:
    """What an answer says of witnesses, wherever it says it."""
    if isinstance(answer, list):
        return [one for part in answer for one in said(part)]
    if not isinstance(answer, dict):
        return []
    here = [value for name, value in answer.items() if name in SAYS]
    return here + [one for part in answer.values() for one in said(part)]


def say(monkeypatch: pytest.MonkeyPatch, seen: Witnessing) -> None:
    """Of the newest checkpoint and of the one that proves a receipt."""
    for name in ("witnessing", "witnessing_of"):
        monkeypatch.setattr(selectors, name, lambda *_: seen)


def test_every_answer_of_the_api_about_a_receipt_says_whether_it_is_witnessed(
    road: Road, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [path for path in routes() if not path.endswith(PROOFS)]
    assert {"/api/v1/receipts", "/api/v1/receipts/{receipt_id}", "/api/v1/orders/{order_id}"} <= set(asked)
    asked = [path for path in asked if set(re.findall(r"{(\w+)}", path)) <= ids.keys()]
    for reached in (False, True):
        say(monkeypatch, Witnessing(("w1", "w2") if reached else (), reached=reached))
        for path in asked:
            answer = road.owner.client.get(filled(path, ids)).json()
            assert said(answer) and set(said(answer)) == {reached}, path


@pytest.mark.parametrize("page", PAGES)
def test_every_page_that_shows_a_receipt_says_unwitnessed(
    page: str, road: Road, ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page in addresses()
    assert "<strong" in (told := _page(road, page, ids)) and "unwitnessed" in told
    say(monkeypatch, Witnessing(("w1", "w2"), reached=True))
    assert "unwitnessed" not in _page(road, page, ids), "near miss: with a quorum it is not said"


def _page(road: Road, page: str, ids: dict[str, str]) -> str:
    answer = road.owner.client.get(filled(page, ids), headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_no_page_about_receipts_is_left_out() -> None:
    """Whoever adds an address with a receipt in its name decides here how it says so."""
    named = {one for one in addresses() if "receipt" in one}
    assert named == {one for one in (*PAGES, *FILES) if one.startswith("/receipts")}


@pytest.mark.parametrize("file", FILES)
def test_the_file_itself_says_so_when_it_is_verified(file: str, road: Road, ids: dict[str, str]) -> None:
    data = road.owner.client.get(filled(file, ids)).content
    found = [check for check in verify_receipt(data, trust=None).checks if check.name == "witnesses"]
    assert len(found) == 1 and "UNWITNESSED" in found[0].sentence()
