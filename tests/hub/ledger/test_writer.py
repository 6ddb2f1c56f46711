"""The batching writer answers as ``post`` alone would, after its commit, and from one process only."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from hesuan.hub.ledger import checks, lease, posting, selectors, services, writer
from hesuan.hub.ledger.lease import Fenced, Lease
from hesuan.hub.ledger.models import Attempt, Transfer
from hesuan.hub.ledger.models import Lease as Row
from hesuan.hub.ledger.rules import Event, Outcome
from hesuan.hub.ledger.writer import NotWriting, Writer

pytestmark = pytest.mark.django_db(transaction=True)

L = "l"
CALLERS = 16


@pytest.fixture(autouse=True)
def _books(transactional_db: None) -> None:
    for key in ("bank", "V", "centre"):
        services.open_account(ledger=L, key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", L, 1000, "fund", "bank", "V")])


@pytest.fixture
def writing() -> Iterator[Writer]:
    """This process's writer, with its lease."""
    running = writer.start(holder="this test")
    assert running.wait_until_open(120)
    yield running
    writer.stop()
    assert not running.is_alive()


def spend(number: int, fen: int = 300) -> Event:
    kind, code = ("hold", "hold") if number % 2 else ("transfer", "settle")
    return Event(f"s{number}", kind, L, fen, code, "V", "centre")


def at_once(events: list[Event]) -> list[str]:
    start = threading.Barrier(len(events))

    def run(event: Event) -> str:
        try:
            start.wait(timeout=240)
            (outcome,) = services.post([event])
            return outcome.refusal.value if outcome.refusal else "ok"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(events)) as threads:
        return list(threads.map(run, events))


def transactions_counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches from now on."""
    sizes: list[int] = []
    post = posting.post_batch

    def counted(journals: list[posting.Journal], **how: Any) -> list[list[Outcome]]:
        sizes.append(len(journals))
        return post(journals, **how)

    monkeypatch.setattr(posting, "post_batch", counted)
    return sizes


@pytest.mark.usefixtures("writing")
def test_callers_who_come_together_share_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = transactions_counted(monkeypatch)
    for round_ in range(4):
        assert at_once([spend(100 * round_ + n, 1) for n in range(CALLERS)]) == ["ok"] * CALLERS
    assert sum(sizes) == 4 * CALLERS and len(sizes) < 4 * CALLERS
    assert checks.check() == []


def test_without_a_writer_each_caller_has_a_transaction_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control of the test above."""
    sizes = transactions_counted(monkeypatch)
    assert at_once([spend(n, 1) for n in range(CALLERS)]) == ["ok"] * CALLERS
    assert sizes == [1] * CALLERS


@pytest.mark.usefixtures("writing")
def test_a_batch_refuses_whom_a_single_post_would_refuse() -> None:
    assert Counter(at_once([spend(n) for n in range(CALLERS)])) == {"ok": 3, "available_exceeded": 13}
    assert at_once([spend(1)] * CALLERS) == [at_once([spend(1)])[0]] * CALLERS
    assert selectors.balance(L, "V").available_fen == 100
    assert checks.check() == []


@pytest.mark.usefixtures("writing")
def test_an_answer_comes_after_the_commit() -> None:
    """Another connection, which sees only what is committed, sees it at once."""
    assert at_once([spend(2)]) == ["ok"]
    assert Transfer.objects.filter(id="s2").exists()


@pytest.mark.usefixtures("writing")
def test_a_post_inside_a_transaction_is_part_of_it_and_goes_with_it() -> None:
    with transaction.atomic():
        assert services.post([spend(2)])[0].ok
        transaction.set_rollback(True)
    assert not Attempt.objects.filter(id="s2").exists()


def test_many_journals_at_once_are_each_accepted_or_refused_by_itself(
    monkeypatch: pytest.MonkeyPatch, writing: Writer
) -> None:
    sizes = transactions_counted(monkeypatch)
    hold = Event("H", "hold", L, 700, "hold", "V", "centre")
    journals = [
        [hold],
        [spend(2, 301)],
        [Event("K", "capture", L, 100, "capture", pending_id="H")],
        [Event("again", "release", L, 0, "release", pending_id="H")],
        [spend(4, 900)],
        [hold],
        [Event("H", "hold", L, 1, "hold", "V", "centre")],
    ]
    told = [answer[0].refusal or "ok" for answer in services.post_all(journals)]
    assert told == [
        "ok",
        "available_exceeded",
        "ok",
        "hold_already_captured",
        "ok",
        "ok",
        "id_used_otherwise",
    ]
    assert sum(sizes) == len(journals)
    writer.stop()
    assert [answer[0].refusal or "ok" for answer in services.post_all(journals)] == told
    assert checks.check() == []


