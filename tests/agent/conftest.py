"""A hub that answers, a site that is enrolled, and an agent over the fake engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub, serving

from hesuan.agent import site as sites
from hesuan.agent.site import Site


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    with serving(StandInHub()) as running:
        yield running


@pytest.fixture
def site(hub: StandInHub, tmp_path: Path) -> Site:
    return sites.enrol(tmp_path / "site", hub=hub.address, code="CODE-1", name="this machine")


@pytest.fixture
def rig(hub: StandInHub, site: Site) -> Iterator[Rig]:
    made = Rig(hub, site)
    yield made
    made.close()
