"""The real agent and the real hub when the link is cut, and under random schedules of faults: when all is
healed each run had one job, one usage, one line for each attempt, one signed receipt, and cost its usage.

The fixture of all tests adds the books up behind each of these (I1 to I14).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from django.test import Client
from tests.agent.dying import Reaper, armed
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub
from tests.agent.line import Line
from tests.agent.schedules import Schedule
from tests.contracts.cutting import Cutter
from tests.people import Person
from tests.road import Road, make_site, publish
from tests.serving import serving

from hesuan.agent.schedulers.contract import each_once
from hesuan.agent.schedulers.fake import FakeEngine
from hesuan.agent.site import Site
from hesuan.errors import Unavailable
from hesuan.hub.centres import selectors as of_centres
from hesuan.hub.centres import services as centres
from hesuan.hub.centres.models import Agent
from hesuan.hub.gateway.models import Contradiction
from hesuan.hub.metering.models import Attempt, Finding, UsageRecord
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.hub.worker.loop import tick
from hesuan.wire.canonical import Json

COUNT = max(int(os.environ.get("HESUAN_FAULTS", "200")) // 50, 1)
"""Schedules with the real hub; one for fifty with the one that stands in for it."""
SEED = int(os.environ.get("HESUAN_FAULTS_SEED", "20261122"))
DISTURBED_S, PATIENCE_S = 40, 300
FEN_PER_CORE_S = 10
"""See ``tests.road``."""
Start = Callable[[str, httpx.BaseTransport | None], tuple[Road, Rig]]


def work(seconds: int) -> dict[str, Json]:
    return {"kind": "script", "command": ["exit:0", str(seconds)], "cores": 1, "time_limit_s": 300}


@pytest.fixture
def start(
    owner: Person, centre_operator: Person, platform_operator: Person, tmp_path: Path
) -> Iterator[Start]:
    """A road whose centre is served by a real agent over the fake engine."""
    rigs: list[Rig] = []

    def started(address: str, transport: httpx.BaseTransport | None = None) -> tuple[Road, Rig]:
        site = make_site(centre_operator.organisation, scripts_allowed=True)
        offering = publish(centre_operator, site.agent.centre)
        road = Road(owner, centre_operator, platform_operator, site, offering)
        road.pay_in(10_000_000)
        data = tmp_path / "site"
        data.mkdir()
        own = Site(data, address, site.agent.id, site.agent.centre_id, "this machine", site.private)
        rig = Rig(StandInHub(address=address), own, transport=transport)
        with rig.spool.transaction() as change:  # what the tests' site has said before
            change.set_meta("seq", str(site.seq))
        rig.restart()
        rigs.append(rig)
        return road, rig

    yield started
    for rig in rigs:
        rig.close()


def are_signed(road: Road) -> bool:
    signed = Receipt.objects.filter(state=Receipt.State.SIGNED).count()
    return signed == len(road.placed)


def assert_once(road: Road, rig: Rig) -> None:
    """Of everything one, for each run; and what it costs is what its attempts held."""
    began = Counter(job.comment for job in rig.centre.jobs)
    runs = Run.objects.filter(order__in=[order.id for order in road.placed])
    ran = {run.id for run in runs if run.state != "REFUSED"}
    assert began == Counter(ran) and UsageRecord.objects.count() == len(ran)
    assert Settlement.objects.count() == Receipt.objects.count() == len(road.placed) == len(runs)
    assert are_signed(road)
    engine = FakeEngine(rig.centre)
    booked = {
        (job.comment, one.key, one.wall_ms)
        for job in rig.centre.jobs
        for one in each_once(engine._lines(job))
    }
    assert set(Attempt.objects.values_list("run", "key", "wall_ms")) == booked
    for settled in Settlement.objects.select_related("order__run"):
        held_ms = sum(ms for run, _, ms in booked if run == settled.order.run.id)
        assert settled.charge_fen == held_ms // 1000 * FEN_PER_CORE_S
    assert not Contradiction.objects.exists() and not Finding.objects.exists()
    assert road.balance().debits_pending == 0, "nothing is held any more"


KINDS = {
    "the command": rb'"commands": ?\[\{',
    "the word that it was submitted": rb"SUBMITTED",
    "the status": rb"RUNNING",
    "the log": rb'"kind": ?"log"',
    "the usage": rb'"kind": ?"usage"',
    "the signature": rb'"kind": ?"countersign"',
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("where", ["question", "answer"])
def test_a_link_cut_in_the_middle_of_anything_loses_and_doubles_nothing(start: Start, where: str) -> None:
    with serving() as address, Cutter(int(address.rsplit(":", 1)[1])) as cutter:
        road, rig = start(cutter.address, None)
        for kind, pattern in KINDS.items():
            if (kind, where) == ("the command", "question"):
                continue  # it comes as an answer only
            cutter.arm(pattern, where, times=2)
            road.place(road.quote(work(4)))
            for _ in range(40):
                try:
                    rig.fetch()
                except Unavailable as away:
                    rig.told.append(away.sentence())
                rig.agent._send_after = 0
                rig.agent.tick()
                rig.centre.advance(1)
                assert tick().failed == ()
                if are_signed(road):
                    break
            assert cutter.cuts == 2, f"{kind} was to be cut in its {where}"
            assert_once(road, rig)


def through(
    client: Client, stand_in: StandInHub, reaper: Reaper
) -> Callable[[str, bytes], tuple[int, bytes]]:
    """The way to the real hub in this process; away when the one that stands in for it is."""

    def deliver(path: str, body: bytes) -> tuple[int, bytes]:
        if stand_in.away:
            return 503, b"{}"
        with reaper.spares():
            answer = client.post(path, data=body, content_type="application/json")
        return answer.status_code, answer.content

    return deliver


def drain(road: Road, reason: str | None) -> None:
    """The word of the centre's operator at the hub."""
    actor, agent = road.operator.actor, road.site.agent.id
    if reason:
        centres.drain_agent(actor=actor, agent_id=agent, reason=reason)
    else:
        centres.resume_agent(actor=actor, agent_id=agent)


def takes_work(road: Road) -> bool:
    """Whether the hub, as far as it has heard, takes an order there."""
    return of_centres.takes_work(Agent.objects.get(pk=road.site.agent.id))


@pytest.mark.django_db
@pytest.mark.parametrize("number", range(COUNT))
def test_after_a_schedule_of_faults_the_hub_has_charged_each_run_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    seed = SEED + number
    print(f"HESUAN_FAULTS_SEED={seed} HESUAN_FAULTS=1 repeats this")
    chance, reaper = random.Random(seed), Reaper()
    line = Line(lambda *_: (503, b"{}"), chance)
    road, rig = start("http://hub", line)
    line.deliver = through(Client(), rig.hub, reaper)
    schedule = Schedule(rig, line, reaper, chance)
    schedule.hub_says = lambda reason: drain(road, reason)
    due = {chance.randrange(DISTURBED_S): work(chance.randint(1, 20)) for _ in range(3)}
    armed(monkeypatch, reaper)
    for second in range(PATIENCE_S):
        if second == DISTURBED_S:
            schedule.heal()
        schedule.round()
        with reaper.spares():
            if due and second >= min(due) and takes_work(road):
                road.place(road.quote(due.pop(min(due))))
            assert tick().failed == ()
        if second > DISTURBED_S and not due and are_signed(road):
            break
    print(schedule.did, Run.objects.filter(state="REFUSED").count(), "refused")
    assert takes_work(road), "every drain has ended"
    assert_once(road, rig)
