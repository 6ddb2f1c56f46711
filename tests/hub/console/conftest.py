"""The console's tests share one world."""

from __future__ import annotations

import pytest
from tests.hub.console.world import World, build
from tests.people import Person

from hesuan.hub.identity.models import Organisation


@pytest.fixture
def world(organisation: Organisation, centre_organisation: Organisation, centre_operator: Person) -> World:
    """A centre that sells, and the buyer that is the owner's and the colleague's organisation."""
    return build(centre_organisation, organisation, centre_operator)
