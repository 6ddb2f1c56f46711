"""How much of a run's log the hub keeps, whatever a site sends, and that an end always gets through."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from tests.people import Person
from tests.road import Road, history, state, usage

from hesuan.errors import InputFault
from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.runs import logs, selectors
from hesuan.hub.runs.models import RunLog
from hesuan.hub.settlement.models import Settlement

BOUND = 1_000


@pytest.fixture(autouse=True)
def bound(settings: Any) -> None:
    settings.RUN_LOG_BYTES = BOUND


def piece(run_id: str, offset: int, text: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return "log", {"run": run_id, "offset": offset, "text": text, **more}


def test_a_site_that_sends_without_end_fills_no_more_than_the_bound_and_its_run_is_settled(
    road: Road,
) -> None:
    run = road.place()
    told = history(run.id)
    pieces = [piece(run.id, 100 * number, "x" * 100) for number in range(30)]
    road.say([*told[:2], *pieces, *told[4:]])
    run.refresh_from_db()
    text = selectors.log_text(road.owner.actor, run.id).text
    assert text == "x" * BOUND + "\n[✂ 1000 B]\n" and RunLog.objects.count() == 11
    assert (run.state, run.log_cut_at, run.log_total_bytes) == ("COMPLETED", BOUND, 3_000)
    assert Settlement.objects.get().state == "COMPLETED"
    assert not InboxMessage.objects.exclude(fault="").exists(), "dropped, not refused"
    road.say(pieces)
    assert RunLog.objects.count() == 11, "sent again it is dropped again"


def test_a_log_of_just_the_bound_is_whole(road: Road) -> None:
    """The control: nothing was dropped, so nothing says so."""
    run = road.place()
    road.say([piece(run.id, 500 * number, "x" * 500) for number in range(2)])
    run.refresh_from_db()
    assert (run.log_bytes, run.log_cut_at, run.log_total_bytes) == (BOUND, None, None)
    assert selectors.log_text(road.owner.actor, run.id).text == "x" * BOUND


def test_pieces_that_lie_over_each_other_count_each(road: Road) -> None:
    run = road.place()
    road.say([piece(run.id, number, "x" * 400) for number in range(9)])
    kept = sum(len(one.text) for one in RunLog.objects.all())
    assert kept < BOUND + 20 and RunLog.objects.count() == 3


def test_where_a_site_has_cut_a_log_is_told_with_its_whole_size(road: Road) -> None:
    run = road.place()
    mark, whole = "\n[✂ 100 B]\n", "\n[✂ 100 B / 5000 B]\n"
    road.say(
        [
            piece(run.id, 0, "x" * 100),
            piece(run.id, 100, mark, cut={"at_bytes": 100, "total_bytes": None}),
        ]
    )
    run.refresh_from_db()
    assert (run.log_cut_at, run.log_total_bytes) == (100, None)
    behind = 100 + len(mark.encode())
    last = piece(run.id, behind, whole, cut={"at_bytes": 100, "total_bytes": 5_000})
    road.say([last, last])
    run.refresh_from_db()
    assert (run.log_cut_at, run.log_total_bytes) == (100, 5_000)
    assert selectors.log_text(road.owner.actor, run.id).text == "x" * 100 + mark + whole


def test_the_api_and_the_page_say_where_a_log_was_cut(road: Road) -> None:
    run, client = road.place(), road.owner.client
    path = f"/api/v1/orders/{run.order_id}/log"
    road.say([piece(run.id, 0, "x" * 900)])
    said = client.get(path).json()
    assert (said["cut_at"], said["total_bytes"]) == (None, None)
    assert b"log-cut" not in client.get(f"/orders/{run.order_id}/").content
    road.say([piece(run.id, 900, "x" * 900), state(run.id, "COMPLETED", after_s=22, exit_status=0)])
    said = client.get(path).json()
    assert (said["cut_at"], said["total_bytes"], said["run_state"]) == (900, 1800, "COMPLETED")
    assert said["text"].endswith("\n[✂ 900 B]\n")
    assert "The log was cut at 900 B of 1.8 KiB" in page(client, run.order_id)


def page(client: Client, order: str) -> str:
    text = client.get(f"/orders/{order}/", headers={"accept-language": "en"}).content.decode()
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def test_a_long_log_is_read_answer_by_answer(
    road: Road, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RUN_LOG_BYTES = 10_000
    monkeypatch.setattr(selectors, "LONGEST_READING", 250)
    run, reader = road.place(), road.owner.actor
    road.say([piece(run.id, 100 * number, f"{number:099}\n") for number in range(10)])
    whole, offset, readings = "", 0, 0
    while (found := selectors.log_text(reader, run.id, offset)).text:
        whole, offset, readings = whole + found.text, found.next_offset, readings + 1
    assert whole == "".join(f"{number:099}\n" for number in range(10)) and readings == 4
    assert selectors.log_tail(reader, run.id, 150) == (whole[-150:], True)
    assert selectors.log_tail(reader, run.id, 1000) == (whole, False)


def test_the_end_of_a_log_stops_at_a_gap(road: Road) -> None:
    run, reader = road.place(), road.owner.actor
    road.say([piece(run.id, 0, "a" * 10), piece(run.id, 20, "c" * 10)])
    assert selectors.log_tail(reader, run.id, 100) == ("a" * 10, False)
    road.say([piece(run.id, 10, "b" * 10)])
    assert selectors.log_tail(reader, run.id, 15) == ("b" * 5 + "c" * 10, True)


@pytest.mark.parametrize("cut", [{"at_bytes": -1}, {"at_bytes": "1"}, {"at_bytes": 1, "total_bytes": True}])
def test_a_cut_that_makes_no_sense_is_refused(road: Road, cut: dict[str, Any]) -> None:
    run = road.place()
    with pytest.raises(InputFault):
        logs.append_log(agent_id=road.site.agent.id, body=piece(run.id, 0, "x", cut=cut)[1])


def test_a_stranger_sees_no_end_of_it(road: Road, stranger: Person) -> None:
    from hesuan.errors import NotFound

    run = road.place()
    road.say([piece(run.id, 0, "x"), usage(run.id)])
    with pytest.raises(NotFound):
        selectors.log_tail(stranger.actor, run.id, 10)
