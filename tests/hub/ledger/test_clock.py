"""T11: an application whose clock is wrong by an hour or a day, goes back, or runs at twice the speed.

Order is the database's numbers and never a time; who was refused or accepted stays so; nothing is ended by
a clock that is behind, and nothing early by one that is ahead: what ends is asked of PostgreSQL's own clock,
and on SQLite a step forward is not believed.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone

import hesuan.hub
from hesuan.hub.ledger import checks, selectors, services
from hesuan.hub.ledger import clock as ledger_clock
from hesuan.hub.ledger.clock import Guard
from hesuan.hub.ledger.models import Transfer
from hesuan.hub.ledger.services import Event, Refusal

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SKEWS = {"an hour ahead": HOUR, "an hour behind": -HOUR, "a day ahead": DAY, "a day behind": -DAY}
SetClock = Callable[[timedelta], datetime]


@pytest.fixture(autouse=True)
def _books(db: None) -> None:
    for key in ("bank", "V", "centre"):
        services.open_account(ledger="l", key=key, kind="test", may_overdraw=key == "bank")
    services.post_or_raise([Event("fund", "transfer", "l", 1000, "fund", "bank", "V")])


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the application's clock so far from now; returns what it shows. No time has passed meanwhile."""
    right = timezone.now()

    def shows(skew: timedelta) -> datetime:
        monkeypatch.setattr(timezone, "now", lambda: right + skew)
        return right + skew

    return shows


@pytest.fixture
def time_passes(clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """As ``clock``, but the time has really passed: the ledger's own clock says so too."""

    def passes(skew: timedelta) -> datetime:
        shown = clock(skew)
        monkeypatch.setattr(ledger_clock, "now", lambda: shown)
        return shown

    return passes


@pytest.fixture
def believes_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    """The protection taken away: holds end by whatever the application's clock shows."""

    def shown() -> datetime:
        return timezone.now()

    monkeypatch.setattr(ledger_clock, "now", shown)


def hold(name: str, until: datetime) -> str:
    (outcome,) = services.post([Event(name, "hold", "l", 10, "hold", "V", "centre", expires_at=until)])
    return outcome.refusal.value if outcome.refusal else "ok"


def capture(name: str) -> str:
    (outcome,) = services.post([Event(f"c{name}", "capture", "l", 10, "capture", pending_id=name)])
    return outcome.refusal.value if outcome.refusal else "ok"


def test_order_is_by_number_whatever_the_clock_does(clock: SetClock) -> None:
    """Back and forth by a day; two seconds of the leap second, 23:59:60, are one moment to Python."""
    names = []
    for number, skew in enumerate([DAY, -DAY, HOUR, -HOUR, timedelta(0), timedelta(0)]):
        clock(skew)
        services.post_or_raise([Event(f"t{number}", "transfer", "l", 1, "settle", "V", "centre")])
        names.append(f"t{number}")
    rows = selectors.transfers("l", "centre")
    assert [row.id for row in rows] == names
    assert [row.at for row in rows] != sorted(row.at for row in rows), "the times do go back"
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)
    assert checks.check() == []


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS)
def test_a_hold_ends_by_the_interval_its_own_server_gave_it(
    clock: SetClock, time_passes: SetClock, skew: timedelta
) -> None:
    """Whatever the application's clock shows: ten minutes of the ledger's clock are ten minutes."""
    now = time_passes(timedelta(0))
    clock(skew)
    assert hold("H", now + timedelta(minutes=10)) == "ok"
    time_passes(timedelta(minutes=9, seconds=59))
    clock(skew)
    assert services.expire_holds() == []
    time_passes(timedelta(minutes=10))
    clock(skew)
    assert capture("H") == "hold_expired"
    assert services.expire_holds() == ["H"]
    assert selectors.balance("l", "V").available_fen == 1000


