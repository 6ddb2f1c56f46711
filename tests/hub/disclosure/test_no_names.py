"""No firm and no person stands by name or by id in a public tile, after everything that the road can do."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any

import pytest
from django.utils import timezone
from tests.hub.disclosure.test_disclosure import World, walk

from hesuan.hub.audit import entries, publishing, signing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.identity import services as identity
from hesuan.hub.identity.models import ApiToken, Identity, Membership, Organisation
from hesuan.hub.registry import services as registry
from hesuan.wire import tiles
from hesuan.wire.canonical import canonical, digest
from hesuan.wire.ids import is_id

PUBLIC = ("platform", "centre")
"""Kinds of organisation that act in public: who runs the hub, and whom vouchers are paid to."""


RANDOM = re.compile(r"sha256:[0-9a-f]{64}|f-[0-9a-f]{24}|[0-9A-HJKMNP-TV-Z]{26}|ed25519:\S+")
"""Digests, pseudonyms, ids and keys, in which any three letters stand by chance."""


def leaves(*logs: str) -> list[bytes]:
    """Every leaf in the public tiles of some logs, as anybody reads it."""
    found = []
    for log in logs:
        audit.sequence(log)
        audit.publish(log)
        for index, width in tiles.bundles_of(publishing.published_size(log)):
            path = tiles.bundle_path(index, width)
            found += tiles.unpack_bundle(publishing.file(path, log) or b"", width, path=path)
    return found


def told(*logs: str) -> list[str]:
    """Every member of those leaves, what is random left out."""
    found: list[str] = []
    for leaf in leaves(*logs):
        members = json.loads(leaf).items()
        found += [f"{key}: {value}" for key, value in members if not _is_random(key, value)]
    assert len(found) > 10
    return found


def ids() -> set[str]:
    """What stands for an organisation or a person in the hub's tables, offices and centres' owners too."""
    people: set[str] = set(Identity.objects.values_list("id", flat=True))
    for table in (Membership, ApiToken):
        people |= {str(one) for one in table.objects.values_list("pk", flat=True) if is_id(one)}
    return people | set(Organisation.objects.values_list("id", flat=True))


def shown_of(*logs: str) -> set[str]:
    """Which of those ids stand anywhere in those logs' leaves."""
    text = b"\n".join(leaves(*logs)).decode()
    return {one for one in ids() if one in text}


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


def test_no_id_of_an_organisation_or_a_person_stands_in_a_public_tile(world: World) -> None:
    here = world()
    walk(here)
    disclosure.disclose()
    logs = ("platform", here.version.programme_id)
    assert shown_of(*logs) == set() and len(ids()) > 6
    versions = {json.loads(leaf)["v"] for leaf in leaves(*logs)}
    assert versions == {2}, "no leaf of version 1 is written any more"


@pytest.mark.django_db
def test_the_search_finds_the_ids_that_version_1_showed(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the same road, its facts drafted as they were before."""
    monkeypatch.setattr(audit, "drafted", version_1)
    here = request.getfixturevalue("world")()
    walk(here)
    disclosure.disclose()
    assert shown_of("platform"), "an id from the road itself"
    actor = here.road.owner.actor
    made = identity.create_organisation(actor=actor, name="Second Firm", kind=Organisation.Kind.ENTERPRISE)
    person = identity.create_identity(username="newcomer")
    assert {made.id, person.id} <= shown_of("platform")


def version_1(*, subject: str, actor: str, kind: str, **given: Any) -> Fact:
    """A fact as it was drafted before version 2: its subject and whatever was called public, as it stands."""
    at, private = timezone.now(), given.get("private")
    leaf = {"v": 1, "kind": kind, "subject": subject, "at": at.strftime("%Y-%m-%dT%H:%MZ")}
    leaf |= given.get("public") or {}
    sealed = None if private is None else {"salt": "00" * 16, "record": dict(private)}
    if sealed is not None:
        leaf["private"] = digest(sealed)
    log = given.get("log", "platform")
    return Fact(log=log, kind=kind, subject=subject, actor=actor, at=at, leaf=canonical(leaf), private=sealed)


def test_an_id_that_somebody_typed_into_a_reason_goes_behind_the_salt(world: World) -> None:
    here = world()
    firm = here.road.owner.organisation.id
    said = {"reason": f"as {firm} asked", "batch": "3"}
    made = audit.record(kind="test.careless", subject="S", actor="system", public=said)
    assert firm not in shown_of("platform") and b'"batch":"3"' in made.logged
    assert made.private is not None and made.private["record"]["reason"] == said["reason"]


@pytest.mark.broken_books("I8.leaf")
def test_such_an_id_would_stand_there_without_that_care(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: the look at each member taken out, both at the hub's door and in the form of the leaf."""
    monkeypatch.setattr(audit, "names_an_id", lambda _: False)
    monkeypatch.setattr(audit, "is_fact", lambda _: True)
    firm = world().road.owner.organisation.id
    audit.record(kind="test.careless", subject="S", actor="system", public={"reason": f"as {firm} asked"})
    assert firm in shown_of("platform")


def test_the_form_of_the_leaf_alone_refuses_an_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "names_an_id", lambda _: False)
    firm = world().road.owner.organisation.id
    with pytest.raises(AssertionError, match="is no fact"):
        audit.record(kind="test.careless", subject="S", actor="system", public={"organisation": firm})


def test_a_platform_fact_about_a_firm_shows_its_pseudonym_of_the_year(world: World) -> None:
    here = world()
    firm = here.road.owner.organisation.id
    made = audit.record(kind="test.happened", subject="S", actor="system", firm=firm)
    shown = entries.pseudonym(firm, made.at.year)
    assert f'"w":"{shown}"'.encode() in bytes(made.leaf) and firm.encode() not in bytes(made.leaf)
    assert made.private is not None
    assert made.private["record"] == {"subject": "S", "organisation": firm}
    assert Fact.objects.filter(pk=made.pk).exists()
