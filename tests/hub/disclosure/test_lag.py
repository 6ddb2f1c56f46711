"""The day that a log promises, watched by the hub: minutes are a signal, a day is on public record."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from tests.people import Person
from tests.road import Road

from hesuan.cli.main import main
from hesuan.hub.audit import publishing, signing
from hesuan.hub.audit import services as audit
from hesuan.hub.audit.models import Fact
from hesuan.hub.disclosure import lag
from hesuan.hub.disclosure.models import Disclosed
from hesuan.hub.insight import selectors as insight
from hesuan.hub.worker import loop
from hesuan.wire.folder import Disk
from hesuan.wire.verdict import Result
from hesuan.wire.verify_log import verify_log

pytestmark = pytest.mark.django_db

Pass = Callable[[timedelta], None]


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Pass:
    begin = timezone.now()
    return lambda by: monkeypatch.setattr(timezone, "now", lambda: begin + by)


def happen(log: str = signing.PLATFORM) -> Fact:
    return audit.record(kind="test.happened", subject="S", actor="system", log=log)


def incidents(log: str = signing.PLATFORM) -> list[str]:
    rows = Fact.objects.filter(log=log, kind="incident").order_by("seq")
    return [json.loads(fact.logged)["what"] for fact in rows]


def test_what_waits_for_minutes_is_a_signal_for_operator_and_auditor(
    time_passes: Pass, platform_operator: Person, auditor: Person, owner: Person
) -> None:
    happen()
    time_passes(lag.LATE_AFTER - timedelta(seconds=1))
    assert insight.signals(auditor.actor) == [] and lag.check() == []
    time_passes(lag.LATE_AFTER + timedelta(seconds=2))
    for person in (platform_operator, auditor):
        (signal,) = insight.signals(person.actor)
        assert (signal.rule, signal.level, signal.subject) == ("log.late", "warning", signing.PLATFORM)
        count = Fact.objects.count()
        assert f"{count} facts wait for their place" in signal.en
        assert f"{count} 条事实尚未进入日志" in signal.zh
    assert insight.signals(owner.actor) == []
    (finding,) = lag.check()
    assert finding.invariant == "I8.late" and finding.rows[0]["what"] == "facts"
    assert lag.record_breaches() == 0, "minutes are no breach"
    loop.sequence_log()
    assert insight.signals(auditor.actor) == [] and lag.check() == [], "over as soon as it is in"


def test_log_check_says_it_and_ends_with_1(time_passes: Pass, capsys: pytest.CaptureFixture[str]) -> None:
    happen()
    assert main(["--lang", "en", "hub", "log-check"]) == 0
    time_passes(timedelta(minutes=11))
    assert main(["--lang", "en", "hub", "log-check"]) == 1
    assert "I8.late" in capsys.readouterr().out


def test_a_checkpoint_whose_files_are_not_published_is_late_too(time_passes: Pass) -> None:
    happen()
    audit.sequence()
    time_passes(timedelta(minutes=11))
    assert [(one.what, one.count) for one in lag.late(timezone.now())] == [("files", 1)]
    audit.publish()
    assert lag.late(timezone.now()) == []


def test_more_than_a_day_is_on_public_record_before_what_was_late(time_passes: Pass) -> None:
    """A hub that was down for a day comes back: its first round says so, and then logs what waited."""
    happen()
    time_passes(timedelta(hours=23, minutes=59))
    assert lag.record_breaches() == 0
    time_passes(timedelta(hours=25))
    assert loop.tick().failed == () == loop.tick().failed
    (said,) = incidents()
    assert Fact.objects.get(kind="incident").subject.startswith("late:facts:")
    assert "more than 24 h late" in said and "迟于承诺的 24 小时" in said and "1 facts" in said
    verdict = verify_log(Disk(publishing.folder()))
    assert verdict.result is Result.SOUND
    assert any(said in check.sentence() for check in verdict.checks)


def test_a_log_that_stays_stuck_says_so_once(time_passes: Pass) -> None:
    happen("cn.example.2026")
    time_passes(timedelta(hours=25))
    assert (lag.record_breaches(), lag.record_breaches()) == (1, 0)
    assert len(incidents("cn.example.2026")) == 1 and incidents() == []


def test_a_transfer_that_is_not_told_is_late_in_its_programmes_log(
    road: Road, time_passes: Pass, voucher: object
) -> None:
    assert voucher is not None
    waiting = Disclosed.objects.filter(entry=None)
    log = waiting.values_list("programme", flat=True).first()
    assert log is not None, "the voucher's transfers wait for the worker"
    time_passes(timedelta(minutes=11))
    assert ("transfers", waiting.count()) in [
        (one.what, one.count) for one in lag.late(timezone.now()) if one.log == log
    ]
    time_passes(timedelta(hours=25))
    assert loop.tick().failed == ()
    assert any("transfers" in said for said in incidents(log))