def test_batches_hold_at_most_so_many_events_in_order() -> None:
    journals = [posting.Journal((spend(n),), str(n)) for n in range(1201)]
    cut = list(posting.batches(journals))
    assert [len(batch) for batch in cut] == [500, 500, 201]
    assert [journal for batch in cut for journal in batch] == journals
    wide = posting.Journal(tuple(spend(n) for n in range(600)), "wide")
    assert [len(batch) for batch in posting.batches([journals[0], wide, journals[1]])] == [1, 1, 1]


def test_expiry_releases_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = timezone.now() + timedelta(seconds=60)
    holds = [[Event(f"h{n}", "hold", L, 1, "hold", "V", "centre", expires_at=soon)] for n in range(CALLERS)]
    services.post_all(holds)
    sizes = transactions_counted(monkeypatch)
    assert services.expire_holds(soon - timedelta(seconds=1)) == []
    assert services.expire_holds(soon) == [f"h{n}" for n in range(CALLERS)]
    assert sizes == [CALLERS]
    assert services.expire_holds(soon) == []
    assert checks.check() == []


def test_a_journal_no_database_takes_spoils_only_its_own_answer(writing: Writer) -> None:
    bad = posting.Journal((Event("bad\x00", "transfer", L, 1, "settle", "V", "centre"),), "x" * 72)
    good = posting.Journal((spend(2),), "sha256:good")
    answers = [writing.submit([journal]) for journal in (good, bad)]
    assert answers[0].result(240)[0][0].ok
    if connection.vendor == "postgresql":
        with pytest.raises(Exception, match=r"(?i)nul|0x00|u0000"):
            answers[1].result(240)


# The lease and its fence.


def test_one_process_holds_the_lease_and_gives_it_back(writing: Writer) -> None:
    taken: list[bool] = []

    def other() -> None:
        try:
            taken.append(Lease("another").take())
        finally:
            connections.close_all()

    for _ in range(2):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        writer.stop()
    assert taken == [False, True]


def test_a_writer_whose_lease_was_taken_posts_nothing_more_and_its_callers_post_for_themselves(
    writing: Writer,
) -> None:
    before = writing.epoch
    Row.objects.filter(name=lease.NAME).update(epoch=before + 1, holder="another")
    answer = writing.submit([posting.Journal((spend(2),), "sha256:x")])
    with pytest.raises(NotWriting):
        answer.result(240)
    assert not Attempt.objects.filter(id="s2").exists()
    assert services.post([spend(2)])[0].ok, "by the other road"


def test_without_the_fence_the_old_writer_would_go_on(
    writing: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above."""
    monkeypatch.setattr(Lease, "renew", lambda self: None)
    Row.objects.filter(name=lease.NAME).update(epoch=writing.epoch + 1, holder="another")
    assert writing.submit([posting.Journal((spend(2),), "sha256:x")]).result(240)[0][0].ok


def test_a_lease_that_was_not_renewed_is_taken_over_although_its_holder_still_has_its_lock(
    writing: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "STALE_S", -1)
    second = Lease("another")
    assert second.take() and second.epoch == writing.epoch + 1
    with transaction.atomic():
        second.renew()
    with pytest.raises(NotWriting):
        writing.submit([posting.Journal((spend(2),), "sha256:x")]).result(240)
    second.give_back()


@pytest.mark.parametrize("renewed", [True, False], ids=["as built", "control: never renewed"])
def test_who_took_over_from_one_that_stood_still_takes_its_lock_too_once_it_is_free(
    writing: Writer, monkeypatch: pytest.MonkeyPatch, renewed: bool
) -> None:
    """Without it the lease of a holder that lives is free to anybody."""
    with monkeypatch.context() as patch:
        patch.setattr(lease, "STALE_S", -1)
        second = Lease("another")
        assert second.take()
    writer.stop()
    if renewed:
        second.renew()
    taken: list[bool] = []

    def third() -> None:
        try:
            taken.append(Lease("third").take())
        finally:
            connections.close_all()

    thread = threading.Thread(target=third)
    thread.start()
    thread.join()
    assert taken == [not renewed]
    second.give_back()


def test_a_fenced_batch_leaves_nothing() -> None:
    old = Lease("old")
    assert old.take()
    Row.objects.filter(name=lease.NAME).update(epoch=old.epoch + 1)
    with pytest.raises(Fenced), transaction.atomic():
        posting.post_batch([posting.Journal((spend(2),), "sha256:x")])
        old.renew()
    assert not Attempt.objects.filter(id="s2").exists()
    old.give_back()
