"""Somebody orders over HTTP while the hub's disk is ``full``, then ``broken``, in a process under ``lazy.c``.

Each order is asked for twice under one key: while the disk refuses, and when it works again.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FAULTS = ("full", "broken", "full", "broken")


def main() -> None:
    """Prints what was answered while the disk refused; ends with an error where anything is half done."""
    from hesuan.hub.config import server

    server.set_up()
    server.migrate()
    from tests.hub.api.test_over_http import Message, send
    from tests.hub.api.world import make_world
    from tests.people import make_organisation, make_person
    from tests.serving import serving

    from hesuan.hub.identity import services as identity
    from hesuan.hub.market.models import Order
    from hesuan.wire.ids import new_id

    owner = make_person("olivia", make_organisation("Zhongyuan Bio", "enterprise"), "owner")
    carla = make_person("carla", make_organisation("Supercomputing", "centre"), "centre_operator")
    petra = make_person("petra", make_organisation("Platform", "platform"), "platform_operator")
    world = make_world(owner, carla, petra)
    quotes = [world.quote_for(owner) for _ in FAULTS]
    token = identity.issue_token(actor=owner.actor, label="test")[1]
    told = []
    with serving() as hub:
        for number, (how, quote) in enumerate(zip(FAULTS, quotes, strict=True)):
            fault = Path(f"{os.environ['LAZY_JOURNAL']}.{how}")
            order = Message(f"/quotes/{quote.id}/accept", token, b"{}", new_id())
            before = books()
            fault.touch()
            refused = send(hub, order, listen=True)
            fault.unlink()
            assert refused is not None
            told.append((refused[0], json.loads(refused[1])["code"]))
            assert books() == before and before[0] == number, "half done"
            for _ in range(2):
                answer = send(hub, order, listen=True)
                assert answer is not None and answer[0] == 201, answer
            assert Order.objects.count() == number + 1, "the same key has one effect"
    print(json.dumps(told))


def books() -> tuple[int, ...]:
    """Orders, facts, remembered keys, what the ledger was asked, and its transfers; all of it sound."""
    from hesuan.hub.api.models import ApiRequest
    from hesuan.hub.audit.models import Fact
    from hesuan.hub.ledger.models import Attempt, Transfer
    from hesuan.hub.market.models import Order
    from hesuan.hub.settlement import soundness

    assert soundness.check() == []
    return tuple(one.objects.count() for one in (Order, Fact, ApiRequest, Attempt, Transfer))


if __name__ == "__main__":
    main()
