"""From the hub's words to what an engine starts: nothing that was ordered is left out on the way."""

from __future__ import annotations

from typing import Any

import pytest

from hesuan.agent.orders import House, specification
from hesuan.errors import InputFault
from hesuan.wire.ids import new_id

HOUSE = House({}, scripts_allowed=True)


def order(**work: Any) -> dict[str, Any]:
    script = {"kind": "script", "command": ["true"], "cores": 2, "time_limit_s": 60, **work}
    return {"run": new_id(), "work": script, "cores": 2, "time_limit_s": 60}


def test_the_memory_that_an_order_asks_for_is_what_the_engine_is_to_hold() -> None:
    assert specification(order(memory_bytes=8 << 30), HOUSE).memory_bytes == 8 << 30


def test_an_order_that_asks_for_no_memory_gets_what_the_site_gives() -> None:
    spec = specification(order(), HOUSE)
    assert spec.memory_bytes == 0
    assert "memory_bytes" not in spec.document(), "a run from before is the same run"


@pytest.mark.parametrize("asked", [0, -1, True, "8G", 1.5, None])
def test_a_memory_that_is_none_is_refused_and_named(asked: object) -> None:
    with pytest.raises(InputFault, match="`memory_bytes` is"):
        specification(order(memory_bytes=asked), HOUSE)