@pytest.mark.parametrize("skew", [-HOUR, -DAY], ids=["an hour", "a day"])
def test_a_clock_that_goes_back_ends_nothing_early_and_revives_nothing(
    time_passes: SetClock, skew: timedelta
) -> None:
    now = time_passes(timedelta(0))
    assert hold("ended", now + timedelta(minutes=1)) == hold("open", now + timedelta(minutes=10)) == "ok"
    time_passes(timedelta(minutes=2))
    assert services.expire_holds() == ["ended"]
    time_passes(skew)
    assert services.expire_holds() == []
    assert capture("ended") == "hold_already_released", "released is released, at whatever time"
    assert capture("open") == "ok"
    assert checks.check() == []


FORWARD = {name: skew for name, skew in SKEWS.items() if skew > timedelta(0)}


def ten_holds_under_a_clock_that(clock: SetClock, skew: timedelta) -> list[str]:
    """What of ten holds that have minutes left is ended or refused after the application's clock moved."""
    now = clock(timedelta(0))
    for number in range(10):
        assert hold(f"H{number}", now + timedelta(minutes=10 + number)) == "ok"
    clock(skew)
    early = services.expire_holds()
    return early + [f"H{number}" for number in range(0, 10, 2) if capture(f"H{number}") == "hold_expired"]


@pytest.mark.parametrize("skew", SKEWS.values(), ids=SKEWS)
def test_a_wrong_clock_of_the_application_ends_nothing_early(clock: SetClock, skew: timedelta) -> None:
    assert ten_holds_under_a_clock_that(clock, skew) == []
    assert checks.check() == [], "nor does the check take an open hold for a late one"


@pytest.mark.usefixtures("believes_the_application")
@pytest.mark.parametrize("skew", FORWARD.values(), ids=FORWARD)
def test_were_the_application_believed_all_of_them_would_end(clock: SetClock, skew: timedelta) -> None:
    assert len(ten_holds_under_a_clock_that(clock, skew)) == 10


@pytest.mark.parametrize("skew", FORWARD.values(), ids=FORWARD)
def test_an_end_that_a_clock_behind_names_is_judged_by_the_ledgers_clock(
    clock: SetClock, skew: timedelta
) -> None:
    """Over already, by PostgreSQL's clock: refused, and nothing is held. SQLite has no other clock to ask."""
    is_asked = connection.vendor == "postgresql"
    now = clock(-skew)
    assert hold("H", now + timedelta(minutes=10)) == ("hold_expired" if is_asked else "ok")
    assert selectors.balance("l", "V").available_fen == (1000 if is_asked else 990)


def test_a_clock_at_twice_the_speed_halves_nothing(clock: SetClock) -> None:
    now = clock(timedelta(0))
    for number in range(5):
        assert hold(f"H{number}", now + timedelta(minutes=number + 5)) == "ok"
    for second in range(0, 301, 30):
        clock(timedelta(seconds=2 * second))
        assert services.expire_holds() == []
    assert selectors.balance("l", "V").available_fen == 950


def guard(wall_s: list[float], counted_s: list[float]) -> Guard:
    """A guard whose clock and counter show what the lists say, in seconds."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return Guard(wall=lambda: begin + timedelta(seconds=wall_s[0]), counter=lambda: counted_s[0])


def test_on_sqlite_a_step_forward_is_not_believed_and_a_step_back_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Seconds of the clock, of the counter that nobody sets, and of the time that is acted on."""
    wall, counted = [0.0], [0.0]
    one = guard(wall, counted)
    begin = one.now()
    for shown, passed, acted_on in (
        (10, 10, 10),
        (80, 20, 80),  # within a minute: a clock that is slewed
        (81, 20, 20),
        (3600, 30, 30),
        (40, 40, 40),
        (-3600, 50, -3600),
        (60, 60, 60),
        (90_000, 86_400, 86_400),
        (86_500, 86_500, 86_500),
    ):
        wall[0], counted[0] = shown, passed
        assert (one.now() - begin).total_seconds() == acted_on
    assert len(caplog.records) == 2, "once for each time that the clock went wrong"
    wall[0] = 90_000
    one.begin()
    assert (one.now() - begin).total_seconds() == 90_000, "a process that begins believes what it finds"


