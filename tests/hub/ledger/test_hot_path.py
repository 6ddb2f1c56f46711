"""The road of money is written in SQL by hand: no row becomes a model of Django's, in a batch or alone."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models.query import QuerySet
from django.test.utils import CaptureQueriesContext

from hesuan.hub.ledger import services, store
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.ledger.services import Event

pytestmark = pytest.mark.django_db

BOUNDS = ("SAVEPOINT", "RELEASE SAVEPOINT")


@pytest.fixture(autouse=True)
def _books(db: None) -> None:
    for key in ("bank", "hot", "centre"):
        services.open_account(ledger="l", key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 10**6, "fund", "bank", "hot")])


def journals(many: int, name: str = "") -> list[list[Event]]:
    holds = [[Event(f"h{name}{n}", "hold", "l", 7, "hold", "hot", "centre")] for n in range(many)]
    return holds + [
        [Event(f"c{name}{n}", "capture", "l", 5, "capture", pending_id=f"h{name}{n}")] for n in range(many)
    ]


def statements(many: int) -> list[str]:
    """What the database is asked for so many holds and as many captures, savepoints left out."""
    with CaptureQueriesContext(connection) as captured:
        assert all(answer[0].ok for answer in services.post_all(journals(many, str(many))))
    asked = [query["sql"].removeprefix("PREPARE").strip() for query in captured.captured_queries]
    return [sql.split("(")[0][:40] for sql in asked if not sql.startswith(BOUNDS)]


def test_a_batch_of_hundreds_asks_as_much_as_a_batch_of_two() -> None:
    few, many = statements(1), statements(200)
    assert len(many) == len(few) <= 9


def test_posting_touches_no_query_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the ORM is on the hot path")

    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "_fetch_all", refuse)
        with pytest.raises(AssertionError, match="hot path"):
            list(Transfer.objects.all())  # what is refused is really what a query set does
        assert all(answer[0].ok for answer in services.post_all(journals(3)))


@pytest.mark.parametrize("text", ['"', "\\", "{,}", "NULL", "", "算力券 '\\\"", "a\tb\n", "%s", "null"])
def test_what_is_written_as_an_array_reads_as_it_was(text: str) -> None:
    """PostgreSQL's arrays have quotes, braces and a NULL of their own; SQLite's road is JSON."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::text[]", [store._array([text, None, text])])
            assert cursor.fetchone()[0] == [text, None, text]
    event = Event(f"x{text}", "transfer", "l", 1, "settle", "hot", "centre")
    assert services.post([event])[0].ok
    assert Transfer.objects.filter(id=event.id).count() == 1
    assert services.post([event])[0].ok, "and it is known again"
