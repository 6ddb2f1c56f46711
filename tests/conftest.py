"""What every test shares: settings for tests, and three people (owner, colleague, stranger)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest

os.environ.setdefault("HESUAN_MODE", "test")
os.environ.setdefault("HESUAN_DATA_DIR", tempfile.mkdtemp(prefix="hesuan-test-"))


@pytest.fixture(autouse=True, scope="session")
def _sweep_past_the_append_only_triggers() -> Iterator[None]:
    """A test with real transactions may sweep its rows away although the tables refuse deletion."""
    from django.db import connection
    from django.test import TransactionTestCase
    from tests.append_only import triggers_lifted

    sweep = TransactionTestCase._fixture_teardown

    def lifted(case: TransactionTestCase) -> None:
        with triggers_lifted(connection):
            sweep(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lifted)
        yield
