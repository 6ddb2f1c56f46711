"""Sites of the tests: an admitted centre and an enrolled agent that can sign, made by the real verbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.utils import timezone

from hesuan.hub.centres import services
from hesuan.hub.centres.models import Agent, Centre
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.identity.models import Organisation
from hesuan.wire import keys
from hesuan.wire.canonical import Json
from hesuan.wire.messages import ENROL_DOMAIN, Message, seal

APP_DIGEST = "sha256:" + "ab" * 32


def inventory_body(**changes: Json) -> dict[str, Json]:
    """An inventory as an agent on a small machine sends it."""
    body: dict[str, Json] = {
        "host": "node-1",
        "cores": 4,
        "memory_bytes": 8 * 2**30,
        "cards": [],
        "software": {"python": "3.11.7", "numpy": "2.2.0"},
        "engine": "local",
        "isolation": ["Jobs run as the agent's own user."],
        "apps": [{"name": "omics-match", "digest": APP_DIGEST, "work_unit": "sample"}],
        "scripts_allowed": False,
    }
    return {**body, **changes}


def benchmark_body(points: list[tuple[int, int]] | None = None, **changes: Json) -> dict[str, Json]:
    """A benchmark of omics-match on two cores; points are (units, wall_ms)."""
    measured = points or [(1000, 1500), (2000, 2500), (4000, 4500)]
    body: dict[str, Json] = {
        "app": "omics-match",
        "app_digest": APP_DIGEST,
        "cores": 2,
        "points": [{"units": units, "wall_ms": wall_ms} for units, wall_ms in measured],
        "checked": {"recall_ppm": 990_000},
    }
    return {**body, **changes}


def make_centre(organisation: Organisation, name: str = "Zhengzhou East", *, admitted: bool = True) -> Centre:
    """A centre of an organisation, registered and (unless told not to) admitted."""
    centre = services.register_centre(
        actor=SYSTEM, organisation_id=organisation.id, name=name, city="Zhengzhou"
    )
    return services.admit_centre(actor=SYSTEM, centre_id=centre.id) if admitted else centre


def proof(private: Ed25519PrivateKey, *, code: str, name: str) -> str:
    """What shows at enrolment that the key is held."""
    value = {"code": code, "key": keys.public_text(private), "name": name}
    return keys.sign(private, domain=ENROL_DOMAIN, value=value)


@dataclass
class Site:
    """An enrolled agent with its private key and its own count of messages."""

    agent: Agent
    private: Ed25519PrivateKey
    seq: int = 0
    client: Client = field(default_factory=Client)

    def seal(
        self, kind: str, body: Mapping[str, Any], *, seq: int | None = None, at: datetime | None = None
    ) -> dict[str, Json]:
        """The next message, sealed (or the one of a given number)."""
        if seq is None:
            self.seq += 1
            seq = self.seq
        message = Message(self.agent.id, seq, kind, at or timezone.now(), body)
        return seal(message, self.private)

    def post(self, address: str, value: object) -> Any:
        """POSTs JSON to ``/gateway/v1/…``."""
        return self.client.post(f"/gateway/v1/{address}", value, content_type="application/json")

    def send(self, kind: str, body: Mapping[str, Any]) -> Any:
        """Sends one next message."""
        return self.post("messages", {"messages": [self.seal(kind, body)]})

    def poll(self, *, after: int = 0, wait_s: int = 0, at: datetime | None = None) -> Any:
        """Asks for commands."""
        body = {"after": after, "wait_s": wait_s}
        return self.post("commands", self.seal("poll", body, seq=0, at=at))


def enrol_site(centre: Centre, name: str = "agent-1") -> Site:
    """A fresh agent of a centre, enrolled with a fresh code and key."""
    code = services.issue_enrolment_code(actor=SYSTEM, centre_id=centre.id)
    private = keys.generate()
    agent = services.enrol(
        code=code, name=name, key=keys.public_text(private), proof=proof(private, code=code, name=name)
    )
    return Site(agent, private)
