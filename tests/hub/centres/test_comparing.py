"""Declared beside observed: a difference stands at the part that differs, and only where both sides speak."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from hesuan.hub.centres import comparing
from hesuan.hub.centres.comparing import compared


def body() -> dict[str, Any]:
    """A centre of two kinds of nodes, two queues, three switches."""
    card = {"chip": "Ascend 910C", "count": 8, "memory_bytes": None}
    group = {
        "names": [],
        "state": "in_service",
        "reason": "",
        "memory_bytes": 2**36,
        "features": [],
        "queues": [],
    }
    queue = {"state": "open", "is_default": False, "nodes": 2, "cores": 32, "limits": {}}
    return {
        "cores": 16,
        "nodes": {
            "total": 6,
            "groups": [
                {**group, "count": 4, "cores": 16, "cards": [card]},
                {**group, "count": 2, "cores": 64, "cards": []},
            ],
        },
        "queues": [
            {**queue, "name": "train", "longest_s": 3600},
            {**queue, "name": "debug", "longest_s": None},
        ],
        "topology": {
            "kind": "tree",
            "switches": [
                {"name": "leaf1", "level": 0, "nodes": "n[1-4]", "switches": ""},
                {"name": "leaf2", "level": 0, "nodes": "n[5-6]", "switches": ""},
                {"name": "top", "level": 1, "nodes": "n[1-6]", "switches": "leaf[1-2]"},
            ],
        },
        "limits": [{"account": "research", "user": "", "limits": {"GrpTRES": "cpu=64"}}],
        "qos": [{"name": "normal", "limits": {"MaxWall": "1-00:00:00"}}],
        "stacks": [
            {
                "chip": "Ascend 910C",
                "parts": [{"name": "CANN", "version": "8.0.RC3", "observed": None, "read_from": ""}],
            }
        ],
    }


def marked(declared: dict[str, Any], observed: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.key, one.part) for one in compared(declared, observed) if one.differs]


def test_two_that_say_the_same_do_not_differ() -> None:
    assert marked(body(), body()) == []


def _fewer(value: dict[str, Any]) -> None:
    value["nodes"]["groups"][0]["count"] = 3


def _shorter(value: dict[str, Any]) -> None:
    value["queues"][0]["longest_s"] = 60


def _no_queue(value: dict[str, Any]) -> None:
    del value["queues"][1]


def _moved(value: dict[str, Any]) -> None:
    value["topology"]["switches"][0]["nodes"] = "n[1-3]"


def _limited(value: dict[str, Any]) -> None:
    value["limits"][0]["limits"]["GrpTRES"] = "cpu=8"


def _quicker(value: dict[str, Any]) -> None:
    value["qos"][0]["limits"] = {}


def _older(value: dict[str, Any]) -> None:
    value["stacks"][0]["parts"][0].update(observed="7.0.0", version=None)


CHANGES = [
    (_fewer, ("nodes", "000016/68719476736/8×Ascend 910C")),
    (_shorter, ("queues", "train")),
    (_no_queue, ("queues", "debug")),
    (_moved, ("topology", "leaf1")),
    (_limited, ("limits", "research")),
    (_quicker, ("qos", "normal")),
    (_older, ("stacks", "Ascend 910C: CANN")),
]


@pytest.mark.parametrize(("change", "part"), CHANGES)
def test_a_difference_stands_at_its_part_whichever_side_it_is_on(change: Any, part: tuple[str, str]) -> None:
    other = copy.deepcopy(body())
    change(other)
    assert marked(body(), other) == marked(other, body()) == [part]


@pytest.mark.parametrize(("change", "part"), CHANGES)
def test_a_property_that_is_no_longer_compared_is_noticed(
    change: Any, part: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with nothing weighed of a property, what the test above sees is gone."""
    blind: dict[str, Any] = {key: (lambda value: {}, ()) for key in comparing._PARTS}
    monkeypatch.setattr(comparing, "_PARTS", blind)
    other = copy.deepcopy(body())
    change(other)
    assert part not in marked(body(), other)


def test_what_one_side_does_not_speak_of_is_shown_and_no_difference() -> None:
    silent = {"cores": 16}
    assert marked(body(), silent) == marked(silent, body()) == []
    assert ("queues", "train") in [(one.key, one.part) for one in compared(silent, body())]
    assert compared({}, {}) == []


def test_names_states_and_reasons_of_nodes_are_no_difference() -> None:
    other = copy.deepcopy(body())
    other["nodes"]["groups"][0].update(state="out_of_service", reason="DOWN", names=["n1"])
    assert marked(body(), other) == []
    (big,) = [one.observed for one in compared(body(), other) if one.key == "nodes" and "910C" in one.part]
    assert isinstance(big, dict) and (big["count"], big["out_of_service"]) == (4, 4)


def test_a_stack_that_was_read_otherwise_than_the_site_says_differs_by_itself() -> None:
    other = copy.deepcopy(body())
    other["stacks"][0]["parts"][0]["observed"] = "7.0.0"
    assert marked({}, other) == [("stacks", "Ascend 910C: CANN")]
