"""Freezing and thawing: who and why on record, one row a change, and no money past it when many ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from hesuan.errors import NotFound
from hesuan.hub.audit.models import Fact
from hesuan.hub.ledger import checks, selectors, services
from hesuan.hub.ledger.models import Freezing
from hesuan.hub.ledger.services import Event, Refusal

pytestmark = pytest.mark.django_db(transaction=True)

L, RACERS, TRIALS = "l", 8, 6
V = (L, "V")
WHY = {"actor": "id-1", "reason": "a shell company?"}


@pytest.fixture(autouse=True)
def _books(transactional_db: None) -> None:
    for key in ("bank", "V", "W", "centre"):
        services.open_account(ledger=L, key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", L, 10_000, "fund", "bank", "V")])


def spend(name: str) -> Event:
    return Event(name, "hold", L, 1, "hold", "V", "centre")


def test_each_change_is_one_row_and_one_fact_and_asking_again_is_none() -> None:
    services.post_or_raise([spend("s")])
    assert services.freeze([V, (L, "W")], **WHY) == [V, (L, "W")]
    assert services.freeze([V], actor="id-2", reason="again") == []
    assert services.thaw([V], actor="id-2", reason="it is none") == [V]
    assert services.thaw([V], actor="id-2", reason="again") == []
    rows = Freezing.objects.filter(account__key="V").order_by("number")
    assert list(rows.values_list("number", "frozen", "actor", "reason")) == [
        (1, True, "id-1", "a shell company?"),
        (2, False, "id-2", "it is none"),
    ]
    spent = selectors.transfers(L, "V")[-1].seq
    assert {row.after_seq for row in rows} == {spent}
    facts = Fact.objects.filter(subject="V").order_by("seq")
    assert [(one.kind, one.actor) for one in facts] == [
        ("account.frozen", "id-1"),
        ("account.thawed", "id-2"),
    ]
    assert facts[0].private["record"]["reason"] == "a shell company?"
    assert b"shell" not in bytes(facts[0].leaf)
    assert (selectors.is_frozen(*V), selectors.is_frozen(L, "W")) == (False, True)


def test_an_account_that_was_not_opened_is_not_frozen_nor_any_beside_it() -> None:
    with pytest.raises(NotFound, match=r"ledger\.account_unknown"):
        services.freeze([V, (L, "nobody")], **WHY)
    assert not Freezing.objects.exists() and not selectors.is_frozen(*V)


def test_many_journals_at_once_meet_the_frozen_account_one_by_one() -> None:
    services.freeze([V], **WHY)
    into = Event("into", "transfer", L, 5, "fund", "bank", "V")
    answers = services.post_all([[spend("a")], [into], [spend("b"), spend("c")]])
    told = [[outcome.refusal for outcome in journal] for journal in answers]
    frozen, linked = Refusal.DEBIT_ACCOUNT_FROZEN, Refusal.LINKED_FAILED
    assert told == [[frozen], [None], [frozen, linked]]


@pytest.mark.parametrize("trial", range(TRIALS))
def test_who_asks_while_it_is_frozen_is_before_it_or_refused(trial: int) -> None:
    start = threading.Barrier(RACERS + 1)

    def spending(number: int) -> list[Refusal | None]:
        try:
            connection.ensure_connection()
            start.wait(timeout=240)
            return [services.post([spend(f"s{number}:{n}")])[0].refusal for n in range(4)]
        finally:
            connections.close_all()

    def freezing() -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=240)
            services.freeze([V], **WHY)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RACERS + 1) as threads:
        done = threads.submit(freezing)
        answers = [one for told in threads.map(spending, range(RACERS)) for one in told]
        done.result()
    assert set(answers) <= {None, Refusal.DEBIT_ACCOUNT_FROZEN}
    row = Freezing.objects.get()
    held = [one.seq for one in selectors.transfers(*V) if one.kind == "hold"]
    assert len(held) == answers.count(None)
    assert all(seq <= row.after_seq for seq in held)
    assert checks.check() == []
