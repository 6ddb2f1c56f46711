"""Reads of the identity room."""

from __future__ import annotations

from collections import defaultdict

from hesuan.hub.identity.actors import Actor
from hesuan.hub.identity.models import Identity, Membership


def actor_of(identity: Identity) -> Actor:
    """The actor that a signed-in identity is, with all its roles."""
    roles: dict[str, set[str]] = defaultdict(set)
    for organisation_id, role in Membership.objects.filter(identity=identity).values_list(
        "organisation_id", "role"
    ):
        roles[organisation_id].add(role)
    frozen = {organisation_id: frozenset(held) for organisation_id, held in roles.items()}
    return Actor(identity_id=identity.id, name=str(identity), roles=frozen)
