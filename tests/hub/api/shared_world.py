"""One world of requests for all tests of a module: making one takes longer than most tests that ask it.

The world lies in a transaction around those of the tests, each of which is undone to it: no test sees what
another did. The logs that it published are copied to where each test's own are.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from pytest_django import DjangoDbBlocker
from tests.hub.api.requests import Requests, make_requests
from tests.people import Person, make_organisation, make_person

ORGANISATIONS = {
    "enterprise": "Zhongyuan Bio",
    "other": "Elsewhere Ltd",
    "centre": "Zhengzhou Supercomputing",
    "platform": "Hesuan Platform",
    "audit_office": "Audit Office",
    "programme_office": "Henan Programme Office",
}
PEOPLE = {
    "owner": ("olivia", "enterprise", "owner"),
    "colleague": ("colin", "enterprise", "member"),
    "stranger": ("stella", "other", "owner"),
    "centre_operator": ("carla", "centre", "centre_operator"),
    "platform_operator": ("petra", "platform", "platform_operator"),
    "auditor": ("arthur", "audit_office", "auditor"),
    "officer": ("oscar", "programme_office", "programme_officer"),
    "reviewer": ("rita", "programme_office", "reviewer"),
    "approver": ("adam", "programme_office", "approver"),
}
"""The people of ``tests/conftest.py``, by the names of their fixtures."""


@dataclass(frozen=True)
class SharedWorld:
    """What was made once, for each test anew."""

    known: dict[str, Person]
    made: Requests
    logs: Path
    marks: dict[Path, bytes]

    def people(self) -> dict[str, Any]:
        """Everybody with a browser of their own, and the world's logs where this test's are."""
        shutil.copytree(self.logs, settings.LOG_DIR)
        for file, said in self.marks.items():
            file.write_bytes(said)
        fresh = {name: Person(one.identity, one.organisation, one.role) for name, one in self.known.items()}
        return {**fresh, "nobody": Client()}

    def requests(self) -> Requests:
        """The requests, which a test may alter."""
        return copy.deepcopy(self.made)


@contextmanager
def shared_world(blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedWorld]:
    """Within the block every test's transaction is one inside that which holds the world."""
    logs = tmp_path_factory.mktemp("world") / "log"
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  # as Django's own around a test
    with blocker.unblock():
        around.__enter__()
    try:
        with blocker.unblock(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(settings, "LOG_DIR", logs)
            for mark in marks():
                mark.unlink()
            organisations = {
                name: make_organisation(said, "enterprise" if name == "other" else name)
                for name, said in ORGANISATIONS.items()
            }
            known = {
                name: make_person(username, organisations[organisation], role)
                for name, (username, organisation, role) in PEOPLE.items()
            }
            made = make_requests(dict(known))
            signed = {mark: mark.read_bytes() for mark in marks()}
        yield SharedWorld(known, made, logs, signed)
    finally:
        with blocker.unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)


def marks() -> list[Path]:
    """How far the logs' keys have signed."""
    return list(Path(settings.DATA_DIR).glob("log-key*.signed"))
