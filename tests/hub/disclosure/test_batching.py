"""A paid batch stands in its log: number, sum and place of its payments, for anybody to recompute."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import connection
from tests.append_only import triggers_lifted
from tests.hub.settlement.claim_world import ClaimWorld
from tests.hub.settlement.test_ten_thousand import many, payer

from hesuan.hub.audit import publishing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import batching, checks
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.settlement.models import Batch, Payment
from hesuan.hub.worker import loop
from hesuan.wire.canonical import canonical
from hesuan.wire.folder import Disk
from hesuan.wire.leaves import MAX_LEAF_BYTES, is_entry
from hesuan.wire.log_verdict import LogVerdict
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

World = Callable[..., ClaimWorld]


def paid(here: ClaimWorld, *, claims: int = 2) -> Batch:
    """A batch of some claims, each of one order, paid."""
    made = [here.approve(here.claim(here.settle())) for _ in range(claims)]
    return here.pay_batch(made[0])


def told(here: ClaimWorld) -> list[dict[str, Any]]:
    facts = Fact.objects.filter(log=here.version.programme_id, kind="settle").order_by("seq")
    leaves = [json.loads(fact.logged) for fact in facts]
    return [leaf for leaf in leaves if leaf.get("what") == "batch"]


def publish(here: ClaimWorld) -> LogVerdict:
    log = here.version.programme_id
    audit.sequence(log)
    audit.publish(log)
    return verify_log(Disk(publishing.folder(log)))


@contextmanager
def lifted() -> Iterator[None]:
    connection.check_constraints()
    with triggers_lifted(connection):
        yield
        connection.check_constraints()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("flow", ["deduct_pay_supplier", "prefund_supplier"])
def test_a_paid_batch_is_told_once_its_payments_have_their_places(world: World, flow: str) -> None:
    here = world(flow)
    batch = paid(here)
    disclosure.disclose()
    assert batching.tell_batches() == 0 and told(here) == [], "its payments have no places yet"
    assert checks.check() == [], "what waits is no finding"
    publish(here)
    assert (batching.tell_batches(), batching.tell_batches()) == (1, 0), "told once"
    verdict = publish(here)
    assert verdict.result is Result.SOUND, [one.sentence() for one in verdict.checks]
    (leaf,) = told(here)
    owed = list(Payment.objects.filter(batch=batch).values_list("amount_fen", flat=True))
    assert (leaf["n"], leaf["a"], leaf["m"]) == (len(owed), sum(owed), batch.period)
    assert (verdict.totals["paid_in_batches"], verdict.totals["paid_in_batches_fen"]) == (
        len(owed),
        sum(owed),
    )
    assert verdict.totals["paid_fen"] == sum(owed)
    assert batch.id not in json.dumps(leaf) and checks.check() == []
    assert batching.tell_batches() == 0, "nor again in a later round"


@pytest.mark.django_db(transaction=True)
def test_what_is_told_is_asked_for_in_one_statement_however_many(
    world: World, django_assert_num_queries: Callable[..., AbstractContextManager[object]]
) -> None:
    """A round comes every few seconds, for ever; batches only grow in number."""
    here = world()
    for _ in range(2):
        paid(here, claims=1)
        disclosure.disclose()
        publish(here)
        assert batching.tell_batches() == 1
        with django_assert_num_queries(1):
            assert batching.tell_batches() == 0
    assert len(told(here)) == 2


@pytest.mark.django_db(transaction=True)
def test_the_workers_rounds_do_it(world: World) -> None:
    here = world()
    paid(here, claims=1)
    for _ in range(3):
        assert loop.tick(loop.LOGS).failed == ()
    assert len(told(here)) == 1
    assert verify_log(Disk(publishing.folder(here.version.programme_id))).totals["batches"] == 1


@pytest.mark.broken_books("I8")
@pytest.mark.django_db(transaction=True)
def test_a_number_that_the_hub_signed_wrongly_is_tampered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outsider's control: every hash and signature holds, and the hub lied."""
    here = world()
    paid(here, claims=1)
    disclosure.disclose()
    publish(here)
    honest = batching.said
    monkeypatch.setattr(
        batching, "said", lambda *given: [{**one, "a": int(str(one["a"])) - 1} for one in honest(*given)]
    )
    assert batching.tell_batches() == 1
    verdict = publish(here)
    assert verdict.result is Result.TAMPERED
    assert "batches.differs" in {check.code.name for check in verdict.checks}
    monkeypatch.setattr(batching, "said", honest)
    assert [one.invariant for one in checks.check()] == ["I8.batch"]


@pytest.mark.broken_books
@pytest.mark.django_db
def test_rows_that_differ_from_the_log_get_no_leaf_and_are_found(world: World) -> None:
    here = world()
    batch = paid(here, claims=1)
    disclosure.disclose()
    audit.sequence(here.version.programme_id)
    one = Payment.objects.filter(batch=batch).first()
    assert one is not None
    with lifted():
        Payment.objects.filter(pk=one.pk).update(amount_fen=one.amount_fen + 1)
    assert batching.tell_batches() == 0 and told(here) == []
    (finding,) = [one for one in checks.check() if one.invariant == "I8.batch"]
    (row,) = finding.rows
    assert (row["batch"], row["said_fen"]) == (batch.id, 0)


def test_a_batch_of_very_many_runs_says_so_in_several_leaves() -> None:
    count = 2 * batching.RUNS + 1
    mine = {10**9 + 2 * number: 7 for number in range(count)}
    where = batching.Found({}, {}, mine, [leaf + 1 for leaf in mine])
    leaves = list(batching.said(Batch(period="2026-Q4"), where))
    assert [leaf["n"] for leaf in leaves] == [batching.RUNS, batching.RUNS, 1]
    assert sum(int(str(leaf["a"])) for leaf in leaves) == 7 * count and "of" not in leaves[-1]
    for leaf in leaves:
        whole = {"v": 2, "p": "p" * 100, "s": 10**12, "k": "settle", "t": "2026-11-20T21:46Z", **leaf}
        assert is_entry(whole) and len(canonical(whole)) < MAX_LEAF_BYTES - 200


@pytest.mark.broken_books("I11")
@pytest.mark.django_db
def test_payments_by_the_hundred_are_asked_for_in_blocks(world: World) -> None:
    here, claims = world(), 300
    batch_id = many(here, claims - 1)
    payer(here.payer, batch_id)()
    disclosure.disclose()
    audit.sequence(here.version.programme_id)
    assert batching.tell_batches() == 1
    (leaf,) = told(here)
    assert (leaf["n"], leaf["a"]) == (2 * claims, 84 * claims) and leaf["n"] > batching.ROWS


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_both_saw_none_write_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world()
    paid(here, claims=1)
    disclosure.disclose()
    publish(here)
    together, tell = threading.Barrier(2), batching._tell

    def at_once(batch: Batch) -> int:
        together.wait(timeout=240)
        return tell(batch)

    def work(_: int) -> int:
        try:
            return batching.tell_batches()
        finally:
            connection.close()

    monkeypatch.setattr(batching, "_tell", at_once)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(work, range(2))) == [0, 1]
    assert len(told(here)) == 1
