"""The real agent speaks to the real gateway: what one sends, the other takes, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from tests.agent.fakes import Rig, script_order
from tests.agent.hub import StandInHub
from tests.serving import serving
from tests.sites import make_centre

from hesuan.agent import detect, manifests
from hesuan.agent import site as sites
from hesuan.errors import Refused
from hesuan.hub.centres import selectors, services
from hesuan.hub.centres.models import Agent, Centre
from hesuan.hub.gateway.models import Contradiction, InboxMessage
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import new_id

APPS = Path(__file__).resolve().parents[2] / "apps"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def centre(centre_organisation: Organisation) -> Centre:
    return make_centre(centre_organisation)


@pytest.fixture
def rig(centre: Centre, tmp_path: Path) -> Iterator[Rig]:
    """An agent over the fake engine, enrolled at the real hub."""
    code = services.issue_enrolment_code(actor=SYSTEM, centre_id=centre.id)
    with serving() as address:
        site = sites.enrol(tmp_path / "site", hub=address, code=code, name="this machine")
        made = Rig(cast(StandInHub, StandInHub(address=address)), site)
        yield made
        made.close()


def inventory() -> dict[str, Any]:
    apps, faults = manifests.load_all(APPS)
    assert not faults
    return detect.machine().inventory(
        engine="fake", isolation=("None of this is real.",), apps=apps, scripts_allowed=True
    )


def kinds(rig: Rig) -> list[str]:
    rows = InboxMessage.objects.filter(agent_id=rig.site.agent).order_by("seq")
    return list(rows.values_list("kind", flat=True))


def test_what_the_agent_sees_of_this_machine_is_an_inventory_here(rig: Rig, centre: Centre) -> None:
    rig.agent.inventory = inventory()
    rig.agent.introduce()
    rig.round()
    row = InboxMessage.objects.get(kind="inventory")
    services.record_inventory(agent_id=row.agent_id, message_id=row.id, body=row.body)
    assert selectors.allows_scripts(centre.id) and selectors.app_digest_at(centre.id, "omics-match")
    rig.fetch()
    assert [command.kind for command in rig.spool.open_commands()] == ["benchmark"]


def test_a_run_is_told_from_command_to_usage(rig: Rig) -> None:
    run = new_id()
    services.command(
        agent_id=rig.site.agent, command_id=f"run:{run}", kind="run", body=script_order(run, "exit:0", "3")
    )
    for _ in range(8):
        rig.round()
    assert {"run_state", "usage", "heartbeat"} <= set(kinds(rig))
    usage = InboxMessage.objects.get(kind="usage")
    assert usage.body["run"] == run
    agent = Agent.objects.get(pk=rig.site.agent)
    assert agent.acknowledged_seq == 1 and agent.last_seq == len(kinds(rig))
    assert rig.spool.waiting_count() == 0 and not Contradiction.objects.exists()


def test_an_agent_that_dies_and_comes_back_repeats_nothing(rig: Rig) -> None:
    run = new_id()
    services.command(
        agent_id=rig.site.agent, command_id=f"run:{run}", kind="run", body=script_order(run, "exit:0", "3")
    )
    for _ in range(8):
        rig.restart()
        rig.round()
    assert kinds(rig).count("usage") == 1
    assert not Contradiction.objects.exists()


def test_an_answer_lost_at_enrolment_is_made_good_by_asking_again(rig: Rig, centre: Centre) -> None:
    code = services.issue_enrolment_code(actor=SYSTEM, centre_id=centre.id)
    first = rig.uplink
    data = rig.site.data.parent / "second"
    one = sites.enrol(data, hub=first.hub, code=code, name="second")
    (data / "agent.json").unlink()  # as if the answer had never come
    assert sites.enrol(data, hub=first.hub, code=code, name="second").agent == one.agent


def test_a_revoked_agent_is_told_so_in_words(rig: Rig) -> None:
    services.revoke_agent(actor=SYSTEM, agent_id=rig.site.agent, reason="sold")
    with pytest.raises(Refused) as caught:
        rig.fetch()
    assert "gateway.not_recognised" in caught.value.sentence()
    answer = httpx.post(f"{rig.uplink.hub}/gateway/v1/messages", json={"messages": []})
    assert answer.headers["content-type"] == "application/problem+json"
