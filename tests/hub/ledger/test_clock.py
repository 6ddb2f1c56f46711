"""T11: an application whose clock is wrong by an hour or a day, goes back, or runs at twice the speed.

Order is the database's numbers and never a time; who was refused or accepted stays so; nothing is expired by
a clock that is behind. What a clock ahead ends early is shown too: the time is the application's, so machines
that serve one database need clocks that agree.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from hesuan.hub.ledger import checks, selectors, services
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
    """Sets the application's clock so far from now; returns what it shows."""
    right = timezone.now()

    def shows(skew: timedelta) -> datetime:
        monkeypatch.setattr(timezone, "now", lambda: right + skew)
        return right + skew

    return shows


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
def test_a_hold_ends_by_the_interval_its_own_server_gave_it(clock: SetClock, skew: timedelta) -> None:
    """Whatever the clock shows, as long as it goes on showing it: ten minutes are ten minutes."""
    now = clock(skew)
    assert hold("H", now + timedelta(minutes=10)) == "ok"
    clock(skew + timedelta(minutes=9, seconds=59))
    assert services.expire_holds() == []
    clock(skew + timedelta(minutes=10))
    assert capture("H") == "hold_expired"
    assert services.expire_holds() == ["H"]
    assert selectors.balance("l", "V").available_fen == 1000


@pytest.mark.parametrize("skew", [-HOUR, -DAY], ids=["an hour", "a day"])
def test_a_clock_that_goes_back_ends_nothing_early_and_revives_nothing(
    clock: SetClock, skew: timedelta
) -> None:
    now = clock(timedelta(0))
    assert hold("ended", now + timedelta(minutes=1)) == hold("open", now + timedelta(minutes=10)) == "ok"
    clock(timedelta(minutes=2))
    assert services.expire_holds() == ["ended"]
    clock(skew)
    assert services.expire_holds() == []
    assert capture("ended") == "hold_already_released", "released is released, at whatever time"
    assert capture("open") == "ok"
    assert checks.check() == []


def test_a_clock_at_twice_the_speed_halves_an_interval_and_loses_nothing(clock: SetClock) -> None:
    now = clock(timedelta(0))
    for number in range(5):
        assert hold(f"H{number}", now + timedelta(minutes=number + 1)) == "ok"
    ended = []
    for second in range(0, 301, 30):
        clock(timedelta(seconds=2 * second))
        ended += services.expire_holds()
    assert ended == [f"H{number}" for number in range(5)]
    assert selectors.balance("l", "V").available_fen == 1000


def test_a_refusal_by_a_wrong_clock_is_remembered_as_any_other(clock: SetClock) -> None:
    now = clock(timedelta(0))
    assert hold("H", now + timedelta(minutes=10)) == "ok"
    clock(HOUR)
    assert capture("H") == Refusal.HOLD_EXPIRED
    clock(timedelta(0))
    assert capture("H") == Refusal.HOLD_EXPIRED, "the first outcome of an id is its outcome"
    (other,) = services.post([Event("again", "capture", "l", 10, "capture", pending_id="H")])
    assert other.ok, "a new try has a new id"


def test_a_time_that_a_client_sends_moves_nothing(clock: SetClock) -> None:
    """The control: were the hold judged by the time its sender names, it would have been captured late."""
    now = clock(timedelta(0))
    assert hold("H", now + timedelta(minutes=10)) == "ok"
    clock(timedelta(minutes=11))
    assert capture("H") == "hold_expired"
    sent_at = now + timedelta(minutes=9)
    clock(sent_at - now)
    (outcome,) = services.post([Event("late", "capture", "l", 10, "capture", pending_id="H")])
    assert outcome.ok
    assert Transfer.objects.get(id="late").at == sent_at, "which is why no request carries a time"
