"""What is recorded stays as it was recorded: the database itself refuses changes and deletions."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from tests.append_only import sweep, trigger_names, triggers_lifted

from hesuan.hub.audit import services
from hesuan.hub.audit.models import Checkpoint, Fact, Log, Node

CHANGES = {
    "seq": "UPDATE audit_fact SET seq = seq + 1000",
    "id": "UPDATE audit_fact SET id = 'another'",
    "log": "UPDATE audit_fact SET log = 'another'",
    "kind": "UPDATE audit_fact SET kind = 'another'",
    "subject": "UPDATE audit_fact SET subject = 'another'",
    "actor": "UPDATE audit_fact SET actor = 'another'",
    "at": "UPDATE audit_fact SET at = '2020-01-01'",
    "leaf": "UPDATE audit_fact SET leaf = '7b7d'",
    "private content": "UPDATE audit_fact SET private = '{}'",
    "private content, erased": "UPDATE audit_fact SET private = NULL",
    "leaf index, moved": "UPDATE audit_fact SET leaf_index = leaf_index + 1",
    "leaf index, taken away": "UPDATE audit_fact SET leaf_index = NULL",
    "fact, deleted": "DELETE FROM audit_fact",
    "node": "UPDATE audit_node SET level = level + 1",
    "node, deleted": "DELETE FROM audit_node",
    "checkpoint": "UPDATE audit_checkpoint SET note = ''",
    "checkpoint, deleted": "DELETE FROM audit_checkpoint",
    "log, deleted": "DELETE FROM audit_log",
    "fact that brings its own leaf index": "INSERT INTO audit_fact (id, log, kind, subject, actor, at, leaf,"
    " leaf_index) VALUES ('x', 'other', 'k', 's', 'a', '2020-01-01', '7b7d', 0)",
}
ON_SQLITE = {
    "fact, replaced": "INSERT OR REPLACE INTO audit_fact SELECT seq, id, log, 'another', subject, actor, at,"
    " leaf, private, NULL, NULL, NULL, NULL FROM audit_fact",
    "node, replaced": "INSERT OR REPLACE INTO audit_node SELECT * FROM audit_node",
    "checkpoint, replaced": "INSERT OR REPLACE INTO audit_checkpoint SELECT * FROM audit_checkpoint",
}
ON_POSTGRESQL = {"everything at once": "TRUNCATE audit_fact CASCADE"}


@pytest.fixture
def one_sequenced_fact(db: None) -> Fact:
    fact = services.record(kind="test.happened", subject="S", actor="system", private={"amount_fen": 1})
    services.sequence()
    return fact


def attempt(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def statements() -> dict[str, str]:
    return CHANGES | (ON_SQLITE if connection.vendor == "sqlite" else ON_POSTGRESQL)


def test_the_database_refuses_every_change_of_what_was_recorded(one_sequenced_fact: Fact) -> None:
    before = Fact.objects.values_list().get()
    for what, statement in statements().items():
        with pytest.raises(IntegrityError, match="append-only"):
            attempt(statement)
        assert Fact.objects.values_list().get() == before, what
    assert (Node.objects.count(), Checkpoint.objects.count(), Log.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_without_the_triggers_nothing_else_would_refuse() -> None:
    """Negative control: each of these changes is refused by its trigger and by nothing else."""
    services.record(kind="test.happened", subject="S", actor="system", private={"amount_fen": 1})
    services.sequence()
    guarded = {what: text for what, text in statements().items() if what != "log, deleted"}
    for statement in guarded.values():  # the log's own row is guarded by foreign keys as well
        with triggers_lifted(connection), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
            transaction.set_rollback(True)


def test_the_worker_may_note_that_it_handed_a_fact_on(one_sequenced_fact: Fact) -> None:
    attempt("UPDATE audit_fact SET handed_on_at = '2026-11-20 21:46:00+00'")
    assert Fact.objects.get(seq=one_sequenced_fact.seq).handed_on_at is not None


@pytest.mark.django_db(transaction=True)
def test_the_triggers_come_back_as_they_were_after_being_lifted() -> None:
    before = trigger_names(connection)
    assert "audit_fact_append_only_update" in before
    with triggers_lifted(connection):
        pass
    assert trigger_names(connection) == before


@pytest.mark.django_db(transaction=True)
def test_the_sweep_after_a_test_leaves_no_row_and_every_trigger() -> None:
    before = trigger_names(connection)
    services.record(kind="test.happened", subject="S", actor="system", private={"amount_fen": 1})
    services.sequence()
    sweep(connection)
    assert trigger_names(connection) == before
    assert not any(model.objects.exists() for model in (Fact, Node, Checkpoint, Log))
    services.record(kind="test.happened", subject="S", actor="system")
    with pytest.raises(IntegrityError, match="append-only"):
        attempt("DELETE FROM audit_fact")
