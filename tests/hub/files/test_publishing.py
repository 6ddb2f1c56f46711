"""Publishing applications: by the platform's operator, from its own files, under the folder's digest."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from tests import packaged
from tests.packaged import make_app
from tests.people import Person

from hesuan.agent.manifests import Manifest
from hesuan.errors import Faults, InputFault, NotFound, Refused
from hesuan.hub.audit.models import Fact
from hesuan.hub.files import publishing, selectors, services
from hesuan.hub.files.models import App, File
from hesuan.wire.ids import new_id


def send(person: Person, manifest: Manifest) -> list[publishing.Placed]:
    """An application's files, sent to a person's organisation."""
    return packaged.send(person, packaged.contents(manifest))


def publish(person: Person, placed: list[publishing.Placed], organisation: str = "") -> App:
    whose = organisation or person.organisation.id
    return publishing.publish(actor=person.actor, organisation_id=whose, files=placed)


def codes(kind: type[Any], call: Any) -> list[str]:
    with pytest.raises(kind) as found:
        call()
    error: Any = found.value
    return [one.code.name for one in getattr(error, "faults", [error])]


@pytest.fixture
def adder(tmp_path: Path) -> Manifest:
    return make_app(tmp_path)


def test_a_published_folder_has_the_digest_that_a_site_computes(
    platform_operator: Person, adder: Manifest
) -> None:
    made = publish(platform_operator, send(platform_operator, adder))
    assert (made.digest, made.name, made.version) == (adder.digest, "adder", "1")
    assert [one["path"] for one in made.files] == ["adder/__init__.py", "adder/sums.py", "app.toml", "run.py"]
    fact = Fact.objects.get(kind="app.published")
    assert adder.digest.encode() in bytes(fact.leaf) and fact.subject == made.id
    assert publish(platform_operator, send(platform_operator, adder)) == made, "again is the same"
    assert Fact.objects.filter(kind="app.published").count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_content_published_by_many_at_once_is_one_application(
    platform_operator: Person, adder: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each from an upload of its own, and slow enough that all would look before any has written."""
    uploads = [send(platform_operator, adder) for _ in range(4)]
    start, read = threading.Barrier(len(uploads)), publishing._manifest

    def slowly(*args: Any) -> dict[str, str]:
        time.sleep(0.5)
        return read(*args)

    def one(placed: list[publishing.Placed]) -> App:
        try:
            start.wait()
            return publish(platform_operator, placed)
        finally:
            connection.close()

    monkeypatch.setattr(publishing, "_manifest", slowly)
    with ThreadPoolExecutor(len(uploads)) as pool:
        made = list(pool.map(one, uploads))
    assert len({app.pk for app in made}) == App.objects.count() == 1
    assert Fact.objects.filter(kind="app.published").count() == 1


def test_who_does_not_operate_the_platform_publishes_nothing(
    owner: Person, stranger: Person, centre_operator: Person, platform_operator: Person, adder: Manifest
) -> None:
    platform, placed = platform_operator.organisation.id, send(platform_operator, adder)
    for person in (owner, stranger, centre_operator):
        told = codes(Refused, lambda who=person: publish(who, [("app.toml", new_id())]))
        assert told == ["app.role_missing"]
        told = codes(NotFound, lambda who=person: publish(who, placed, platform))
        assert told == ["identity.organisation_not_found"], (
            "the platform's files are nobody else's to know of"
        )
    mine = owner.organisation.id
    assert codes(Refused, lambda: publish(platform_operator, placed, mine)) == ["app.role_missing"]
    made = publish(platform_operator, placed)
    told = codes(Refused, lambda: publishing.withdraw(actor=owner.actor, app_id=made.id))
    assert told == ["app.role_missing"] and selectors.apps() == [made]


def test_only_complete_files_of_the_platform_are_published(
    platform_operator: Person, owner: Person, tmp_path: Path, adder: Manifest
) -> None:
    theirs = dict(send(owner, adder))
    begun = services.begin(
        actor=platform_operator.actor,
        organisation_id=platform_operator.organisation.id,
        name="half",
        size_bytes=5,
        sha256="0" * 64,
    )
    for file_id in (str(theirs["app.toml"]), begun.id, new_id()):
        told = codes(Faults, lambda one=file_id: publish(platform_operator, [("app.toml", one)]))
        assert told == ["app.file_not_here"]


def test_every_unusable_path_is_told_at_once(platform_operator: Person, adder: Manifest) -> None:
    placed = send(platform_operator, adder)
    file = placed[1][1]
    bad = [*placed, ("../a", file), ("/a", file), ("x.pyc", None)]
    assert codes(Faults, lambda: publish(platform_operator, bad)) == ["app.path_unusable"] * 3
    twice = [*placed, placed[0]]
    assert codes(Faults, lambda: publish(platform_operator, twice)) == ["app.paths_clash"]
    none = [one for one in placed if one[0] != "app.toml"]
    assert codes(Faults, lambda: publish(platform_operator, none)) == ["app.no_manifest"]
    many: list[publishing.Placed] = [(f"a{number}", None) for number in range(1001)]
    with pytest.raises(Faults, match="has 1001 files; 1000 is the limit"):
        publish(platform_operator, many)
    assert not App.objects.exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [('name = "adder"', 'name = "../adder"'), ('version = "1"', ""), ("[run]", "[run"), ("sum", "\\n")],
)
def test_a_manifest_that_names_nothing_is_refused(
    platform_operator: Person, adder: Manifest, before: str, after: str
) -> None:
    path = adder.folder / "app.toml"
    path.write_text(path.read_text().replace(before, after))
    placed = send(platform_operator, adder)
    assert codes(InputFault, lambda: publish(platform_operator, placed)) == ["app.manifest_unusable"]


def test_a_published_file_stays_until_the_application_is_withdrawn(
    platform_operator: Person, adder: Manifest
) -> None:
    made = publish(platform_operator, send(platform_operator, adder))
    actor, file = platform_operator.actor, File.objects.order_by("id")[0]
    assert codes(Refused, lambda: services.remove(actor=actor, file_id=file.id)) == ["file.published"]
    assert publishing.withdraw(actor=actor, app_id=made.id).withdrawn_at is not None
    assert selectors.apps() == [] and selectors.app_of(adder.digest) == made
    assert codes(NotFound, lambda: publishing.withdraw(actor=actor, app_id=made.id)) == ["app.not_found"]
    services.remove(actor=actor, file_id=file.id)
    again = publish(platform_operator, send(platform_operator, adder))
    assert again != made and selectors.app_of(adder.digest) == again