def imported_anew() -> ModuleType:
    spec = spec_from_file_location("clock_anew", ledger_clock.__file__)
    assert spec is not None and spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_importing_the_clock_asks_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("a clock was asked")

    with monkeypatch.context() as clocks:
        for owner, name in ((timezone, "now"), (time, "monotonic"), (time, "clock_gettime")):
            clocks.setattr(owner, name, asked)
        made = imported_anew()
        with pytest.raises(AssertionError, match="a clock was asked"):
            made.GUARD.begin()  # the control: what is left out of the import would have been found


@pytest.mark.parametrize("begins_with_the_hub", [True, False])
def test_the_hub_begins_it_and_not_the_first_question(
    monkeypatch: pytest.MonkeyPatch, begins_with_the_hub: bool
) -> None:
    """Its control: begun by the first question, a step between the two would be believed."""
    wall, counted = [0.0], [0.0]
    one = guard(wall, counted)
    monkeypatch.setattr(ledger_clock, "GUARD", one)
    if begins_with_the_hub:
        apps.get_app_config("ledger").ready()
    wall[0], counted[0] = 86_400, 10
    believed = one.now() - datetime(2026, 1, 1, tzinfo=UTC)
    assert believed.total_seconds() == (10 if begins_with_the_hub else 86_400)


def test_a_refusal_by_a_wrong_clock_is_remembered_as_any_other(time_passes: SetClock) -> None:
    now = time_passes(timedelta(0))
    assert hold("H", now + timedelta(minutes=10)) == "ok"
    time_passes(HOUR)
    assert capture("H") == Refusal.HOLD_EXPIRED
    time_passes(timedelta(0))
    assert capture("H") == Refusal.HOLD_EXPIRED, "the first outcome of an id is its outcome"
    (other,) = services.post([Event("again", "capture", "l", 10, "capture", pending_id="H")])
    assert other.ok, "a new try has a new id"


def test_a_time_that_a_client_sends_moves_nothing(time_passes: SetClock) -> None:
    """The control: were the hold judged by the time its sender names, it would have been captured late."""
    now = time_passes(timedelta(0))
    assert hold("H", now + timedelta(minutes=10)) == "ok"
    time_passes(timedelta(minutes=11))
    assert capture("H") == "hold_expired"
    sent_at = now + timedelta(minutes=9)
    time_passes(sent_at - now)
    (outcome,) = services.post([Event("late", "capture", "l", 10, "capture", pending_id="H")])
    assert outcome.ok
    assert Transfer.objects.get(id="late").at == sent_at, "which is why no request carries a time"


def holds_that_end(sources: Iterable[str]) -> list[str]:
    """Events in some sources that are given an end."""
    return [
        ast.unparse(one)
        for source in sources
        for one in ast.walk(ast.parse(source))
        if isinstance(one, ast.Call)
        and ast.unparse(one.func).rpartition(".")[2] == "Event"
        and (len(one.args) > 8 or any(part.arg in {"expires_at", None} for part in one.keywords))
    ]


def test_no_road_of_the_hub_opens_a_hold_that_ends() -> None:
    """Its end would be a moment by the caller's clock, which may be behind: docs/model/ledger.md."""
    hub = Path(hesuan.hub.__file__).parent
    sources = [file.read_text() for file in sorted(hub.rglob("*.py"))]
    assert sum("ledger.Event(" in one or " Event(" in one for one in sources) > 5, "they are looked at"
    assert holds_that_end(sources) == []


@pytest.mark.parametrize("end", ["expires_at=soon", "**more", "'', soon"])
def test_such_a_road_would_be_found(end: str) -> None:
    """The control."""
    assert holds_that_end([f"ledger.Event('H', 'hold', 'l', 1, 'hold', 'a', 'b', {end})"])
