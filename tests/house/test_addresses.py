"""No address without its row: a new page or route says in a table who may see it, or this fails."""

from __future__ import annotations

import pytest
from tests.hub.config import addresses
from tools import reference


def test_every_address_of_the_hub_has_its_row() -> None:
    reference.prepare()
    assert addresses.differences() == [], (
        "Run tests/hub/config/test_addresses.py: its failure prints the whole table as it is now; read each"
        " new row before you copy it."
    )


def test_a_new_address_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    reference.prepare()
    known = addresses.addresses()
    monkeypatch.setattr(addresses, "addresses", lambda: [*known, "/secrets/{secret_id}/"])
    (told,) = addresses.differences()
    assert told.startswith("/secrets/{secret_id}/: add a row")
