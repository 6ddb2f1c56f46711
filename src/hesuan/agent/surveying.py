"""Looking at the site again: at what it has every ten minutes, at what of it is free every five.

The hub gets an inventory only where it differs from the last; a capacity, which differs nearly always, is
sent each time, and the hub keeps the newest alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hesuan.wire.canonical import Json

INVENTORY_EVERY_S = 600.0
CAPACITY_EVERY_S = 300.0

Body = Mapping[str, Json]


def _nothing() -> None:
    return None


@dataclass(slots=True)
class Surveyor:
    """Two looks, each when it is due; the first inventory was taken before the agent began to serve."""

    look: Callable[[], Body | None] = _nothing
    look_free: Callable[[], Body | None] = _nothing
    clock: Callable[[], float] = time.monotonic
    _inventory_after: float = field(init=False)
    _capacity_after: float = field(init=False)

    def __post_init__(self) -> None:
        self._capacity_after = self.clock()
        self._inventory_after = self._capacity_after + INVENTORY_EVERY_S

    def inventory(self) -> Body | None:
        """The body of an inventory, or None while it is not due.

        Raises:
            Unavailable: the engine does not answer; it is asked again when it is due the next time.
        """
        if self.clock() < self._inventory_after:
            return None
        self._inventory_after = self.clock() + INVENTORY_EVERY_S
        return self.look()

    def capacity(self) -> Body | None:
        """The body of a capacity, or None while it is not due or the engine does not say.

        Raises:
            Unavailable: as ``inventory``.
        """
        if self.clock() < self._capacity_after:
            return None
        self._capacity_after = self.clock() + CAPACITY_EVERY_S
        return self.look_free()
