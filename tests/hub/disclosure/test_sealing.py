"""The daily seal on a real road: once a day, over every balance, and found out where it says otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from tests.hub.disclosure.test_disclosure import World, walk

from hesuan.hub.audit import checks as log_checks
from hesuan.hub.audit import entries, publishing, signing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import checks, sealing
from hesuan.hub.disclosure import services as disclosure
from hesuan.hub.ledger import selectors as ledger
from hesuan.hub.programmes import accounts
from hesuan.hub.programmes import services as programmes
from hesuan.hub.worker import loop
from hesuan.wire.folder import Disk
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

Pass = Callable[[int], None]


@pytest.fixture
def days_pass(monkeypatch: pytest.MonkeyPatch) -> Pass:
    begin = timezone.now()
    return lambda days: monkeypatch.setattr(timezone, "now", lambda: begin + timedelta(days=days))


def publish(log: str) -> None:
    audit.sequence(log)
    audit.publish(log)


def the_seals(log: str) -> list[dict[str, Any]]:
    rows = Fact.objects.filter(log=log, kind="seal").order_by("seq")
    return [json.loads(fact.logged) for fact in rows]


def seal(log: str) -> int:
    """Seals what is due, and counts those of one log."""
    before = len(the_seals(log))
    sealing.seal_due()
    return len(the_seals(log)) - before


def test_each_day_is_sealed_once_with_every_balance_at_its_end(world: World, days_pass: Pass) -> None:
    here = world()
    log = here.version.programme_id
    first = here.settle()
    disclosure.disclose()
    publish(log)
    assert seal(log) == 0, "the day is not over"
    days_pass(1)
    assert seal(log) == 1 and seal(log) == 0
    publish(log)
    assert seal(log) == 0, "once a day"
    at_the_end = ledger.balances(accounts.ledger_of(log))
    here.approve(here.claim(first))
    disclosure.disclose()
    publish(log)
    assert ledger.balances(accounts.ledger_of(log)) != at_the_end
    kept = Fact.objects.get(log=log, kind="seal")
    made = sealing.of_seal(kept)
    assert {name: leaf["debits_posted"] for name, leaf in made.balances.items()} == {
        name: one.debits_posted for name, one in at_the_end.items() if name in made.balances
    }
    assert {name: leaf["debits_pending"] for name, leaf in made.balances.items()} == {
        name: one.debits_pending for name, one in at_the_end.items() if name in made.balances
    }
    days_pass(3)
    assert seal(log) == 1
    publish(log)
    one, two = the_seals(log)
    assert (one["root"], one["n"]) == (made.root(), len(made.balances)) and one["root"] != two["root"]
    assert (one["first"], two["first"], two["last"]) == (0, one["s"], two["s"] - 1)
    verdict = verify_log(Disk(publishing.folder(log)))
    assert verdict.result is Result.SOUND, [check.sentence() for check in verdict.checks]
    assert checks.check() == [] == log_checks.check(log)


def test_what_is_not_told_yet_is_waited_for(world: World, days_pass: Pass) -> None:
    here = world()
    here.settle()
    log = here.version.programme_id
    disclosure.disclose()
    publish(log)
    assert here.voucher is not None
    programmes.surrender(actor=here.road.owner.actor, voucher_id=here.voucher.id, reason="done")
    days_pass(1)
    assert seal(log) == 0, "a transfer waits for its entry"
    disclosure.disclose()
    assert seal(log) == 1


@pytest.mark.broken_books("I8.seal")
def test_a_seal_whose_root_differs_is_found_and_its_day_named(
    world: World, days_pass: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world()
    walk(here)
    disclosure.disclose()
    publish(here.version.programme_id)
    days_pass(1)
    with monkeypatch.context() as patch:
        patch.setattr(sealing.Sealed, "root", lambda _: f"sha256:{'0' * 64}")
        assert seal(here.version.programme_id) == 1
    publish(here.version.programme_id)
    (found,) = checks.check()
    day = the_seals(here.version.programme_id)[0]["day"]
    assert found.invariant == "I8.seal" and found.rows[0]["day"] == day
    assert found.rows[0]["sealed"] == f"sha256:{'0' * 64}" != found.rows[0]["computed"]


@pytest.mark.django_db
def test_the_worker_seals_the_platforms_own_log_without_balances(days_pass: Pass) -> None:
    audit.record(kind="test.happened", subject="S", actor="system")
    loop.tick()
    days_pass(1)
    assert loop.tick().failed == () and loop.tick().failed == ()
    (seal,) = the_seals(signing.PLATFORM)
    assert "root" not in seal and (seal["first"], seal["last"]) == (0, 0)
    verdict = verify_log(Disk(publishing.folder()))
    assert verdict.result is Result.SOUND and "Issued" not in str([one.sentence() for one in verdict.checks])


@pytest.mark.django_db
def test_two_seals_in_one_checkpoint_follow_each_other() -> None:
    log = "cn.example.2026"
    entries.record_entry(log=log, kind="programme", subject="P", public={"a": 5})
    for day in ("2026-11-20", "2026-11-21"):
        entries.record_entry(log=log, kind="seal", subject=entries.SEAL, public={"day": day})
    publish(log)
    assert [(one["first"], one["last"]) for one in the_seals(log)] == [(0, 0), (1, 1)]
    assert verify_log(Disk(publishing.folder(log))).result is Result.SOUND
