"""The agent's door to applications: what it was commanded to run or to measure, and nothing else."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from tests import packaged
from tests.people import Person
from tests.road import Road, commands, make_site, state
from tests.sites import Site, inventory_body

from hesuan.errors import NotFound, Refused
from hesuan.hub.centres import services as centres
from hesuan.hub.files import publishing
from hesuan.hub.files.models import App
from hesuan.hub.gateway import applications
from hesuan.wire.ids import new_id
from hesuan.wire.messages import DELIVERED


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    return packaged.contents(packaged.make_app(tmp_path))


@pytest.fixture
def app(platform_operator: Person, files: dict[str, bytes]) -> App:
    return packaged.publish(platform_operator, files)


def let_in(road: Road, **changes: Any) -> None:
    software = {"python": "3.11.7", DELIVERED: "1"}
    road.say([("inventory", inventory_body(**{"software": software, **changes}))])


def measure(road: Road, digest: str, name: str = "adder", person: Person | None = None) -> str:
    left = centres.request_benchmark(
        actor=(person or road.operator).actor,
        centre_id=road.site.agent.centre_id,
        app=name,
        request_id=new_id(),
        app_digest=digest,
    )
    return left.id


def ask(site: Site, kind: str, **body: Any) -> Any:
    address = {"app": "apps", "app_piece": "app-pieces"}[kind]
    return Client().post(
        f"/gateway/v1/{address}", site.seal(kind, body, seq=0), content_type="application/json"
    )


def test_the_commanded_agent_fetches_list_and_pieces(
    road: Road, app: App, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applications, "PIECE_BYTES", 100)
    let_in(road)
    command = measure(road, app.digest)
    told = ask(road.site, "app", command=command).json()
    assert (told["app"], told["app_digest"]) == ("adder", app.digest)
    for one in told["files"]:
        got = b""
        while len(got) < one["size_bytes"]:
            asked = {"command": command, "sha256": one["sha256"], "offset": len(got)}
            piece = b64decode(ask(road.site, "app_piece", **asked).json()["data"])
            assert 0 < len(piece) <= 100
            got += piece
        assert got == files[one["path"]]


def test_everything_else_is_as_unknown_as_no_command(
    road: Road, app: App, centre_organisation: Any, stranger: Person
) -> None:
    """Another centre's agent, another kind of command, no command, another's file: one answer."""
    let_in(road)
    command, other = measure(road, app.digest), make_site(centre_organisation, "Luoyang")
    plain = commands(road.site, "benchmark")[0].id
    cancel = centres.command(
        agent_id=road.site.agent.id, command_id="c1", kind="cancel", body={"app_digest": app.digest}
    )
    asked = [(other, command), (road.site, plain), (road.site, cancel.id), (road.site, new_id())]
    for site, command_id in asked:
        for answer in (
            ask(site, "app", command=command_id),
            ask(site, "app_piece", command=command_id, sha256=app.files[1]["sha256"], offset=0),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "gateway.app_not_found")
    foreign = ask(road.site, "app_piece", command=command, sha256="0" * 64, offset=0)
    assert foreign.status_code == 404


def test_an_order_fetches_until_its_run_has_ended_also_what_was_withdrawn(
    road: Road, app: App, platform_operator: Person
) -> None:
    entry: Any = {"name": "adder", "digest": app.digest, "work_unit": "sum"}
    let_in(road, apps=[entry])
    assert measure(road, app.digest)
    body = {"app": "adder", "app_digest": app.digest, "cores": 2, "checked": {}}
    points = [{"units": units, "wall_ms": 10 * units} for units in (100, 200, 400)]
    road.say([("benchmark", {**body, "points": points})])
    run = road.place(road.quote({"kind": "app", "app": "adder", "units": 300, "cores": 2}))
    publishing.withdraw(actor=platform_operator.actor, app_id=app.id)
    assert ask(road.site, "app", command=f"run:{run.id}").status_code == 200
    road.say([state(run.id, "REFUSED")])
    assert ask(road.site, "app", command=f"run:{run.id}").status_code == 404


def test_a_measurement_names_what_the_centre_can_get(
    road: Road, app: App, stranger: Person, auditor: Person, platform_operator: Person
) -> None:
    def refused(kind: type[Any], *given: Any, **more: Any) -> str:
        with pytest.raises(kind) as found:
            measure(road, *given, **more)
        return str(found.value.code.name)

    assert refused(Refused, app.digest) == "centre.takes_no_deliveries"
    let_in(road)
    assert refused(NotFound, "sha256:" + "0" * 64) == "centre.app_not_published"
    assert refused(NotFound, app.digest, name="omics-match") == "centre.app_not_published"
    assert refused(NotFound, app.digest, person=stranger)
    assert refused(Refused, app.digest, person=auditor) == "centre.role_missing"
    assert measure(road, app.digest)
    publishing.withdraw(actor=platform_operator.actor, app_id=app.id)
    assert refused(NotFound, app.digest) == "centre.app_not_published"


def test_what_was_delivered_is_not_measured_twice(road: Road, app: App) -> None:
    let_in(road)
    measure(road, app.digest)
    before = len(commands(road.site, "benchmark"))
    entry: Any = {"name": "adder", "digest": app.digest, "work_unit": "sum"}
    let_in(road, apps=[entry])
    assert len(commands(road.site, "benchmark")) == before
    let_in(road, apps=[{**entry, "digest": "sha256:" + "1" * 64}])
    assert len(commands(road.site, "benchmark")) == before + 1, "another content is new here"
