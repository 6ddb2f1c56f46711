"""A hub and two centres on networks of their own: links go down in the middle of a word, packets are lost,
doubled and overtaken, the hub is away for longer than a poll. Healed, each run had one job, one usage, one
receipt, and cost it once; and what happens to one centre's link is nothing to the other.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from tests.engines.switch import Trouble
from tests.journeys.distances import Distances, distances
from tests.journeys.hurried_agent import POLL_S

pytestmark = [pytest.mark.namespaces, pytest.mark.processes]

PATIENCE_S = 120
SEED = 20261122
FROM_HUB, SUBMITTED, RUNNING = "the order", "the word that it was submitted", "the status"
LOG, USAGE = "the log", "the usage"
WORDS = {
    FROM_HUB: rb'"commands": ?\[\{',
    SUBMITTED: rb'"state": ?"SUBMITTED"',
    RUNNING: rb'"state": ?"RUNNING"',
    LOG: rb'"kind": ?"log"',
    USAGE: rb'"kind": ?"usage"',
    "the signature": rb'"kind": ?"countersign"',
}


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Distances]:
    with distances(tmp_path_factory.mktemp("apart"), migrated) as made:
        yield made


@pytest.mark.parametrize("late", [False, True])
def test_a_link_down_in_the_middle_of_every_word_loses_and_doubles_nothing(
    apart: Distances, late: bool
) -> None:
    """Not late: the word is not heard, and comes by the same connection when the link is up. Late: it is
    heard, the answer is not, and when the link is up the connections are gone."""
    east, west = apart.centres
    beside = apart.place(west)
    words = [word for word in WORDS if (word, late) != (FROM_HUB, True)]
    cut = apart.cut_at(east, WORDS[words[0]], late=late, by_other=not late)
    job = apart.place(east)
    for word, following in pairwise([*words, None]):
        if word == LOG:
            job.say()
        elif word == USAGE:
            job.go_on()
        assert cut.happened.wait(PATIENCE_S), f"{word} was never said"
        if word == SUBMITTED and late:
            apart.until(job, "SUBMITTED")
        apart.until_heard(beside)
        if word == SUBMITTED and not late:
            assert apart.state(job) == "CREATED", "the hub cannot have heard it"
        if following is None:
            beside.go_on()
            apart.until_signed(beside)
        else:
            cut = apart.cut_at(east, WORDS[following], late=late)
        apart.heal(east, late=late)
    apart.until_signed(job)
    apart.assert_once()
    assert apart.has_missed_the_hub(east) or not late
    assert not apart.has_missed_the_hub(west)


def test_packets_lost_doubled_delayed_and_overtaken_change_nothing(apart: Distances) -> None:
    print(f"seed {SEED}")
    apart.switch.did.clear()
    apart.switch.trouble = Trouble(random.Random(SEED), lost=0.05, twice=0.1, late=0.3, late_by_s=0.05)
    jobs = [apart.place(centre) for centre in apart.centres]
    for job in jobs:
        job.go_on()
    for job in jobs:
        apart.until_signed(job)
    apart.switch.trouble = Trouble(random.Random(SEED))
    print(apart.switch.did)
    assert set(apart.switch.did) >= {"lost", "twice", "late", "overtaken"}
    apart.assert_once()


def test_a_hub_away_for_longer_than_a_poll_hears_everything_later(apart: Distances) -> None:
    """It is killed while jobs run at both centres; one ends meanwhile."""
    jobs = [apart.place(centre) for centre in apart.centres]
    for job in jobs:
        apart.until(job, "RUNNING")
    apart.hub.kill()
    jobs[0].go_on()
    time.sleep(POLL_S + 1)
    apart.hub = apart.stage.serve()
    jobs[1].go_on()
    for job in jobs:
        apart.until_signed(job)
    apart.assert_once()
