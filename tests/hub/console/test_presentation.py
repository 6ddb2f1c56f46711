"""How figures, times and forms are written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory
from django.utils import translation

from hesuan.errors import Faults, NotFound
from hesuan.hub.console import applyform, charts, inventory, paging, present, words, workform
from hesuan.hub.identity.models import Membership, Organisation
from hesuan.hub.market.models import Order, Quote
from hesuan.hub.programmes.models import Application, ProgrammeVersion
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Receipt

AT = datetime(2026, 11, 20, 16, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ms", "en", "zh"),
    [
        (0, "0.00 s", "0.00 秒"),
        (1_234, "1.23 s", "1.23 秒"),
        (12_345, "12.3 s", "12.3 秒"),
        (60_000, "1 min 00 s", "1 分 00 秒"),
        (3_725_000, "1 h 02 min 05 s", "1 小时 02 分 05 秒"),
    ],
)
def test_a_duration_reads_naturally_in_both_languages(ms: int, en: str, zh: str) -> None:
    with translation.override("en"):
        assert present.duration(ms) == en
    with translation.override("zh-hans"):
        assert present.duration(ms) == zh


def test_a_time_says_its_zone() -> None:
    with translation.override("en"):
        assert present.local_time(AT) == "2026-11-20 16:30:05 UTC"
    with translation.override("zh-hans"):
        assert present.local_time(AT, seconds=False) == "2026-11-21 00:30 UTC+8"
    assert present.utc_stamp(AT.astimezone(present.BEIJING)) == "2026-11-20T16:30:05Z"


def test_how_long_ago_takes_the_largest_whole_unit() -> None:
    with translation.override("en"):
        told = [present.since(AT, AT + timedelta(seconds=s)) for s in (1, 59, 60, 7_200, 3 * 86_400, -5)]
    assert told == [
        "1 second ago", "59 seconds ago", "1 minute ago", "2 hours ago", "3 days ago", "0 seconds ago",
    ]  # fmt: skip


def test_a_signed_clause_is_told_in_the_readers_language() -> None:
    clause = "fitted to 4 measured points at this centre, 1 of them finished runs"
    with translation.override("zh-hans"):
        assert "4 个测点" in present.source(clause)
        assert present.source("from elsewhere") == "from elsewhere"
    with translation.override("en"):
        assert present.source(clause) == clause


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (words.RUN, Run.State.values),
        (words.ORDER, Order.State.values),
        (words.QUOTE, Quote.State.values),
        (words.RECEIPT, Receipt.State.values),
        (words.APPLICATION, Application.State.values),
        (words.VERSION, ProgrammeVersion.State.values),
        (words.ROLE, Membership.Role.values),
        (words.ORGANISATION, Organisation.Kind.values),
    ],
)
def test_every_stored_value_has_its_word(table: words.Words, values: list[str]) -> None:
    assert [value for value in values if value not in table] == []


def test_an_interval_lies_on_one_axis_with_what_happened() -> None:
    place = charts.interval(10_000, 20_000, 30_000, 15_000)
    assert 0 < place.low < (place.actual or 0) < place.mid < place.low + place.span < charts.WIDTH
    assert charts.interval(0, 0, 0, None).span >= 2


def test_a_small_part_of_a_whole_stays_visible() -> None:
    assert charts.split(1, 1_000_000) == charts.Split(2, charts.WIDTH - 2)
    assert charts.split(0, 5) == charts.Split(0, charts.WIDTH)
    assert charts.split(0, 0) == charts.Split(0, 0)


def test_declared_and_observed_differ_only_where_both_speak() -> None:
    declared = {"cores": 8, "memory_bytes": 2**30}
    observed = {"cores": 4, "memory_bytes": 2**30, "scripts_allowed": False, "cards": []}
    found = {line.key: line.differs for line in inventory.comparison(declared, observed)}
    assert found == {"cores": True, "memory_bytes": False, "scripts_allowed": False, "cards": False}


def test_a_long_list_comes_page_by_page(rf: RequestFactory) -> None:
    rows = list(range(paging.ROWS * 2 + 1))
    first, last = (paging.page_of(rf.get(f"/orders/?page={number}"), rows) for number in (1, 3))
    assert (len(first.rows), first.newer, first.older) == (paging.ROWS, None, 2)
    assert (list(last.rows), last.newer, last.older) == ([rows[-1]], 2, None)
    assert list(paging.page_of(rf.get("/orders/"), []).rows) == []
    for asked in ("0", "4", "x", "-1", "²", "9999999"):
        with pytest.raises(NotFound):
            paging.page_of(rf.get("/orders/", {"page": asked}), rows)


def test_the_texts_of_a_form_become_a_work_order() -> None:
    texts = workform.typed({"kind": "app", "app": "omics-match", "units": "20,000", "cores": "2"}, {})
    assert workform.work_order({**texts, "parameters": 'seed = 7\nmode = "fast"'}, {}) == {
        "kind": "app",
        "app": "omics-match",
        "units": 20000,
        "parameters": {"seed": 7, "mode": "fast"},
        "cores": 2,
    }


def test_chosen_files_stand_in_the_work_order_by_their_names() -> None:
    texts = workform.typed({"kind": "script", "command": "sleep 1"}, {})
    work = workform.work_order(texts, {"01A": "reads.fq"})
    assert work["inputs"] == [{"file": "01A", "path": "reads.fq"}]


def test_a_number_that_is_none_is_left_for_the_market_to_refuse() -> None:
    texts = workform.typed({"kind": "script", "command": "sleep 1", "cores": "１", "time_limit_s": "1e3"}, {})
    work = workform.work_order(texts, {})
    assert (work["cores"], work["time_limit_s"]) == ("１", "1e3")


def test_an_application_form_reads_money_and_dotted_facts() -> None:
    texts = {
        "organisation": "o",
        "planned": "¥50,000.5",
        "facts": "project.level = 'national'",
        "application_id": "a",
    }
    read = applyform.values(texts)
    assert read["planned_fen"] == 5_000_050 and read["facts"] == {"project.level": "national"}
    with pytest.raises(Faults) as raised:
        applyform.values({**texts, "planned": "much", "facts": "="})
    assert [fault.where for fault in raised.value.faults] == ["planned", "facts"]
