"""The line between an agent and a hub within one process, and everything that it may do to a request."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import httpx
from tests.agent.hub import StandInHub

Deliver = Callable[[str, bytes], tuple[int, bytes]]
"""Brings path and body to a hub; its status and answer."""
TROUBLES = ("question lost", "answer lost", "twice", "late", "twice, once of them late")


def to(hub: StandInHub) -> Deliver:
    """The way to the hub that stands in for one."""

    def deliver(path: str, body: bytes) -> tuple[int, bytes]:
        status, answer = hub.respond(path, json.loads(body))
        return status, json.dumps(answer).encode()

    return deliver


class Line(httpx.BaseTransport):
    """Carries requests. ``trouble`` is the share of them that something happens to; what is late comes after
    later ones, its answer to nobody."""

    def __init__(self, deliver: Deliver, chance: random.Random | None = None) -> None:
        self.deliver, self.chance = deliver, chance or random.Random(0)
        self.trouble = 0.0
        self.late: list[tuple[str, bytes]] = []
        self.seen: set[str] = set()
        """What has happened, so that a test can ask whether anything did."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, request.read()
        self.arrive()
        trouble = self.chance.choice(TROUBLES) if self.chance.random() < self.trouble else ""
        self.seen.add(trouble)
        if "late" in trouble:
            self.late.append((path, body))
        match trouble:
            case "question lost":
                raise httpx.ConnectError("cut off", request=request)
            case "late":
                raise httpx.ReadTimeout("no answer", request=request)
            case "twice":
                self.deliver(path, body)
        status, answer = self.deliver(path, body)
        if trouble == "answer lost":
            raise httpx.ReadError("cut off", request=request)
        return httpx.Response(status, content=answer, headers={"Content-Type": "application/json"})

    def arrive(self) -> None:
        """Some of what was late arrives, in any order."""
        self.chance.shuffle(self.late)
        while self.late and self.chance.random() < 0.5:
            self.deliver(*self.late.pop())

    def heal(self) -> None:
        """From now on nothing happens to a request; what was late has arrived."""
        self.trouble = 0.0
        while self.late:
            self.deliver(*self.late.pop())
