"""The people's side of the load: quotes asked for beforehand, accepted at a steady rate."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from hesuan.cli.client import Hub
from hesuan.cli.demo.story import Story
from hesuan.errors import HesuanError
from hesuan.wire.ids import new_id

WORK = {"kind": "script", "command": ["exit:0", "1"], "cores": 1, "time_limit_s": 60}
"""In the fake engine's words: ends with 0 after a second."""
PEOPLE = 32
"""How many accept at once at most; a hub that is slower than the rate keeps them waiting."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One order: when it was asked for and answered, by the system's clock, and its run."""

    asked_s: float
    answered_s: float
    run: str


def quotes(story: Story, wanted: int) -> list[str]:
    """So many quotes, the centres by turns."""
    found: list[str] = []
    body = {"organisation": story.people["owner"].organisation, "work": WORK}
    with story.hub("owner") as hub:
        while len(found) < wanted:
            answer = hub.post("quote-requests", body, key=new_id())
            assert answer["quotes"], answer["refusals"]
            found += [quote["id"] for quote in answer["quotes"]]
    return found[:wanted]


def place(story: Story, ids: Sequence[str], seconds: float) -> list[Accepted]:
    """Accepts the quotes, evenly over the time; what is refused is left out."""
    accepted: list[Accepted] = []
    own = threading.local()
    begin, step_s = time.monotonic(), seconds / len(ids)

    def accept(place: int) -> None:
        time.sleep(max(0.0, begin + place * step_s - time.monotonic()))
        if not hasattr(own, "hub"):
            own.hub = story.hub("owner")
        if (one := _accept(own.hub, ids[place])) is not None:
            accepted.append(one)

    with ThreadPoolExecutor(PEOPLE) as people:
        list(people.map(accept, range(len(ids))))
    return accepted


def _accept(hub: Hub, quote: str) -> Accepted | None:
    asked_s = time.time()
    try:
        order = hub.post(f"quotes/{quote}/accept", key=new_id())
    except HesuanError as refused:
        print(f"not accepted: {refused}", flush=True)
        return None
    return Accepted(asked_s, time.time(), order["run"]["id"])


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that a share of them does not exceed (nearest rank); not a number where there is none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan
