"""Work orders: read strictly, every fault at once, each with its place and what would be right."""

from __future__ import annotations

from typing import Any

import pytest

from hesuan.errors import Faults
from hesuan.hub.market.work import parse_work
from hesuan.wire.canonical import canonical

APP: dict[str, Any] = {
    "kind": "app",
    "app": "omics-match",
    "units": 20_000,
    "parameters": {"seed": 7, "exact": True, "mode": "cosine"},
    "cores": 2,
}
SCRIPT: dict[str, Any] = {"kind": "script", "command": ["python3", "-c", "1"], "cores": 1, "time_limit_s": 60}


def faults_of(value: object) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as caught:
        parse_work(value)
    return [(fault.code.name, fault.where) for fault in caught.value.faults]


@pytest.mark.parametrize("value", [APP, SCRIPT, {**APP, "time_limit_s": 5, "memory_bytes": 2**30}])
def test_a_work_order_is_repeated_as_it_was_given(value: dict[str, Any]) -> None:
    document = parse_work(value).document()
    assert document == value
    canonical(document)


def test_parameters_may_be_left_out() -> None:
    assert parse_work({key: APP[key] for key in APP if key != "parameters"}).parameters == {}


@pytest.mark.parametrize("work", [APP, SCRIPT])
def test_the_site_is_told_the_memory_to_hold_and_no_time_limit(work: dict[str, Any]) -> None:
    without = {key: value for key, value in work.items() if key != "time_limit_s"}
    assert parse_work({**work, "time_limit_s": 5}).for_agent() == without
    told = parse_work({**work, "time_limit_s": 5, "memory_bytes": 2**30}).for_agent()
    assert told == {**without, "memory_bytes": 2**30}


def test_an_unknown_key_names_its_place_and_the_nearest_right_key() -> None:
    with pytest.raises(Faults) as caught:
        parse_work({**APP, "unit": 3})
    fault = caught.value.faults[0]
    assert fault.where == "work.unit"
    assert "`units`" in fault.sentence("en") and "units" in fault.sentence("zh")


def test_all_faults_come_together() -> None:
    wrong = {"kind": "app", "app": "", "units": 0, "cores": "2", "seed": 7}
    assert faults_of(wrong) == [
        ("work.wrong_value", "work.app"),
        ("work.wrong_value", "work.units"),
        ("work.wrong_value", "work.cores"),
        ("input.unknown_key", "work.seed"),
    ]


def test_a_script_must_bound_its_own_time() -> None:
    assert faults_of({key: SCRIPT[key] for key in SCRIPT if key != "time_limit_s"}) == [
        ("work.missing_key", "work")
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("units", 1.5),
        ("units", True),
        ("units", 10**12 + 1),
        ("cores", 0),
        ("cores", -1),
        ("parameters", {"seed": 1.0}),
        ("parameters", {"seed": None}),
        ("parameters", {"seed": [1]}),
        ("parameters", {"": 1}),
        ("parameters", {"text": "\ud800"}),
        ("parameters", {"text": "a\x00b"}),
        ("parameters", {str(n): n for n in range(51)}),
        ("app", "omics\nmatch"),
        ("time_limit_s", 0),
        ("memory_bytes", -1),
    ],
)
def test_a_value_that_cannot_stand_is_refused_with_its_place(key: str, value: object) -> None:
    assert faults_of({**APP, key: value}) == [("work.wrong_value", f"work.{key}")]


@pytest.mark.parametrize("command", [[], [""], "python3", [1], ["a", "b\x00"], ["x"] * 201])
def test_a_command_is_a_list_of_words(command: object) -> None:
    assert faults_of({**SCRIPT, "command": command}) == [("work.wrong_value", "work.command")]


@pytest.mark.parametrize("value", [None, [], "app", 3])
def test_what_is_no_object_is_no_work_order(value: object) -> None:
    assert faults_of(value) == [("work.not_a_work_order", "work")]


@pytest.mark.parametrize("kind", ["train", None, 3, ["app"]])
def test_a_kind_nobody_knows_is_refused_first(kind: object) -> None:
    assert faults_of({"kind": kind, "nonsense": 1}) == [("work.wrong_value", "work.kind")]
