"""Quote → accept → run → usage → settle → receipt, through the real rooms."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.road import Road, countersign, history

from hesuan.hub.audit import selectors as audit
from hesuan.hub.identity.actors import SYSTEM
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.market import accounts
from hesuan.hub.market.models import Order
from hesuan.hub.runs.models import Run
from hesuan.hub.settlement import selectors as settlement
from hesuan.hub.settlement.models import Receipt, Settlement
from hesuan.hub.worker import loop
from hesuan.wire.verify import Result, verify_receipt


def test_a_completed_run_is_charged_by_its_started_seconds_and_the_rest_is_released(road: Road) -> None:
    """
    deposit    organisation          10000.00
    hold       time limit × 2 cores × 360.00/h
    capture    20.5 s → 21 s × 2 × 36000 fen / 3600 = 420 fen
    ----
    organisation available            9995.80     centre receivable  4.20
    """
    quote = road.quote()
    run = road.place(quote)
    held = road.balance()
    assert held.debits_pending == quote.document["max_charge_fen"] > 420
    road.finish(run)
    settled = Settlement.objects.get()
    assert (settled.billed_s, settled.cores, settled.charge_fen) == (21, 2, 420)
    assert road.balance().available_fen == 1_000_000 - 420
    assert road.balance().debits_pending == 0
    centre = ledger.balance(accounts.CNY, accounts.centre_account(road.offering.centre_id))
    assert centre.posted_fen == 420
    assert Order.objects.get().state == Order.State.SETTLED


def test_the_receipt_file_of_the_real_rooms_is_what_verify_accepts(road: Road) -> None:
    road.finish(road.place())
    receipt = Receipt.objects.get()
    assert receipt.state == Receipt.State.SIGNED
    data = settlement.receipt_file(road.owner.actor, receipt.id)
    verdict = verify_receipt(data, trust=None)
    assert verdict.result is Result.SOUND, verdict.document()
    assert verdict.charge_fen == 420


def test_until_the_next_checkpoint_the_receipt_file_carries_the_logs_promise(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody leaves with less than the log's signature; once the leaf is covered, the file has its proof."""
    with monkeypatch.context() as held:
        held.setattr(loop, "STEPS", tuple(one for one in loop.STEPS if one[0] != "log"))
        road.finish(road.place())
        receipt = Receipt.objects.get()
        data = settlement.receipt_file(road.owner.actor, receipt.id)
    promised = verify_receipt(data, trust=None)
    assert promised.result is Result.UNREADABLE and promised.charge_fen == 420
    assert promised.checks[-1].code.name == "verify.promise_waits"
    late = verify_receipt(data, trust=None, now=receipt.fact.at + timedelta(hours=25))  # type: ignore[union-attr]
    assert late.checks[-1].code.name == "verify.promise_overdue"
    assert settlement.receipt_file(road.owner.actor, receipt.id) == data, "the same promise for ever"
    loop.tick()
    proven = settlement.receipt_file(road.owner.actor, receipt.id)
    assert verify_receipt(proven, trust=None).result is Result.SOUND


def test_an_altered_receipt_file_of_the_real_rooms_is_refused(road: Road) -> None:
    road.finish(road.place())
    data = settlement.receipt_file(road.owner.actor, Receipt.objects.get().id)
    altered = data.replace(b'"wall_ms":20500', b'"wall_ms":20501')
    assert altered != data
    assert verify_receipt(altered, trust=None).result is Result.TAMPERED


def test_every_step_leaves_a_fact(road: Road) -> None:
    run = road.place()
    road.finish(run)
    order = run.order_id
    receipt = Receipt.objects.get().id
    kinds = [fact.kind for subject in (order, run.id, receipt) for fact in audit.facts(SYSTEM, subject)]
    assert sorted(kinds) == [
        "order.placed",
        "order.settled",
        "receipt.issued",
        "run.finished",
        "usage.recorded",
    ]


def test_the_second_quote_rests_on_the_first_run(road: Road) -> None:
    first = road.quote()
    road.finish(road.place(first), wall_ms=30_500)
    second = road.quote()
    assert second.document["prediction"]["mid_ms"] > first.document["prediction"]["mid_ms"]
    assert first.document["prediction"]["mid_ms"] < 30_500


CHARGES = {
    "COMPLETED": 420,
    "FAILED": 420,
    "TIMEOUT": 420,
    "CANCELLED": 420,
    "KILLED": 0,
}
"""21 started seconds on 2 cores at ¥360.00 per core-hour, by the stated rule."""


@pytest.mark.parametrize(("ended", "charge_fen"), CHARGES.items())
def test_each_end_is_charged_by_the_stated_rule(road: Road, ended: str, charge_fen: int) -> None:
    road.finish(road.place(), ended)
    assert Run.objects.get().state == ended
    settled = Settlement.objects.get()
    assert (settled.state, settled.charge_fen) == (ended, charge_fen)
    balance = road.balance()
    assert (balance.available_fen, balance.debits_pending) == (1_000_000 - charge_fen, 0)
    data = settlement.receipt_file(road.owner.actor, Receipt.objects.get().id)
    assert verify_receipt(data, trust=None).result is Result.SOUND


def test_a_run_that_outlives_its_limit_is_charged_the_limit_and_no_more(road: Road) -> None:
    run = road.place()
    road.finish(run, "TIMEOUT", wall_ms=(run.time_limit_s + 5) * 1000)
    settled = Settlement.objects.get()
    assert settled.billed_s == run.time_limit_s
    assert settled.charge_fen == settled.max_charge_fen


def test_a_run_that_the_site_refused_settles_with_zero_usage_and_says_so(road: Road) -> None:
    run = road.place()
    road.say([history(run.id)[0], ("run_state", refused(run.id))])
    road.say(countersign(road.site))
    settled = Settlement.objects.get()
    assert (settled.state, settled.billed_s, settled.charge_fen) == ("REFUSED", 0, 0)
    assert (road.balance().available_fen, road.balance().debits_pending) == (1_000_000, 0)
    receipt = Receipt.objects.get()
    assert receipt.document["usage"]["evidence"].startswith("hub:refused")
    data = settlement.receipt_file(road.owner.actor, receipt.id)
    assert verify_receipt(data, trust=None).result is Result.SOUND


def refused(run_id: str) -> dict[str, object]:
    return {
        "run": run_id,
        "state": "REFUSED",
        "reason": "the app's digest differs",
        "exit_status": None,
        "signal": None,
        "at": "2026-11-20T08:00:02.000000Z",
    }


def test_an_unknown_run_waits_until_accounting_says(road: Road) -> None:
    from tests.road import state, usage

    run = road.place()
    road.say([state(run.id, "RUNNING", after_s=1), state(run.id, "UNKNOWN", after_s=5)])
    assert Run.objects.get().state == "UNKNOWN"
    assert not Settlement.objects.exists()
    assert road.balance().debits_pending > 0
    road.say([state(run.id, "COMPLETED", after_s=22, exit_status=0), usage(run.id)])
    assert Settlement.objects.get().charge_fen == 420
