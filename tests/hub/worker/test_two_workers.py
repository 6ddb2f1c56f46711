"""Two workers at once: no message twice, no message lost, on either database."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection
from tests.people import Person, make_organisation, make_person
from tests.road import Road, countersign, history, make_site, publish, tell

from hesuan.hub.gateway.models import InboxMessage
from hesuan.hub.ledger import checks
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.hub.worker import inbox, loop, table

pytestmark = pytest.mark.django_db(transaction=True)


def person(name: str, kind: str, role: str) -> Person:
    return make_person(name, make_organisation(f"{name}'s", kind), role)


@pytest.fixture
def busy(transactional_db: None) -> Road:
    operator = person("carla", "centre", "centre_operator")
    site = make_site(operator.organisation)
    road = Road(
        person("olivia", "enterprise", "owner"),
        operator,
        person("petra", "platform", "platform_operator"),
        site,
        publish(operator, site.agent.centre),
    )
    road.pay_in(1_000_000)
    return road


def at_once(work: Callable[[], object], workers: int = 3) -> None:
    """Runs work in some threads from one starting line; what they raise is raised here."""
    line, errors = threading.Barrier(workers), []

    def one() -> None:
        try:
            line.wait(120)
            work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    if errors:
        raise errors[0]


def test_no_message_is_handled_twice(busy: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    handled: Counter[str] = Counter()
    lock = threading.Lock()

    def count(message: InboxMessage) -> None:
        with lock:
            handled[message.id] += 1

    monkeypatch.setitem(table.MESSAGES, "heartbeat", count)
    other = make_site(busy.operator.organisation, "Elsewhere")
    for site in (busy.site, other):
        tell(site, *[("heartbeat", {"running": []})] * 25)
    at_once(inbox.drain)
    inbox.drain()
    assert len(handled) == 50 and set(handled.values()) == {1}
    assert not InboxMessage.objects.filter(handled_at=None).exists()


def test_without_the_claim_messages_are_handled_twice(busy: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the same drain, reading without a lock and without looking again."""
    handled: Counter[str] = Counter()
    lock, met = threading.Lock(), threading.Barrier(2)
    tell(busy.site, ("heartbeat", {"running": []}))

    def unclaimed() -> None:
        for message in InboxMessage.objects.filter(handled_at=None):
            met.wait(120)
            with lock:
                handled[message.id] += 1

    at_once(unclaimed, workers=2)
    assert set(handled.values()) == {2}


def test_workers_that_race_settle_each_order_once(busy: Road) -> None:
    runs = [busy.place() for _ in range(4)]
    for run in runs:
        tell(busy.site, *history(run.id))
    at_once(loop.tick)
    assert loop.tick().failed == ()
    tell(busy.site, *countersign(busy.site))
    at_once(loop.tick)
    assert loop.tick().failed == ()
    assert set(Run.objects.values_list("state", flat=True)) == {"COMPLETED"}
    assert Settlement.objects.count() == 4
    assert set(Receipt.objects.values_list("state", flat=True)) == {"SIGNED"}
    assert (busy.balance().available_fen, busy.balance().debits_pending) == (1_000_000 - 4 * 420, 0)
    assert checks.check() == []


def test_one_quote_accepted_by_many_at_once_is_one_order(busy: Road) -> None:
    from hesuan.errors import Conflict

    quote = busy.quote()
    conflicts = []

    def accept() -> None:
        try:
            busy.place(quote)
        except Conflict as conflict:
            conflicts.append(conflict.code.name)

    at_once(accept, workers=4)
    assert conflicts == ["quote.already_accepted"] * 3
    assert Run.objects.count() == 1
    assert busy.balance().debits_pending == quote.document["copay_max_fen"]
    assert checks.check() == []
