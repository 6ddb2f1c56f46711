"""One request for every operation of the API, right enough that only the asking person decides the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tests.hub.api.world import WORK, make_world
from tests.people import Person
from tests.sites import enrol_site, inventory_body, make_centre

from hesuan.hub.identity import services as identity
from hesuan.wire.ids import new_id

KEYED = ("/accept", "/deposits")


@dataclass
class Requests:
    """Ids to fill paths with, and bodies by operation."""

    ids: dict[str, str]
    bodies: dict[str, Any] = field(default_factory=dict)

    def filled(self, path: str) -> str:
        """The path with its objects, and the query it cannot do without."""
        here = re.sub(r"{(\w+)}", lambda match: self.ids[match[1]], path)
        return here + "?first=1&second=2" if path == "/log/consistency" else here

    def body(self, operation: str) -> Any:
        """The body of an operation."""
        return self.bodies.get(operation, {})

    def headers(self, operation: str) -> dict[str, str]:
        """A fresh key where one is wanted."""
        key = {"Idempotency-Key": new_id()} if operation.endswith(KEYED) else {}
        return {"Accept-Language": "en", **key}


def make_requests(people: dict[str, Any]) -> Requests:
    """The owner has a settled order, an open quote and a token; the centre asked for has only applied."""
    owner: Person = people["owner"]
    operator: Person = people["centre_operator"]
    world = make_world(owner, operator, people["platform_operator"])
    settled = world.order_for(owner)
    world.start(settled)
    receipt = world.end(settled)
    quote = world.quote_for(owner)
    applied = make_centre(operator.organisation, "Zhengzhou West", admitted=False)
    agent = enrol_site(applied, "agent-2").agent
    token, _ = identity.issue_token(actor=owner.actor, label="test")
    ids = {
        "name": "api.not_json",
        "token_id": token.id,
        "organisation_id": owner.organisation.id,
        "identity_id": people["colleague"].identity.id,
        "role": "member",
        "centre_id": applied.id,
        "agent_id": agent.id,
        "offering_id": world.offering.id,
        "request_id": quote.request_id,
        "quote_id": quote.id,
        "order_id": settled.id,
        "receipt_id": receipt.id,
        "leaf_index": "1",
    }
    return Requests(ids, bodies(people, ids, admitted_centre_id=world.site.agent.centre_id))


def bodies(people: dict[str, Any], ids: dict[str, str], *, admitted_centre_id: str) -> dict[str, Any]:
    """The body of every operation that wants one."""
    return {
        "POST /tokens": {"label": "ci", "days": 7},
        "POST /organisations": {"name": "New Maker", "kind": "maker"},
        "POST /organisations/{organisation_id}/roles": {
            "identity": people["stranger"].identity.id,
            "role": "member",
        },
        "POST /organisations/{organisation_id}/deposits": {"amount_yuan": "12.50"},
        "POST /centres": {
            "organisation": people["centre_operator"].organisation.id,
            "name": "Zhengzhou North",
            "city": "Zhengzhou",
        },
        "POST /centres/{centre_id}/inventory": {"body": inventory_body()},
        "POST /agents/{agent_id}/revoke": {"reason": "key lost"},
        "POST /offerings": {
            "centre": admitted_centre_id,
            "title": "CPU West",
            "cores": 2,
            "price_yuan_per_core_hour": "0.20",
        },
        "POST /offerings/{offering_id}/prices": {"price_yuan_per_core_hour": "0.30"},
        "POST /quote-requests": {"organisation": ids["organisation_id"], "work": WORK},
    }
