"""What every test shares: settings for tests, and the people.

Three people stand in every test of tenancy: the *owner*, a *colleague* in the same organisation, and a
*stranger* who owns another. Each fixture is a :class:`tests.people.Person`: ``owner.actor`` for services and
selectors, ``owner.client`` for pages, ``owner.identity`` and ``owner.organisation`` for rows.

Databases: SQLite, unless ``HESUAN_DATABASE_URL`` names a PostgreSQL server.
"""

from __future__ import annotations

import gc
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.engines import shared

_LOGS = itertools.count()
_ALWAYS_THE_SAME = bool(os.environ.get("HESUAN_TEST_REQUIRE"))
"""Whether generated inputs are: continuous integration names what it requires, and a failure there has to be
one that can be asked for again. Everybody else's runs, and ``make soak``, look for new ones."""
# Machines are shared and slow at times, which is no fault of what is tested.
settings.register_profile(
    "hesuan",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=False,  # also where Hypothesis takes the machine for one of continuous integration
)
settings.register_profile("same", settings.get_profile("hesuan"), derandomize=True, database=None)
settings.load_profile("same" if _ALWAYS_THE_SAME else "hesuan")
os.environ.setdefault("HESUAN_MODE", "test")
os.environ.setdefault("HESUAN_DATA_DIR", tempfile.mkdtemp(prefix="hesuan-test-"))

if TYPE_CHECKING:  # at run time the settings must be found first
    from django.test import Client
    from pytest_django import DjangoDbBlocker
    from tests.hub.api.shared_world import SharedWorld
    from tests.people import Person

    from hesuan.hub.identity.models import Organisation


@pytest.fixture(autouse=True, scope="session")
def _sweep_past_the_append_only_triggers() -> Iterator[None]:
    """A test with real transactions sweeps its rows away although the tables refuse deletion."""
    from django.db import connection
    from django.test import TransactionTestCase
    from tests.append_only import sweep

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: sweep(connection))
        yield


