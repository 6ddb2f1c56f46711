"""No firm and no person stands by name in a public tile, after everything that the road can do."""

from __future__ import annotations

import json
import re
from datetime import date

from tests.hub.disclosure.test_disclosure import World, walk

from hesuan.hub.audit import entries, publishing, signing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.identity.models import Identity, Organisation
from hesuan.hub.registry import services as registry
from hesuan.wire import tiles

PUBLIC = ("platform", "centre")
"""Kinds of organisation that act in public: who runs the hub, and whom vouchers are paid to."""


RANDOM = re.compile(r"sha256:[0-9a-f]{64}|f-[0-9a-f]{24}|[0-9A-HJKMNP-TV-Z]{26}|ed25519:\S+")
"""Digests, pseudonyms, ids and keys, in which any three letters stand by chance."""


def told(*logs: str) -> list[str]:
    """Every member of every leaf in the public tiles of some logs, what is random left out."""
    found = []
    for log in logs:
        audit.sequence(log)
        audit.publish(log)
        for index, width in tiles.bundles_of(publishing.published_size(log)):
            path = tiles.bundle_path(index, width)
            for leaf in tiles.unpack_bundle(publishing.file(path, log) or b"", width, path=path):
                members = json.loads(leaf).items()
                found += [f"{key}: {value}" for key, value in members if not _is_random(key, value)]
    assert len(found) > 10
    return found


def _is_random(key: str, value: object) -> bool:
    text = str(value)
    return RANDOM.fullmatch(text) is not None or (key, text[:10]) == ("what", signing.origin()[:10])


def named(found: list[str], words: set[str]) -> set[str]:
    """Which words stand there."""
    return {word for word in words if any(word in one for one in found)}


def test_no_firms_name_and_no_persons_stands_in_a_public_tile(world: World) -> None:
    here = world()
    owner = here.road.owner
    uscc = "91410100MA44WXYZ9K"
    registry.enter_fact(
        actor=owner.actor,
        organisation_id=owner.organisation.id,
        name="size",
        value="small",
        proof=registry.Proof(f"Market regulator {uscc}", date(2026, 1, 1)),
    )
    walk(here)
    disclosure.disclose()
    logs = ("platform", here.version.programme_id)
    firms = Organisation.objects.exclude(kind__in=PUBLIC)
    words = {one.name for one in firms} | {uscc}
    words |= {one for pair in Identity.objects.values_list("username", "display_name") for one in pair if one}
    assert owner.organisation.name in words and len(words) > 6
    assert named(told(*logs), words) == set()


def test_the_search_finds_a_name_that_was_made_public(world: World) -> None:
    """The control: one careless fact."""
    here = world()
    name = here.road.owner.organisation.name
    audit.record(kind="test.careless", subject="S", actor="system", public={"who": name})
    assert named(told("platform"), {name, "Nobody"}) == {name}


def test_a_platform_fact_about_a_firm_shows_its_pseudonym_of_the_year(world: World) -> None:
    here = world()
    firm = here.road.owner.organisation.id
    made = audit.record(kind="test.happened", subject="S", actor="system", firm=firm)
    shown = entries.pseudonym(firm, made.at.year)
    assert f'"w":"{shown}"'.encode() in bytes(made.leaf) and firm.encode() not in bytes(made.leaf)
    assert made.private is not None and made.private["record"] == {"organisation": firm}
    assert Fact.objects.filter(pk=made.pk).exists()
