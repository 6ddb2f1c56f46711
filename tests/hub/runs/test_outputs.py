"""The files a run has left: taken in piece by piece, checked, bounded, resumed, shown to their own alone."""

from __future__ import annotations

import base64
import hashlib
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import DatabaseError
from tests.people import Person
from tests.road import Road, history
from tests.sites import enrol_site

from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.runs.models import Run, RunOutput, RunOutputFile
from hesuan.hub.runs.outputs import place
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.wire.outputs import Listed, escapes, is_nameable, list_digest, travelling

FILES = {"a/big.bin": b"B" * 3000, "empty": b"", "result.json": b'{"n": 1}'}


def listed(files: dict[str, bytes]) -> list[Listed]:
    return [Listed(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()]


def ended(road: Road, of: list[Listed]) -> Run:
    run = road.place()
    road.finish(run, output_digest=list_digest(of))
    run.refresh_from_db()
    return run


def body(run: Run, of: list[Listed], **changes: Any) -> dict[str, Any]:
    files = [{"path": one.path, "bytes": one.bytes, "sha256": one.sha256} for one in of]
    told = {"run": run.id, "bound_bytes": 1 << 20, "withheld": None, "files": files}
    told |= {"files_count": len(of), "total_bytes": sum(one.bytes for one in of)}
    return told | changes


def announce(road: Road, told: dict[str, Any]) -> Any:
    return road.site.post("output", road.site.seal("output", told, seq=0))


def piece(run: Run, number: int, offset: int, data: bytes) -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {"run": run.id, "number": number, "offset": offset, "data": text}


def send(road: Road, told: dict[str, Any]) -> Any:
    return road.site.post("output-piece", road.site.seal("output_piece", told, seq=0))


def send_all(road: Road, run: Run, files: dict[str, bytes] = FILES) -> None:
    assert announce(road, body(run, listed(files))).status_code == 200
    for number, data in enumerate(files.values()):
        if data:
            assert send(road, piece(run, number, 0, data)).json()["complete"] is True


def shown(road: Road, run: Run) -> Any:
    return road.owner.client.get(f"/api/v1/orders/{run.order_id}/output").json()


def left_out(run: Run) -> dict[str, str]:
    return {one.path: one.left_out for one in run.output_files.all()}


def test_the_files_come_whole_and_are_downloaded_as_attachments(road: Road) -> None:
    run = ended(road, listed(FILES))
    assert shown(road, run)["told_at"] is None and shown(road, run)["files"] == []
    answer = announce(road, body(run, listed(FILES))).json()
    assert answer["awaited"] == [{"number": 0, "offset": 0}, {"number": 2, "offset": 0}], "empty is here"
    send_all(road, run)
    told = shown(road, run)
    assert told["output_digest"] == list_digest(listed(FILES)), "the list is that of the usage record"
    assert [(one["path"], one["complete"]) for one in told["files"]] == [(path, True) for path in FILES]
    for one in told["files"]:
        got = road.owner.client.get(f"/api/v1/orders/{run.order_id}/output/{one['number']}")
        assert got.status_code == 200
        content = got.getvalue()
        assert content == FILES[one["path"]] and hashlib.sha256(content).hexdigest() == one["sha256"]
        assert got["Content-Type"] == "application/octet-stream"
        assert got["X-Content-Type-Options"] == "nosniff"
        assert got["Content-Disposition"].startswith("attachment; ")
    assert not InboxMessage.objects.filter(kind__startswith="output").exists(), "none is kept as a message"


def test_before_the_usage_is_taken_in_the_agent_is_told_to_ask_later(road: Road) -> None:
    run = road.place()
    assert announce(road, body(run, listed(FILES))).json()["state"] == "later"
    assert not RunOutput.objects.exists()


def test_an_end_waits_for_no_file(road: Road) -> None:
    run = ended(road, listed(FILES))
    assert (run.state, Settlement.objects.get().state) == ("COMPLETED", "COMPLETED")
    assert Receipt.objects.get().state == "SIGNED" and not RunOutput.objects.exists()


def test_a_list_that_is_not_the_usage_records_is_refused(road: Road) -> None:
    run = ended(road, listed(FILES))
    other = announce(road, body(run, listed({**FILES, "more": b"x"})))
    assert (other.status_code, other.json()["code"]) == (409, "run.output_digest_differs")
    assert not RunOutput.objects.exists() and not RunOutputFile.objects.exists()


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a/../../b", "a//b", "./a", "", "a/", "n\0l"])
def test_a_path_that_escapes_is_refused_though_the_digest_agrees(road: Road, path: str) -> None:
    of = [Listed(path, 1, "ab" * 32)]
    run = ended(road, of)
    answer = announce(road, body(run, of))
    assert (answer.status_code, answer.json()["code"]) == (400, "run.output_path_escapes")
    assert not RunOutput.objects.exists()


def test_an_altered_piece_is_refused_by_its_signature(road: Road) -> None:
    run = ended(road, listed(FILES))
    announce(road, body(run, listed(FILES)))
    sealed: Any = road.site.seal("output_piece", piece(run, 2, 0, FILES["result.json"]), seq=0)
    sealed["message"]["body"]["data"] = base64.b64encode(b'{"n": 2}').decode()
    answer = road.site.post("output-piece", sealed)
    assert (answer.status_code, answer.json()["code"]) == (401, "gateway.not_recognised")
    assert shown(road, run)["files"][2]["received_bytes"] == 0


def test_bytes_that_are_not_those_of_the_list_are_never_shown_as_here(road: Road) -> None:
    run = ended(road, listed(FILES))
    announce(road, body(run, listed(FILES)))
    answer = send(road, piece(run, 2, 0, b'{"n": 2}')).json()
    assert (answer["complete"], answer["left_out"]) == (False, "changed")
    one = shown(road, run)["files"][2]
    assert (one["complete"], one["left_out"]) == (False, "changed")
    got = road.owner.client.get(f"/api/v1/orders/{run.order_id}/output/2")
    assert (got.status_code, got.json()["code"]) == (409, "run.output_not_here")
    assert not place(run.id, 2).exists()


def test_an_agent_that_was_cut_off_goes_on_where_the_hub_stands(road: Road) -> None:
    run, big = ended(road, listed(FILES)), FILES["a/big.bin"]
    announce(road, body(run, listed(FILES)))
    first = piece(run, 0, 0, big[:1000])
    assert send(road, first).json()["offset"] == 1000
    assert send(road, first).json()["offset"] == 1000, "the answer was lost: sent again it changes nothing"
    assert send(road, piece(run, 0, 2000, big[2000:])).json()["offset"] == 1000, "a gap is not filled"
    with place(run.id, 0).open("ab") as file:
        file.write(b"the hub was killed before it noted this")
    again = announce(road, body(run, listed(FILES))).json()["awaited"]
    assert again == [{"number": 0, "offset": 1000}, {"number": 2, "offset": 0}]
    assert send(road, piece(run, 0, 1000, big[1000:])).json()["complete"] is True
    got = road.owner.client.get(f"/api/v1/orders/{run.order_id}/output/0")
    assert got.getvalue() == big
    assert (
        RunOutput.objects.count() == 1
        and len(announce(road, body(run, listed(FILES))).json()["awaited"]) == 1
    )


def test_a_hub_that_ended_before_it_had_looked_looks_when_it_is_told_again(road: Road) -> None:
    run = ended(road, listed(FILES))
    announce(road, body(run, listed(FILES)))
    place(run.id, 2).parent.mkdir(parents=True)
    place(run.id, 2).write_bytes(FILES["result.json"])
    run.output_files.filter(number=2).update(received_bytes=8)
    assert [one["number"] for one in announce(road, body(run, listed(FILES))).json()["awaited"]] == [0]
    assert shown(road, run)["files"][2]["complete"] is True


@pytest.mark.parametrize(("lets", "takes", "why"), [(100, 10_000, "site"), (10_000, 100, "hub")])
def test_what_is_over_a_limit_is_left_out_and_both_numbers_are_told(
    road: Road, settings: Any, lets: int, takes: int, why: str
) -> None:
    settings.RUN_OUTPUT_BYTES = takes
    run = ended(road, listed(FILES))
    answer = announce(road, body(run, listed(FILES), bound_bytes=lets)).json()
    assert answer["awaited"] == [{"number": 2, "offset": 0}]
    told = shown(road, run)
    assert (told["total_bytes"], told["site_bound_bytes"], told["hub_bound_bytes"]) == (3008, lets, takes)
    assert left_out(run) == {"a/big.bin": why, "empty": "", "result.json": ""}
    refused = send(road, piece(run, 0, 0, b"B"))
    assert (refused.status_code, refused.json()["code"]) == (404, "run.output_not_awaited")
    assert not place(run.id, 0).exists()


def test_a_file_does_not_grow_beyond_its_size(road: Road) -> None:
    run = ended(road, listed(FILES))
    announce(road, body(run, listed(FILES)))
    answer = send(road, piece(run, 2, 0, b"x" * 9))
    assert (answer.status_code, answer.json()["code"]) == (400, "run.output_too_long")
    with pytest.raises(IntegrityError), transaction.atomic():
        run.output_files.filter(number=2).update(received_bytes=9)


def test_links_devices_and_untellable_names_are_named_and_never_taken(road: Road) -> None:
    whole = hashlib.sha256(b"x").hexdigest()
    of = [
        Listed("link", 0, "link"),
        Listed("pipe", 0, "special"),
        Listed("\\xff", 1, whole),
        Listed("a\nb", 1, whole),
        Listed("twice", 1, whole),
        Listed("twice", 1, whole),
    ]
    run = ended(road, of)
    assert announce(road, body(run, of)).json()["awaited"] == [{"number": 4, "offset": 0}]
    why = [one.left_out for one in run.output_files.order_by("number")]
    assert why == ["kind", "kind", "name", "name", "", "name"]
    assert shown(road, run)["files"][0]["sha256"] is None


@pytest.mark.parametrize("withheld", ["bound", "changed", "too_many"])
def test_a_site_that_lets_none_out_says_how_many_and_why(road: Road, withheld: str) -> None:
    run = ended(road, listed(FILES))
    told = body(run, listed(FILES), bound_bytes=0, withheld=withheld, files=None)
    assert announce(road, told).json()["awaited"] == []
    seen = shown(road, run)
    assert (seen["withheld"], seen["files_count"], seen["total_bytes"]) == (withheld, 3, 3008)
    assert seen["files"] == []


@pytest.mark.parametrize(
    "changes", [{"files": None}, {"withheld": "bound"}, {"bound_bytes": -1}, {"more": 1}]
)
def test_a_list_that_makes_no_sense_is_refused(road: Road, changes: dict[str, Any]) -> None:
    run = ended(road, listed(FILES))
    answer = announce(road, body(run, listed(FILES), **changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "message.faults")


def test_a_piece_that_is_not_base_64_is_refused(road: Road) -> None:
    run = ended(road, listed(FILES))
    announce(road, body(run, listed(FILES)))
    answer = send(road, piece(run, 2, 0, b"") | {"data": "§"})
    assert (answer.status_code, answer.json()["code"]) == (422, "message.faults")


def test_a_site_that_finds_a_file_changed_says_so_without_bytes(road: Road) -> None:
    run = ended(road, listed(FILES))
    announce(road, body(run, listed(FILES)))
    assert send(road, piece(run, 2, 0, b"")).json()["left_out"] == "changed"
    assert [one["number"] for one in announce(road, body(run, listed(FILES))).json()["awaited"]] == [0]


def test_another_agent_has_nothing_to_say_of_it(road: Road) -> None:
    run, own = ended(road, listed(FILES)), road.site
    announce(road, body(run, listed(FILES)))
    road.site = enrol_site(own.agent.centre, "another")
    for answer in (
        announce(road, body(run, listed(FILES))),
        send(road, piece(run, 2, 0, FILES["result.json"])),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "run.not_found")
    assert shown(road, run)["files"][2]["received_bytes"] == 0


def test_strangers_see_neither_list_nor_file(road: Road, stranger: Person) -> None:
    run = ended(road, listed(FILES))
    send_all(road, run)
    for address in ("output", "output/2"):
        path = f"/api/v1/orders/{run.order_id}/{address}"
        assert stranger.client.get(path).status_code == 404
        assert road.owner.client.get(path).status_code == 200, "the control"
    assert road.owner.client.get(f"/api/v1/orders/{run.order_id}/output/9").status_code == 404


def test_a_file_whose_bytes_are_gone_is_not_served(road: Road) -> None:
    run = ended(road, listed(FILES))
    send_all(road, run)
    place(run.id, 2).write_bytes(b"short")
    answer = road.owner.client.get(f"/api/v1/orders/{run.order_id}/output/2")
    assert (answer.status_code, answer.json()["code"]) == (503, "run.output_damaged")


def test_what_was_told_stays(road: Road) -> None:
    run = ended(road, listed(FILES))
    send_all(road, run)
    for change in (
        lambda: RunOutput.objects.update(total_bytes=1),
        lambda: RunOutputFile.objects.update(path="other"),
        lambda: RunOutputFile.objects.update(completed_at=None),
        lambda: RunOutput.objects.all().delete(),
        lambda: RunOutputFile.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert connection.vendor in ("sqlite", "postgresql")


def test_the_smallest_travel_first_and_a_lower_bound_takes_a_part_of_a_higher_ones() -> None:
    of = [Listed(f"f{size}", size, "ab" * 32) for size in (50, 10, 40, 10, 0)]
    taken = [travelling(of, bound) for bound in range(120)]
    assert taken[0] == {4} and taken[20] == {1, 3, 4} and taken[60] == {1, 2, 3, 4} and len(taken[110]) == 5
    assert all(lower <= higher for lower, higher in pairwise(taken))


def test_which_paths_escape_and_which_can_be_told() -> None:
    assert not any(map(escapes, ("a", "a/b", "..a", "a..", "匹配/结果.csv")))
    assert is_nameable("匹配/结果.csv") and not any(
        map(is_nameable, ("a\\b", "a\u202eb", "x" * 1025, "../a"))
    )


def test_history_is_as_before(road: Road) -> None:
    """The control: a usage without such a digest is taken as ever."""
    run = road.place()
    road.say(history(run.id))
    assert announce(road, body(run, listed(FILES))).status_code == 409


def page(road: Road, run: Run, language: str = "en") -> str:
    answer = road.owner.client.get(f"/orders/{run.order_id}/", headers={"accept-language": language})
    return " ".join(answer.content.decode().replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_page_lists_files_links_what_is_here_and_says_why_others_are_not(road: Road) -> None:
    run = ended(road, listed(FILES))
    assert "The site tells of files after the run has ended." in page(road, run)
    announce(road, body(run, listed(FILES), bound_bytes=1000))
    link = f"/orders/{run.order_id}/output/2/"
    assert "on its way, 0 B are here" in page(road, run) and link not in page(road, run)
    assert road.owner.client.get(link).status_code == 409, "the control: not here, not served"
    send(road, piece(run, 2, 0, FILES["result.json"]))
    seen = page(road, run)
    assert link in seen and "left out: beyond what the centre lets out" in seen
    assert "2.9 KiB in all; the centre lets out 1000 B of a run, the hub takes 256.0 MiB." in seen
    assert "运行留下的文件" in page(road, run, "zh-hans")
    got = road.owner.client.get(link)
    assert got.getvalue() == FILES["result.json"] and got["X-Content-Type-Options"] == "nosniff"
    assert got["Content-Disposition"].startswith("attachment; ")


def test_the_page_says_what_a_site_keeps_to_itself(road: Road) -> None:
    run = ended(road, listed(FILES))
    announce(road, body(run, listed(FILES), bound_bytes=0, withheld="bound", files=None))
    assert "3 files, 2.9 KiB in all, stay at the centre. It lets no file out." in page(road, run)


def test_a_name_that_a_job_chose_is_no_markup_of_the_page(road: Road) -> None:
    of = listed({"<script>x</script>": b"x"})
    run = ended(road, of)
    announce(road, body(run, of))
    assert "<script>x" not in page(road, run) and "&lt;script&gt;x" in page(road, run)


def test_the_page_looks_again_while_files_are_coming_and_rests_then(road: Road) -> None:
    run = ended(road, listed(FILES))
    assert 'hx-trigger="every 2s"' not in page(road, run), "an agent of before never tells"
    announce(road, body(run, listed(FILES)))
    assert 'hx-trigger="every 2s"' in page(road, run)
    send_all(road, run)
    assert 'hx-trigger="every 2s"' not in page(road, run)


def test_strangers_get_no_file_from_the_page_either(road: Road, stranger: Person) -> None:
    run = ended(road, listed(FILES))
    send_all(road, run)
    assert stranger.client.get(f"/orders/{run.order_id}/output/2/").status_code == 404
    assert road.owner.client.get(f"/orders/{run.order_id}/output/2/").status_code == 200
