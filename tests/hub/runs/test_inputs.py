"""Work orders that name files: frozen in the quote, held by the run, given to its own centre alone."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from typing import Any

import pytest
from django.test import Client
from tests.people import Person
from tests.road import SCRIPT_WORK, Road, commands, make_site, state
from tests.sites import Site, inventory_body

from hesuan.errors import Faults, Refused
from hesuan.hub.files import services as files
from hesuan.hub.files.models import File
from hesuan.hub.gateway import inputs as fetching
from hesuan.hub.market.models import QuoteRefusal
from hesuan.hub.market.work import parse_work
from hesuan.hub.runs import services
from hesuan.hub.runs.models import Run
from hesuan.wire.canonical import Json
from hesuan.wire.ids import new_id
from hesuan.wire.messages import FETCHES_INPUTS, TAKES

CONTENT = b"id,count\n7,1\n" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def inventory(version: int) -> tuple[str, dict[str, Json]]:
    return "inventory", inventory_body(scripts_allowed=True, software={TAKES: str(version)})


@pytest.fixture
def road(road: Road) -> Road:
    road.say([inventory(FETCHES_INPUTS)])
    return road


def begun(person: Person) -> File:
    return files.begin(
        actor=person.actor,
        organisation_id=person.organisation.id,
        name="a.csv",
        size_bytes=len(CONTENT),
        sha256=SHA256,
    )


def sent(person: Person) -> File:
    return files.append(actor=person.actor, file_id=begun(person).id, offset=0, content=CONTENT)


def work(*inputs: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {**SCRIPT_WORK, "inputs": [{"file": file, "path": path, **more} for file, path in inputs]}


def test_quote_order_and_command_carry_size_and_digest(road: Road) -> None:
    file = sent(road.owner)
    quote = road.quote(work((file.id, "data/a.csv")))
    frozen = {"file": file.id, "path": "data/a.csv", "sha256": SHA256, "size_bytes": len(CONTENT)}
    assert quote.document["work"]["inputs"] == [frozen]
    assert parse_work(quote.document["work"]).document() == quote.document["work"]
    road.place(quote)
    (command,) = commands(road.site, "run")
    assert command.body["work"]["inputs"] == [{key: frozen[key] for key in ("path", "sha256", "size_bytes")}]


def test_quote_and_order_show_on_their_pages_which_files_a_run_reads(road: Road) -> None:
    quote = road.quote(work((sent(road.owner).id, "data/a.csv")))
    order = road.place(quote).order_id
    for path in (f"/quotes/{quote.request_id}/", f"/orders/{order}/"):
        seen = road.owner.client.get(path, headers={"accept-language": "zh-hans"}).content.decode()
        assert "输入文件" in seen and "data/a.csv" in seen and SHA256[:12] in seen


def test_without_inputs_nothing_changes(road: Road) -> None:
    assert "inputs" not in road.quote(SCRIPT_WORK).document["work"]


def test_an_application_takes_files_too(road: Road) -> None:
    order = {"kind": "app", "app": "omics-match", "units": 5, "cores": 2}
    order["inputs"] = [{"file": new_id(), "path": "a"}]
    assert parse_work(order).for_agent()["inputs"] == [{"path": "a"}]


def places(call: Any) -> list[tuple[str, str]]:
    with pytest.raises(Faults) as faults:
        call()
    return [(fault.code.name, fault.where) for fault in faults.value.faults]


def test_unknown_incomplete_and_strangers_files_are_refused_alike_with_their_places(
    road: Road, stranger: Person
) -> None:
    good, half, theirs = sent(road.owner), begun(road.owner), sent(stranger)
    asked = work((good.id, "a"), (half.id, "b"), (theirs.id, "c"), (new_id(), "d"))
    told = [("work.file_not_usable", f"work.inputs.{place}.file") for place in (1, 2, 3)]
    assert places(lambda: road.ask(asked)) == told


def test_a_digest_that_the_user_says_must_be_the_files(road: Road) -> None:
    file = sent(road.owner)
    right = work((file.id, "a"), sha256=SHA256, size_bytes=len(CONTENT))
    assert road.quote(right).document["work"]["inputs"][0]["sha256"] == SHA256
    wrong = work((file.id, "a"), sha256="0" * 64, size_bytes=len(CONTENT))
    assert places(lambda: road.ask(wrong)) == [("work.file_not_usable", "work.inputs.0.file")]


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [("../a",)],
        [("/a",)],
        [("a",), ("a",)],
        [("a",), ("a/b",)],
        [(f"a{number}",) for number in range(65)],
    ],
)
def test_paths_that_escape_or_clash_are_refused(inputs: list[tuple[str]]) -> None:
    order = work(*[(new_id(), path) for (path,) in inputs])
    assert places(lambda: parse_work(order)) == [("work.wrong_value", "work.inputs")]


def test_an_agent_that_fetches_no_files_cannot_quote(road: Road) -> None:
    road.say([inventory(FETCHES_INPUTS - 1)])
    request = road.ask(work((sent(road.owner).id, "a")))
    assert [one.code for one in QuoteRefusal.objects.filter(request=request)] == ["offering.no_inputs"]


def test_a_file_is_held_from_the_order_to_the_runs_end(road: Road) -> None:
    file = sent(road.owner)
    run = road.place(road.quote(work((file.id, "a"))))
    with pytest.raises(Refused) as refused:
        files.remove(actor=road.owner.actor, file_id=file.id)
    assert refused.value.facts["run"] == run.id
    road.say([state(run.id, "REFUSED")])
    files.remove(actor=road.owner.actor, file_id=file.id)


def test_a_file_that_was_removed_since_the_quote_refuses_the_order_and_holds_nothing(road: Road) -> None:
    file = sent(road.owner)
    quote = road.quote(work((file.id, "a")))
    files.remove(actor=road.owner.actor, file_id=file.id)
    before = road.balance()
    with pytest.raises(Refused) as refused:
        services.place_order(actor=road.owner.actor, quote_id=quote.id, order_id=new_id())
    assert refused.value.code.name == "file.not_here"
    assert road.balance() == before and not Run.objects.exists()


# -- the agent's door --------------------------------------------------------------------------------------


def fetch(site: Site, run: str, sha256: str = SHA256, offset: int = 0) -> Any:
    sealed = site.seal("input", {"run": run, "sha256": sha256, "offset": offset}, seq=0)
    return Client().post("/gateway/v1/inputs", sealed, content_type="application/json")


def test_the_centres_agent_fetches_in_pieces(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PIECE_BYTES", 500)
    run = road.place(road.quote(work((sent(road.owner).id, "a"))))
    got = b""
    while piece := b64decode(fetch(road.site, run.id, offset=len(got)).json()["data"]):
        got += piece
        assert len(piece) <= 500
    assert got == CONTENT


def test_everything_else_is_as_unknown_as_no_run(
    road: Road, stranger: Person, centre_organisation: Any
) -> None:
    """Another centre's agent, another run's file, an ended run, no run: one answer, whatever is asked."""
    run = road.place(road.quote(work((sent(road.owner).id, "a"))))
    plain = road.place(road.quote(SCRIPT_WORK))
    other = make_site(centre_organisation, "Luoyang")
    asked = [(other, run.id, SHA256), (road.site, plain.id, SHA256), (road.site, run.id, "0" * 64)]
    asked.append((road.site, new_id(), SHA256))
    for site, run_id, sha256 in asked:
        answer = fetch(site, run_id, sha256)
        assert (answer.status_code, answer.json()["code"]) == (404, "gateway.input_not_found")
    assert fetch(road.site, run.id).status_code == 200
    road.say([state(run.id, "REFUSED")])
    assert fetch(road.site, run.id).status_code == 404


def test_without_the_centres_condition_another_agent_would_get_it(
    road: Road, centre_organisation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: the file is there, and only the condition keeps it."""
    run = road.place(road.quote(work((sent(road.owner).id, "a"))))
    other = make_site(centre_organisation, "Luoyang")
    real = Run.objects.filter
    monkeypatch.setattr(Run.objects, "filter", lambda **asked: real(pk=asked["pk"]))
    assert fetch(other, run.id).status_code == 200


def test_a_request_that_is_none_is_refused(road: Road) -> None:
    for body in ({"run": "x"}, {"run": new_id(), "sha256": SHA256, "offset": -1}):
        sealed = road.site.seal("input", body, seq=0)
        answer = Client().post("/gateway/v1/inputs", sealed, content_type="application/json")
        assert answer.status_code == 422
