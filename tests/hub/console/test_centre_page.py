"""A centre's page: where declared and observed part, and what was free, to those who may look inside."""

from __future__ import annotations

import html

import pytest
from django.utils import translation
from tests.hub.centres.test_comparing import body
from tests.people import Person
from tests.sites import enrol_site, inventory_body, make_centre

from hesuan.hub.centres import services
from hesuan.hub.centres.models import Centre
from hesuan.hub.console import inventory
from hesuan.hub.identity.models import Organisation
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id

FREE: dict[str, Json] = {
    "at": "2026-11-21T08:00:00.000000Z",
    "queues": [
        {
            "name": "train",
            "nodes": 3,
            "nodes_idle": 1,
            "nodes_out": 1,
            "cores": 96,
            "cores_idle": 32,
            "cores_allocated": 32,
        }
    ],
    "cards": [{"chip": "H100", "count": 24, "allocated": None}],
    "starts": [
        {
            "queue": "train",
            "cores": 1,
            "card": "H100",
            "cards": 8,
            "time_limit_s": 3600,
            "expected_at": None,
            "reason": "allocation failure: <b>none</b>",
        }
    ],
}


@pytest.fixture
def centre(centre_organisation: Organisation, centre_operator: Person) -> Centre:
    """Declared with six nodes, observed with five, a queue fewer, and another CANN."""
    centre = make_centre(centre_organisation)
    agent = enrol_site(centre).agent
    services.declare_inventory(
        actor=centre_operator.actor, centre_id=centre.id, body=inventory_body(**{**body(), "cores": 4})
    )
    told = {**body(), "cores": 4}
    told["nodes"]["groups"][0]["count"] = 3
    told["queues"].pop()
    told["stacks"][0]["parts"][0]["observed"] = "8.0.RC2"
    services.record_inventory(agent_id=agent.id, message_id=new_id(), body=inventory_body(**told))
    services.record_capacity(agent_id=agent.id, body=FREE)
    return centre


def page(person: Person, centre: Centre, language: str = "en") -> str:
    person.client.cookies["django_language"] = language
    answer = person.client.get(f"/centres/{centre.id}/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            ("3 lines differ", "4 × (16 cores", "3 × (16 cores", "8.0.RC2, read on the machine", "unknown"),
        ),
        ("zh-hans", ("3 项不一致", "4 × (16 核", "3 × (16 核", "8.0.RC2（从机器读取）", "未知")),
    ],
)
def test_each_part_that_differs_is_marked(
    centre: Centre, centre_operator: Person, platform_operator: Person, language: str, words: tuple[str, ...]
) -> None:
    for person in (centre_operator, platform_operator):
        text = page(person, centre, language)
        assert text.count('class="differs"') == 3
        for word in words:
            assert word in text
        assert html.escape("<b>none</b>") in text and "2026-11-21" in text


def test_a_stranger_reads_neither_nodes_nor_queues_nor_what_is_free(centre: Centre, stranger: Person) -> None:
    text = page(stranger, centre)
    for inner in ("lines differ", "16 cores", "leaf1", "GrpTRES", "Free when last looked", "node-1"):
        assert inner not in text
    assert "8.0.RC2" in text, "what a user's software meets is public"
    answer = stranger.client.get(f"/api/v1/centres/{centre.id}").json()
    assert answer["capacity"] is answer["differences"] is None
    assert not {"host", "nodes", "queues", "topology", "limits", "qos"} & answer["observed"]["body"].keys()


def test_the_api_names_each_difference_with_both_sides(centre: Centre, centre_operator: Person) -> None:
    answer = centre_operator.client.get(f"/api/v1/centres/{centre.id}").json()
    assert answer["capacity"]["body"] == FREE
    found = {(one["key"], one["part"]): one for one in answer["differences"]}
    assert [key for key, _ in sorted(found)] == ["nodes", "queues", "stacks"]
    assert found["queues", "debug"]["observed"] is None
    assert found["stacks", "Ascend 910C: CANN"]["observed"]["observed"] == "8.0.RC2"


def test_of_many_switches_that_agree_the_first_are_shown_and_every_one_that_differs() -> None:
    rows = [{"name": f"s{n:03}", "level": 0, "nodes": f"n{n}", "switches": ""} for n in range(100)]
    moved = [{**row, "nodes": "elsewhere"} if row["name"] == "s099" else row for row in rows]
    lines = inventory.comparison({"topology": {"switches": rows}}, {"topology": {"switches": moved}})
    assert [line.part for line in lines if line.differs] == ["s099"]
    assert len(lines) == inventory.MOST_ALIKE + 2
    assert "79" in lines[-1].observed[0]


def test_blocks_are_called_so_and_their_sizes_are_a_line_of_their_own() -> None:
    blocks = [{"name": "b1", "level": 0, "nodes": "n[1-32]", "switches": ""}]
    told = {"topology": {"kind": "block", "switches": blocks, "block_sizes": [30, 60]}}
    halved = {"topology": {**told["topology"], "block_sizes": [15, 60]}}
    limited = {"qos": [{"name": "fast", "limits": {"MaxWall": "02:00:00"}}]}
    with translation.override("en"):
        sizes, block = inventory.comparison(told, halved)
        (line,) = inventory.comparison({}, limited)
        assert (str(block.label), str(line.label)) == ("Block", "QOS")
    with translation.override("zh-hans"):
        assert (str(block.label), str(line.label)) == ("节点块", "服务质量（QOS）")
    assert (block.part, block.observed) == ("b1", ("level 0: n[1-32]",))
    assert (sizes.part, sizes.declared, sizes.observed) == ("BlockSizes", ("30, 60",), ("15, 60",))
    assert sizes.differs and not block.differs
    assert (line.part, line.observed) == ("fast", ("MaxWall 02:00:00",))
