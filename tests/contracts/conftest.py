"""A road whose centre is a real agent: what an engine's paid runs are shown on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.agent.fakes import Rig
from tests.agent.hub import StandInHub
from tests.people import Person
from tests.road import Road, make_site, publish
from tests.serving import serving

from hesuan.agent import site as sites


@pytest.fixture
def kind_of_rig() -> type[Rig]:
    """What the agent is made of; a module whose engine is another one says so by a fixture of this name."""
    return Rig


@pytest.fixture
def paid(
    owner: Person,
    centre_operator: Person,
    platform_operator: Person,
    kind_of_rig: type[Rig],
    tmp_path: Path,
) -> Iterator[tuple[Road, Rig]]:
    """A road with ¥10,000.00 paid in, and the real agent that serves its centre over real HTTP."""
    site = make_site(centre_operator.organisation, scripts_allowed=True)
    road = Road(owner, centre_operator, platform_operator, site, publish(centre_operator, site.agent.centre))
    road.pay_in(1_000_000)
    with serving() as address:
        data = tmp_path / "site"
        data.mkdir()
        own = sites.Site(data, address, site.agent.id, site.agent.centre_id, "this machine", site.private)
        rig = kind_of_rig(cast(StandInHub, StandInHub(address=address)), own)
        with rig.spool.transaction() as change:  # what the tests' site has said before
            change.set_meta("seq", str(site.seq))
        rig.restart()
        yield road, rig
        rig.close()
