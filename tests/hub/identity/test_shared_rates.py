"""What one web process counted and remembered holds in all: rates, used codes, attempts to sign in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from hesuan.errors import Refused
from hesuan.hub.identity import limits
from hesuan.hub.identity.models import Asked, Remembered
from hesuan.hub.identity.rates import BURST_S, Gate
from hesuan.hub.identity.shared_rates import SLICES, SharedGate

pytestmark = pytest.mark.django_db(transaction=True)

PER_MINUTE = 600
BURST = PER_MINUTE * BURST_S // 60
ELSEWHERE = """
import json, sys
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
{work}
"""
ASKS = """
from hesuan.hub.identity.shared_rates import SharedGate
gate = SharedGate("token", int(sys.argv[2]))
print(json.dumps(sum(gate.wait_s("a") == 0 for _ in range(int(sys.argv[3])))))
"""
REMEMBERS = """
from django.core.cache import cache
print(json.dumps([cache.add("code", True, 60), cache.get("list")]))
"""


def in_another_process(work: str, *arguments: object) -> object:
    """What a second web process answers, over the same database."""
    name = str(connection.settings_dict["NAME"])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.format(work=work), name, *map(str, arguments)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "hesuan.hub.config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


# -- rates -----------------------------------------------------------------------------------------------


@pytest.mark.postgresql
def test_two_processes_let_through_what_one_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of the even rate, and what passes at that rate while they ask."""
    here = SharedGate("token", PER_MINUTE)
    began = timezone.now()
    mine = sum(here.wait_s("a") == 0 for _ in range(BURST // 2))
    theirs = in_another_process(ASKS, PER_MINUTE, 3 * BURST)
    mine += sum(here.wait_s("a") == 0 for _ in range(3 * BURST))
    passed_s = (timezone.now() - began).total_seconds()
    assert isinstance(theirs, int) and theirs > 0 and mine >= BURST // 2
    assert mine + theirs <= BURST + passed_s * PER_MINUTE / 60 + 1


@pytest.mark.postgresql
def test_counted_by_each_for_itself_twice_as_much_would_pass() -> None:
    """The negative control: what was done before."""
    theirs = in_another_process(ASKS.replace("gate.wait_s", "gate.alone.wait_s"), PER_MINUTE, 3 * BURST)
    here = SharedGate("token", PER_MINUTE)
    mine = sum(here.alone.wait_s("a") == 0 for _ in range(3 * BURST))
    assert isinstance(theirs, int) and mine >= BURST and theirs >= BURST


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def asked_for(gate: SharedGate, times: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How many passed, and how often the database was asked."""
    asked, take = [], SharedGate._take

    def counted(self: SharedGate, key: str) -> tuple[int, float]:
        asked.append(key)
        return take(self, key)

    with monkeypatch.context() as patched:
        patched.setattr(SharedGate, "_take", counted)
        return sum(gate.wait_s("a") == 0 for _ in range(times)), len(asked)


@pytest.mark.postgresql
def test_a_busy_asker_costs_a_write_for_every_so_many_and_a_refused_one_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = SharedGate("token", PER_MINUTE, clock=Clock())
    slice_ = BURST // SLICES
    assert asked_for(gate, slice_, monkeypatch) == (slice_, 1)
    assert asked_for(gate, 1, monkeypatch) == (1, 1)
    asked_for(gate, 3 * BURST, monkeypatch)
    assert asked_for(gate, 1000, monkeypatch) == (0, 0)


@pytest.mark.postgresql
def test_what_was_taken_and_not_used_lapses(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    gate = SharedGate("token", PER_MINUTE, clock=clock)
    gate.wait_s("a")
    clock.now = BURST_S + 0.1
    assert asked_for(gate, 1, monkeypatch) == (1, 1)


@pytest.mark.postgresql
def test_sixteen_threads_at_one_moment_are_sixteen_requests() -> None:
    """Each used to take a slice of the burst, and the ninth was refused."""
    gate, start = SharedGate("token", PER_MINUTE), threading.Barrier(16)

    def ask(_: int) -> float:
        try:
            start.wait(timeout=240)
            return gate.wait_s("a")
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [0] * 16
    assert sum(gate.wait_s("a") == 0 for _ in range(BURST)) >= BURST - 16, (
        "and nobody took more than they used"
    )


@pytest.mark.postgresql
def test_a_slow_rate_lets_one_through_and_says_how_long_the_next_waits() -> None:
    gate = SharedGate("token", 1)
    assert gate.wait_s("a") == 0
    assert gate.wait_s("a") == pytest.approx(60, abs=2)
    assert gate.wait_s("b") == 0


@pytest.mark.postgresql
def test_the_table_waits_for_no_disk() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'identity_asked'")
        assert cursor.fetchone()[0] in ("u", b"u")


def test_a_database_that_does_not_answer_leaves_each_process_its_own_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object) -> tuple[int, float]:
        raise DatabaseError

    monkeypatch.setattr(SharedGate, "_take", away)
    gate = SharedGate("token", PER_MINUTE, clock=Clock())
    assert sum(gate.wait_s("a") == 0 for _ in range(3 * BURST)) == BURST


def test_the_door_counts_where_several_processes_serve(settings: Settings) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "token": 10}
    limits.forget()
    limits.admit("token", ["a"])
    with pytest.raises(Refused, match="This token asks more than 10 times a minute"):
        limits.admit("token", ["a"])
    limits.forget()
    shared = connection.vendor == "postgresql"
    assert Asked.objects.filter(key="token:a").exists() is shared
    (kind,) = {type(limits.gate(of)) for of in ("token", "address")}
    assert kind is (SharedGate if shared else Gate)


# -- what is remembered ----------------------------------------------------------------------------------


def test_a_code_used_here_is_used_in_every_process() -> None:
    assert cache.add("code", True, 60)
    cache.set("list", [1.5, 2], 60)
    assert not cache.add("code", True, 60)
    assert in_another_process(REMEMBERS) == [False, [1.5, 2]]


def test_in_a_process_of_its_own_memory_it_would_be_taken_again(settings: Settings) -> None:
    """The negative control: Django's cache as it is without the setting."""
    from django.core.cache.backends.locmem import LocMemCache

    first, second = (LocMemCache(name, {}) for name in ("one", "other"))
    assert first.add("code", True, 60) and second.add("code", True, 60)


def test_it_is_forgotten_when_its_time_is_over() -> None:
    cache.set("short", 1, -1)
    assert cache.get("short", "nothing") == "nothing"
    assert cache.add("short", 2, None) and cache.get("short") == 2
    assert cache.touch("short", -1) and not cache.touch("short", 60)
    cache.set("far", 1, 10**15)
    cache.set("x" * 1000, 1, 60)
    assert (cache.get("far"), cache.get("x" * 1000), cache.get("x" * 999)) == (1, 1, None)
    assert cache.delete("far") and not cache.delete("far")
    cache.clear()
    assert not Remembered.objects.exists()


def test_nothing_kept_is_a_program() -> None:
    """No pickle: a row that somebody wrote is read as data."""
    cache.set("words", {"a": [1]}, 60)
    assert json.loads(Remembered.objects.get().value) == {"a": [1]}
    with pytest.raises(TypeError):
        cache.set("object", object(), 60)


def test_what_says_nothing_any_more_goes() -> None:
    past = timezone.now() - timedelta(minutes=2)
    Asked.objects.create(key="token:old", used_up_at=past.timestamp(), granted=1)
    Asked.objects.create(key="token:new", used_up_at=timezone.now().timestamp() + 5, granted=1)
    Remembered.objects.create(key="old", value="1", until=past)
    cache.set("new", 1, 60)
    limits.forget()
    assert (limits.drop_past(), limits.drop_past()) == (2, 0)
    assert [one.key for one in Asked.objects.all()] == ["token:new"]
    assert cache.get("new") == 1
