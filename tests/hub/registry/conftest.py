"""Nothing here leaves files behind, and an office that may look."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.people import Person

from hesuan.hub.registry import services
from hesuan.hub.registry.services import Proof

PROOF = Proof("Market regulator", date(2026, 1, 1))


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def opened(owner: Person, reviewer: Person) -> Person:
    """The reviewer, to whose office the owner's record is open."""
    services.open_record(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        office_id=reviewer.organisation.id,
        because="application:1",
    )
    return reviewer
