"""What agents reported and what they were told stays as it was: the database itself refuses otherwise."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from tests.append_only import triggers_lifted
from tests.sites import Site, benchmark_body, enrol_site, inventory_body, make_centre

from hesuan.hub.centres import services
from hesuan.hub.centres.models import Agent, Benchmark, Command, Inventory
from hesuan.hub.gateway.models import Contradiction, InboxMessage
from hesuan.hub.gateway.services import mark_handled
from hesuan.hub.identity.models import Organisation
from hesuan.wire.ids import new_id

CHANGES = [
    "UPDATE centres_inventory SET digest = 'x'",
    "DELETE FROM centres_inventory",
    "UPDATE centres_benchmark SET points = '[]'",
    "DELETE FROM centres_benchmark",
    "UPDATE centres_command SET body = '{}'",
    "UPDATE centres_command SET seq = seq + 1",
    "DELETE FROM centres_command",
    "UPDATE centres_agent SET public_key = 'x'",
    "UPDATE centres_agent SET centre_id = 'x'",
    "DELETE FROM centres_agent",
    "UPDATE gateway_inboxmessage SET body = '{}'",
    "UPDATE gateway_inboxmessage SET seq = seq + 1",
    "UPDATE gateway_inboxmessage SET kind = 'usage'",
    "UPDATE gateway_inboxmessage SET raw = '7b7d'",
    "DELETE FROM gateway_inboxmessage",
    "UPDATE gateway_contradiction SET raw = '7b7d'",
    "DELETE FROM gateway_contradiction",
]
REPLACEMENTS = [
    f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
    for table in ("centres_inventory", "centres_benchmark", "centres_command", "gateway_inboxmessage")
]


@pytest.fixture
def history(centre_organisation: Organisation) -> Site:
    site = enrol_site(make_centre(centre_organisation))
    agent_id = site.agent.id
    services.record_inventory(agent_id=agent_id, message_id=new_id(), body=inventory_body())
    services.record_benchmark(agent_id=agent_id, message_id=new_id(), body=benchmark_body())
    services.command(agent_id=agent_id, command_id="c1", kind="cancel", body={"run": "r"})
    site.send("heartbeat", {"running": []})
    site.post("messages", {"messages": [site.seal("heartbeat", {"running": [new_id()]}, seq=1)]})
    return site


def rows() -> list[object]:
    models = (Agent, Inventory, Benchmark, Command, InboxMessage, Contradiction)
    return [list(model.objects.values_list()) for model in models]  # type: ignore[attr-defined]


def attempt(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_no_statement_changes_a_history(history: Site) -> None:
    before = rows()
    assert all(before)
    for statement in CHANGES + (REPLACEMENTS if connection.vendor == "sqlite" else []):
        with pytest.raises(IntegrityError, match="append-only"):
            attempt(statement)
    assert rows() == before


def test_without_the_triggers_the_same_statement_would_pass(history: Site) -> None:
    """Negative control."""
    if connection.vendor == "postgresql":  # else its deferred foreign keys hold the table
        attempt("SET CONSTRAINTS ALL IMMEDIATE")
    with triggers_lifted(connection):
        attempt("UPDATE gateway_inboxmessage SET kind = 'usage'")
    assert InboxMessage.objects.get().kind == "usage"


def test_what_became_of_a_message_may_be_noted(history: Site) -> None:
    message = InboxMessage.objects.get()
    assert mark_handled(message_id=message.id, fault="noted")
    message.refresh_from_db()
    assert message.fault == "noted"