@pytest.fixture(autouse=True)
def _the_books_add_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test that has a database: every invariant of the books and the logs, whatever it was about.

    Clocks belong to the test, so holds past their time are not its fault. Tests that damage the books on
    purpose say so by ``broken_books``, which may name what they break by its beginning (``"I8"``); a test of
    ``processes`` has its rows in a database of theirs.
    """
    marked = request.node.get_closest_marker
    broken = marked("broken_books")
    if not marked("database") or (broken and not broken.args) or marked("processes"):
        yield
        return
    request.getfixturevalue("_django_db_helper")  # so that this ends before the rows are swept away
    yield
    from tests.books import findings

    assert findings(but=broken.args if broken else ()) == [], "the test left books that do not add up"


@pytest.fixture(autouse=True)
def _a_published_log_of_its_own(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A database that is thrown away must not meet the log that another test published."""
    if {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker("django_db"):
        from django.conf import settings

        folder = tmp_path_factory.getbasetemp() / f"log-{next(_LOGS)}"
        monkeypatch.setattr(settings, "LOG_DIR", folder)
        for mark in Path(settings.DATA_DIR).glob("log-key*.signed"):
            mark.unlink()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Two passes on one PostgreSQL server have a database each: ``HESUAN_TEST_DATABASE`` names it."""
    from django.db import connection

    name, told = os.environ.get("HESUAN_TEST_DATABASE"), connection.settings_dict["TEST"]
    if name and connection.vendor == "postgresql" and not told["NAME"]:
        told["NAME"] = name


def _organisation(name: str, kind: str) -> Organisation:
    from tests.people import make_organisation

    return make_organisation(name, kind)


def _person(username: str, organisation: Organisation, role: str) -> Person:
    from tests.people import make_person

    return make_person(username, organisation, role)


@pytest.fixture
def organisation(db: None) -> Organisation:
    """The enterprise of owner and colleague."""
    return _organisation("Zhongyuan Bio", "enterprise")


@pytest.fixture
def owner(organisation: Organisation) -> Person:
    return _person("olivia", organisation, "owner")


@pytest.fixture
def colleague(organisation: Organisation) -> Person:
    return _person("colin", organisation, "member")


@pytest.fixture
def stranger(db: None) -> Person:
    """Owns another enterprise."""
    return _person("stella", _organisation("Elsewhere Ltd", "enterprise"), "owner")


@pytest.fixture
def programme_office(db: None) -> Organisation:
    return _organisation("Henan Programme Office", "programme_office")


@pytest.fixture
def officer(programme_office: Organisation) -> Person:
    """Writes and activates programmes."""
    return _person("oscar", programme_office, "programme_officer")


@pytest.fixture
def reviewer(programme_office: Organisation) -> Person:
    return _person("rita", programme_office, "reviewer")


@pytest.fixture
def approver(programme_office: Organisation) -> Person:
    return _person("adam", programme_office, "approver")


@pytest.fixture
def platform(db: None) -> Organisation:
    return _organisation("Hesuan Platform", "platform")


@pytest.fixture
def platform_operator(platform: Organisation) -> Person:
    return _person("petra", platform, "platform_operator")


@pytest.fixture
def security_admin(platform: Organisation) -> Person:
    """Gives and takes roles."""
    return _person("selma", platform, "security_admin")


@pytest.fixture
def centre_organisation(db: None) -> Organisation:
    return _organisation("Zhengzhou Supercomputing", "centre")


@pytest.fixture
def centre_operator(centre_organisation: Organisation) -> Person:
    return _person("carla", centre_organisation, "centre_operator")


@pytest.fixture
def auditor(db: None) -> Person:
    return _person("arthur", _organisation("Audit Office", "audit_office"), "auditor")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a hub's new SQLite database, for tests that start a hub and are not about its first start.

    To be copied, not opened: ninety migrations take a dozen seconds, so that they are done once.
    """
    from hesuan.cli.demo.stage import Stage

    made = Stage(tmp_path_factory.mktemp("migrated"), 0)
    made.run("hub", "migrate")
    return made.hub_dir / "hub.sqlite3"


@pytest.fixture(scope="module")
def world_of_requests(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedWorld]:
    """One object of everything that the hub knows, made once for all tests of a module."""
    from tests.hub.api.shared_world import shared_world

    with shared_world(django_db_blocker, tmp_path_factory) as made:
        yield made


@pytest.fixture
def nobody(db: None) -> Client:
    """A browser in which nobody is signed in."""
    from django.test import Client

    return Client()


def pytest_configure(config: pytest.Config) -> None:
    """The tests are one busy asker, in whatever mode they run; what is limited says so itself."""
    from django.conf import settings

    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 60_000_000)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What was collected stays until the end, so that Python need not look through it again and again.

    Thousands of tests and all their modules: looking for rubbish among them took a tenth of all computing.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


PAGES = Path(__file__).parent / "hub" / "console"
EVERY_PAGE = {"test_pages.py", "test_unknown_fields.py"}
"""Of the tests of pages, those that ask for every page and send every form run on both databases; the others
are about what a page says, by verbs and selectors whose own tests do."""
TOUCHES_A_DATABASE = {"db", "transactional_db", "live_server", "django_db_reset_sequences"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what touches a database, to run it on the other too; leaves out what is the other one's alone.

    What shares a cluster comes last, together; see ``tests.engines.shared``.
    """
    on_postgresql = os.environ.get("HESUAN_DATABASE_URL", "").startswith("postgres")
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & TOUCHES_A_DATABASE or item.get_closest_marker("django_db"):
            item.add_marker("database")
        elsewhere = item.get_closest_marker("sqlite" if on_postgresql else "postgresql")
        what_it_says = on_postgresql and item.path.parent == PAGES and item.path.name not in EVERY_PAGE
        (left if elsewhere or what_it_says else kept).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = sorted(kept, key=shared.wanted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """A cluster ends with the last test that needs it."""
    try:
        return (yield)
    finally:
        shared.let_go_between(item, nextitem)
